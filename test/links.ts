/** Two nodes and the link between them, for tests of links. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Node from "../src/Node.ts"
import { connect, type TestNode, until, type World } from "./harness.ts"

export const silent = "nothing was heard of the other node for too long"
export const notReading = "the other node does not read what it is sent"

/** Two nodes and a link between them. */
export const pair = (
  world: World,
  monitorTimeout: number,
  other = monitorTimeout
): Effect.Effect<readonly [a: TestNode, b: TestNode], unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const a = yield* world.start("a", { monitorTimeout })
    const b = yield* world.start("b", { monitorTimeout: other })
    yield* connect(a, b)
    return [a, b] as const
  })

export const linkTo = (node: TestNode, peer: string) => node.router.peers.get(peer)?.link

/** Waits until a node has got this many more bytes from another one. */
export const hears = (node: TestNode, peer: string, bytes: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = linkTo(node, peer)?.received ?? 0
    return until(
      `${node.id} hears ${bytes} bytes of ${peer}`,
      () => (linkTo(node, peer)?.received ?? 0) >= before + bytes
    )
  })

export const downs = (events: ReadonlyArray<Node.NodeEvent>) => events.filter((event) => event._tag === "Down")
