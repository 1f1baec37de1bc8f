/**
 * Two processes over loopback TCP: a node with an echo port, beside a program of `node:net` and `cbor-x` alone that
 * coalesces its writes.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import * as net from "node:net"
import { Node, Port, Transport } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import type { Comparison, Run } from "./local.ts"
import { coalescing, decoder } from "./raw.ts"

const messages = 100_000
const rounds = 20_000
/** A child that outlives a bench that was killed ends by itself. */
const childLifetime = 60_000

/** Starts `echo.ts` in one of its two kinds; answers its address and, for a node, its port. */
const echo = (kind: "node" | "raw") =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly child: ChildProcess; readonly line: string }>((resume) => {
        const child = spawn(process.execPath, [
          new URL("echo.ts", import.meta.url).pathname,
          kind,
          String(childLifetime)
        ], {
          stdio: ["pipe", "pipe", "inherit"]
        })
        child.stdout!.once("data", (line: Buffer) => resume(Effect.succeed({ child, line: line.toString().trim() })))
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ line }) => line.split(" ") as [address: string, port: string]
  )

const perSecond = (count: number, began: number): number => count / (performance.now() - began) * 1000

/** The echo port answers every `ping` with a message, and every `count` message after the last one with `done`. */
const ours = (work: (echo: string) => Effect.Effect<number, never, Node.Node>): Run =>
  Effect.scoped(Effect.gen(function*() {
    const [address, port] = yield* echo("node")
    const node = Node.layer({ nodeId: "bench", secret: "bench", binds: [] }).pipe(Layer.provide(Transport.layerTcp))
    return yield* Effect.andThen(
      Node.addressBook(() => Effect.succeed([address])),
      Effect.andThen(Effect.orDie(Port.cal(port, "ping")), work(port))
    ).pipe(Effect.provide(node), Effect.orDie)
  }))

const throughputOurs = ours((port) =>
  Effect.gen(function*() {
    const began = performance.now()
    let left = messages
    yield* Effect.whileLoop({
      while: () => left-- > 0,
      body: () => Port.snd(port, "count", 1, "some text"),
      step: () => {}
    })
    yield* Effect.orDie(Port.cal(port, "ping"))
    return perSecond(messages, began)
  })
)

const roundsOurs = ours((port) =>
  Effect.scoped(Effect.gen(function*() {
    const router = yield* NodeRouter
    const done = yield* Deferred.make<void>()
    let left = rounds
    let self = ""
    self = yield* Port.make(() =>
      Effect.sync(() => {
        if (--left > 0) router.send(port, ["ping", self])
        else Deferred.doneUnsafe(done, Effect.void)
      })
    )
    const began = performance.now()
    router.send(port, ["ping", self])
    yield* Deferred.await(done)
    return perSecond(rounds, began)
  }))
)

const raw = (work: (socket: net.Socket, send: (packet: unknown) => void) => Promise<number>): Run =>
  Effect.scoped(Effect.gen(function*() {
    const [address] = yield* echo("raw")
    return yield* Effect.promise(async () => {
      const socket = net.connect({ port: Number(address.split(":")[1]), noDelay: true })
      try {
        return await work(socket, coalescing(socket))
      } finally {
        socket.destroy()
      }
    })
  }))

const throughputRaw = raw((socket, send) =>
  new Promise((resolve) => {
    const decode = decoder()
    const began = performance.now()
    socket.on("data", (chunk) => {
      if (decode(chunk).length > 0) resolve(perSecond(messages, began))
    })
    let left = messages
    const some = (): void => {
      while (left > 0) {
        send(["echo", "count", 1, "some text"])
        if (--left % 1000 === 0 && socket.writableNeedDrain) return void socket.once("drain", some)
      }
      send(["echo", "ping", "x"])
    }
    some()
  })
)

const roundsRaw = raw((socket, send) =>
  new Promise((resolve) => {
    const decode = decoder()
    let left = rounds
    const began = performance.now()
    socket.on("data", (chunk) => {
      for (const _packet of decode(chunk)) {
        if (--left > 0) send(["echo", "ping", "x"])
        else resolve(perSecond(rounds, began))
      }
    })
    send(["echo", "ping", "x"])
  })
)

export const betweenProcesses: ReadonlyArray<Comparison> = [
  { name: "two processes: messages/s", unit: "/s", ours: throughputOurs, peer: throughputRaw },
  { name: "two processes: round trips/s", unit: "/s", ours: roundsOurs, peer: roundsRaw }
]
