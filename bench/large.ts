/**
 * `npm run bench:large`: what large data costs those who have little to say. 256 MiB pass from one process to another, in several ways, while one
 * small call after the other goes to and fro between the same two nodes: how fast the data is, and how long the calls take.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Node, Port } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import * as ours from "./ours.ts"
import { Child } from "./processes.ts"

const kibi = 1024
const mebi = 1024 * kibi
const allBytes = 256 * mebi
const countOf = (size: number): number => Math.ceil(allBytes / size)

const Chunks = RpcGroup.make(
  EffectRpc.make("chunks", { payload: { size: Schema.Int }, success: Schema.Uint8Array, stream: true })
)
const handlers = Chunks.toLayer({
  // What a stream gives together travels together: one chunk in each message.
  chunks: ({ size }) => {
    const chunk = new Uint8Array(size).fill(1)
    return Stream.range(1, countOf(size)).pipe(Stream.rechunk(1), Stream.map(() => chunk))
  }
})
const server = "chunks"

const Source = Port.protocol({
  echo: Port.message().replies(Schema.Void),
  send: Port.message(Schema.String, Schema.Number),
  chunk: Port.message(Schema.Number).replies(Schema.Uint8Array)
})

/** Has the data, and gives it in whatever way it is asked for. */
const source = Effect.gen(function*() {
  yield* Rpc.serve(Chunks, { name: server }).pipe(Effect.provide(handlers))
  return yield* Port.make(Source, {
    echo: () => Effect.void,
    send: (to, size) => {
      const chunk = new Uint8Array(size).fill(1)
      const sendAll = Effect.repeat(Port.snd(to, chunk), { times: countOf(size) - 1 })
      return Port.fork(sendAll)
    },
    chunk: (size) => Effect.succeed(new Uint8Array(size).fill(1))
  })
})

type SourcePort = Port.PortId<typeof Source.messages>
type Way = (port: SourcePort) => Effect.Effect<unknown, unknown, Node.Node | Scope.Scope>

const messages = (size: number): Way => (port) =>
  Effect.gen(function*() {
    const inbox = yield* Port.inbox()
    yield* Port.snd(port, "send", inbox.port, size)
    yield* Effect.repeat(Port.receive(inbox), { times: countOf(size) - 1 })
  })

const calls = (size: number): Way => (port) =>
  Effect.repeat(Port.cal(port, "chunk", size), { times: countOf(size) - 1 })

const stream = (size: number): Way => (port) =>
  Effect.gen(function*() {
    const client = yield* Rpc.client(Chunks, Rpc.address(Chunks, Port.nodeOf(port), server))
    yield* Stream.runDrain(client.chunks({ size }))
  })

const ways: ReadonlyArray<readonly [name: string, way: Way]> = [
  ["nothing", () => Effect.sleep("1 second")],
  ["messages of 64 MiB", messages(64 * mebi - kibi)],
  ["messages of 1 MiB", messages(mebi)],
  ["messages of 64 KiB", messages(64 * kibi)],
  ["a call for each MiB", calls(mebi)],
  ["an rpc stream, chunks of 1 MiB", stream(mebi)],
  ["an rpc stream, chunks of 64 KiB", stream(64 * kibi)]
]

/** How long each of the calls has taken that were made meanwhile. */
const measure = ([name, way]: typeof ways[number], port: SourcePort) =>
  Effect.gen(function*() {
    const millis: Array<number> = []
    const echo = Effect.suspend(() => {
      const began = performance.now()
      return Effect.map(Port.cal(port, "echo"), () => millis.push(performance.now() - began))
    })
    const echoes = yield* Effect.forkChild(Effect.forever(Effect.andThen(echo, Effect.sleep("1 millis"))))
    const began = performance.now()
    yield* Effect.scoped(way(port))
    const seconds = (performance.now() - began) / 1000
    yield* Fiber.interrupt(echoes)
    const sorted = millis.toSorted((a, b) => a - b)
    const share = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]?.toFixed(1)
    return {
      "while there pass": name,
      "MB/s": name === "nothing" ? "-" : Math.round(allBytes / 1e6 / seconds),
      calls: millis.length,
      "median (ms)": share(0.5),
      "99 % (ms)": share(0.99),
      "longest (ms)": share(1)
    }
  })

const program = process.argv[2] === "source"
  ? Effect.gen(function*() {
    const words = yield* ours.listening(source)
    process.stdin.resume().on("end", () => process.exit())
    process.stdout.write(`${words.join(" ")}\n`)
    return yield* Effect.never
  })
  : Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => new Child({ command: process.execPath, args: [import.meta.filename, "source"] })),
      (child) => Effect.promise(() => child[Symbol.asyncDispose]())
    )
    const words = yield* Effect.promise(() => child.words)
    const rows = yield* ours.dialling([{ pid: child.pid, words }], (port: SourcePort = "") =>
      Effect.gen(function*() {
        // Nobody is fast at first.
        yield* Effect.scoped(stream(64 * kibi)(port))
        yield* Effect.scoped(messages(64 * kibi)(port))
        return yield* Effect.forEach(ways, (way) => measure(way, port))
      }))
    console.table(rows)
  })

// What the nodes say of their lives is nothing for the other process to read.
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(Logger.layer([]))))
