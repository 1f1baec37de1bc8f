/** A network in one process, under a clock that the test moves: `npx vitest run weather.test.ts` */
import { assert, it } from "@effect/vitest"
import { Global, Node, Transport } from "effect-mp"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { makeAsk } from "./weather-asker.ts"
import station from "./weather-station.ts"
import { group } from "./weather.ts"

const startNode = (nodeId: string, seeds: ReadonlyArray<string>) =>
  Layer.build(
    Layer.provideMerge(Global.layer({ seeds }), Node.layer({ nodeId, secret: "swordfish", binds: [`${nodeId}:1`] }))
  )

/** Moves the clock for as long as the effect takes, and lets messages travel in between. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(
    effect,
    Effect.forever(Effect.andThen(TestClock.adjust("100 millis"), TestClock.withLive(Effect.sleep("1 milli"))))
  )

const startNetwork = Effect.gen(function*() {
  const asker = yield* startNode("asker", [])
  for (const nodeId of ["one", "two"]) {
    const node = yield* startNode(nodeId, ["asker:1"])
    yield* Layer.build(Layer.provide(station, Layer.succeedContext(node)))
  }
  yield* Effect.provide(Global.awaitGroup(group, 2), asker)
  return asker
})

it.effect("asks another station when the machine of one is gone", () =>
  Effect.gen(function*() {
    const asker = yield* startNetwork
    const ask = yield* Effect.provide(makeAsk, asker)
    const network = yield* Transport.MemoryNetwork
    // No farewell, no closed connection: silence.
    yield* network.vanish("one")
    const began = yield* Clock.currentTimeMillis
    const answers = [yield* ask("Oslo"), yield* ask("Rome")]
    assert.deepStrictEqual(answers, ["snow, says two", "sun, says two"])
    // One of the two was asked of the station that was gone, and waited until its node counted as dead.
    assert.isAtLeast(yield* Clock.currentTimeMillis, began + 20_000)
  }).pipe(Effect.scoped, inTime, Effect.provide(Transport.layerMemory)))
