/** What can be done to the in-memory network, between hosts with bare wires: each fault does what it says, and no more. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { back, everywhere, pass, settle, testHosts as test, there, windowSize, withBystanders } from "./memoryHosts.ts"

describe("cut", () => {
  test("loses what is on its way and what is written, in its direction only, and tells nobody", (hosts) =>
    Effect.gen(function*() {
      const { pair: [a, b], unharmed } = yield* withBystanders(hosts)
      yield* hosts.network.shape(there, { latency: "10 millis" })
      a.write("on its way")
      yield* pass(5)
      yield* hosts.network.cut(there)
      a.write("behind")
      b.write("the other way")
      yield* pass("1 hour")
      assert.deepStrictEqual([b.told, a.text, a.closed], [["5 drained"], "the other way", []])
      yield* unharmed
    }))

  test("after heal, the next bytes on a connection that lost some end it at both ends; others go on", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c, d] = yield* hosts.connection("a", "b")
      yield* hosts.network.cut(there)
      a.write("lost")
      yield* settle
      assert.deepStrictEqual(c.told, [], "nothing has happened to it")
      yield* hosts.network.heal(there)
      b.write("no gap here")
      c.write("all of it")
      yield* settle
      assert.deepStrictEqual([a.text, a.closed, b.closed], ["no gap here", [], []])
      a.write("behind the gap")
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed, b.text], [
        ["Connection reset by peer"],
        ["Connection reset by peer"],
        ""
      ])
      d.write("still there")
      yield* settle
      assert.deepStrictEqual([c.text, d.text], ["still there", "all of it"])
      assert.strictEqual(yield* hosts.network.connections, 1)
    }))

  test("loses closes and resets as well: the other end finds out when it writes", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.cut(there)
      a.wire.destroy()
      yield* settle
      assert.deepStrictEqual([a.closed.length, b.closed], [1, []])
      b.write("is anybody there?")
      yield* settle
      assert.deepStrictEqual(b.closed, [], "the reset is lost too")
      yield* hosts.network.heal(there)
      yield* settle
      assert.deepStrictEqual([b.closed, yield* hosts.network.connections], [[], 1])
      b.write("and now?")
      yield* settle
      assert.deepStrictEqual([b.closed, a.received], [["Connection reset by peer"], 0])
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))

  test("what waited for an end to read it finds out as well, when that end is gone and its close is lost", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      const a = yield* hosts.dial("a", "b")
      yield* settle
      const b = hosts.accepted.get("b")![0]!.start()
      b.wire.write(new Uint8Array(windowSize + 1))
      yield* settle
      assert.strictEqual(b.wire.buffered, 1)
      yield* hosts.network.cut(there)
      a.wire.destroy()
      yield* hosts.network.heal(there)
      yield* settle
      assert.deepStrictEqual(b.closed, ["Connection reset by peer"])
    }))

  test("a reset does not wait behind what was written", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(back, { bandwidth: 1000 })
      b.wire.write(new Uint8Array(1000))
      yield* hosts.network.cut(there)
      a.write("lost")
      yield* hosts.network.heal(there)
      a.write("behind the gap")
      // The line still has what left last.
      yield* pass(10)
      assert.deepStrictEqual([a.closed, a.received], [["Connection reset by peer"], 0])
    }))

  test("takes as much as a system buffers; beyond, what is written stays buffered for ever", (hosts) =>
    Effect.gen(function*() {
      const [a] = yield* hosts.connection("a", "b")
      yield* hosts.network.hold(there)
      a.wire.write(new Uint8Array(windowSize - 1))
      yield* settle
      assert.strictEqual(a.wire.buffered, windowSize - 1)
      yield* hosts.network.cut(there)
      yield* settle
      assert.deepStrictEqual([a.wire.buffered, a.told], [0, ["0 drained"]])
      a.wire.write(new Uint8Array(1))
      a.wire.write(new Uint8Array(100))
      yield* settle
      assert.deepStrictEqual([a.wire.buffered, a.told.length], [100, 1])
      a.wire.destroy()
      assert.strictEqual(a.wire.buffered, 0)
    }))

  test("what does not fit there leaves after heal, and finds the gap", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.cut(there)
      a.wire.write(new Uint8Array(windowSize + 1))
      yield* hosts.network.hold(there)
      yield* hosts.network.heal(there)
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed], [[], []])
      yield* hosts.network.release(there)
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed, b.received], [
        ["Connection reset by peer"],
        ["Connection reset by peer"],
        0
      ])
    }))

  for (const [direction, route] of [["there", there], ["back", back]] as const) {
    test(`makes dials wait, if it is the way ${direction}: they go on after heal, or are interrupted`, (hosts) =>
      Effect.gen(function*() {
        yield* hosts.listen("b")
        yield* hosts.listen("c")
        yield* hosts.network.cut(route)
        const [waiting, given] = [
          yield* Effect.forkChild(hosts.dial("a", "b")),
          yield* Effect.forkChild(hosts.dial("a", "b"))
        ]
        yield* hosts.dial("a", "c")
        yield* pass("1 hour")
        assert.deepStrictEqual([hosts.accepted.get("b")!.length, waiting.pollUnsafe()], [0, undefined])
        assert.strictEqual(yield* hosts.network.connections, 3)
        yield* Fiber.interrupt(given)
        assert.strictEqual(yield* hosts.network.connections, 2)
        yield* hosts.network.heal(everywhere)
        const a = (yield* Fiber.join(waiting)).start()
        a.write("here I am")
        yield* settle
        assert.strictEqual(hosts.accepted.get("b")!.length, 1)
        assert.strictEqual(hosts.accepted.get("b")![0]!.start().wire.remote.split(":")[0], "memory")
        yield* settle
        assert.strictEqual(hosts.accepted.get("b")![0]!.text, "here I am")
      }))
  }

  test("makes dials wait that are about to be answered", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      yield* hosts.network.shape(everywhere, { latency: "10 millis" })
      const dialling = yield* Effect.forkChild(hosts.dial("a", "b"))
      yield* pass(15)
      yield* hosts.network.cut(back)
      yield* pass("1 hour")
      yield* hosts.network.heal({ from: "x", to: "y" })
      yield* settle
      assert.deepStrictEqual([hosts.accepted.get("b")!.length, dialling.pollUnsafe()], [1, undefined])
      yield* hosts.network.heal(back)
      yield* Fiber.join(dialling)
    }))

  test("is undone by the latest call that a route is among, and by no other", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c, d] = yield* hosts.connection("a", "c")
      yield* hosts.network.cut({ from: "a", to: "*" })
      yield* hosts.network.heal(back)
      yield* hosts.network.heal(there)
      a.write("open")
      c.write("lost")
      yield* settle
      assert.deepStrictEqual([b.text, d.text], ["open", ""])
    }))
})

describe("hold", () => {
  test("keeps everything, in order, in its direction only; release lets it arrive", (hosts) =>
    Effect.gen(function*() {
      const { pair: [a, b], unharmed } = yield* withBystanders(hosts)
      yield* hosts.network.shape(there, { latency: "10 millis" })
      a.write("on its way, ")
      yield* hosts.network.hold(there)
      b.write("the other way")
      yield* pass("1 hour")
      a.write("written, ")
      yield* pass(10)
      a.write("just now")
      let ended = 0
      a.wire.end(() => ended++)
      yield* settle
      assert.deepStrictEqual([b.received, b.closed, a.text, ended], [0, [], "the other way", 0])
      assert.strictEqual(a.wire.buffered, "on its way, written, just now".length)
      yield* unharmed
      yield* hosts.network.release(there)
      yield* settle
      assert.deepStrictEqual([b.text, b.closed], ["on its way, written, ", []])
      yield* pass(10)
      assert.deepStrictEqual([b.text, b.closed, ended], [
        "on its way, written, just now",
        ["Unexpected end-of-file"],
        1
      ])
    }))

  test("a connect that waits gets to whoever listens when it goes on", (hosts) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(hosts.listen("b"), scope)
      yield* hosts.network.hold(everywhere)
      const dialling = yield* Effect.forkChild(hosts.dial("a", "b"))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      let accepted = 0
      yield* hosts.carrier.listen("b:1", () => accepted++, "c")
      yield* hosts.network.cut(there)
      yield* hosts.network.release(everywhere)
      yield* Fiber.join(dialling)
      assert.strictEqual(accepted, 1)
    }))

  test("makes connects wait, and what answers them", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      for (const [route, accepted] of [[there, 0], [back, 2]] as const) {
        yield* hosts.network.hold(route)
        const dialling = yield* Effect.forkChild(hosts.dial("a", "b"))
        yield* settle
        assert.deepStrictEqual([hosts.accepted.get("b")!.length, dialling.pollUnsafe()], [accepted, undefined])
        yield* hosts.network.release(route)
        yield* Fiber.join(dialling)
      }
    }))
})

describe("reset", () => {
  for (const [direction, route] of [["there", there], ["back", back]] as const) {
    test(`breaks all connections between two hosts, whoever dialled: ${direction}`, (hosts) =>
      Effect.gen(function*() {
        const { pair, unharmed } = yield* withBystanders(hosts)
        const ends = [...pair, ...(yield* hosts.connection("b", "a"))]
        yield* hosts.network.hold({ from: "a", to: "b" })
        for (const end of ends) end.write("lost")
        yield* hosts.network.reset(route)
        assert.deepStrictEqual(ends.map(({ closed }) => closed.length), [0, 0, 0, 0], "not in the caller's turn")
        yield* settle
        for (const { closed, received, wire } of ends) {
          assert.deepStrictEqual([closed, received, wire.buffered], [["Connection reset by peer"], 0, 0])
        }
        yield* hosts.network.release(there)
        yield* unharmed
        assert.strictEqual(yield* hosts.network.connections, 2)
      }))
  }

  test("lets so many bytes of what is on its way through, when they are due", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(everywhere, { latency: "10 millis" })
      a.write("hello ", "world", "!")
      a.wire.end(() => {})
      b.write("lost")
      yield* hosts.network.reset(there, 8)
      yield* pass(9)
      assert.deepStrictEqual([b.text, a.closed, b.closed], ["", [], []])
      yield* pass(1)
      assert.deepStrictEqual([b.text, a.text], ["hello wo", ""])
      assert.deepStrictEqual([a.closed, b.closed], [["Connection reset by peer"], ["Connection reset by peer"]])
    }))

  test("has nothing to wait for if less is on its way", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      b.write("lost")
      yield* hosts.network.reset(there, 1000)
      yield* settle
      assert.deepStrictEqual([a.received, a.closed, b.closed], [
        0,
        ["Connection reset by peer"],
        ["Connection reset by peer"]
      ])
    }))

  test("ends a dial", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      yield* hosts.network.cut(there)
      const dialling = yield* Effect.forkChild(Effect.flip(hosts.dial("a", "b")))
      yield* settle
      yield* hosts.network.reset(there)
      assert.strictEqual((yield* Fiber.join(dialling)).detail, "Connection reset by peer")
    }))
})
