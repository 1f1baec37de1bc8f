/** What a runner says in the log while it has no majority. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as TestNetwork from "../../../src/TestNetwork.ts"
import { balanced, heal, makeWorld, soon } from "../../clusterWorld.ts"
import { makeLogs } from "../../harness.ts"

it.live("a runner without a majority says so once a minute, and once that it has one again", () => {
  const { layer, lines } = makeLogs("no nodes")
  const said = (text: string) => lines.filter((line) => line.includes(text))
  return Effect.gen(function*() {
    const world = yield* makeWorld
    const nodes = yield* soon(
      Effect.forEach(["a", "b", "c"], (id) => world.start(id), { concurrency: "unbounded" })
    )
    yield* balanced(nodes)
    yield* TestNetwork.part(["a"], ["b", "c"])
    yield* TestClock.adjust("100 seconds")
    const still = said("Shard lock storage is still unhealthy")
    assert.strictEqual(still.length, 2)
    // No stack of ours, and no list of everything that is lost.
    for (const line of [...still, ...said("Shard lock storage is unhealthy")]) {
      assert.isBelow(line.length, 500, line)
      assert.notInclude(line, "leases.ts")
    }
    yield* heal(["a"], ["b", "c"])
    yield* balanced(nodes)
    assert.strictEqual(said("Shard lock storage has recovered").length, 1)
  }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer), Effect.provide(layer))
})
