/**
 * Staying connected: to the seeds, and among global nodes. Follows protocol sections 14 and 18.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Network } from "../node/network.ts"
import type { NodeLog } from "../node/nodeLog.ts"
import type { Router } from "../node/router.ts"
import { isConnectedAlready, type LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import { isOwnSeed } from "../values/address.ts"
import { isCommand } from "../values/commandId.ts"
import { globalsFamily } from "./families.ts"
import { Flaps, keepTrying } from "./keepTrying.ts"
import type { Mesh } from "./mesh.ts"

/** What keeps a command from a seed is told after so long: many end sooner, with another seed or with this very error. */
const patienceMillis = 1000
/** A delay is two to four times as long at first: seeds are tried again after 1.2 to 2.4 seconds. */
const seedBaseMillis = 600
const globalBaseMillis = 300
/** When the node behind an address and this one have dialled each other at once, the link stands after less than this. */
const crossingMillis = 100
/** As often as this it may stay open who stands at an address: after that it is no accident. */
const mostUnproven = 3
/** So many addresses of a seed are dialled at once: a name may stand for hundreds. */
const mostAtOnce = 16
/** After this the next ones are dialled, whatever has become of those before. */
const betweenMillis = 500

/** One address that a seed stands for. */
interface Door {
  readonly address: string
  /** The node behind it, which has proven that it is. What somebody says of itself counts for nothing. */
  nodeId: string | undefined
  /** It leads back to this very node, as far as we know. */
  isOurs: boolean
  isDialling: boolean
  /** Why it could not be reached the last time. */
  failure: LinkError | undefined
  /** How often in a row it has stayed open who stands there. */
  unproven: number
}

interface Seed {
  /** As it was given. */
  readonly name: string
  /** The same without its label: an address, or a name with several of them. */
  readonly address: string
  /** It stands for other addresses than itself. They may be others tomorrow. */
  isName: boolean
  doors: ReadonlyArray<Door>
  isResolving: boolean
  /** Why nobody knows what it stands for. */
  failure: LinkError | undefined
  /** Why the seed could not be reached since it last was: what is logged already is not logged again in every round. */
  readonly problems: Set<string>
}

export class Seeds {
  private seeds: ReadonlyArray<Seed>
  /** This node is a seed itself, wherever it listens. */
  private readonly isOne: boolean
  private readonly router: Router
  private readonly log: NodeLog
  private readonly connections: Network
  private wake: (() => void) | undefined = undefined

  constructor(router: Router, connections: Network, names: ReadonlyArray<string>) {
    this.router = router
    this.log = router.log.of("Global")
    this.connections = connections
    this.isOne = names.some(isOwnSeed)
    this.seeds = names.filter((name) => !isOwnSeed(name)).flatMap((name) => {
      const problem = connections.wrongSeed(name)
      const [address] = problem === undefined ? connections.dialable([name]) : []
      if (address !== undefined) {
        const problems = new Set<string>()
        return { name, address, isName: false, doors: [], isResolving: false, failure: undefined, problems }
      }
      if (problem === undefined) this.log.info(`seed ${name} is for nodes that have its label among their scopes`)
      else this.log.alarm(`seed ${name}`, `seed ${problem}: this node goes on without it`)
      return []
    })
  }

  /** Whether there are seeds other than the node itself: what was not reached yet may be one. */
  get hasOthers(): boolean {
    return this.seeds.some(({ doors }) => doors.length === 0 || doors.some((door) => !door.isOurs))
  }

  /** Whether one of them has not answered yet, or is down. */
  get isAwaited(): boolean {
    const isAwaited = (door: Door): boolean => !door.isOurs && !this.isUp(door)
    return this.seeds.some(({ doors }) => doors.length === 0 || doors.some(isAwaited))
  }

  /** Why none of them could be reached; nothing as long as one is up, or has not been tried. */
  get failures(): ReadonlyArray<LinkError> {
    const all = this.seeds.flatMap(({ doors, failure }) =>
      doors.length === 0 ? [failure] : doors.map((door) => this.isUp(door) ? undefined : door.failure)
    )
    const known = all.filter((failure) => failure !== undefined)
    return known.length === all.length ? known : []
  }

  /** From now on these are the seeds. Those that were seeds before stay as they are, all others are forgotten. */
  use(names: ReadonlyArray<string>): void {
    const { seeds } = new Seeds(this.router, this.connections, names)
    this.seeds = seeds.map((seed) => this.seeds.find(({ name }) => name === seed.name) ?? seed)
    this.wake?.()
  }

  /** Dials those that are down, now. */
  tryNow(): void {
    this.wake?.()
  }

  isSeed(nodeId: string): boolean {
    return this.seedOf(nodeId) !== undefined
  }

  private seedOf(nodeId: string): Seed | undefined {
    return this.seeds.find(({ doors }) => doors.some((door) => door.nodeId === nodeId))
  }

  /** Dials every address of a seed whose node is not up, for ever. What a name stands for is asked again and again. */
  run(mesh: Mesh): Effect.Effect<never> {
    const { connections, router } = this
    if (this.isOne && router.addresses.length > 0) mesh.becomeGlobal()
    else if (this.isOne) {
      this.log.alarm(
        "seed *",
        "seed * is this very node, which tells nobody where it listens: it needs binds for that"
      )
    }
    return Effect.scoped(Effect.flatMap(Effect.scope, (scope) =>
      Effect.contextWith((context) => {
        const fork = Effect.runForkWith(context)
        const trying = keepTrying(seedBaseMillis, connections.monitorTimeoutMillis, () => {
          const missing = this.seeds.filter(({ doors, isName }) =>
            isName || doors.length === 0 || doors.some((door) => !this.isUp(door))
          )
          for (const seed of missing) if (!seed.isResolving) fork(Effect.forkIn(this.attempt(seed, mesh, scope), scope))
          return missing.length > 0
        })
        this.wake = trying.wake
        const flaps = new Flaps(() => router.monotonic())
        const lost = (nodeId: string): void => {
          const seed = this.seedOf(nodeId)
          if (seed === undefined) return
          this.log.life(`lost ${seed.name}`, `seed ${seed.name}, node ${nodeId}, is lost: it is dialled again`, nodeId)
          if (flaps.isHabit(nodeId)) trying.wakeLater()
          else trying.wake()
        }
        return whileListening(router, lost, trying.run)
      })))
  }

  private isUp({ nodeId }: Door): boolean {
    return nodeId !== undefined && this.router.isUp(nodeId)
  }

  /** Asks again what addresses the seed stands for, and dials those whose nodes are not up. */
  private attempt(seed: Seed, mesh: Mesh, scope: Scope.Scope): Effect.Effect<void> {
    seed.isResolving = true
    return this.connections.resolve(seed.address).pipe(
      Effect.matchEffect({
        onSuccess: (addresses) => Effect.sync(() => this.resolved(seed, addresses)),
        onFailure: (error) => {
          seed.failure = error
          return this.problem(seed, undefined, error.reason, `cannot reach seed ${error.message}`)
        }
      }),
      Effect.ensuring(Effect.sync(() => {
        seed.isResolving = false
      })),
      Effect.andThen(Effect.suspend(() => {
        const missing = seed.doors.filter((door) => !door.isDialling && !this.isUp(door))
        return Effect.forEach(missing, (door, nth) => {
          const restMillis = betweenMillis * Math.floor(nth / mostAtOnce)
          const dial = this.dial(seed, door, mesh)
          return Effect.forkIn(restMillis === 0 ? dial : Effect.delay(dial, restMillis), scope)
        }, { discard: true })
      })),
      Effect.annotateLogs({ node: this.router.nodeId, module: "Global" })
    )
  }

  /** A seed stays one as long as its node is up, whatever becomes of its name. */
  private resolved(seed: Seed, addresses: ReadonlyArray<string>): void {
    const others = seed.doors.filter((door) =>
      !addresses.includes(door.address) && (door.isDialling || this.isUp(door))
    )
    const found = addresses.map((address) =>
      seed.doors.find((door) => door.address === address) ??
        { address, nodeId: undefined, isOurs: false, isDialling: false, failure: undefined, unproven: 0 }
    )
    seed.doors = [...found, ...others]
    seed.isName = addresses.some((address) => address !== seed.address)
  }

  private dial(seed: Seed, door: Door, mesh: Mesh): Effect.Effect<void> {
    door.isDialling = true
    return Effect.suspend(() => this.dialOnce(seed, door, mesh)).pipe(
      Effect.flatMap((isOpen) => isOpen ? this.unproven(seed, door, mesh) : Effect.void),
      Effect.ensuring(Effect.sync(() => {
        door.isDialling = false
      }))
    )
  }

  /** It is open who stands at an address. That can be learnt when the other connection has become a link: soon, at first. */
  private unproven(seed: Seed, door: Door, mesh: Mesh): Effect.Effect<void> {
    if (++door.unproven === 1) return Effect.andThen(crossingDelay, Effect.asVoid(this.dialOnce(seed, door, mesh)))
    if (door.unproven < mostUnproven) return Effect.void
    const what = "says that it is a node which has another connection with this one, and does not prove it"
    return this.problem(seed, door, "unproven", `who answers at ${titleOf(seed, door)} ${what}`)
  }

  /**
   * Dials an address. Answers whether it is open who stands there: somebody who says that it is a node which has another
   * connection with this one, and has not proven it.
   */
  private dialOnce(seed: Seed, door: Door, mesh: Mesh): Effect.Effect<boolean> {
    let proven: string | undefined
    const authenticated = (nodeId: string): void => {
      proven = door.nodeId = nodeId
      door.isOurs = false
      door.unproven = 0
    }
    return Effect.matchEffect(this.connections.dial(door.address, authenticated), {
      onSuccess: ({ nodeId }) => {
        this.reached(seed, door, nodeId)
        return Effect.succeed(false)
      },
      onFailure: (error) => {
        if (error.reason === "self_connect") return Effect.as(this.meetsItself(seed, door, mesh), false)
        if (!isConnectedAlready.has(error.reason)) return Effect.as(this.failed(seed, door, error), false)
        if (proven === undefined) return Effect.as(Effect.logDebug(error.message), true)
        // The node came up when nobody knew yet that it stands at this address.
        if (this.router.isUp(proven)) {
          this.reached(seed, door, proven)
          mesh.seedUp(proven)
        } else seed.problems.clear()
        return Effect.succeed(false)
      }
    })
  }

  /** Whoever is used as a seed is a global node. The address is tried on: it may be another node's by then. */
  private meetsItself(seed: Seed, door: Door, mesh: Mesh): Effect.Effect<void> {
    const isKnown = door.isOurs
    door.isOurs = true
    door.nodeId = undefined
    mesh.becomeGlobal()
    return isKnown
      ? Effect.void
      : Effect.logInfo(`${titleOf(seed, door)} is this very node, which is a global node now`)
  }

  private reached(seed: Seed, door: Door, nodeId: string): void {
    seed.problems.clear()
    this.log.life(`reached ${seed.name}`, `${titleOf(seed, door)} is reached: it is node ${nodeId}`, nodeId)
  }

  private failed(seed: Seed, door: Door, error: LinkError): Effect.Effect<void> {
    door.failure = error
    const name = seed.isName ? ` ${seed.name} at` : ""
    return this.problem(seed, door, error.reason, `cannot reach seed${name} ${error.message}`)
  }

  /** Something is wrong with a seed, or one address of it: told once, if the seed has no other address that may do. */
  private problem(
    seed: Seed,
    door: Door | undefined,
    what: LinkErrorReason | "unproven",
    text: string
  ): Effect.Effect<void> {
    if (!this.seeds.includes(seed)) return Effect.void
    const mayDo = (other: Door): boolean => other !== door && (other.isOurs || this.isUp(other) || other.isDialling)
    if (seed.problems.has(what) || seed.doors.some(mayDo)) return Effect.logDebug(text)
    seed.problems.add(what)
    const log = what === "unproven" ? this.log : this.log.about({ error: what })
    const tell = (): void => log.warnSome(`seed ${seed.name}`, `${text}; trying on`)
    if (!isCommand(this.router.nodeId)) return Effect.sync(tell)
    const ifStillSo = (): void => {
      if (seed.problems.has(what)) tell()
    }
    return Effect.sync(() => void this.router.after(patienceMillis, ifStillSo))
  }
}

const crossingDelay: Effect.Effect<void> = Effect.flatMap(
  Random.nextBetween(crossingMillis / 2, crossingMillis),
  Effect.sleep
)

const titleOf = ({ isName, name }: Seed, { address }: Door): string =>
  isName ? `seed ${name} at ${address}` : `seed ${name}`

/** Runs, and hears meanwhile of each node whose link is lost. */
const whileListening = <A>(
  router: Router,
  down: (nodeId: string) => void,
  run: Effect.Effect<A>
): Effect.Effect<A> =>
  Effect.suspend(() => {
    const listener = { up: () => {}, down }
    router.listeners.add(listener)
    return Effect.ensuring(run, Effect.sync(() => router.listeners.delete(listener)))
  })

/** Keeps a global node connected to all others. Does nothing until the node is one. */
export const connectGlobals = (router: Router, connections: Network, mesh: Mesh): Effect.Effect<never> => {
  let others: ReadonlyArray<string> = []
  const trying = keepTrying(globalBaseMillis, connections.monitorTimeoutMillis, () => {
    const missing = others.filter((nodeId) => !router.isUp(nodeId))
    for (const nodeId of missing) router.peer(nodeId).wake()
    return missing.length > 0
  })
  // As long as a third global node has a link to that node, the family does not change.
  const lost = (nodeId: string): void => {
    if (others.includes(nodeId)) trying.wake()
  }
  const follow = Effect.sync(() =>
    mesh.whenGlobal(() => {
      mesh.monitor(globalsFamily, (change) => {
        others = Array.from(change.entries.keys())
        trying.wake()
      })
    })
  )
  return whileListening(router, lost, Effect.andThen(follow, trying.run))
}
