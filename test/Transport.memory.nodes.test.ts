/** Nodes in the in-memory network: they survive what is done to it, and lose nothing unnoticed. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  collector,
  connect,
  hasWaiting,
  makeWorld,
  peerOf,
  secret,
  until,
  watch,
  within,
  type World
} from "./harness.ts"
import { everywhere, pass, settle, there } from "./memoryHosts.ts"

/** A test in real time, with nodes in a network of their own. */
const nodesTest = (
  title: string,
  body: (world: World, network: Transport.Faults) => Effect.Effect<unknown, unknown, Scope.Scope>
): void =>
  it.live(title, () =>
    Effect.gen(function*() {
      return yield* body(yield* makeWorld, yield* Transport.MemoryNetwork)
    }).pipe(Effect.provide(Transport.layerMemory)))

describe("nodes in it", () => {
  for (const framing of ["cbor", "json"]) {
    nodesTest(`messages pass the real codecs: ${framing}`, (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", { framings: [framing] }), yield* world.start("b")]
        const inbox = yield* collector(b)
        yield* connect(a, b)
        const message = { list: [1, "two", null], deep: { yes: true } }
        yield* a.run(Port.snd(inbox.port, message))
        message.list.push("too late")
        yield* inbox.has(1)
        assert.deepStrictEqual(inbox.messages, [[{ list: [1, "two", null], deep: { yes: true } }]])
        const refused = yield* Effect.exit(
          a.run(Port.snd(inbox.port, framing === "json" ? new Uint8Array(1) : () => 1))
        )
        assert.include(String(refused), framing === "json" ? "message[0] is bytes" : "message[0] is a function")
      }))
  }

  nodesTest(
    "a reset in the middle of a message ends the link: monitors fire, and the message never arrives",
    (world, network) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const inbox = yield* collector(b)
        yield* connect(a, b)
        const [lostAtA, lostAtB] = [yield* watch(a, inbox.port), yield* watch(b, "a")]
        yield* network.hold(there)
        const onItsWay = Effect.map(peerOf(a, "b"), (peer) => peer?.buffered ?? 0)
        yield* a.run(Port.snd(inbox.port, "whole"))
        yield* until("the first one is on its way", () => Effect.map(onItsWay, (bytes) => bytes > 0))
        const buffered = yield* onItsWay
        yield* a.run(Port.snd(inbox.port, "cut in two".repeat(100)))
        yield* until("so is the second one", () => Effect.map(onItsWay, (bytes) => bytes > buffered + 500))
        // What is sent in a turn leaves at its end.
        yield* Effect.sleep("1 millis")
        yield* network.reset(there, buffered + 500)
        yield* network.release(there)
        yield* until("both monitors fire", () => lostAtA.length + lostAtB.length === 2)
        assert.deepStrictEqual(lostAtA, [["transport_error", "b", "Connection reset by peer"]])
        assert.deepStrictEqual(lostAtB, [["transport_error", "a", "Connection reset by peer"]])
        yield* a.run(Port.snd(inbox.port, "on a new link"))
        yield* inbox.has(2)
        assert.deepStrictEqual(inbox.messages, [["whole"], ["on a new link"]])
      })
  )

  nodesTest(
    "a node that vanishes is noticed by its silence, and the next one takes its place",
    (world, network) =>
      Effect.gen(function*() {
        const options = { monitorTimeout: "300 millis", binds: ["b:1"] } as const
        const [a, b] = [yield* world.start("a", { monitorTimeout: "300 millis" }), yield* world.start("b", options)]
        yield* connect(a, b)
        const lost = yield* watch(a, "b")
        yield* network.vanish("b")
        yield* until("the monitor fires", () => lost.length > 0)
        assert.deepStrictEqual(lost[0]!.slice(0, 2), ["transport_error", "b"])
        assert.notInclude(String(lost[0]![2]), "reset")
        const inbox = yield* collector(yield* world.start("b", options))
        yield* a.run(Port.snd(inbox.port, "hello"))
        yield* inbox.has(1)
        assert.strictEqual(lost.length, 1)
      })
  )

  nodesTest(
    "a slow reader makes snd wait; when it is fast again, all arrives in order",
    (world, network) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const inbox = yield* collector(b)
        yield* connect(a, b)
        yield* network.shape({ from: "*", to: "b" }, { bandwidth: 1000 })
        const text = "x".repeat(16 * 1024)
        const total = 200
        let sent = 0
        const sending = yield* Effect.forkScoped(a.run(Effect.gen(function*() {
          for (; sent < total; sent++) yield* Port.snd(inbox.port, sent, text)
        })))
        yield* until("the sender waits", () => hasWaiting(a, "b", 1))
        const waitsAt = sent
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual([sent, sending.pollUnsafe()], [waitsAt, undefined])
        assert.isBelow(sent, 100)
        yield* network.shape({ from: "*", to: "b" }, { bandwidth: Infinity })
        yield* within("the sender", Fiber.join(sending))
        yield* inbox.has(total)
        assert.deepStrictEqual(inbox.messages.map(([i]) => i), Array.from({ length: total }, (_, i) => i))
      })
  )

  nodesTest("a node that stands still for a while loses nothing", (world, network) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const [atA, atB] = [yield* collector(a), yield* collector(b)]
      yield* connect(a, b)
      const lost = [yield* watch(a, "b"), yield* watch(b, "a")]
      yield* network.pause("b")
      for (let i = 0; i < 100; i++) yield* a.run(Port.snd(atB.port, i))
      for (let i = 0; i < 100; i++) yield* b.run(Port.snd(atA.port, i))
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual([atA.messages, atB.messages], [[], []])
      yield* network.resume("b")
      yield* Effect.andThen(atA.has(100), atB.has(100))
      const all = Array.from({ length: 100 }, (_, i) => [i])
      assert.deepStrictEqual([atA.messages, atB.messages, lost], [all, all, [[], []]])
    }))

  nodesTest("no connection is left when all have stopped", (world, network) =>
    Effect.gen(function*() {
      const nodes = [yield* world.start("a"), yield* world.start("b"), yield* world.start("c")] as const
      for (const [from, to] of [[0, 1], [1, 2], [2, 0]] as const) yield* connect(nodes[from], nodes[to])
      assert.strictEqual(yield* network.connections, 3)
      yield* network.shape(everywhere, { latency: "2 millis", jitter: "2 millis" })
      for (const node of nodes) yield* node.stop
      yield* until("what they said has arrived", () => Effect.map(network.connections, (count) => count === 0))
    }))

  it.effect("time passes for them as TestClock says, and no faster", () =>
    Effect.gen(function*() {
      const start = (nodeId: string) => Layer.build(Node.layer({ nodeId, secret, binds: [`${nodeId}:1`] }))
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* Node.addressBook((nodeId) => Effect.succeed([`${nodeId}:1`])).pipe(Effect.provide(a))
      yield* (yield* Transport.MemoryNetwork).shape(everywhere, { latency: "50 millis" })
      const came: Array<readonly [at: number, message: unknown]> = []
      const inbox = yield* Port.make((message) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          came.push([now, message])
        })
      ).pipe(Effect.provide(b))
      const snd = (text: string) => Effect.andThen(Port.snd(inbox, text).pipe(Effect.provide(a)), settle)
      yield* snd("with the first link")
      // There and back to connect, greetings, auth lines, then the message.
      for (let millis = 0; millis < 300; millis += 50) yield* pass(50)
      const [first] = came
      assert.deepStrictEqual(first, [250, "with the first link"])
      yield* snd("on the link")
      yield* pass(49)
      assert.strictEqual(came.length, 1)
      yield* pass(1)
      assert.deepStrictEqual(came[1], [350, "on the link"])
    }).pipe(Effect.provide(Transport.layerMemory)))
})
