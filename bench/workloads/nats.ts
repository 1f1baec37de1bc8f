/**
 * W15: nodes that meet at a server of NATS, beside TCP: messages, and what two hundred nodes take that are in four processes. All of it passes through the
 * server, and it is one of the machine's too.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Global, Node } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { nats, ourNats } from "../peers/nats.ts"
import { Child } from "../processes.ts"
import { numbersTo, type Side, type Workload } from "../workload.ts"
import { wireSide, wireSizes, works } from "./wires.ts"

const wires: Readonly<Record<string, ours.Wire>> = { "over NATS": ourNats, "TCP": ours.tcp }

const lines: Workload["lines"] = [{ side: "over NATS", peer: "TCP" }]
const needs = "NATS"

const messages = (
  name: string,
  title: string,
  unit: Workload["unit"],
  what: keyof typeof works,
  raw: Side
): Workload => ({
  name,
  title,
  unit,
  needs,
  sides: {
    ...Object.fromEntries(Object.entries(wires).map(([side, wire]) => [side, wireSide(wire, works[what])])),
    [needs]: raw
  },
  lines: [...lines, { side: "over NATS", peer: needs }]
})

// ---- many nodes

const processes = 4
const nodesInEach = 50
const nodes = processes * nodesInEach
const idleMillis = 10_000

const program = fileURLToPath(new URL("../victims/many.js", import.meta.url))

/** What of the memory is this process's, with its part of what it shares with others. */
const memoryOf = (pid: number): number =>
  1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1])

/** Bytes that a process has written, wherever to. */
const writtenBy = (pid: number): number => Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1])

const sumOf = (children: ReadonlyArray<Child>, figure: (pid: number) => number): number =>
  children.reduce((sum, { pid }) => sum + figure(pid), 0)

/** Starts the processes, and answers a figure of them when all nodes have joined. */
const many = (wire: ours.Wire, figure: (children: ReadonlyArray<Child>, millis: number) => Promise<number>): Side => ({
  measure: () =>
    Effect.gen(function*() {
      const [seed = ""] = yield* Node.addresses
      const children = yield* Effect.acquireRelease(
        Effect.sync(() =>
          numbersTo(processes).map(() =>
            new Child({ command: process.execPath, args: [program, String(nodesInEach), seed] })
          )
        ),
        (children) => Effect.promise(() => Promise.all(children.map((child) => child[Symbol.asyncDispose]())))
      )
      return yield* Effect.promise(async () => {
        const times = await Promise.all(children.map(({ words }) => words))
        return figure(children, Math.max(...times.map(([millis]) => Number(millis))))
      })
    }).pipe(
      Effect.provide(Layer.provideMerge(
        Global.layer({ seeds: ["*"] }),
        Node.layer({ nodeId: "seed", secret: "bench", binds: [wire.bind] })
      )),
      Effect.provide(wire.layer),
      Effect.provide(Logger.layer([]))
    )
})

const joining = (
  name: string,
  title: string,
  unit: "ms" | "B",
  figure: (children: ReadonlyArray<Child>, millis: number) => Promise<number>
): Workload => ({
  name,
  title,
  unit,
  needs,
  sides: Object.fromEntries(Object.entries(wires).map(([side, wire]) => [side, many(wire, figure)])),
  lines
})

export const natsWorkloads: ReadonlyArray<Workload> = [
  messages("W15a", "over a server of NATS, one way", "/s", "oneWay", nats.oneWay(wireSizes.items)),
  messages(
    "W15b",
    "over a server of NATS, there and back, one at a time",
    "/s",
    "roundTrips",
    nats.roundTrips(wireSizes.rounds)
  ),
  messages(
    "W15c",
    "over a server of NATS, payloads of 256 KiB",
    "MB/s",
    "blobs",
    nats.payloads(
      (size) => numbersTo(wireSizes.blobs).map((n) => new Uint8Array(size).fill(n)),
      wireSizes.blobBytes,
      wireSizes.blobs * wireSizes.blobBytes / 1e6
    )
  ),
  joining(
    "W15d",
    `${nodes} nodes in ${processes} processes over a server of NATS, until all have joined`,
    "ms",
    async (_, millis) => millis
  ),
  joining(
    "W15e",
    `each of ${nodes} nodes in ${processes} processes, resident`,
    "B",
    async (children) => sumOf(children, memoryOf) / nodes
  ),
  joining("W15f", `each of ${nodes} idle nodes, written in a second`, "B", async (children) => {
    await setTimeout(2000)
    const before = sumOf(children, writtenBy)
    await setTimeout(idleMillis)
    return (sumOf(children, writtenBy) - before) / nodes / idleMillis * 1000
  })
]
