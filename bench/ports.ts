/**
 * `npm run bench:ports`: what many ports and monitors cost, for each of them: the time to make a port, to set a monitor on it, and
 * until, all ports killed, all monitors have been told; what each port and each monitor takes; and the time for each of as many monitors
 * of one port, from setting it until it has been told. Every run has a process of its own; medians of five.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { Node, Port } from "../src/index.ts"
import { Child } from "./processes.ts"
import { makeSignal } from "./workload.ts"

const runs = 5
const sizes = [10_000, 100_000, 1_000_000]
const columns = [
  "make (ns)",
  "heap (B)",
  "resident (B)",
  "monitor (ns)",
  "its heap (B)",
  "end, told (ns)",
  "of one port (ns)"
]

const collected = Effect.promise(async () => {
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage()
})

const measure = (count: number) =>
  Effect.gen(function*() {
    const ports: Array<Port.PortId> = Array.from({ length: count }, () => "")
    const receiver = { item: (_n: number, _text: string) => Effect.void }
    const { tell, wait } = makeSignal()
    let told = 0
    const notice = (): void => {
      if (++told % count === 0) tell()
    }
    const timed = Effect.fnUntraced(function*<R>(effect: Effect.Effect<unknown, never, R>) {
      const began = performance.now()
      yield* effect
      return (performance.now() - began) * 1e6 / count
    })

    const before = yield* collected
    const make = yield* timed(Effect.gen(function*() {
      for (let n = 0; n < count; n++) ports[n] = yield* Port.make(receiver)
    }))
    const made = yield* collected
    const monitor = yield* timed(Effect.gen(function*() {
      for (const port of ports) yield* Port.mon(port, notice)
    }))
    const monitored = yield* collected
    const end = yield* timed(Effect.gen(function*() {
      for (const port of ports) yield* Port.kil(port)
      yield* wait
    }))
    const one = yield* Port.make(receiver)
    const manyOfOne = yield* timed(Effect.gen(function*() {
      for (let n = 0; n < count; n++) yield* Port.mon(one, () => notice())
      yield* Port.kil(one)
      yield* wait
    }))
    return [
      make,
      (made.heapUsed - before.heapUsed) / count,
      (made.rss - before.rss) / count,
      monitor,
      (monitored.heapUsed - made.heapUsed) / count,
      end,
      manyOfOne
    ]
  }).pipe(Effect.scoped, Effect.provide(Node.layerLocal), Effect.provide(Logger.layer([])))

const size = Number(process.argv[2])
if (size > 0) {
  console.log((await Effect.runPromise(measure(size))).join(" "))
  process.exit()
}

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

const rows: Array<Record<string, number>> = []
for (const ports of sizes) {
  const all: Array<ReadonlyArray<number>> = []
  for (let run = 0; run < runs; run++) {
    await using child = new Child({
      command: process.execPath,
      args: ["--expose-gc", import.meta.filename, String(ports)]
    })
    all.push((await child.words).map(Number))
  }
  const figures = columns.map((column, n) => [column, Math.round(median(all.map((figures) => figures[n]!)))] as const)
  rows.push({ ports, ...Object.fromEntries(figures) })
}
console.table(rows)
