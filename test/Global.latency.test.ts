import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Global, Transport } from "../src/index.ts"
import { until } from "./harness.ts"
import { meshTestOver } from "./meshWorld.ts"

const test = meshTestOver(Transport.layerTcp)

describe("a change", () => {
  test("reaches a monitor on another node in under 5 ms, over two global nodes", ({ start }) =>
    Effect.gen(function*() {
      const one = yield* start("one", { global: true })
      const two = yield* start("two", { seeds: [one.address], global: true })
      const from = yield* start("from", { seeds: [one.address] })
      const to = yield* start("to", { seeds: [two.address] })
      let seen = -1
      yield* to.run(Stream.runForEach(Global.mon("ticks"), ({ entries }) =>
        Effect.sync(() => {
          seen = Number(entries.get("tick") ?? -1)
        }))).pipe(Effect.forkScoped)
      const times: Array<number> = []
      for (let n = 0; n < 110; n++) {
        const began = performance.now()
        yield* from.run(Global.set("ticks", "tick", n))
        // Not `until`, which looks every 2 ms.
        const isThere = (): boolean => seen === n
        while (!isThere() && performance.now() - began < 10_000) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        if (n >= 10) times.push(performance.now() - began)
      }
      yield* until("the last one is there", () => seen === 109)
      assert.isBelow(times.toSorted((a, b) => a - b)[times.length >> 1]!, 5)
    }))
})
