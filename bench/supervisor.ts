/**
 * `npm run bench:supervisor`: what many supervised children cost. Medians of five runs: the time to start them, the time until all
 * are back after all were killed at once, how long the event loop waited meanwhile, the time to stop them, and the heap for each.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Node, Port, Supervisor } from "../src/index.ts"
import { watchLoop } from "./watchLoop.ts"

const runs = 5
const sizes = [1000, 10_000, 100_000]

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const measure = (count: number) =>
  Effect.gen(function*() {
    const pool = yield* Supervisor.dynamic({ start: () => Port.make({}), intensity: Infinity })
    const before = heap()
    const started = performance.now()
    const ports = yield* Effect.forEach(Array.from({ length: count }), () => pool.startChild())
    const starting = performance.now() - started
    const bytes = (heap() - before) / count
    let back = 0
    yield* Stream.runForEach(pool.events, (event) =>
      Effect.sync(() => {
        if (event._tag === "Started") back++
      })).pipe(Effect.forkScoped({ startImmediately: true }))
    const longest = yield* watchLoop
    const killed = performance.now()
    yield* Effect.forEach(ports, (port) => Port.kil(port, "storm"), { discard: true })
    const areBack = (): boolean => back === count
    while (!areBack()) yield* Effect.sleep(2)
    const storm = performance.now() - killed
    const gap = longest()
    const stopped = performance.now()
    yield* pool.stop
    return { starting, storm, gap, stopping: performance.now() - stopped, bytes }
  }).pipe(Effect.scoped, Effect.provide(Node.layerLocal), Effect.provide(Logger.layer([])), Effect.runPromise)

const median = (numbers: ReadonlyArray<number>): number =>
  Math.round(numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!)

await measure(1000)
const rows: Array<Record<string, number>> = []
for (const children of sizes) {
  const all: Array<Awaited<ReturnType<typeof measure>>> = []
  for (let i = 0; i < runs; i++) all.push(await measure(children))
  rows.push({
    children,
    "start (ms)": median(all.map(({ starting }) => starting)),
    "all killed, all back (ms)": median(all.map(({ storm }) => storm)),
    "longest wait (ms)": median(all.map(({ gap }) => gap)),
    "stop (ms)": median(all.map(({ stopping }) => stopping)),
    "heap for each (B)": median(all.map(({ bytes }) => bytes))
  })
}
console.table(rows)
