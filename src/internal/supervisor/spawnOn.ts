/**
 * Children on other nodes: where they are started, and what becomes of those whose node was lost.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { type NodeListener, NodeRouter, type Router, type Witness } from "../node/router.ts"
import { nameOf } from "../values/portId.ts"
import { isEndOfNode, isTagged, Killed, type PortExit, reasonFromExit, reasons } from "../values/reason.ts"

/**
 * What the starts of one child remember. Nothing of the child itself: ports that outlive the child hold this memory.
 */
export class Memory implements Witness {
  private nodes: Map<string, string> | undefined = undefined
  /** How ports ended that the start which is under way has made. */
  private ends: Map<string, PortExit> | undefined = undefined
  private isStarting = false
  /** Ports on nodes that there has been no link to since. */
  private readonly unreached = new Set<string>()
  /** The nodes that the last start was to spawn on, none of which there was a link to. */
  wanted: ReadonlyArray<string> = []
  /** How often in a row they were waited for. */
  waits = 0

  /** The node that was spawned on last, by remote function and nodes. */
  get lastNodes(): Map<string, string> {
    return this.nodes ??= new Map()
  }

  /** Whether there was no link to its nodes when it was started last, and there has been none since. */
  get isAway(): boolean {
    return this.wanted.length > 0
  }

  /** It was spawned without a link to its node. The result says that nobody cares any more. */
  spawnedBlindly(router: Router, port: string): () => void {
    this.unreached.add(port)
    const forget = (): void => {
      this.unreached.delete(port)
      router.listeners.delete(listener)
    }
    const listener = {
      up: (node: string) => {
        if (node !== Port.nodeOf(port)) return
        this.waits = 0
        this.wanted = []
        forget()
      },
      down: () => {}
    }
    router.listeners.add(listener)
    return forget
  }

  /** Whether a port ended because its node could never be reached, or took nothing new: that says nothing about the port. */
  wasUnreached(port: string, exit: PortExit): boolean {
    const reason = reasonFromExit(exit)
    return this.unreached.has(port) &&
      (isTagged(reason, "transport_error") || isTagged(reason, "no_such_port") || isEndOfNode(reason))
  }

  sawEnd(port: string, exit: PortExit): void {
    if (this.isStarting) (this.ends ??= new Map()).set(port, exit)
  }

  /** A start begins: it may make a port that ends before it has answered. */
  beginStart(): void {
    this.isStarting = true
    this.wanted = []
  }

  /** The start has answered this port, or (`undefined`) none. Answers how the port ended, if it has, or has begun to. */
  endStart(port: string | undefined): PortExit | undefined {
    const exit = port === undefined ? undefined : this.ends?.get(port)
    this.isStarting = false
    this.ends = undefined
    return exit
  }
}

/** In the starts of a child: their memory. Elsewhere nobody remembers anything. */
export const Starter = Context.Reference<Memory | undefined>("effect-mp/Supervisor/Starter", {
  defaultValue: () => undefined
})

/** Whether a node makes ports for this one: there is a link to it, and it is not about to stop. This node does until its end. */
const makesPorts = (router: Router, node: string): boolean =>
  node === router.nodeId || router.isUp(node) && !router.drains(node)

/** None of the nodes that a child is to be started on again makes ports: there is no link to it, or it is about to stop. */
class Unreachable {
  readonly nodes: ReadonlyArray<string>
  /** Those that there is a link to, and that are about to stop. */
  readonly draining: ReadonlyArray<string>
  constructor(nodes: ReadonlyArray<string>, draining: ReadonlyArray<string>) {
    this.nodes = nodes
    this.draining = draining
  }
}

/** How a child could not be started since none of its nodes made it; `undefined` if its start has failed in another way. */
export const unreachable = (cause: Cause.Cause<unknown>): Exit.Exit<never, Killed> | undefined => {
  const away = cause.reasons.find((reason) => reason._tag === "Die" && reason.defect instanceof Unreachable)
  if (away?._tag !== "Die" || !(away.defect instanceof Unreachable)) return undefined
  const { draining, nodes } = away.defect
  const [node = ""] = nodes
  const missing = nodes.length === 1 ? "it" : `any of ${nodes.join(", ")}`
  const text = draining.length === 0 ? `there is no link to ${missing}` : `${draining.join(", ")} drains`
  return Exit.fail(new Killed({ port: node, reason: reasons.transport_error(node, text) }))
}

/** How long to wait before nodes are tried again that there is no link to: twice as long each time. */
const waitMillis = { first: 1000, longest: 10_000 }

/** Tries to reach the nodes that a child is to be on, and waits until one of them makes ports, but not for ever. */
export const awaitLink = (router: Router, memory: Memory): Effect.Effect<void> =>
  Effect.suspend(() => {
    const nodes = memory.wanted
    const isThere = (): boolean => nodes.some((node) => makesPorts(router, node))
    const linked = Effect.callback<void>((resume) => {
      if (isThere()) return resume(Effect.void)
      const leave = (): boolean => router.listeners.delete(listener)
      const listener = {
        up: () => {
          if (isThere() && leave()) resume(Effect.void)
        },
        down: () => {}
      }
      router.listeners.add(listener)
      for (const node of nodes) router.peer(node).wake()
      return Effect.sync(leave)
    })
    const delay = Math.min(waitMillis.longest, waitMillis.first * 2 ** Math.min(10, memory.waits++))
    return Effect.asVoid(Effect.timeoutOption(linked, delay))
  })

/** In the starts of a supervisor's children: its port. */
export const Parent = Context.Reference<string | undefined>("effect-mp/Supervisor/Parent", {
  defaultValue: () => undefined
})

/** Documented as `Supervisor.spawn`. */
export const spawnOn = <Args extends ReadonlyArray<unknown>, M extends Port.Messages>(
  places: ReadonlyArray<string>,
  fn: Port.RemoteFunction<Args, M>,
  args: Args
): Effect.Effect<Port.PortId<M>, never, Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const starter = yield* Starter
    // A place is a node, or a port on it. Of one node there may be several.
    const nodes = Array.from(new Set(places.map(Port.nodeOf)))
    // A start may spawn several, each on nodes of its own.
    const what = JSON.stringify([fn.name, nodes])
    const last = starter?.lastNodes.get(what)
    const isThere = (node: string | undefined): node is string => node !== undefined && makesPorts(router, node)
    // If there is no link to any of them, the attempt to spawn makes one.
    const next = nodes[(last === undefined ? 0 : nodes.indexOf(last) + 1) % nodes.length]
    const node = isThere(last) ? last : nodes.find(isThere) ?? next
    if (node === undefined) return yield* Effect.die(new TypeError("there is no node to spawn on"))
    const isBlind = !isThere(node)
    if (starter !== undefined) {
      if (isBlind) starter.wanted = nodes
      // Its supervisor waits for them, beside all else that it does. The first time nobody knows yet whether they are there.
      if (isBlind && last !== undefined) {
        return yield* Effect.die(new Unreachable(nodes, nodes.filter((node) => router.drains(node))))
      }
      if (!isBlind) starter.waits = 0
    }
    starter?.lastNodes.set(what, node)
    const port: Port.PortId<M> = `${node}#${router.names.spawned()}`
    // Outside of a supervisor it is a child of this node, and of the scope.
    router.spawn(node, (yield* Parent) ?? router.nodeId, nameOf(port), fn.name, ...args)
    if (isBlind && starter !== undefined) {
      const forget = starter.spawnedBlindly(router, port)
      yield* Effect.addFinalizer(() => Effect.sync(forget))
    }
    // From its first breath: when the rest of the start is done, its node may not know of it any more.
    if (starter !== undefined) router.monitor(port, (exit) => starter.sawEnd(port, exit))
    const lost = (exit: Exit.Exit<unknown, unknown>): boolean => {
      const [tag, lostNode] = reasonFromExit(exit)
      const isLost = tag === "transport_error" && lostNode === node
      if (isLost) leftoversOf(router).add(node, port)
      return isLost
    }
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        if (lost(exit)) return
        // The rest of the start may have failed, or the start may answer another port. The node may be lost, and not known to be yet.
        router.kill(port, reasons.shutdown())
        router.monitor(port, lost)
      })
    )
    return port
  })

/** So many ports are remembered that may run on lost nodes. */
const mostLeftovers = 10_000

/** Why a port is killed that its supervisor has given up. */
const givenUp = "its node was lost, and its supervisor went on without it"

/** Ports on nodes that were lost. They may still run there: when a node is seen again, they are one too many. */
class Leftovers implements NodeListener {
  private readonly router: Router
  /** By port: the node that it was on. */
  private readonly ports = new Map<string, string>()

  constructor(router: Router) {
    this.router = router
    router.listeners.add(this)
  }

  up(node: string): void {
    this.kill(node)
  }

  down(): void {}

  add(node: string, port: string): void {
    this.ports.set(port, node)
    const [oldest] = this.ports.keys()
    if (oldest !== undefined && this.ports.size > mostLeftovers) this.ports.delete(oldest)
    if (this.router.isUp(node)) this.kill(node)
  }

  private kill(node: string): void {
    for (const [port, lost] of this.ports) {
      if (lost !== node) continue
      this.ports.delete(port)
      this.router.monitor(port, (exit: PortExit) => {
        if (reasonFromExit(exit)[1] !== givenUp) return
        this.router.log.of("Supervisor").warnSome(
          `ran on: ${node}`,
          `${port} ran on after its node was lost and its supervisor went on without it: it was killed`
        )
      })
      this.router.kill(port, reasons.shutdown(givenUp))
    }
  }
}

/** They are kept as long as this node lives, whatever becomes of its supervisors. */
const leftovers = new WeakMap<Router, Leftovers>()

export const leftoversOf = (router: Router): Leftovers => {
  const known = leftovers.get(router) ?? new Leftovers(router)
  leftovers.set(router, known)
  return known
}
