/** A node and a Perl node that dial each other at once, in all orders: one connection stays, and the other is no wrong secret. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { isConnectedAlready } from "../src/internal/transport/linkError.ts"
import * as Transport from "../src/Transport.ts"
import { isUp, makeWorld } from "./harness.ts"
import { everywhere, pass } from "./memoryHosts.ts"
import { type Conduct, MemoryPerl } from "./memoryPerl.ts"
import { SeededRandom } from "./simulation/random.ts"
import { seeds } from "./size.ts"

/**
 * When who dials, and how long what they say takes. Where Perl closes ours, it wants its own, as we do
 * of a node with a smaller ID, and that is under way, or soon is.
 */
const crossing = (seed: number, conduct: Conduct) => {
  const random = new SeededRandom(`crossing ${seed}`)
  const slowest = random.pick([0, 5, 40, conduct === "closes" ? 20 : 100])!
  const ourMillis = random.int(0, 150)
  const theirsMillis = conduct === "closes" ? ourMillis + random.int(-100, 100) : random.int(0, 150)
  const route = () => ({ latency: random.int(0, slowest), jitter: random.int(0, slowest) })
  return {
    nodeId: conduct === "closes" ? "z" : random.pick(["a", "z"])!,
    there: route(),
    back: route(),
    ourMillis,
    theirsMillis
  }
}

const run = (
  seed: number,
  conduct: Conduct
): Effect.Effect<void, unknown, Scope.Scope | Transport.Transport | Transport.MemoryNetwork> =>
  Effect.gen(function*() {
    const { back, nodeId, ourMillis, theirsMillis, there } = crossing(seed, conduct)
    const world = yield* makeWorld
    const network = yield* Transport.MemoryNetwork
    const node = yield* world.start(nodeId)
    const perl = new MemoryPerl(yield* Transport.Transport, "perl", { conduct })
    yield* perl.listen()
    yield* network.shape({ from: nodeId, to: "perl" }, there)
    yield* network.shape({ from: "perl", to: nodeId }, back)
    const ours = yield* Effect.forkScoped(Effect.delay(Effect.exit(node.dial(perl.address)), ourMillis))
    yield* Effect.forkScoped(Effect.delay(Effect.exit(perl.dial(node.address)), Math.max(0, theirsMillis)))
    for (let step = 0; step < 300; step++) yield* pass("10 millis")
    // Who waits for a rival that never gets on has waited long enough.
    yield* pass("10 seconds")
    const exit = yield* Fiber.join(ours)
    const reason = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
    if (reason !== undefined) {
      assert.include(Array.from(isConnectedAlready), reason._tag === "Fail" && reason.error.reason)
    }
    assert.deepStrictEqual([yield* isUp(node, "perl"), perl.link !== undefined, perl.switched], [true, true, 0])
    assert.deepStrictEqual(world.logs, [])
    yield* network.shape(everywhere, { latency: 0, jitter: 0 })
  })

describe("a node and a Perl node that dial each other at once", () => {
  for (const conduct of ["authenticates", "closes"] as const) {
    it.effect.each(seeds(40, 1000))(
      `keep one connection where Perl ${conduct}, seed %i`,
      (seed) => Effect.provide(Random.withSeed(run(seed, conduct), seed), Transport.layerMemory)
    )
  }
})
