/** What can happen to the hosts of the in-memory network: they vanish, and they stand still. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { back, pass, settle, testHosts as test, there, windowSize, withBystanders } from "./memoryHosts.ts"

describe("vanish", () => {
  test("leaves the other ends open and alone; its own are told nothing, and nothing comes from them", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c, d] = yield* hosts.connection("b", "c")
      const [e, f] = yield* hosts.connection("a", "c")
      const [g] = yield* hosts.connection("c", "b")
      g.write("on its way, and nothing behind it")
      b.write("on its way")
      a.write("so is this")
      yield* hosts.network.vanish("b")
      a.write("nobody hears this")
      d.write("nor this")
      b.write("never leaves")
      c.wire.destroy()
      e.write("fine")
      yield* pass("1 hour")
      assert.deepStrictEqual([a, b, c, d].map(({ closed, received }) => [received, closed]), [
        [0, []],
        [0, []],
        [0, []],
        [0, []]
      ])
      assert.strictEqual(f.text, "fine")
      a.wire.write(new Uint8Array(windowSize))
      yield* settle
      assert.strictEqual(a.wire.buffered, "so is this".length + "nobody hears this".length)
      assert.deepStrictEqual([a.closed, d.closed, g.closed], [[], [], []])
      assert.strictEqual((yield* Effect.flip(hosts.dial("a", "b"))).detail, "Connection refused")
      let ended = 0
      b.wire.end(() => ended++)
      yield* settle
      assert.strictEqual(ended, 1, "an owner that gives its end up need not wait")
    }))

  test("old connections are answered with a reset as soon as somebody of that name listens again", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c] = yield* hosts.connection("c", "b")
      const [stuck] = yield* hosts.connection("a", "b")
      yield* hosts.network.vanish("b")
      a.write("lost")
      stuck.wire.write(new Uint8Array(windowSize + 1))
      yield* settle
      yield* hosts.listen("b")
      yield* settle
      assert.deepStrictEqual([a.closed, c.closed], [[], []], "they have to write first")
      assert.deepStrictEqual(stuck.closed, ["Connection reset by peer"])
      const [d, e] = yield* hosts.connection("a", "b")
      a.write("who are you?")
      c.wire.end(() => {})
      d.write("hello")
      yield* settle
      assert.deepStrictEqual([a.closed, c.closed, b.told], [
        ["Connection reset by peer"],
        ["Connection reset by peer"],
        []
      ])
      assert.deepStrictEqual([e.text, d.closed], ["hello", []])
      assert.strictEqual(yield* hosts.network.connections, 1)
    }))

  test("a node that has vanished cannot dial; the next one of its name can, whether it listens or never did", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("a")
      yield* hosts.listen("b")
      yield* hosts.network.vanish("b")
      const old = yield* Effect.forkChild(hosts.dial("b", "a"))
      yield* pass("1 hour")
      assert.deepStrictEqual([old.pollUnsafe(), hosts.accepted.get("a")], [undefined, []])
      yield* hosts.listen("b")
      yield* hosts.dial("b", "a")
      const [gone] = yield* hosts.connection("silent", "a")
      const [end] = hosts.accepted.get("a")!.slice(-1)
      yield* hosts.network.vanish("silent")
      end!.write("lost")
      yield* settle
      yield* hosts.dial("silent", "a")
      end!.write("answered by the next life")
      yield* settle
      assert.deepStrictEqual([gone.closed, end!.closed], [[], ["Connection reset by peer"]])
      assert.deepStrictEqual([old.pollUnsafe(), hosts.accepted.get("a")!.length], [undefined, 3])
    }))

  test("an old listener that closes does not take the place of the new one", (hosts) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(hosts.listen("b"), scope)
      yield* hosts.network.vanish("b")
      yield* hosts.listen("b")
      yield* Scope.close(scope, Exit.void)
      yield* hosts.dial("a", "b")
      assert.strictEqual(hosts.accepted.get("b")!.length, 1)
    }))

  test("nothing is told to what was there before, not even that a connection had ended", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.reset(there)
      yield* hosts.network.vanish("b")
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed], [["Connection reset by peer"], []])
    }))

  test("nothing more is told to an end that is being told of bytes; its owner need not wait for its end", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      const a = yield* hosts.dial("a", "b")
      a.write("one", "two")
      yield* settle
      const [b] = hosts.accepted.get("b")!
      b!.onData = () => Effect.runSync(hosts.network.vanish("b"))
      yield* hosts.network.hold(back)
      let ended = 0
      b!.wire.end(() => ended++)
      b!.start()
      yield* settle
      assert.deepStrictEqual([b!.told, ended], [["0 data one"], 1])
    }))

  test("a dial that waits all the while gets to the next life", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      yield* hosts.network.cut(there)
      const dialling = yield* Effect.forkChild(hosts.dial("a", "b"))
      yield* settle
      yield* hosts.network.vanish("b")
      yield* settle
      yield* hosts.listen("b")
      yield* hosts.network.heal(there)
      yield* Fiber.join(dialling)
      assert.strictEqual(hosts.accepted.get("b")!.length, 1)
    }))

  test("a dial that it was about to answer is refused", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      yield* hosts.network.hold(back)
      const dialling = yield* Effect.forkChild(Effect.flip(hosts.dial("a", "b")))
      yield* settle
      assert.strictEqual(hosts.accepted.get("b")!.length, 1)
      yield* hosts.network.vanish("b")
      assert.strictEqual((yield* Fiber.join(dialling)).detail, "Connection refused")
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))
})

describe("pause", () => {
  test("tells the host nothing; what it wrote goes on, what it writes waits, and resume loses nothing", (hosts) =>
    Effect.gen(function*() {
      const { pair: [a, b], unharmed } = yield* withBystanders(hosts)
      b.write("written before")
      yield* hosts.network.pause("b")
      b.write(", written meanwhile")
      a.write("one", "two")
      yield* settle
      assert.deepStrictEqual([a.text, b.told, a.wire.buffered], ["written before", [], 0])
      a.wire.destroy()
      yield* pass("1 hour")
      assert.deepStrictEqual(b.told, [])
      yield* hosts.network.resume("b")
      assert.deepStrictEqual(b.told, [], "not in the caller's turn")
      yield* settle
      assert.deepStrictEqual([b.text, b.closed], ["onetwo", ["Unexpected end-of-file"]])
      yield* unharmed
    }))

  test("what it wrote meanwhile leaves when it goes on, at the speed of the route", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(back, { bandwidth: 1000 })
      yield* hosts.network.pause("b")
      b.wire.write(new Uint8Array(100))
      yield* pass(1000)
      assert.deepStrictEqual([a.received, b.wire.buffered], [0, 100])
      yield* hosts.network.resume("b")
      yield* pass(50)
      assert.strictEqual(a.received, 50)
      yield* hosts.network.pause("b")
      yield* pass(950)
      assert.strictEqual(a.received, 60, "what was on the line")
      yield* hosts.network.resume("b")
      yield* pass(39)
      assert.strictEqual(a.received, 90)
      yield* pass(1)
      assert.deepStrictEqual([a.received, b.told], [100, ["2040 drained"]])
    }))

  test("others fill what its system buffers, and wait beyond", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      a.wire.write(new Uint8Array(1000))
      yield* settle
      yield* hosts.network.shape(there, { latency: "10 millis" })
      yield* hosts.network.pause("b")
      for (let i = 0; i < 5; i++) a.wire.write(new Uint8Array(100_000))
      yield* pass(10)
      assert.deepStrictEqual([a.wire.buffered, b.received, a.told], [500_000 - windowSize, 1000, ["0 drained"]])
      yield* hosts.network.resume("b")
      yield* settle
      assert.deepStrictEqual([a.wire.buffered, b.received, a.told], [0, 501_000, ["0 drained", "10 drained"]])
    }))

  test("its system connects and is connected to; the process hears of it later", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("a")
      yield* hosts.listen("b")
      yield* hosts.network.pause("b")
      const a = (yield* hosts.dial("a", "b")).start()
      a.write("hello")
      const dialling = yield* Effect.forkChild(hosts.dial("b", "a"))
      yield* settle
      assert.deepStrictEqual([hosts.accepted.get("b"), hosts.accepted.get("a"), a.wire.buffered], [[], [], 0])
      yield* hosts.network.resume("b")
      yield* Fiber.join(dialling)
      const b = hosts.accepted.get("b")![0]!.start()
      yield* settle
      assert.deepStrictEqual([hosts.accepted.get("a")!.length, b.text], [1, "hello"])
    }))

  test("a process that listens no more when it goes on resets what it would have accepted", (hosts) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(hosts.listen("b"), scope)
      yield* hosts.network.pause("b")
      const a = (yield* hosts.dial("a", "b")).start()
      yield* Scope.close(scope, Exit.void)
      yield* hosts.network.resume("b")
      yield* settle
      assert.deepStrictEqual([a.closed, hosts.accepted.get("b")], [["Connection reset by peer"], []])
    }))

  test("is told of a reset when it goes on", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.pause("b")
      yield* hosts.network.reset(there)
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed], [["Connection reset by peer"], []])
      yield* hosts.network.resume("b")
      yield* settle
      assert.deepStrictEqual(b.closed, ["Connection reset by peer"])
    }))
})
