/** Two nodes in one test, in a network in memory and under a clock of its own. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Global, Port } from "effect-mp"
import * as TestNetwork from "effect-mp/TestNetwork"
import greeter from "../src/greeter.ts"
import { Greeter, group } from "../src/protocol.ts"

/** A node with the greeter, and one that knows the group. */
const startNodes = Effect.gen(function*() {
  yield* TestNetwork.start("one", { services: Layer.provideMerge(greeter, Global.layer()) })
  const two = yield* TestNetwork.start("two", { services: Global.layer({ seeds: ["one:1"] }) })
  const greeters = yield* two.run(Global.group<typeof Greeter.messages>(group)).pipe(TestNetwork.within("10 seconds"))
  const greet = (name: string) =>
    two.run(greeters.call((port) => Port.cal(port, "greet", name), { whenEmpty: "wait" })).pipe(
      TestNetwork.within("10 seconds")
    )
  return { two, greeters, greet }
})

it.effect("greets from another node", () =>
  Effect.gen(function*() {
    const { greet } = yield* startNodes
    assert.strictEqual(yield* greet("Ada"), "Hello, Ada! This is one.")
  }).pipe(Effect.provide(TestNetwork.layer)))

it.effect("is there again when it was killed", () =>
  Effect.gen(function*() {
    const { greet, greeters, two } = yield* startNodes
    const first = yield* greeters.pick({ whenEmpty: "wait" }).pipe(TestNetwork.within("10 seconds"))
    yield* two.run(Port.kil(first, "as a test of it"))
    yield* TestNetwork.until("it is out of the group", Effect.map(greeters.members, (all) => !all.includes(first)))
    assert.strictEqual(yield* greet("Ada"), "Hello, Ada! This is one.")
  }).pipe(Effect.provide(TestNetwork.layer)))
