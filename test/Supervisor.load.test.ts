import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Node, Port, Supervisor } from "../src/index.ts"
import { makeLogs, until } from "./harness.ts"
import { sized } from "./size.ts"

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
    () => Effect.scoped(body).pipe(Effect.provide(Layer.fresh(Node.layerLocal)), Effect.provide(makeLogs().layer))
  )

/** The most that a count grows between two turns of the event loop, in which timers and sockets are served. */
const watchTurns = (count: () => number) =>
  Effect.gen(function*() {
    let [before, most, isOver] = [count(), 0, false]
    const turn = (): void => {
      most = Math.max(most, count() - before)
      before = count()
      if (!isOver) setImmediate(turn)
    }
    turn()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isOver = true
      })
    )
    return () => most
  })

let starts = 0
const start = (_n: number) => Effect.suspend(() => (starts++, Port.make({})))
const makePool = Supervisor.dynamic({ start, intensity: 1_000_000, period: "1 hour" })

const fill = (pool: Effect.Success<typeof makePool>, count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => pool.startChild(n))

/** Starts so many children, and stops them. */
const cycle = (count: number) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* makePool
    yield* fill(pool, count)
    yield* pool.stop
  }))

describe("many children", () => {
  const many = sized(2000, 10_000)

  test(
    `a storm of ${many} kills neither keeps the event loop from turning nor leaks`,
    Effect.gen(function*() {
      const ports = Effect.map(Node.gauges, (gauges) => gauges.ports)
      yield* cycle(1000)
      const [portsBefore, before] = [yield* ports, yield* heap]
      yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool
        const first = yield* fill(pool, many)
        const startsBefore = starts
        const most = yield* watchTurns(() => starts)
        yield* Effect.forEach(first, (port) => Port.kil(port, "storm"), { discard: true })
        yield* until("all are back", () => starts === startsBefore + many)
        assert.isAtMost(most(), 100, "restarts between two turns of the event loop")
        const all = yield* pool.which
        assert.isTrue(
          all.length === many && all.every(({ restarts, status }) => restarts === 1 && status === "running")
        )
        assert.strictEqual(yield* ports, portsBefore + many + 1)
        yield* pool.stop
      }))
      assert.strictEqual(yield* ports, portsBefore)
      // What summed up the log lines of the storm ends after a second.
      yield* Effect.sleep("1100 millis")
      assert.isBelow((yield* heap) - before, 3_000_000)
    })
  )

  test(`${sized(3000, 100_000)} of them start and stop`, cycle(sized(3000, 100_000)))
})
