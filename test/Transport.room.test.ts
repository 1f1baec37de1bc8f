/** Senders that wait for room on a link: whoever waits goes on, over every wire, however large the messages and however slow the reader. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import type * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { pem } from "./certificates.ts"
import { connect, hasWaiting, makeWorld, type TestNode, until, within, type World } from "./harness.ts"
import { sized } from "./size.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let sockets = 0
const freshPath = (): string => join(folder, String(sockets++))

const kibibyte = 1024
const mebibyte = 1024 * kibibyte

/** Around all that wires and links count by: a portion of a socket, where senders begin to wait, several of both. */
const Size = Schema.Literals(
  [0, 1, 16, 64, 128, 256, 512, 1024, 2048].flatMap((kibibytes) =>
    [-1, 0, 1].map((more) => Math.max(0, kibibytes * kibibyte + more))
  )
)

/** Turns of the event loop that a reader takes before it reads on, one after each piece, over and over. */
const Pauses = Schema.Array(Schema.Literals([0, 0, 1, 3, 20])).check(Schema.isMinLength(1), Schema.isMaxLength(6))

const Traffic = Schema.Struct({
  /** What each of the senders sends, one after the other. */
  senders: Schema.Array(Schema.Array(Size).check(Schema.isMinLength(1), Schema.isMaxLength(8))).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(4)
  ),
  pauses: Pauses
})

type Traffic = typeof Traffic.Type

/** Listens in the place of a node, and passes on what comes: to the node as slowly as that one reads. */
const slowWay = (
  to: net.NetConnectOpts,
  at: net.ListenOptions,
  pauses: Traffic["pauses"]
): Effect.Effect<net.Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback((resume) => {
      const server = net.createServer((from) => {
        const on = net.connect(to)
        let pieces = 0
        const readOn = (turns: number): void => {
          if (turns > 0) setImmediate(() => readOn(turns - 1))
          else from.resume()
        }
        from.on("data", (piece) => {
          from.pause()
          on.write(piece, () => readOn(pauses[pieces++ % pauses.length]!))
        })
        on.on("data", (piece) => void from.write(piece))
        for (const [one, other] of [[from, on], [on, from]] as const) {
          one.on("error", () => {}).on("close", () => other.destroy())
        }
      })
      server.listen(at, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

/** Everything arrives, what is asked for comes back, and nobody waits any more. */
const allArrives = (a: TestNode, b: TestNode, { senders }: Traffic): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const wanted = senders.flat().reduce((sum, size) => sum + size, 0)
    let got = 0
    const port = yield* b.run(Port.make({
      take: (bytes: Uint8Array) => {
        got += bytes.length
      },
      give: (size: number, reply) => Port.snd(reply, new Uint8Array(size))
    }))
    const each = <E>(send: (size: number) => Effect.Effect<unknown, E, Node.Node>) =>
      Effect.forEach(senders, (sizes) => Effect.forEach(sizes, (size) => a.run(send(size))), {
        concurrency: "unbounded",
        discard: true
      })
    const sent = each((size) => Port.snd(port, "take", new Uint8Array(size)))
    const asked = each((size) => Port.calMessage(port, "give", size))
    yield* within("all are sent and answered", Effect.orDie(Effect.all([sent, asked], { concurrency: "unbounded" })))
    yield* until(`${wanted} bytes arrive`, () => got === wanted)
    assert.isTrue(yield* hasWaiting(a, "b", 0))
  })

/** Two nodes, and between them what makes the second one slow. */
type Between<R> = (
  world: World,
  pauses: Traffic["pauses"]
) => Effect.Effect<readonly [TestNode, TestNode], unknown, Scope.Scope | R>

const slowTcp = (optionsOf: (name: "a" | "b") => Node.Options): Between<never> => (world, pauses) =>
  Effect.gen(function*() {
    const a = yield* world.start("a", optionsOf("a"))
    const b = yield* world.start("b", optionsOf("b"))
    const [host = "", port = ""] = b.address.split(":")
    const way = yield* slowWay({ host, port: Number(port) }, { host, port: 0 }, pauses)
    world.book.set("b", [`${host}:${(way.address() as net.AddressInfo).port}`])
    return [a, b] as const
  })

const slowUnix: Between<never> = (world, pauses) =>
  Effect.gen(function*() {
    const [file, way] = [freshPath(), freshPath()]
    const a = yield* world.start("a", { binds: [] })
    const b = yield* world.start("b", { binds: [`unix:${file}`] })
    yield* slowWay({ path: file }, { path: way }, pauses)
    world.book.set("b", [`unix:${way}`])
    return [a, b] as const
  })

const slowMemory: Between<Transport.MemoryNetwork> = (world, pauses) =>
  Effect.gen(function*() {
    const network = yield* Transport.MemoryNetwork
    const turns = pauses.reduce<number>((sum, pause) => sum + pause, 0)
    network.shape({ from: "a", to: "b" }, { bandwidth: turns === 0 ? Infinity : 400 * mebibyte / turns })
    const a = yield* world.start("a")
    return [a, yield* world.start("b")] as const
  })

describe("whoever waits for room goes on", () => {
  const over = <R>(name: string, transport: Layer.Layer<Transport.Transport | R>, between: Between<R>): void =>
    it.live.prop(
      `over ${name}, whatever is sent and however slowly it is read`,
      [Traffic],
      ([traffic]) =>
        Effect.gen(function*() {
          const world = yield* makeWorld
          const [a, b] = yield* between(world, traffic.pauses)
          yield* connect(a, b)
          yield* allArrives(a, b, traffic)
        }).pipe(Effect.scoped, Effect.provide(transport)),
      { arbitrary: { runs: sized(10, 300) } }
    )

  over("TCP", Transport.layerTcp, slowTcp(() => ({})))
  over("TLS", Transport.layerTcp, slowTcp((name) => ({ secret: undefined, cert: pem(name) })))
  over("a Unix socket", Transport.layerUnix, slowUnix)
  over("memory", Transport.layerMemory, slowMemory)
})
