import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Node, Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs, until } from "./harness.ts"
import { watchLoop } from "./watchLoop.ts"

v8.setFlagsFromString("--expose-gc")
const gc = vm.runInNewContext("gc") as () => void

const heap = Effect.promise(async () => {
  for (let i = 0; i < 5; i++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
})

const test = (title: string, body: Effect.Effect<unknown, unknown, Node.Node>) =>
  it.live(
    title,
    () => Effect.scoped(body).pipe(Effect.provide(Layer.fresh(Node.layerLocal)), Effect.provide(makeLogs().layer)),
    60_000
  )

/** Milliseconds that an effect takes. */
const timed = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(effect, () => performance.now() - began)
  })

const makePool = Supervisor.dynamic({ start: (_n: number) => Port.make({}), intensity: 1_000_000, period: "1 hour" })

const fill = (pool: Effect.Success<typeof makePool>, count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => pool.startChild(n))

/** Milliseconds to start so many children, and to stop them. */
const cycle = (count: number) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* makePool
    const starting = yield* timed(fill(pool, count))
    return { starting, stopping: yield* timed(pool.stop) }
  }))

describe("many children", () => {
  test(
    "10,000 of them start in under 2 s",
    Effect.gen(function*() {
      const { starting } = yield* cycle(10_000)
      assert.isBelow(starting, 2000)
    })
  )

  test(
    "a storm of 10,000 kills neither starves the event loop nor leaks",
    Effect.gen(function*() {
      const router = yield* NodeRouter
      yield* cycle(1000)
      const [ports, before] = [router.ports.size, yield* heap]
      yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool
        const first = yield* fill(pool, 10_000)
        const longest = yield* watchLoop
        yield* Effect.forEach(first, (port) => Port.kil(port, "storm"), { discard: true })
        yield* until("all are back", () =>
          Effect.map(
            Effect.andThen(Effect.sleep("50 millis"), pool.which),
            (all) =>
              all.length === 10_000 && all.every(({ restarts, status }) => restarts === 1 && status === "running")
          ))
        assert.isBelow(longest(), 250)
        assert.strictEqual(router.ports.size, ports + 10_001)
        yield* pool.stop
      }))
      assert.strictEqual(router.ports.size, ports)
      // What summed up the log lines of the storm ends after a second.
      yield* Effect.sleep("1100 millis")
      assert.isBelow((yield* heap) - before, 3_000_000)
    })
  )

  test(
    "stopping 10,000 of them costs at most 50 times stopping 1,000",
    Effect.gen(function*() {
      yield* cycle(1000)
      const few = Math.min((yield* cycle(1000)).stopping, (yield* cycle(1000)).stopping)
      const many = (yield* cycle(10_000)).stopping
      assert.isBelow(many / few, 50)
    })
  )

  test(
    "starting and stopping 100,000 of them is linear",
    Effect.gen(function*() {
      yield* cycle(10_000)
      const few = yield* cycle(10_000)
      const many = yield* cycle(100_000)
      // Ten times as many; the rest is for the garbage collector and whatever else runs on the machine.
      assert.isBelow(many.starting / few.starting, 30)
      assert.isBelow(many.stopping / few.stopping, 30)
    })
  )
})
