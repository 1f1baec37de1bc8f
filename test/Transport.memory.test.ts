/** The in-memory network: what it carries, how long that takes, and that nothing of it is left. Its faults have tests beside. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { back, everywhere, makeHosts, pass, settle, testHosts as test, there, windowSize } from "./memoryHosts.ts"

describe("a network that is whole", () => {
  test("carries bytes in order, write by write, a turn of the event loop later", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const order: Array<string> = []
      setImmediate(() => order.push("before"))
      b.onData = () => order.push(b.text)
      a.write("one", "two")
      setImmediate(() => order.push("behind"))
      assert.deepStrictEqual([a.wire.buffered, a.told, b.told], [6, [], []])
      yield* settle
      assert.deepStrictEqual(order, ["before", "one", "onetwo", "behind"])
      assert.strictEqual(a.wire.buffered, 0)
      assert.include(a.told, "0 drained")
    }))

  test("what comes before an end reads waits for it, up to what a system buffers", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      const a = (yield* hosts.dial("a", "b")).start()
      yield* settle
      const [b] = hosts.accepted.get("b")!
      a.wire.write(new Uint8Array(windowSize - 1))
      a.wire.write(new Uint8Array(1001))
      yield* settle
      assert.deepStrictEqual([a.wire.buffered, a.told], [1000, []])
      a.wire.end(() => {})
      b!.start()
      yield* settle
      assert.deepStrictEqual(b!.received, windowSize + 1000)
      assert.deepStrictEqual([a.wire.buffered, a.closed, b!.closed], [
        0,
        ["Unexpected end-of-file"],
        ["Unexpected end-of-file"]
      ])
    }))

  test("an end that is destroyed is told; what a system has taken over still leaves, and no more", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      a.wire.write(new Uint8Array(windowSize - 10))
      a.wire.write(new Uint8Array(100))
      a.wire.destroy()
      assert.deepStrictEqual([a.closed, a.wire.buffered], [[], 0])
      yield* settle
      assert.deepStrictEqual([a.closed, b.closed, b.received], [
        ["Unexpected end-of-file"],
        ["Unexpected end-of-file"],
        windowSize
      ])
    }))

  test("a write comes as one chunk, however long", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      a.wire.write(new Uint8Array(2 * windowSize))
      yield* settle
      assert.deepStrictEqual(b.told, [`0 data ${2 * windowSize} zeros`])
    }))

  test("an end closes behind what was written; both sides are told, once", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      let ended = 0
      a.write("last")
      a.wire.end(() => ended++)
      a.write("too late")
      b.write("of no interest")
      yield* settle
      assert.strictEqual(b.text, "last")
      assert.deepStrictEqual([a.closed, b.closed, ended], [["Unexpected end-of-file"], ["Unexpected end-of-file"], 1])
      b.wire.destroy()
      a.wire.destroy()
      a.wire.end(() => ended++)
      yield* settle
      assert.deepStrictEqual([a.closed.length, b.closed.length, ended], [1, 1, 2])
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))

  test("what comes behind an end is of no interest to who ended", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { latency: "10 millis" })
      a.wire.end(() => {})
      b.write("late")
      yield* settle
      assert.deepStrictEqual([b.wire.buffered, b.closed, a.received], [0, [], 0])
      yield* pass(10)
      assert.deepStrictEqual([b.closed, a.closed], [["Unexpected end-of-file"], ["Unexpected end-of-file"]])
    }))

  test("an end that is destroyed while it is told of bytes hears of no more; what it wrote arrives", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      b.onData = () => {
        b.write("enough")
        b.wire.destroy()
        assert.deepStrictEqual(b.closed, [])
      }
      a.write("one", "two", "three")
      yield* settle
      assert.deepStrictEqual([b.text, b.closed], ["one", ["Unexpected end-of-file"]])
      assert.deepStrictEqual([a.text, a.closed], ["enough", ["Unexpected end-of-file"]])
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))

  test("an end that is destroyed hears of nothing that came before, though the other side has closed it", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.listen("b")
      const a = (yield* hosts.dial("a", "b")).start()
      a.write("one", "two")
      a.wire.end(() => {})
      yield* settle
      const [b] = hosts.accepted.get("b")!
      b!.onData = () => b!.wire.destroy()
      b!.start()
      yield* settle
      assert.deepStrictEqual([b!.text, b!.closed], ["one", ["Unexpected end-of-file"]])
    }))

  test("drained is told when nothing is left, not when there is more by then", (hosts) =>
    Effect.gen(function*() {
      const [a] = yield* hosts.connection("a", "b")
      a.write("one")
      yield* hosts.network.pause("a")
      yield* settle
      assert.strictEqual(a.wire.buffered, 0)
      a.write("two")
      yield* hosts.network.shape(there, { latency: "10 millis" })
      yield* hosts.network.resume("a")
      yield* settle
      assert.deepStrictEqual([a.wire.buffered, a.told], [3, []])
      yield* pass(10)
      assert.deepStrictEqual(a.told, ["10 drained"])
    }))

  test("addresses are any host and port; what is left open is `memory`, and a free port", (hosts) =>
    Effect.gen(function*() {
      const listen = (bind: string) => Effect.map(hosts.carrier.listen(bind, () => {}, "b"), ([address]) => address)
      assert.strictEqual(yield* listen("anything:1"), "anything:1")
      assert.deepStrictEqual([yield* listen(":1"), yield* listen("*:2")], ["memory:1", "memory:2"])
      const free = yield* Effect.forEach(["*", "memory:*", "memory:0", "memory"], listen)
      assert.strictEqual(new Set(free).size, 4)
      for (const address of free) assert.match(String(address), /^memory:\d{5}$/)
    }))

  test("nobody listens: a dial is refused; one address has one listener", (hosts) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(hosts.dial("a", "b"))
      assert.deepStrictEqual([error.reason, error.peer, error.detail], ["connect_failed", "b:1", "Connection refused"])
      yield* hosts.listen("b")
      const taken = yield* Effect.flip(hosts.listen("b"))
      assert.deepStrictEqual([taken.reason, taken.peer], ["listen_failed", "b:1"])
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))
})

describe("latency", () => {
  test("of each direction is exact, for connects, bytes, closes and resets", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.network.shape(there, { latency: "10 millis" })
      yield* hosts.network.shape(back, { latency: "30 millis" })
      yield* hosts.listen("b")
      const dialling = yield* Effect.forkChild(hosts.dial("a", "b"))
      yield* pass(9)
      assert.strictEqual(hosts.accepted.get("b")!.length, 0)
      yield* pass(1)
      const b = hosts.accepted.get("b")![0]!.start()
      yield* pass(29)
      assert.isUndefined(dialling.pollUnsafe())
      yield* pass(1)
      const a = (yield* Fiber.join(dialling)).start()

      a.write("to")
      b.write("fro")
      yield* pass(5)
      a.write("to")
      yield* pass(25)
      assert.deepStrictEqual(b.told, ["50 data to", "55 data to", "70 drained"])
      assert.deepStrictEqual(a.told, ["55 drained", "70 data fro"])

      b.wire.destroy()
      a.write("nobody hears this")
      yield* pass(30)
      assert.deepStrictEqual(a.told.at(-1), "100 closed Unexpected end-of-file")
    }))

  test("of a refusal is that of the way there and back", (hosts) =>
    Effect.gen(function*() {
      yield* hosts.network.shape(everywhere, { latency: "10 millis" })
      const dialling = yield* Effect.forkChild(Effect.flip(hosts.dial("a", "b")))
      yield* pass(19)
      assert.isUndefined(dialling.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(dialling)).detail, "Connection refused")
    }))

  test("counts for open connections from now on, and never puts bytes before others", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { latency: "10 millis" })
      a.write("1")
      yield* hosts.network.shape(there, { latency: 0 })
      a.write("2")
      yield* pass(10)
      a.write("3")
      yield* settle
      assert.deepStrictEqual(b.told, ["10 data 1", "10 data 2", "10 data 3"])
    }))

  test("is said for each property by itself: the latest call that a route is among counts", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c, d] = yield* hosts.connection("c", "b")
      yield* hosts.network.shape(there, { latency: "10 millis", bandwidth: 1000 })
      yield* hosts.network.shape({ from: "*", to: "b" }, { latency: "20 millis" })
      yield* hosts.network.shape({ from: "c", to: "*" }, { latency: "5 millis" })
      a.write("0123456789")
      c.write("0123456789")
      yield* pass(100)
      assert.deepStrictEqual(b.told, ["30 data 0123456789"])
      assert.deepStrictEqual(d.told, ["5 data 0123456789"])
    }))

  it.effect("needs no timer where there is none, and no chance without a jitter", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.clockWith(Effect.succeed)
      const none = (): never => assert.fail("must not be asked")
      const hosts = yield* makeHosts.pipe(
        Effect.provideService(Clock.Clock, { ...clock, sleep: none }),
        Effect.provideService(Random.Random, { nextIntUnsafe: none, nextDoubleUnsafe: none })
      )
      const [a, b] = yield* hosts.connection("a", "b")
      a.write("hello")
      a.wire.end(() => {})
      yield* settle
      assert.deepStrictEqual([b.text, b.closed.length], ["hello", 1])
    }))
})

describe("jitter", () => {
  /** When twenty chunks arrive that are written every millisecond. */
  const arrivals = (seed: string) =>
    Effect.gen(function*() {
      const hosts = yield* Random.withSeed(makeHosts, seed)
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { latency: "10 millis", jitter: "20 millis" })
      const began = hosts.clock.currentTimeMillisUnsafe()
      const times: Array<number> = []
      b.onData = () => times.push(Math.round(1000 * (hosts.clock.currentTimeMillisUnsafe() - began)))
      for (let i = 0; i < 20; i++) {
        a.write(String.fromCodePoint(97 + i))
        yield* pass(1)
      }
      yield* pass(100)
      assert.strictEqual(b.text, "abcdefghijklmnopqrst")
      return times
    })

  it.effect("keeps the order, and repeats with the seed of the layer", () =>
    Effect.gen(function*() {
      const once = yield* arrivals("one")
      assert.deepStrictEqual(yield* arrivals("one"), once)
      assert.notDeepEqual(yield* arrivals("two"), once)
      for (const [i, time] of once.entries()) assert.isTrue(time >= 1000 * (10 + i) && time <= 1000 * (30 + i))
      assert.isAbove(new Set(once.map((time, i) => time - 1000 * i)).size, 3, "the delays differ")
    }))
})

describe("bandwidth", () => {
  test("is exact, shows in what is buffered, and is each connection's own", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      const [c, d] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape({ from: "*", to: "b" }, { bandwidth: 1000, latency: "5 millis" })
      a.wire.write(new Uint8Array(3000))
      a.wire.write(new Uint8Array(1000))
      c.wire.write(new Uint8Array(500))
      b.wire.write(new Uint8Array(10_000))
      yield* settle
      assert.strictEqual(a.received, 10_000, "the other direction is as fast as ever")
      for (const seconds of [1, 2, 3]) {
        yield* pass(1000)
        // What has left and not arrived is what the latency makes up.
        assert.strictEqual(a.wire.buffered, 4000 - 1000 * seconds + 10)
      }
      yield* pass(1004)
      assert.deepStrictEqual([a.wire.buffered, a.told.includes("4005 drained")], [10, false])
      yield* pass(1)
      assert.deepStrictEqual([b.received, a.told.at(-1), b.told.at(-1)], [4000, "4005 drained", "4005 data 10 zeros"])
      assert.deepStrictEqual([d.received, c.told], [500, ["505 drained"]])
    }))

  test("of fractions adds up", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { bandwidth: 3 })
      a.wire.write(new Uint8Array(9))
      yield* pass(2999)
      assert.strictEqual(b.received, 8)
      yield* pass(1)
      assert.strictEqual(b.received, 9)
    }))

  it.effect("makes up for timers that are late", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.clockWith(Effect.succeed)
      const sleep: Clock.Clock["sleep"] = (duration) => clock.sleep(Duration.sum(duration, Duration.millis(5)))
      const hosts = yield* makeHosts.pipe(Effect.provideService(Clock.Clock, { ...clock, sleep }))
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { bandwidth: 1000 })
      a.wire.write(new Uint8Array(4000))
      yield* pass(4005)
      assert.strictEqual(b.received, 4000)
    }))

  test("changes while bytes wait: the rest goes as fast as it may", (hosts) =>
    Effect.gen(function*() {
      const [a, b] = yield* hosts.connection("a", "b")
      yield* hosts.network.shape(there, { bandwidth: 1000 })
      a.wire.write(new Uint8Array(100_000))
      yield* pass(1000)
      assert.strictEqual(b.received, 1000)
      yield* hosts.network.shape(there, { bandwidth: Infinity })
      yield* pass(10)
      assert.strictEqual(b.received, 100_000)
      const wrong = yield* Effect.exit(hosts.network.shape(there, { bandwidth: 0 }))
      assert.match(String(wrong), /a bandwidth of 0 bytes a second/)
    }))
})

describe("nothing is left", () => {
  /** A clock that knows who sleeps. */
  const counting = (clock: Clock.Clock) => {
    const count = { sleeping: 0, slept: 0 }
    const sleep: Clock.Clock["sleep"] = (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          count.sleeping++
          count.slept++
        }),
        () => clock.sleep(duration),
        () => Effect.sync(() => count.sleeping--)
      )
    return { clock: { ...clock, sleep }, count }
  }
  const countingHosts = Effect.gen(function*() {
    const { clock, count } = counting(yield* Clock.clockWith(Effect.succeed))
    const scope = yield* Scope.make()
    const hosts = yield* makeHosts.pipe(Effect.provideService(Clock.Clock, clock), Scope.provide(scope))
    const pair = yield* hosts.connection("a", "b")
    const other = yield* hosts.connection("a", "c")
    yield* hosts.network.shape(everywhere, { latency: "10 millis" })
    return { hosts, count, scope, pair, other }
  })

  it.effect("when all has arrived; one fiber waits for all that comes at once", () =>
    Effect.gen(function*() {
      const { count, pair: [a, b] } = yield* countingHosts
      for (let i = 0; i < 100; i++) a.write("x")
      yield* settle
      assert.strictEqual(count.sleeping, 1)
      yield* pass(10)
      assert.deepStrictEqual([b.received, count.sleeping, count.slept], [100, 0, 1])
    }))

  it.effect("of a fiber that waits for what does not come any more, or for what something else comes before", () =>
    Effect.gen(function*() {
      const { count, hosts, pair: [a] } = yield* countingHosts
      yield* hosts.network.shape(there, { bandwidth: 1000 })
      a.write("0123456789")
      yield* settle
      assert.strictEqual(count.sleeping, 1)
      a.write("0123456789")
      yield* settle
      assert.deepStrictEqual([count.sleeping, count.slept], [1, 2])
      yield* hosts.network.cut(there)
      yield* settle
      assert.deepStrictEqual([count.sleeping, count.slept], [0, 2])
    }))

  it.effect("when both ends are closed, whatever is on its way", () =>
    Effect.gen(function*() {
      const { count, hosts, pair: [a, b] } = yield* countingHosts
      a.write("x")
      b.write("y")
      yield* settle
      assert.strictEqual(count.sleeping, 2)
      a.wire.destroy()
      b.wire.destroy()
      yield* settle
      assert.deepStrictEqual([count.sleeping, yield* hosts.network.connections], [0, 1])
    }))

  it.effect("when the layer's scope closes; nodes that outlive it can part in order", () =>
    Effect.gen(function*() {
      const { count, hosts, other: [c], pair: [a, b], scope } = yield* countingHosts
      yield* hosts.network.vanish("c")
      yield* hosts.network.hold(there)
      yield* hosts.network.pause("b")
      a.write("to")
      b.write("fro")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(count.sleeping, 0)
      yield* settle
      assert.deepStrictEqual([a.text, b.text, count.sleeping], ["fro", "to", 0])
      let ended = 0
      a.wire.end(() => ended++)
      c.wire.end(() => ended++)
      yield* settle
      assert.deepStrictEqual([ended, b.closed.length, yield* hosts.network.connections], [2, 1, 0])
    }))

  it.effect("of bytes that nobody will read: they are let go of", () =>
    Effect.gen(function*() {
      const hosts = yield* makeHosts
      const [a] = yield* hosts.connection("a", "b")
      yield* hosts.network.cut(there)
      const written = Array.from({ length: 50 }, () => {
        const bytes = new Uint8Array(100_000)
        a.wire.write(bytes)
        return new WeakRef(bytes)
      })
      yield* settle
      assert.strictEqual(a.wire.buffered, 5_000_000 - windowSize)
      v8.setFlagsFromString("--expose-gc")
      const collect: () => void = vm.runInNewContext("gc")
      const kept = () => written.filter((ref) => ref.deref() !== undefined).length
      for (let i = 0; i < 20 && kept() > 0; i++) {
        yield* settle
        collect()
      }
      assert.strictEqual(kept(), 0)
    }))
})
