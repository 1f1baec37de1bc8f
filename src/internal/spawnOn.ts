/**
 * Children on other nodes: where they are started, and what becomes of those whose node was lost.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { Node } from "../Node.ts"
import * as Port from "../Port.ts"
import { type PortExit, reasonFromExit } from "./killed.ts"
import type { Router } from "./router.ts"

/** Documented as `Supervisor.spawn`. */
export const spawnOn = <Args extends ReadonlyArray<unknown>, M extends Port.Messages>(
  nodes: ReadonlyArray<string>,
  fn: Port.RemoteFunction<Args, M>,
  args: Args
): Effect.Effect<Port.PortId<M>, never, Node | Scope.Scope> => {
  let last: string | undefined
  return Effect.gen(function*() {
    const router = yield* Node
    const isThere = (node: string | undefined): node is string => node !== undefined && router.isUp(node)
    // If there is no link to any of them, the attempt to spawn makes one: to each in turn.
    const next = nodes[(last === undefined ? 0 : nodes.indexOf(last) + 1) % nodes.length]
    const node = isThere(last) ? last : nodes.find(isThere) ?? next
    if (node === undefined) return yield* Effect.die(new TypeError("there is no node to spawn on"))
    last = node
    const port = yield* Port.spawn(node, fn, ...args)
    const lost = (exit: Exit.Exit<unknown, unknown>): boolean => {
      const isLost = reasonFromExit(exit)[0] === "transport_error"
      if (isLost) leftoversOf(router).add(node, port)
      return isLost
    }
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        if (lost(exit)) return
        // What was started with it may have failed, or answer another port. That the node is gone may not be known yet.
        router.kill(port, ["shutdown"])
        router.monitor(port, lost)
      })
    )
    return port
  })
}

/** Of one node so many are remembered. */
const most = 10_000

/** Why a port is killed that its supervisor has given up. */
const givenUp = "its node was lost, and its supervisor went on without it"

/** Ports on nodes that were lost. They may still run there: when a node is seen again, they are one too many. */
class Leftovers {
  private readonly router: Router
  private readonly ports = new Map<string, Set<string>>()

  constructor(router: Router) {
    this.router = router
    router.listeners.add({ up: (node) => this.kill(node), down: () => {} })
  }

  add(node: string, port: string): void {
    const ports = this.ports.get(node) ?? new Set()
    this.ports.set(node, ports.add(port))
    const [oldest] = ports
    if (oldest !== undefined && ports.size > most) ports.delete(oldest)
    if (this.router.isUp(node)) this.kill(node)
  }

  private kill(node: string): void {
    const ports = this.ports.get(node)
    this.ports.delete(node)
    for (const port of ports ?? []) {
      this.router.monitor(port, (exit: PortExit) => {
        if (reasonFromExit(exit)[1] !== givenUp) return
        this.router.warn(`${port} ran on after its node was lost and its supervisor went on without it: it was killed`)
      })
      this.router.kill(port, ["shutdown", givenUp])
    }
  }
}

/** As long as the node lives, whatever becomes of its supervisors. */
const leftovers = new WeakMap<Router, Leftovers>()

const leftoversOf = (router: Router): Leftovers => {
  const known = leftovers.get(router) ?? new Leftovers(router)
  leftovers.set(router, known)
  return known
}
