/**
 * Streams of bytes between ports: whole or known to be cut, with back pressure, beside the link.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Carrier, Wire } from "../src/internal/transport/wire.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { pem } from "./certificates.ts"
import {
  begin,
  connect,
  follow,
  local,
  roundTrip,
  type TestNode,
  testOver,
  transports,
  until,
  upNodes,
  wires,
  within,
  type World
} from "./harness.ts"

const piece = 50_000

/** Bytes that tell where they stand: each piece is another one. */
const pieces = (count: number): Stream.Stream<Uint8Array> =>
  Stream.range(1, count).pipe(Stream.map((n) => new Uint8Array(piece).fill(n)), Stream.rechunk(1))

/** A stream without end that counts what was asked of it. */
const endless = () => {
  const seen = { pieces: 0, isOver: false }
  const stream = Stream.forever(Stream.succeed(new Uint8Array(piece))).pipe(
    Stream.rechunk(1),
    Stream.tap(() => Effect.sync(() => seen.pieces++)),
    Stream.ensuring(Effect.sync(() => {
      seen.isOver = true
    }))
  )
  return { seen, stream }
}

/** How many streams of bytes a node has. */
const streamsOf = (node: TestNode): Effect.Effect<number> =>
  Effect.map(node.run(Node.gauges), (held) => held.byteStreams)

const has = (node: TestNode, count: number): Effect.Effect<boolean> =>
  Effect.map(streamsOf(node), (streams) => streams === count)

const sizeOf = <E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<number, E, R> =>
  Stream.runFold(stream, () => 0, (size, bytes) => size + bytes.length)

/** All bytes, as the number of each kind of them. */
const kindsOf = <E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<ReadonlyArray<number>, E, R> =>
  Stream.runFold(stream, () => new Array<number>(), (kinds, bytes) => {
    for (const kind of bytes) if (kinds.at(-1) !== kind) kinds.push(kind)
    return kinds
  })

const send = <E>(node: TestNode, id: string, stream: Stream.Stream<Uint8Array, E>) =>
  node.run(Stream.run(stream, Port.bytesTo(id)))

/** How an effect fails. */
const errorOf = <A, R>(effect: Effect.Effect<A, Port.BytesError, R>): Effect.Effect<Port.BytesError, never, R> =>
  within("the end of the bytes", Effect.orDie(Effect.flip(effect)))

/** Reads one piece, and then nothing more. */
const readOne = (stream: Port.Bytes["stream"]) =>
  Effect.gen(function*() {
    const first = yield* Deferred.make<void>()
    const reading = yield* begin(
      Stream.runForEach(stream, () => Effect.andThen(Deferred.succeed(first, undefined), Effect.never))
    )
    yield* within("the first bytes", Deferred.await(first))
    return reading
  })

/** Bytes on their way from one node to another one, which has read some of them and waits. */
const underway = Effect.fnUntraced(function*(from: TestNode, to: TestNode) {
  const { seen, stream } = endless()
  const place = yield* to.run(Port.bytes())
  const sending = yield* begin(send(from, place.id, stream))
  const reading = yield* readOne(place.stream)
  return { seen, sending, reading }
})

const pair = Effect.fnUntraced(function*(world: World, a: Node.Options = {}, b: Node.Options = {}) {
  const nodes = [yield* world.start("a", a), yield* world.start("b", b)] as const
  yield* connect(...nodes)
  return nodes
})

const socket = (name: string): string => `unix:/tmp/effect-mp-bytes-${process.pid}-${name}.sock`

const ways = [
  ...wires.map(([name, layer]) => [name, layer, "127.0.0.1:*", "127.0.0.1:*"] as const),
  ["Unix sockets", Transport.layerUnix, socket("a"), socket("b")],
  ["WebSockets", Transport.layerWebSocket(), "ws://127.0.0.1:*/a", "ws://127.0.0.1:*/b"],
  ["two transports", Transport.any([Transport.layerUnix, Transport.layerTcp]), "127.0.0.1:*", socket("c")]
] as const

for (const [name, transport, bindOfA, bindOfB] of ways) {
  const test = testOver(transport)

  describe(`bytes between nodes, over ${name}`, () => {
    const both = (world: World) => pair(world, { binds: [bindOfA] }, { binds: [bindOfB] })

    test("arrive whole and in order, both ways, whoever has dialled", (world) =>
      Effect.gen(function*() {
        const nodes = yield* both(world)
        for (const [from, to] of [nodes, [nodes[1], nodes[0]]] as const) {
          const { id, stream } = yield* to.run(Port.bytes())
          const kinds = yield* begin(kindsOf(stream))
          yield* send(from, id, pieces(100))
          assert.deepStrictEqual(yield* Fiber.join(kinds), Array.from({ length: 100 }, (_, n) => n + 1))
        }
      }))

    test("pass through a window that is larger than what leaves at once", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* both(world)
        const { id, stream } = yield* b.run(Port.bytes({ window: 8 * 1024 * 1024 }))
        const size = yield* begin(sizeOf(stream))
        const large = Stream.range(1, 3).pipe(Stream.map(() => new Uint8Array(7_000_000)))
        yield* within("all bytes", send(a, id, large))
        assert.strictEqual(yield* Fiber.join(size), 21_000_000)
      }))

    test("pass from and to a node that listens nowhere", (world) =>
      Effect.gen(function*() {
        const hidden = yield* world.start("hidden", { binds: [] })
        const open = yield* world.start("open", { binds: [bindOfB] })
        yield* connect(hidden, open)
        for (const [from, to] of [[hidden, open], [open, hidden]] as const) {
          const { id, stream } = yield* to.run(Port.bytes())
          const size = yield* begin(sizeOf(stream))
          yield* send(from, id, pieces(50))
          assert.strictEqual(yield* Fiber.join(size), 50 * piece)
        }
      }))

    test("are still the program's own, which may send them again", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* both(world)
        const bytes = new Uint8Array(piece).fill(7)
        for (let n = 0; n < 2; n++) {
          const { id, stream } = yield* b.run(Port.bytes())
          const size = yield* begin(sizeOf(stream))
          yield* send(a, id, Stream.make(bytes, bytes))
          assert.strictEqual(yield* within("all of it", Fiber.join(size)), 2 * piece)
        }
        assert.deepStrictEqual(bytes, new Uint8Array(piece).fill(7))
      }))

    test("hold up no message while nobody reads them, and take no more memory than the window", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* both(world)
        const before = yield* follow(a)
        const seen = before.length
        const { seen: { pieces }, sending } = yield* underway(a, b)
        for (let n = 0; n < 20; n++) yield* roundTrip(a, b)
        assert.isAtMost(pieces * piece, 512 * 1024 + 3 * piece)
        assert.deepStrictEqual(yield* upNodes(a), ["b"])
        assert.strictEqual((yield* a.run(Node.peers)).length, 1)
        assert.strictEqual(before.length, seen)
        yield* Fiber.interrupt(sending)
      }))

    test("end at both ends, with the reason of the link, when that is lost", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* both(world)
        const { reading, sending } = yield* underway(a, b)
        yield* world.cut
        const sender = yield* errorOf(Fiber.join(sending))
        assert.deepInclude(sender, { reason: "connection_lost", node: "b", linkError: "link_lost" })
        yield* Fiber.interrupt(reading)
      }))

    test("end when the network falls silent", (world) =>
      Effect.gen(function*() {
        const options = { monitorTimeout: "1 second" } as const
        const [a, b] = yield* pair(world, { binds: [bindOfA], ...options }, { binds: [bindOfB], ...options })
        const place = yield* b.run(Port.bytes())
        const come = yield* Deferred.make<void>()
        const sending = yield* begin(send(a, place.id, Stream.concat(pieces(1), Stream.never)))
        const reading = yield* begin(sizeOf(Stream.tap(place.stream, () => Deferred.succeed(come, undefined))))
        yield* within("the first bytes", Deferred.await(come))
        yield* world.freeze
        for (const end of [Fiber.join(sending), Fiber.join(reading)]) {
          const { linkError, reason } = yield* errorOf<unknown, never>(end)
          assert.deepStrictEqual([reason, linkError], ["connection_lost", "peer_silent"])
        }
      }))
  })
}

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`an end of a stream of bytes, over ${name}`, () => {
    test("that needs no more stops the other one", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const { seen, stream } = endless()
        const place = yield* b.run(Port.bytes())
        const sending = yield* begin(send(a, place.id, stream))
        yield* Stream.runDrain(Stream.take(place.stream, 2))
        assert.deepInclude(yield* errorOf(Fiber.join(sending)), {
          reason: "receiver_ended",
          node: "b",
          detail: "it has ended"
        })
        assert.isTrue(seen.isOver)
      }))

    test("that fails or is interrupted tells the other one why", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const one = yield* b.run(Port.bytes())
        const failing = yield* begin(
          send(a, one.id, Stream.concat(pieces(2), Stream.fail(new Error("the disk is broken"))))
        )
        const sender = yield* errorOf(sizeOf(one.stream))
        assert.deepInclude(sender, { reason: "sender_ended", node: "a", detail: "Error: the disk is broken" })
        assert.include(String(yield* Effect.flip(Fiber.join(failing))), "the disk is broken")
        const two = yield* underway(a, b)
        yield* Fiber.interrupt(two.reading)
        assert.deepInclude(yield* errorOf(Fiber.join(two.sending)), {
          reason: "receiver_ended",
          detail: "it was interrupted"
        })
        const three = yield* b.run(Port.bytes())
        const sending = yield* begin(send(a, three.id, endless().stream))
        const size = yield* begin(sizeOf(three.stream))
        yield* until("bytes pass", () => has(a, 1))
        yield* Fiber.interrupt(sending)
        assert.strictEqual((yield* errorOf(Fiber.join(size))).reason, "sender_ended")
      }))

    test("whose scope closes stops the other one, before and while bytes pass", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const scope = yield* Scope.make()
        const { id } = yield* Scope.provide(b.run(Port.bytes()), scope)
        const { seen, stream } = endless()
        const sending = yield* begin(send(a, id, stream))
        yield* until("the window is full", () => seen.pieces >= 10)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* errorOf(Fiber.join(sending))).reason, "receiver_ended")
        const other = yield* Effect.scoped(b.run(Port.bytes()))
        assert.strictEqual((yield* errorOf(send(a, other.id, stream))).reason, "not_expected")
      }))

    test("that ends at once is told of an empty stream", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const { id, stream } = yield* b.run(Port.bytes())
        const size = yield* begin(sizeOf(stream))
        yield* send(a, id, Stream.empty)
        assert.strictEqual(yield* Fiber.join(size), 0)
      }))

    test("waits for the other one to have read all, however slow that is and however small its window", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const { id, stream } = yield* b.run(Port.bytes({ window: 1000 }))
        const gate = yield* Deferred.make<void>()
        const kinds = yield* begin(kindsOf(Stream.tap(stream, () => Deferred.await(gate))))
        const sending = yield* begin(send(a, id, pieces(3)))
        for (let n = 0; n < 10; n++) yield* roundTrip(a, b)
        assert.isUndefined(sending.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(kinds), [1, 2, 3])
        yield* Fiber.join(sending)
      }))
  })

  describe(`an ID for bytes, over ${name}`, () => {
    test("is good once, for its time, and nobody makes one up", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const { id, stream } = yield* b.run(Port.bytes())
        const size = yield* begin(sizeOf(stream))
        yield* send(a, id, pieces(1))
        yield* Fiber.join(size)
        const old = yield* b.run(Port.bytes({ patience: 10 }))
        assert.strictEqual((yield* errorOf(sizeOf(old.stream))).reason, "nobody_came")
        for (const wrong of [id, old.id, "b#nothing", "b", "a#nothing"]) {
          assert.strictEqual((yield* errorOf(send(a, wrong, pieces(1)))).reason, "not_expected", wrong)
        }
        assert.strictEqual((yield* errorOf(send(a, "", pieces(1)))).reason, "not_expected")
        assert.deepInclude(yield* errorOf(send(a, "nobody#x", pieces(1))), {
          reason: "unreachable",
          linkError: "no_known_address"
        })
      }))

    test("is good for as many streams as a node can bear, and the next one is told so", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const sendings = yield* Effect.forEach(Array.from({ length: 64 }), () =>
          Effect.gen(function*() {
            const { id } = yield* b.run(Port.bytes())
            return yield* begin(send(a, id, Stream.never))
          }))
        yield* until("all have begun", () => has(b, 64))
        const { id, stream } = yield* b.run(Port.bytes())
        assert.strictEqual((yield* errorOf(send(a, id, pieces(1)))).reason, "too_many")
        yield* Fiber.interruptAll(sendings)
        yield* until("all have ended", () => Effect.zipWith(has(a, 0), has(b, 0), (one, other) => one && other))
        const size = yield* begin(sizeOf(stream))
        yield* send(a, id, pieces(1))
        assert.strictEqual(yield* Fiber.join(size), piece)
      }))
  })

  describe(`a node that stops, over ${name}`, () => {
    test("lets streams of bytes finish, and begins none", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        const { id, stream } = yield* b.run(Port.bytes())
        const gate = yield* Deferred.make<void>()
        const late = yield* b.run(Port.bytes())
        const begun = yield* Deferred.make<void>()
        const sending = yield* begin(send(a, id, pieces(100)))
        const size = yield* begin(
          sizeOf(Stream.tap(stream, () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))))
        )
        yield* within("the stream has begun", Deferred.await(begun))
        const stopping = yield* begin(b.stop)
        yield* until("it drains", () => Effect.map(b.run(Node.lacks), (lacks) => lacks.length > 0))
        assert.strictEqual((yield* errorOf(send(a, late.id, pieces(1)))).reason, "draining")
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(size), 100 * piece)
        yield* Fiber.join(sending)
        yield* Fiber.join(stopping)
      }))

    test("ends those that are not done in time, and says so", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, {}, { drainTimeout: "50 millis" })
        const { reading, sending } = yield* underway(a, b)
        yield* b.stop
        assert.deepInclude(yield* errorOf(Fiber.join(sending)), {
          reason: "connection_lost",
          linkError: "node_left"
        })
        assert.include(world.logs.join(), "is not done with: streams of bytes: 1")
        yield* Fiber.interrupt(reading)
      }))
  })

  describe(`bytes with certificates, over ${name}`, () => {
    test("are for the nodes that they name, and travel within TLS", (world) =>
      Effect.gen(function*() {
        const options = (name: string): Node.Options => ({ secret: undefined, cert: pem(name), nodeIdInCert: true })
        const [a, b] = yield* pair(world, options("a"), options("b"))
        for (const [from, to] of [[a, b], [b, a]] as const) {
          const { id, stream } = yield* to.run(Port.bytes())
          const kinds = yield* begin(kindsOf(stream))
          yield* send(from, id, pieces(60))
          assert.strictEqual((yield* Fiber.join(kinds)).length, 60)
          const wide = yield* to.run(Port.bytes({ window: 8 * 1024 * 1024 }))
          const size = yield* begin(sizeOf(wide.stream))
          yield* within("all bytes", send(from, wide.id, Stream.succeed(new Uint8Array(20_000_000))))
          assert.strictEqual(yield* Fiber.join(size), 20_000_000)
        }
        const { seen, sending } = yield* underway(a, b)
        yield* roundTrip(a, b)
        assert.isAtMost(seen.pieces * piece, 512 * 1024 + 3 * piece)
        yield* Fiber.interrupt(sending)
      }))
  })
}

describe("bytes within a node", () => {
  it.live("pass as between nodes, with back pressure and ends", () =>
    local(Effect.gen(function*() {
      const one = yield* Port.bytes()
      const kinds = yield* begin(kindsOf(one.stream))
      yield* Stream.run(pieces(100), Port.bytesTo(one.id))
      assert.strictEqual((yield* Fiber.join(kinds)).length, 100)
      const two = yield* Port.bytes()
      const { seen, stream } = endless()
      const sending = yield* begin(Stream.run(stream, Port.bytesTo(two.id)))
      const reading = yield* readOne(two.stream)
      assert.isAtMost(seen.pieces * piece, 512 * 1024 + 3 * piece)
      yield* Fiber.interrupt(reading)
      assert.strictEqual((yield* errorOf(Fiber.join(sending))).reason, "receiver_ended")
      assert.strictEqual((yield* errorOf(Stream.run(stream, Port.bytesTo(one.id)))).reason, "not_expected")
    })))

  it.live("end with the port that reads them", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make({
        read: (reply) =>
          Effect.gen(function*() {
            const { id, stream } = yield* Port.bytes()
            yield* Port.snd(reply, id)
            yield* Stream.runForEach(stream, () => Effect.never)
          })
      })
      const id = yield* Port.cal(port, "read")
      const { seen, stream } = endless()
      const sending = yield* begin(Stream.run(stream, Port.bytesTo(id)))
      yield* until("bytes pass", () => seen.pieces > 3)
      yield* Port.kil(port)
      assert.strictEqual((yield* errorOf(Fiber.join(sending))).reason, "receiver_ended")
    })))

  it.effect("come once", () =>
    local(Effect.gen(function*() {
      const { stream } = yield* Port.bytes()
      yield* begin(sizeOf(stream))
      const exit = yield* Effect.exit(sizeOf(stream))
      assert.isTrue(Exit.hasDies(exit))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(Port.bytes({ window: 0.5 }))))
    })))
})

/** A transport of which the connection that was dialled last can be cut, and the next ones refused. */
const withLastCut = () => {
  const state = { last: undefined as Wire | undefined, dialled: 0, isRefusing: false }
  const layer = Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (inner): Carrier => ({
      ...inner,
      dial: (address, host) =>
        Effect.suspend(() => {
          state.dialled++
          return state.isRefusing
            ? Effect.fail(new Transport.LinkError({ reason: "connect_failed", peer: address }))
            : Effect.tap(inner.dial(address, host), (wire) => Effect.sync(() => void (state.last = wire)))
        })
    }))
  ).pipe(Layer.provide(Transport.layerTcp))
  return { state, layer }
}

describe("the connection of a stream of bytes", () => {
  const one = withLastCut()
  testOver(one.layer)("is lost alone: the link stays", (world) =>
    Effect.gen(function*() {
      const [a, b] = yield* pair(world)
      const place = yield* b.run(Port.bytes())
      const sending = yield* begin(send(a, place.id, Stream.concat(pieces(3), Stream.never)))
      let come = 0
      const reading = yield* begin(sizeOf(Stream.tap(place.stream, ({ length }) => Effect.sync(() => come += length))))
      yield* until("bytes have come", () => Effect.sync(() => come > 0))
      yield* roundTrip(a, b)
      one.state.last?.destroy()
      for (const end of [Fiber.join(sending), Fiber.join(reading)]) {
        assert.deepInclude(yield* errorOf<unknown, never>(end), { reason: "connection_lost", linkError: "link_lost" })
      }
      yield* roundTrip(a, b)
      assert.deepStrictEqual(yield* upNodes(a), ["b"])
    }))

  const two = withLastCut()
  testOver(two.layer)(
    "cannot be made: both ends say so, after both nodes have tried",
    (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world)
        two.state.isRefusing = true
        const place = yield* b.run(Port.bytes())
        const sending = yield* begin(send(a, place.id, pieces(3)))
        for (const end of [Fiber.join(sending), sizeOf(place.stream)]) {
          const error = yield* errorOf<unknown, never>(end)
          assert.strictEqual(error.reason, "unreachable")
          assert.include(String(error.detail), "cannot connect")
        }
        assert.isAtLeast(two.state.dialled, 3)
        yield* roundTrip(a, b)
      })
  )
})
