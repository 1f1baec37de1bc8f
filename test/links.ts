/** Two nodes and the link between them, for tests of links. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Node from "../src/Node.ts"
import { connect, peerOf, type TestNode, until, type World } from "./harness.ts"

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

/** Waits until a node has got this many more bytes from another one. */
export const hears = (node: TestNode, peer: string, bytes: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const received = Effect.map(peerOf(node, peer), (info) => info?.received ?? 0)
    const before = yield* received
    yield* until(
      `${node.id} hears ${bytes} bytes of ${peer}`,
      () => Effect.map(received, (now) => now >= before + bytes)
    )
  })

export const downs = (events: ReadonlyArray<Node.NodeEvent>) => events.filter((event) => event._tag === "Down")
