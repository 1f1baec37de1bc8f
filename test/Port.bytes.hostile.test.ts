/**
 * Streams of bytes with processes that are killed, with strangers, and with peers that have the secret and mean harm.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Node, Port, Transport } from "../src/index.ts"
import { begin, makeWorld, secret, type TestNode, testOver, until, within } from "./harness.ts"
import { start } from "./processes.ts"
import { connectRaw, dialRaw, ownKind, type RawPeer } from "./rawPeer.ts"
import { SeededRandom } from "./simulation/random.ts"
import { sized } from "./size.ts"

const keys = ownKind(60_000)
const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex")

/** The three lines of somebody who dials for a data connection. */
const dataOpening = (number: string, key = secret, nodeId = "raw", own = keys): string =>
  `aemp-dataconn;1;${nodeId};hmac_sha3_512;json${own};dataconn_id=${number}\nnonce of data ${number}\n` +
  `cleartext;${hex(key)};json\n`

/** A data connection as the raw peer has it: bytes out, and whether it is closed. */
const dialData = (node: TestNode, opening: string) => dialRaw(node.address, { opening })

/** A peer with a link that says that it will send to a place, and the number that it is told to dial with. */
const agree = (peer: RawPeer, id: string, number: string) =>
  Effect.gen(function*() {
    peer.send(["", "emp_bytes", id, number])
    yield* until("it is to dial", () =>
      peer.packets.some((packet) => packet[1] === "emp_bytes_dial" && packet[2] === number))
  })

const errorOf = <A>(effect: Effect.Effect<A, Port.BytesError>) =>
  within("the end of the bytes", Effect.orDie(Effect.flip(effect)))

const frame = (kind: number, value: number, content = ""): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = kind
  head.writeUInt32BE(value, 1)
  return Buffer.concat([head, Buffer.from(content, "latin1")])
}

describe("a process that is killed in the middle of a stream of bytes", () => {
  it.live("ends it at the other end, which never takes it for complete", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const a = yield* world.start("a")
      for (const direction of ["send", "take"]) {
        const far = start(["test/fixtures/bytesServer.ts", "far", secret])
        const [, address = "", port = ""] = yield* Effect.promise(() => far.sees(/listens at (\S+) with (\S+)/))
        world.book.set("far", [address])
        let passed = 0
        const count = (bytes: Uint8Array) => Effect.sync(() => passed += bytes.length)
        const receive = Effect.gen(function*() {
          const { id, stream } = yield* Port.bytes()
          yield* Port.snd(port, "send", id)
          return yield* Effect.flip(Stream.runDrain(Stream.tap(stream, count)))
        })
        const send = Effect.gen(function*() {
          const id = yield* Effect.orDie(Port.cal(port, "take"))
          const bytes = Stream.forever(Stream.succeed(new Uint8Array(60_000))).pipe(
            Stream.rechunk(1),
            Stream.tap(count)
          )
          return yield* Effect.flip(Stream.run(bytes, Port.bytesTo(id)))
        })
        const ended = yield* begin(a.run(direction === "send" ? receive : send))
        yield* until("bytes have passed", () => passed > 5_000_000)
        yield* Effect.promise(() => far.end("SIGKILL"))
        const error = yield* within("the end of the bytes", Fiber.join(ended))
        assert.deepInclude(error, { reason: "connection_lost", node: "far", linkError: "link_lost" })
      }
    }).pipe(Effect.scoped, Effect.provide(Transport.layerTcp)))
})

describe("somebody who dials for a stream of bytes", () => {
  const test = testOver(Transport.layerTcp)

  test("is let in by the secret, for the number that was agreed on, once", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const peer = yield* connectRaw(a.address, { keys })
      const { id, stream } = yield* a.run(Port.bytes())
      const size = yield* begin(Stream.runFold(stream, () => 0, (n, bytes) => n + bytes.length))
      yield* agree(peer, id, "agreed")
      for (
        const opening of [
          dataOpening("agreed", "another secret"),
          dataOpening("other"),
          dataOpening("agreed", secret, "other"),
          dataOpening("agreed", secret, "raw", ownKind(60_000, "another process")),
          // Another kind of node has other data connections.
          dataOpening("agreed", secret, "raw", ""),
          dataOpening("agreed").replace("aemp-dataconn", "aemp-other")
        ]
      ) {
        const stranger = yield* dialData(a, opening)
        yield* stranger.closed
      }
      const data = yield* dialData(a, dataOpening("agreed"))
      data.write(Buffer.concat([frame(0, 3, "abc"), frame(1, 0)]))
      assert.strictEqual(yield* within("the bytes", Fiber.join(size)), 3)
      yield* data.closed
      const again = yield* dialData(a, dataOpening("agreed"))
      yield* again.closed
      assert.isFalse(peer.isClosed())
    }))

  test("and does not know the secret learns nothing: not even whether the number is right", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const peer = yield* connectRaw(a.address, { keys })
      const { id, stream } = yield* a.run(Port.bytes())
      yield* begin(Effect.exit(Stream.runDrain(stream)))
      yield* agree(peer, id, "right")
      const [right, wrong] = yield* Effect.forEach(["right", "wrong"], (number) =>
        Effect.gen(function*() {
          // It never authenticates.
          const stranger = yield* dialData(a, dataOpening(number).split("cleartext")[0]!)
          yield* until("two lines", () => stranger.lines.length === 2)
          yield* peer.settle
          return stranger
        }))
      assert.deepStrictEqual([right!.lines.length, wrong!.lines.length], [2, 2])
      assert.deepStrictEqual([right!.isClosed(), wrong!.isClosed()], [false, false])
    }))

  test("cannot make the node say what it does not mean, by the number", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const peer = yield* connectRaw(a.address, { keys })
      for (const number of ["x;tls=1.0", "x\ny", "", "x".repeat(65), 7, null, {}]) {
        const { id } = yield* a.run(Port.bytes())
        peer.send(["", "emp_bytes", id, number], ["", "emp_bytes_dial", number], ["", "emp_bytes_off", number, "x"])
      }
      yield* peer.settle
      assert.strictEqual((yield* a.run(Node.gauges)).byteStreams, 0)
    }))

  test("and breaks the rules loses that connection, and nothing else", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const peer = yield* connectRaw(a.address, { keys })
      const random = new SeededRandom("hostile bytes")
      for (let round = 0; round < sized(60, 1000); round++) {
        const { id, stream } = yield* a.run(Port.bytes({ window: 10_000 }))
        const end = yield* begin(Effect.exit(Stream.runDrain(stream)))
        yield* agree(peer, id, `n${round}`)
        const data = yield* dialData(a, dataOpening(`n${round}`))
        yield* until("the connection stands", () => data.lines.length === 3)
        const kinds = [0, 0, 0, 2, 3, 4, 5, 6, 99]
        const bytes = Array.from({ length: random.int(1, 30) }, () => {
          const size = random.pick([0, 1, 500, 11_000])!
          return random.chance(0.8)
            ? frame(random.pick(kinds)!, random.pick([size, size, 2 ** 32 - 1])!, "x".repeat(size))
            : Buffer.from(Array.from({ length: random.int(1, 50) }, () => random.int(0, 255)))
        })
        data.write(Buffer.concat(bytes))
        data.socket.end()
        const exit = yield* within("the end of the bytes", Fiber.join(end))
        assert.strictEqual(exit._tag, "Failure", `round ${round}`)
      }
      yield* until("nothing is left", () => Effect.map(a.run(Node.gauges), (held) => held.byteStreams === 0))
      assert.isFalse(peer.isClosed())
      yield* peer.settle
    }))

  test("and grants endless room, but does not read, makes nobody hold more than some memory", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const peer = yield* connectRaw(a.address, { keys })
      let pieces = 0
      const endless = Stream.forever(Stream.succeed(new Uint8Array(100_000))).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.sync(() => pieces++))
      )
      const sending = yield* begin(a.run(Stream.run(endless, Port.bytesTo("raw#place"))))
      yield* until("it would send", () => peer.packets.some((packet) => packet[1] === "emp_bytes"))
      const number = String(peer.packets.find((packet) => packet[1] === "emp_bytes")?.[3])
      const data = yield* dialData(a, dataOpening(number))
      yield* until("the connection stands", () => data.lines.length === 3)
      data.socket.pause()
      for (let n = 0; n < 10; n++) data.write(frame(3, 2 ** 32 - 1))
      yield* until("bytes were sent", () => pieces > 10)
      for (let n = 0; n < 20; n++) yield* peer.settle
      // What the system holds for a socket beside that.
      assert.isBelow(pieces * 100_000, 40_000_000)
      data.socket.destroy()
      assert.strictEqual((yield* errorOf(Fiber.join(sending))).reason, "connection_lost")
    }))
})
