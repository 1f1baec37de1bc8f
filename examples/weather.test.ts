/** A network in one process, under a clock that the test moves: `npx vitest run weather.test.ts` */
import { assert, it } from "@effect/vitest"
import { Global } from "effect-mp"
import * as TestNetwork from "effect-mp/TestNetwork"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeAsk } from "./weather-asker.ts"
import station from "./weather-station.ts"
import { group } from "./weather.ts"

it.effect("asks another station when the machine of one is gone", () =>
  Effect.gen(function*() {
    const asker = yield* TestNetwork.start("asker", { services: Global.layer() })
    const services = Layer.provideMerge(station, Global.layer({ seeds: [asker.address] }))
    const one = yield* TestNetwork.start("one", { services })
    yield* TestNetwork.start("two", { services })
    yield* asker.run(Global.awaitGroup(group, 2))
    const ask = yield* asker.run(makeAsk)

    // No farewell, no closed connection: silence.
    yield* one.vanish
    const answers = [yield* ask("Oslo"), yield* ask("Rome")]
    assert.deepStrictEqual(answers, ["snow, says two", "sun, says two"])
    // One of the two was asked of the station that was gone, and waited until its node counted as dead.
    assert.isAtLeast(yield* Clock.currentTimeMillis, 20_000)
  }).pipe(Effect.scoped, TestNetwork.within("1 minute"), Effect.provide(TestNetwork.layer)))
