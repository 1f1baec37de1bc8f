/** A Perl node that hangs, and another process with its node ID: whether the second takes its place, whenever it comes and whoever dials. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Transport from "../src/Transport.ts"
import { isUp, makeWorld } from "./harness.ts"
import { pass } from "./memoryHosts.ts"
import { MemoryPerl } from "./memoryPerl.ts"
import { SeededRandom } from "./simulation/random.ts"
import { seeds } from "./size.ts"

/** For how long the first one hangs: in parts of the time that it is given to answer. */
const hangs = [0, 0.3, 0.8, 1.3, 10, Infinity] as const

const succession = (seed: number) => {
  const random = new SeededRandom(`succession ${seed}`)
  const monitorTimeout = random.pick([2000, 9000, 30_000, 120_000])!
  return {
    monitorTimeout,
    limitMillis: Math.min(monitorTimeout / 3, 10_000),
    hang: random.pick(hangs)!,
    answers: random.pick([0, 1, 1, 2])!,
    isDialled: random.chance(0.5),
    firstMillis: random.int(0, 3000),
    nodeId: random.pick(["a", "z"])!
  }
}

const run = (
  seed: number
): Effect.Effect<void, unknown, Scope.Scope | Transport.Transport | Transport.MemoryNetwork> =>
  Effect.gen(function*() {
    const { answers, firstMillis, hang, isDialled, limitMillis, monitorTimeout, nodeId } = succession(seed)
    const world = yield* makeWorld
    const network = yield* Transport.MemoryNetwork
    const carrier = yield* Transport.Transport
    const node = yield* world.start(nodeId, { monitorTimeout })
    const first = new MemoryPerl(carrier, "perl", { answers })
    yield* Effect.forkScoped(first.dial(node.address))
    yield* pass("1 second")
    assert.isTrue(yield* isUp(node, "perl"))
    // From here on it is a link that stands, and no crossing.
    yield* pass(3000 + firstMillis)
    if (hang > 0) yield* network.pause("perl")

    const next = new MemoryPerl(carrier, "perl", { host: "next" })
    yield* next.listen()
    yield* Effect.forkScoped(Effect.exit(isDialled ? node.dial(next.address) : next.dial(node.address)))
    if (hang < Infinity) yield* Effect.forkScoped(Effect.delay(network.resume("perl"), hang * limitMillis))
    for (let step = 0; step < 40; step++) yield* pass(limitMillis / 10)

    const isAlive = hang < 1 && answers > 0
    assert.deepStrictEqual([next.link !== undefined, yield* isUp(node, "perl")], [!isAlive, true])
    if (hang < Infinity) {
      yield* pass(10 * limitMillis)
      assert.strictEqual(first.link !== undefined, isAlive, "the first one knows that it is replaced")
    }
    assert.deepStrictEqual([first.switched, next.switched], [0, 0])
    yield* network.resume("perl")
  })

describe("a Perl node that comes beside one with its ID, which may hang,", () => {
  it.effect.each(seeds(60, 1000))(
    "takes its place if that does not answer in time, seed %i",
    (seed) => Effect.provide(run(seed), Transport.layerMemory)
  )
})
