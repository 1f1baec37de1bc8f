/**
 * W13: many bytes between two processes: how many a second, beside a socket; and how long a call of the link takes beside them, and
 * beside as many on a socket and on the link itself: half of all calls, and 99 of 100.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import { Port } from "../../src/index.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as ours from "../ours.ts"
import { connected } from "../peers/socket.ts"
import { type Partner, rate, type Side, type Workload } from "../workload.ts"

const piece = new Uint8Array(64 * 1024)
/** MiB of one transfer, and their pieces. */
const batchMiB = 256
const batchPieces = batchMiB * 16
/** All that runs beside messages: 1 GiB. */
const allPieces = 16 * 1024
/** A megabyte is a million bytes. */
const batchMegabytes = batchMiB * 1.048576

const pieces = (count: number) =>
  Stream.fromIterable(Array.from({ length: count }, () => piece)).pipe(Stream.rechunk(1))

const Files = RpcGroup.make(
  EffectRpc.make("read", { payload: Schema.Int, success: Schema.Uint8Array, stream: true }),
  EffectRpc.make("ping", { success: Schema.Int })
)
const files = Files.toLayer({ read: (count) => pieces(count), ping: () => Effect.succeed(1) })

/** A partner that sends as many pieces as it is asked for, to the place that it is told, and answers pings. */
const sender = ours.listening(Port.make({
  send: (id: string, count: number) => Port.fork(Stream.run(pieces(count), Port.bytesTo(id))),
  ping: (reply: string) => Port.snd(reply, 1)
}))

const receive = (partner: string, count: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { id, stream } = yield* Port.bytes()
    yield* Port.snd(partner, "send", id, count)
    yield* Stream.runDrain(stream)
  }))

const bytes: Side = {
  partner: sender,
  measure: (partners) => ours.dialling(partners, (port = "") => rate(batchMegabytes, receive(port, batchPieces)))
}

const stream: Side = {
  partner: ours.listening(Effect.provide(Rpc.serve(Files, { disableTracing: true }), files)),
  measure: (partners) =>
    ours.dialling(partners, (server = "") =>
      Effect.flatMap(
        Rpc.client(Files, server, { disableTracing: true }),
        (client) => rate(batchMegabytes, Stream.runDrain(client.read(batchPieces)))
      ))
}

/** Writes so many pieces, with back pressure. */
const writeAll = (socket: net.Socket, count: number): void => {
  let left = count
  const goOn = (): void => {
    while (left-- > 0) if (!socket.write(piece)) return void socket.once("drain", goOn)
  }
  goOn()
}

/** A server of sockets, which sends as many pieces as it is told. */
const socketServer = Effect.callback<ReadonlyArray<number>>((resume) => {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {}).on("data", (count: Buffer) => writeAll(socket, Number(count)))
  })
  server.listen(0, "127.0.0.1", () => resume(Effect.succeed([(server.address() as net.AddressInfo).port])))
})

const receiveRaw = (socket: net.Socket, count: number) =>
  Effect.callback<void>((resume) => {
    let come = 0
    const take = (chunk: Buffer): void => {
      come += chunk.length
      if (come < count * piece.length) return
      socket.off("data", take)
      resume(Effect.void)
    }
    socket.on("data", take).write(String(count))
  })

const raw: Side = {
  partner: socketServer,
  measure: ([partner]: ReadonlyArray<Partner>) =>
    Effect.flatMap(connected(partner!), (socket) => rate(batchMegabytes, receiveRaw(socket, batchPieces)))
}

/** What this part of all calls takes at most, in milliseconds, one after the other until it is over. */
const slowest = <E, R>(part: number, call: Effect.Effect<unknown, E, R>, isOver: (calls: number) => boolean) =>
  Effect.gen(function*() {
    const took: Array<number> = []
    for (let calls = 0; !isOver(calls); calls++) {
      const began = performance.now()
      yield* call
      took.push(performance.now() - began)
    }
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * part)]!
  })

const beside = <E1, R1, E2, R2>(
  part: number,
  call: Effect.Effect<unknown, E1, R1>,
  bulk: Effect.Effect<unknown, E2, R2>
) =>
  Effect.gen(function*() {
    yield* slowest(part, call, (calls) => calls === 1000)
    const ended = yield* Deferred.make<void>()
    const running = yield* Effect.forkChild(Effect.ensuring(bulk, Deferred.succeed(ended, undefined)))
    const figure = yield* slowest(part, call, () => Deferred.isDoneUnsafe(ended))
    yield* Fiber.join(running)
    return figure
  })

const latency = (name: string, title: string, part: number): Workload => ({
  name,
  title,
  unit: "ms",
  sides: {
    "beside bytes": {
      partner: sender,
      measure: (partners) =>
        ours.dialling(
          partners,
          (port = "") => beside(part, Port.cal(port, "ping"), receive(port, allPieces))
        )
    },
    "beside a socket": {
      partner: Effect.zipWith(sender, socketServer, (node, port) => [...node, ...port]),
      measure: (partners) =>
        Effect.flatMap(connected({ ...partners[0]!, words: partners[0]!.words.slice(2) }), (socket) =>
          ours.dialling(
            partners,
            (port = "") => beside(part, Port.cal(port, "ping"), receiveRaw(socket, allPieces))
          ))
    },
    "beside a stream of rpc": {
      partner: ours.listening(Effect.provide(Rpc.serve(Files, { disableTracing: true }), files)),
      measure: (partners) =>
        ours.dialling(
          partners,
          (server = "") =>
            Effect.flatMap(Rpc.client(Files, server, { disableTracing: true }), (client) =>
              beside(part, client.ping(), Stream.runDrain(client.read(allPieces))))
        )
    },
    "alone": {
      partner: sender,
      measure: (partners) =>
        ours.dialling(partners, (port = "") => slowest(part, Port.cal(port, "ping"), (calls) => calls === 5000))
    }
  },
  lines: [
    { side: "beside bytes", peer: "beside a socket" },
    { side: "beside bytes", peer: "beside a stream of rpc" },
    { side: "beside bytes", peer: "alone" }
  ]
})

export const bytesBeside: ReadonlyArray<Workload> = [
  {
    name: "W13a",
    title: "two processes, a stream of bytes",
    unit: "MB/s",
    sides: { bytes, raw, "stream of rpc": stream },
    lines: [{ side: "bytes", peer: "raw" }, { side: "bytes", peer: "stream of rpc" }]
  },
  latency("W13b", "a call of the same link beside 1 GiB, half of them", 0.5),
  latency("W13c", "the same, 99 of 100", 0.99)
]
