/**
 * Staying connected: to the seeds, and among global nodes. Follows protocol sections 14 and 18.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Network } from "../node/network.ts"
import type { Router } from "../node/router.ts"
import { isConnectedAlready, type LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import { Flaps, keepTrying } from "./keepTrying.ts"
import { globalsFamily, type Mesh } from "./mesh.ts"

interface Seed {
  readonly address: string
  /** The node behind the address, as it greeted. */
  nodeId: string | undefined
  dialling: boolean
  /** What was logged since it was last reached, not to say it again in every round. */
  readonly problems: Set<LinkErrorReason>
}

export class Seeds {
  private seeds: ReadonlyArray<Seed>
  private readonly router: Router
  private readonly connections: Network
  private mesh: Mesh | undefined = undefined

  constructor(router: Router, connections: Network, addresses: ReadonlyArray<string>) {
    this.router = router
    this.connections = connections
    this.seeds = addresses.map((address) => ({
      address,
      nodeId: undefined,
      dialling: false,
      problems: new Set()
    }))
  }

  attach(mesh: Mesh): void {
    this.mesh = mesh
  }

  isSeed(nodeId: string): boolean {
    return this.seeds.some((seed) => seed.nodeId === nodeId)
  }

  /** Dials every seed that is neither up nor being dialled, for ever. */
  get run(): Effect.Effect<never> {
    const { connections, router } = this
    return Effect.scoped(Effect.flatMap(Effect.scope, (scope) =>
      Effect.contextWith((context) => {
        const fork = Effect.runForkWith(context)
        const trying = keepTrying(600, connections.monitorTimeoutMillis, () => {
          const missing = this.seeds.filter((seed) => seed.nodeId === undefined || !router.isUp(seed.nodeId))
          for (const seed of missing) if (!seed.dialling) fork(Effect.forkIn(this.dial(seed), scope))
          return missing.length > 0
        })
        const flaps = new Flaps(() => router.monotonic())
        const lost = (nodeId: string): void => {
          if (!this.isSeed(nodeId)) return
          if (flaps.isHabit(nodeId)) trying.wakeLater()
          else trying.wake()
        }
        return whileListening(router, lost, trying.run)
      })))
  }

  private dial(seed: Seed): Effect.Effect<void> {
    seed.dialling = true
    // What the other side says of itself before it has authenticated is enough to know that a link to it stands.
    return this.connections.dial(seed.address, (nodeId) => {
      seed.nodeId = nodeId
    }).pipe(
      Effect.matchEffect({
        onSuccess: () => {
          seed.problems.clear()
          return Effect.logDebug(`seed ${seed.address} is node ${seed.nodeId}`)
        },
        onFailure: (error) => this.failed(seed, error)
      }),
      Effect.ensuring(Effect.sync(() => {
        seed.dialling = false
      })),
      Effect.annotateLogs("node", this.router.nodeId)
    )
  }

  private failed(seed: Seed, error: LinkError): Effect.Effect<void> {
    if (error.reason === "self_connect") {
      this.seeds = this.seeds.filter((other) => other !== seed)
      this.mesh?.becomeGlobal()
      return Effect.void
    }
    if (isConnectedAlready.has(error.reason)) {
      // It came up by a connection of its own, when nobody knew yet that it is a seed.
      if (seed.nodeId !== undefined && this.router.isUp(seed.nodeId)) this.mesh?.seedUp(seed.nodeId)
      return Effect.void
    }
    if (seed.problems.has(error.reason)) return Effect.void
    seed.problems.add(error.reason)
    return Effect.logWarning(`cannot reach seed ${error.message}; trying on`)
  }
}

/** Runs, and is told of each node that is lost. */
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
export const globalNodes = (router: Router, connections: Network, mesh: Mesh): Effect.Effect<never> => {
  let others: ReadonlyArray<string> = []
  const trying = keepTrying(300, connections.monitorTimeoutMillis, () => {
    const missing = others.filter((nodeId) => !router.isUp(nodeId))
    for (const nodeId of missing) router.peer(nodeId).wake()
    return missing.length > 0
  })
  // A lost link alone changes nothing in the family, as long as somebody else has one to that node.
  const lost = (nodeId: string): void => {
    if (others.includes(nodeId)) trying.wake()
  }
  const follow = Effect.sync(() => {
    mesh.onGlobal = () => {
      mesh.monitor(globalsFamily, (change) => {
        others = Array.from(change.entries.keys())
        trying.wake()
      })
    }
    if (mesh.isGlobal) mesh.onGlobal()
  })
  return whileListening(router, lost, Effect.andThen(follow, trying.run))
}
