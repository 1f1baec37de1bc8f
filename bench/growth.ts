/** What must not grow faster than its work: many children, long messages, large networks. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { Node, Port, Supervisor } from "../src/index.ts"
import { Shards } from "../src/internal/global/shards.ts"
import { framings } from "../src/internal/transport/framing/framings.ts"
import { type Goal, millisOf } from "./goal.ts"
import { watchLoop } from "./watchLoop.ts"

const onNode = <A, E>(effect: Effect.Effect<A, E, Node.Node>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, Node.layerLocal).pipe(Effect.provide(Logger.layer([]))))

const pool = Supervisor.dynamic({ start: () => Port.make({}), intensity: Infinity })

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(effect, (value) => ({ value, millis: performance.now() - began }))
  })

/** So many children start, all of them are killed and come back, and stop: milliseconds. */
const children = (count: number, isKilled = false) =>
  onNode(Effect.scoped(Effect.gen(function*() {
    const { startChild, stop, which } = yield* pool
    const numbers = Array.from({ length: count })
    const { millis: starting, value: ports } = yield* timed(Effect.forEach(numbers, () => startChild()))
    const longest = yield* watchLoop
    if (isKilled) {
      yield* Effect.forEach(ports, (port) => Port.kil(port, "storm"), { discard: true })
      yield* Effect.repeat(Effect.andThen(Effect.sleep("50 millis"), which), {
        until: (all) => all.every(({ restarts, status }) => restarts === 1 && status === "running")
      })
    }
    const wait = longest()
    const { millis: stopping } = yield* timed(stop)
    return { starting, stopping, wait }
  })))

/** Ten times as many children. */
const tenfold = async (of: "starting" | "stopping"): Promise<number> => {
  const few = await children(10_000)
  return (await children(100_000))[of] / few[of]
}

const megabyte = 1024 * 1024
const messages = {
  "one string": (size: number) => ["x".repeat(size)],
  "many items": (size: number) => [Array.from({ length: size / 128 }, (_, i) => `item ${i}`.padEnd(124))],
  "text beyond ASCII": (size: number) => ["é€😀".repeat(size / 9)]
}

/** How much longer eight times as many bytes take to decode, in chunks. Garbage may be collected at one time or at another. */
const decoding = (framing: string, make: (size: number) => ReadonlyArray<unknown>): number => {
  const { makeBuffer, makeDecoder } = framings.get(framing)!
  /** Time of this process, whatever else there is to do. */
  const time = (bytes: Uint8Array): number => {
    const decode = makeDecoder({ maxMessageSize: 65 * megabyte, kind: "own" }, () => true)
    const began = process.cpuUsage()
    for (let at = 0; at < bytes.length; at += 1024) decode(bytes.subarray(at, at + 1024))
    const { system, user } = process.cpuUsage(began)
    return system + user
  }
  const [small, large] = [8 * megabyte, 64 * megabyte - 1024].map((size) => {
    const pieces: Array<Uint8Array> = []
    const buffer = makeBuffer("own", { write: (bytes) => void pieces.push(bytes) })
    buffer.write("port", make(size))
    buffer.flush()
    return Buffer.concat(pieces)
  })
  return time(large!) / Math.max(...[1, 2, 3].map(() => time(small!)))
}

/** So many nodes that another global node told of come, and go with it. */
const comeAndGo = (count: number) => () => {
  const shards = new Shards()
  for (let n = 0; n < count; n++) {
    shards.begin(`n${n}`, "g", [1, 1])
    shards.update(`n${n}`, "'l", new Map([[`n${n}`, ["127.0.0.1:1"]]]), [], "g", [1, 1])
  }
  shards.drop("g")
}

export const growth: ReadonlyArray<Goal> = [
  { name: "10,000 children start", unit: "ms", atMost: 2000, measure: async () => (await children(10_000)).starting },
  {
    name: "10,000 are killed: the loop waits",
    unit: "ms",
    atMost: 250,
    measure: async () => (await children(10_000, true)).wait
  },
  { name: "100,000 start, to 10,000", unit: "x", atMost: 30, measure: () => tenfold("starting") },
  { name: "100,000 stop, to 10,000", unit: "x", atMost: 30, measure: () => tenfold("stopping") },
  {
    name: "50,000 children are checked",
    unit: "ms",
    atMost: 1500,
    measure: () => {
      const start = Port.make({})
      const specs = Array.from({ length: 50_000 }, (_, n) => ({ id: n === 0 ? "child 1" : `child ${n}`, start }))
      return millisOf(() => onNode(Effect.scoped(Effect.flip(Supervisor.make({ children: specs })))))
    }
  },
  {
    name: "20,000 nodes come and go, to 1000",
    unit: "x",
    atMost: 100,
    measure: async () => {
      const few = Math.max(await millisOf(comeAndGo(1000)), await millisOf(comeAndGo(1000)))
      return await millisOf(comeAndGo(20_000)) / few
    }
  },
  ...["cbor", "json"].flatMap((framing) =>
    Object.entries(messages).map(([what, make]): Goal => ({
      name: `64 MiB to 8, ${framing}: ${what}`,
      unit: "x",
      atMost: 16,
      measure: async () => decoding(framing, make)
    }))
  )
]
