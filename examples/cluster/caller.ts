/**
 * Counts what goes into twenty jars, wherever their counters are, and says when one of them has moved, and how long it did not answer:
 *
 * emp run --node-id anon/ --seed 127.0.0.1:4040,127.0.0.1:4041 --service examples/cluster/caller.ts
 */
import * as Cluster from "effect-mp/Cluster"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Counter } from "./counters.ts"

const keys = Array.from({ length: 20 }, (_, n) => `jar${n + 1}`)

/** One call after the other. Each may be carried out twice when a node dies: who counts money gives each call an ID. */
const count = (key: string) =>
  Effect.gen(function*() {
    const counters = yield* Counter.client
    let last = { on: "nobody", at: yield* Clock.currentTimeMillis }
    for (;;) {
      const answer = yield* Effect.option(Effect.timeout(counters(key).add({ n: 1 }), "20 seconds"))
      const at = yield* Clock.currentTimeMillis
      if (answer._tag === "Some" && answer.value.on !== last.on) {
        yield* Console.log(`${key} is counted by ${answer.value.on}, ${at - last.at} ms after ${last.on}`)
      }
      if (answer._tag === "Some") last = { on: answer.value.on, at }
      yield* Effect.sleep("20 millis")
    }
  })

export default Effect.forEach(keys, count, { concurrency: "unbounded", discard: true }).pipe(
  Effect.provide(Cluster.layerClient())
)
