/** W14: a node in a thread of the same process, beside one in a process of its own: messages, and what they take to start and to hold. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Node, Port, Supervisor, Transport } from "../../src/index.ts"
import { Child } from "../processes.ts"
import { makeSignal, numbersTo, type Program, rate, textOf, type Workload } from "../workload.ts"

const module = new URL("../victims/echo.js", import.meta.url)
const program: Program = { command: process.execPath, args: [fileURLToPath(module)] }

const Echo = Port.remote("bench::echo")

const layer = Layer.provide(
  Node.layer({ nodeId: "measured", binds: [], secret: "bench" }),
  Transport.any([Transport.layerTcp, Transport.layerThreads])
)

type Work = (port: Port.PortId) => Effect.Effect<number, Port.Killed, Node.Node | Scope.Scope>

/** Works with a port on another node. */
const withNode = (work: Work, nodeId: string, addresses: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* Node.addressBook(() => Effect.succeed(addresses))
    yield* Port.calMessage(nodeId, "time")
    return yield* work(yield* Port.spawn(nodeId, Echo))
  })

const workload = (name: string, title: string, unit: Workload["unit"], work: Work): Workload => ({
  name,
  title,
  unit,
  sides: {
    "thread": {
      measure: () =>
        Effect.gen(function*() {
          const { addresses, nodeId } = yield* Supervisor.spawnThread(module, { workerData: "echo" })
          return yield* withNode(work, nodeId, addresses)
        }).pipe(Effect.provide(layer))
    },
    "process": {
      partner: program,
      measure: ([partner]) => {
        const [address = "", nodeId = ""] = partner!.words
        return withNode(work, nodeId, [address]).pipe(Effect.provide(layer))
      }
    }
  },
  lines: [{ side: "thread", peer: "process" }]
})

// ---- messages

const burst = 100_000
const numbers = numbersTo(burst)
const oneWay: Work = (port) =>
  rate(
    burst,
    Effect.andThen(
      Effect.forEach(numbers, (n) => Port.snd(port, "item", n, textOf(n)), { discard: true }),
      Port.cal(port, "total")
    )
  )

const rounds = 2000
const roundTrips: Work = (port) =>
  Effect.gen(function*() {
    const { tell, wait } = makeSignal()
    const own: Port.PortId = yield* Port.make({
      pong: (n: number, text: string) =>
        n < rounds ? Port.snd(port, "ping", n + 1, text, own) : Effect.sync(() => tell())
    })
    return yield* rate(rounds, Effect.andThen(Port.snd(port, "ping", 1, textOf(1), own), wait))
  })

const size = 256 * 1024
const blobs: Work = (port) =>
  Effect.suspend(() => {
    const payloads = Array.from({ length: 256 }, (_, n) => new Uint8Array(size).fill(n))
    return rate(
      payloads.length * size / 1e6,
      Effect.andThen(
        Effect.forEach(payloads, (payload, n) => Port.snd(port, "blob", n, payload), { discard: true }),
        Port.cal(port, "total")
      )
    )
  })

// ---- to start and to hold them

const nodes = 4

const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

/** What of the memory is this process's, with its part of what it shares with others. */
const memoryOf = (pid: number): number =>
  1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1])

/** Starts some, one after the other, and answers how long each took, and what they hold. */
const started = <R>(start: (nth: number) => Effect.Effect<number, unknown, R>) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    const pids = new Set([process.pid])
    const held = () => Array.from(pids).reduce((sum, pid) => sum + memoryOf(pid), 0)
    const before = held()
    for (let nth = 0; nth < nodes; nth++) {
      const began = performance.now()
      pids.add(yield* start(nth))
      times.push(performance.now() - began)
    }
    yield* Effect.sleep("500 millis")
    return { millis: median(times), bytes: (held() - before) / nodes }
  })

type Started = Effect.Success<ReturnType<typeof started>>

const startedThreads = Effect.provide(
  started((nth) => Effect.as(Supervisor.spawnThread(module, { workerData: `echo${nth}` }), process.pid)),
  layer
)

const startedProcesses = started(() =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => new Child(program)),
      (child) => Effect.promise(async () => child[Symbol.asyncDispose]())
    )
    yield* Effect.promise(() => child.words)
    return child.pid
  })
)

const starting = (name: string, title: string, unit: "ms" | "B", figure: (started: Started) => number): Workload => ({
  name,
  title,
  unit,
  sides: {
    "thread": { measure: () => Effect.map(startedThreads, figure) },
    "process": { measure: () => Effect.map(startedProcesses, figure) }
  },
  lines: [{ side: "thread", peer: "process" }]
})

export const threads: ReadonlyArray<Workload> = [
  workload("W14a", "a node in a thread, one way", "/s", oneWay),
  workload("W14b", "a node in a thread, round trips", "/s", roundTrips),
  workload("W14c", "a node in a thread, payloads of 256 KiB", "MB/s", blobs),
  starting("W14d", "a node in a thread, until it is there", "ms", ({ millis }) => millis),
  starting("W14e", "a node in a thread, resident", "B", ({ bytes }) => bytes)
]
