/**
 * NATS, where `nats-server` and the npm package `@nats-io/transport-node` are: one server for all of a bench, and its clients in
 * the processes of the sides. It carries bytes: small messages are JSON, as its users write them, and payloads go as they are.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { devNull } from "node:os"
import { Transport } from "../../src/index.ts"
import type { Wire } from "../ours.ts"
import { Child, isInstalled } from "../processes.ts"
import { makeSignal, rate, type Side, textOf } from "../workload.ts"

/** What is used of the client, which is not among the dependencies. */
interface Message {
  readonly data: Uint8Array
  /** Where an answer goes, if one is wanted. */
  readonly reply?: string
  readonly json: () => unknown
  readonly respond: (data: string) => boolean
}

interface Connection {
  readonly publish: (subject: string, data?: string | Uint8Array) => void
  readonly request: (subject: string, data?: string, options?: { readonly timeout: number }) => Promise<Message>
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
  readonly subscribe: (
    subject: string,
    options: { readonly callback: (error: unknown, message: Message) => void }
  ) => void
}

interface Client {
  readonly connect: (options: { readonly port: number }) => Promise<Connection>
}

const client = (): Promise<Client> => {
  const name: string = "@nats-io/transport-node"
  return import(name) as Promise<Client>
}

/** Where the server listens; processes of the bench inherit it. */
const serverPort = "BENCH_NATS"

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** Starts the server. Answers whether that was possible. */
export const prepare = async (): Promise<boolean> => {
  if (!isInstalled("nats-server", "--version") || !await client().then(() => true, () => false)) return false
  const port = await freePort()
  process.env[serverPort] = String(port)
  const server = new Child({ command: "nats-server", args: ["-a", "127.0.0.1", "-p", String(port), "-l", devNull] })
  for (let tries = 0; tries < 100; tries++) {
    const isThere = await (await client()).connect({ port }).then((connection) => connection.close()).then(
      () => true,
      () => false
    )
    if (isThere) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await server[Symbol.asyncDispose]()
  return false
}

/** Nodes of ours over the same server. */
export const ourNats: Wire = {
  layer: Layer.orDie(
    Layer.suspend(() => Transport.layerNats({ servers: `127.0.0.1:${process.env[serverPort]}`, network: "many" }))
  ),
  bind: "nats:"
}

const connection = Effect.acquireRelease(
  Effect.promise(async () => (await client()).connect({ port: Number(process.env[serverPort]) })),
  (connection) => Effect.promise(() => connection.close())
)

/** The client keeps what has not left: after so many bytes, its users wait for it. */
const flushBytes = 1024 * 1024

/** Publishes messages of some bytes each, then asks behind them. */
const sendAll = async (nats: Connection, count: number, bytes: number, data: (n: number) => string | Uint8Array) => {
  const often = Math.ceil(flushBytes / bytes)
  for (let n = 0; n < count; n++) {
    nats.publish("item", data(n))
    if (n % often === often - 1) await nats.flush()
  }
}

const item = (n: number): string => JSON.stringify(["item", n, textOf(n)])

/** A receiver of another process, which is asked behind each burst. */
const burstTo = (
  take: (message: Message) => number,
  per: number,
  count: number,
  bytes: number,
  makeData: () => (n: number) => string | Uint8Array
): Side => ({
  partner: Effect.gen(function*() {
    const nats = yield* connection
    let total = 0
    // One subscription: of several the order is not kept.
    nats.subscribe("item", {
      callback: (_, message) => {
        if (message.reply) message.respond(String(total))
        else total += take(message)
      }
    })
    yield* Effect.promise(() => nats.flush())
    return ["ready"]
  }),
  measure: () =>
    Effect.gen(function*() {
      const nats = yield* connection
      const data = makeData()
      return yield* rate(
        per,
        Effect.promise(async () => {
          await sendAll(nats, count, bytes, data)
          await nats.request("item", "", { timeout: 30_000 })
        })
      )
    })
})

const charactersOf = (message: Message): number =>
  (message.json() as readonly [tag: string, n: number, text: string])[2].length

export const nats = {
  oneWay: (burst: number): Side => burstTo(charactersOf, burst, burst, 40, () => item),

  roundTrips: (rounds: number): Side => ({
    partner: Effect.gen(function*() {
      const nats = yield* connection
      nats.subscribe("echo", { callback: (_, message) => void message.respond("") })
      yield* Effect.promise(() => nats.flush())
      return ["ready"]
    }),
    measure: () =>
      Effect.gen(function*() {
        const nats = yield* connection
        return yield* rate(
          rounds,
          Effect.promise(async () => {
            for (let n = 0; n < rounds; n++) await nats.request("echo", "", { timeout: 30_000 })
          })
        )
      })
  }),

  payloads: (payloadsOf: (size: number) => ReadonlyArray<Uint8Array>, size: number, megabytes: number): Side =>
    burstTo(({ data }) => data.length, megabytes, megabytes * 1e6 / size, size, () => {
      const payloads = payloadsOf(size)
      return (n) => payloads[n]!
    }),

  manyToOne: (clients: number, share: number): Side => ({
    partners: clients,
    partner: Effect.gen(function*() {
      const nats = yield* connection
      nats.subscribe("go", {
        callback: () => void sendAll(nats, share, 40, item).then(() => nats.publish("item", JSON.stringify(["done"])))
      })
      yield* Effect.promise(() => nats.flush())
      return ["ready"]
    }),
    measure: () =>
      Effect.gen(function*() {
        const nats = yield* connection
        const { tell, wait } = makeSignal()
        let done = 0
        let characters = 0
        nats.subscribe("item", {
          callback: (_, message) => {
            const [tag, , text] = message.json() as readonly [tag: string, n: number, text: string]
            if (tag === "item") characters += text.length
            else if (++done % clients === 0) tell()
          }
        })
        yield* Effect.promise(() => nats.flush())
        return yield* rate(clients * share, Effect.andThen(Effect.sync(() => nats.publish("go")), wait))
      })
  })
}
