/** How long a change takes from one plain node to a monitor on another, over two global nodes and TCP. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Global, Node, Transport } from "../src/index.ts"

/** Milliseconds that each of these many changes takes, the shortest first. */
export const changes = (count: number) =>
  Effect.gen(function*() {
    const node = (nodeId: string, seeds: ReadonlyArray<string>, global: boolean) =>
      Layer.build(Layer.provideMerge(
        Global.layer({ seeds, global }),
        Node.layer({ nodeId, secret: "bench", binds: ["127.0.0.1:*"] })
      ))
    const one = yield* node("one", [], true)
    const two = yield* node("two", yield* Effect.provide(Node.addresses, one), true)
    const from = yield* node("from", yield* Effect.provide(Node.addresses, one), false)
    const to = yield* node("to", yield* Effect.provide(Node.addresses, two), false)
    let seen = -1
    yield* Effect.provide(
      Stream.runForEach(Global.mon("bench"), ({ entries }) =>
        Effect.sync(() => {
          seen = Number(entries.get("key") ?? -1)
        })),
      to
    ).pipe(Effect.forkScoped)
    const times: Array<number> = []
    for (let n = 0; n < count; n++) {
      const began = performance.now()
      yield* Effect.provide(Global.set("bench", "key", n), from)
      const isThere = (): boolean => seen === n
      while (!isThere()) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      times.push(performance.now() - began)
    }
    return times.toSorted((a, b) => a - b)
  }).pipe(Effect.scoped, Effect.provide(Transport.layerTcp), Effect.provide(Logger.layer([])))
