import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Global, Node, Transport } from "../src/index.ts"
import { makeLogs, secret, until } from "./harness.ts"

describe("a node whose seeds are all down", () => {
  for (const failures of [10, 100, 1000]) {
    it.effect(`says so once, goes on trying, and joins after ${failures} failures`, () => {
      const logs = makeLogs()
      let dials = 0
      return Effect.gen(function*() {
        const inner = yield* Transport.Transport
        const counting = Context.make(Transport.Transport, {
          ...inner,
          dial: (address, host) => {
            dials++
            return inner.dial(address, host)
          }
        })
        const start = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
          Layer.build(
            Layer.provideMerge(
              Global.layer({ seeds, global: seeds.length === 0 }),
              Node.layer({ nodeId, secret, binds: [bind] })
            )
          ).pipe(Effect.provideContext(counting), Effect.provide(logs.layer))
        const node = yield* start("node", "memory:2", ["memory:1"])
        // No delay is longer than the monitor timeout, 30 seconds.
        const enough = (): boolean => dials >= failures
        while (!enough()) yield* TestClock.adjust("30 seconds")
        yield* start("seed", "memory:1", [])
        yield* TestClock.adjust("30 seconds")
        yield* until(
          "the node has joined",
          () => Effect.map(Effect.provide(Node.upNodes, node), (nodes) => nodes.includes("seed"))
        )
        assert.strictEqual(logs.lines.filter((line) => line.includes("cannot reach seed")).length, 1)
      }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory))
    })
  }
})
