/** Three nodes in one test, in a network in memory and under a clock of its own. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Global } from "effect-mp"
import * as TestNetwork from "effect-mp/TestNetwork"
import { makeCount } from "../src/pool.ts"
import { group } from "../src/protocol.ts"
import worker from "../src/worker.ts"

const startNodes = Effect.gen(function*() {
  const front = yield* TestNetwork.start("front", { services: Global.layer() })
  const services = Layer.provideMerge(worker, Global.layer({ seeds: ["front:1"] }))
  const one = yield* TestNetwork.start("one", { services })
  const two = yield* TestNetwork.start("two", { services })
  yield* front.run(Global.awaitGroup(group, 2)).pipe(TestNetwork.within("10 seconds"))
  const count = yield* front.run(makeCount)
  return { front, one, two, count }
})

it.effect("counts words on another node", () =>
  Effect.gen(function*() {
    const { count, front } = yield* startNodes
    const { words, worker } = yield* front.run(count("to be or not to be")).pipe(TestNetwork.within("10 seconds"))
    assert.strictEqual(words, 6)
    assert.include(["one", "two"], worker)
  }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

it.effect("loses no job when a worker dies", () =>
  Effect.gen(function*() {
    const { count, front, one } = yield* startNodes
    const jobs = yield* Effect.forkScoped(
      front.run(Effect.forEach(["a", "b c", "d", "e f"], count, { concurrency: "unbounded" }))
    )
    yield* TestNetwork.settle
    yield* one.kill
    const counted = yield* Fiber.join(jobs).pipe(TestNetwork.within("1 minute"))
    assert.deepStrictEqual(counted.map(({ words, worker }) => [words, worker]), [
      [1, "two"],
      [2, "two"],
      [1, "two"],
      [2, "two"]
    ])
  }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))
