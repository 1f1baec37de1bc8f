/**
 * Children on other nodes: where they are started, and what becomes of those whose node was lost.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Node } from "../Node.ts"
import * as Port from "../Port.ts"
import { type PortExit, reasonFromExit } from "./killed.ts"
import type { Router } from "./router.ts"

/** Why a port is killed that runs a second time elsewhere. */
const superseded = "its node was lost, and another port was started in its place"

/** Documented as `Supervisor.spawn`. */
export const spawnOn = <Args extends ReadonlyArray<unknown>, M extends Port.Messages>(
  nodes: ReadonlyArray<string>,
  fn: Port.RemoteFunction<Args, M>,
  args: Args
): Effect.Effect<Port.PortId<M>, never, Node | Scope.Scope> => {
  let last: string | undefined
  /** Ports on nodes that were lost: they may still run there. */
  const lost = new Map<string, string>()
  return Effect.gen(function*() {
    const router = yield* Node
    const isThere = (node: string | undefined): node is string => node !== undefined && router.isUp(node)
    // If there is no link to any of them, the attempt to spawn makes one.
    const node = isThere(last) ? last : nodes.find(isThere) ?? nodes[0]
    if (node === undefined) return yield* Effect.die(new TypeError("there is no node to spawn on"))
    last = node
    const listener = { up: (node: string) => endLost(router, lost, node), down: () => {} }
    yield* Effect.acquireRelease(
      Effect.sync(() => router.listeners.add(listener)),
      () => Effect.sync(() => router.listeners.delete(listener))
    )
    const port = yield* Port.spawn(node, fn, ...args)
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        if (reasonFromExit(exit)[0] !== "transport_error") return
        lost.set(node, port)
        if (router.isUp(node)) endLost(router, lost, node)
      })
    )
    return port
  })
}

/** A node is there again: what runs there of us is one too many. */
const endLost = (router: Router, lost: Map<string, string>, node: string): void => {
  const port = lost.get(node)
  if (port === undefined) return
  lost.delete(node)
  router.monitor(port, (exit: PortExit) => {
    if (reasonFromExit(exit)[1] !== superseded) return
    router.warn(`${port} ran on after its node was lost, beside the one that was started in its place: it was killed`)
  })
  router.kill(port, ["shutdown", superseded])
}
