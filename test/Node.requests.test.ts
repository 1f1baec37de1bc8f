/** What the node port does, packet by packet: a node of three lines talks to it. Follows protocol sections 8 to 11. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  collector,
  isDown,
  isUp,
  reasonOf,
  type TestNode,
  testOver,
  until,
  watch,
  within,
  type World
} from "./harness.ts"
import { connectRaw, type RawPeer } from "./rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

/** A node `seed`, and `raw` connected to it. */
const test = (
  title: string,
  body: (node: TestNode, raw: RawPeer, world: World) => ReturnType<Parameters<typeof overTcp>[1]>
): void =>
  overTcp(title, (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the node sees us", () => isUp(node, "raw"))
      yield* body(node, raw, world)
    }))

const nameOf = (port: string): string => port.slice(port.indexOf("#") + 1)

describe("monitoring", () => {
  test("mon1: killed by its node", (node, raw) =>
    Effect.gen(function*() {
      const port = yield* node.run(Port.make({}))
      raw.send(["", "mon1", nameOf(port)])
      assert.deepStrictEqual(yield* raw.settle, [])
      yield* node.run(Port.kil(port, "because", 1))
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", nameOf(port), "because", 1]])
    }))

  test("kil1 without a reason: a normal end", (node, raw) =>
    Effect.gen(function*() {
      const name = nameOf(yield* node.run(Port.make({})))
      raw.send(["", "mon1", name], ["", "kil1", name])
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", name]])
    }))

  test("kil1 with a reason reaches monitors on all nodes", (node, raw) =>
    Effect.gen(function*() {
      const port = yield* node.run(Port.make({}))
      const fired = yield* watch(node, port)
      raw.send(["", "mon1", nameOf(port)], ["", "kil1", nameOf(port), "why", { deep: [null] }])
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", nameOf(port), "why", { deep: [null] }]])
      assert.deepStrictEqual(fired, [["why", { deep: [null] }]])
    }))

  test("mon0 takes the monitor back", (node, raw) =>
    Effect.gen(function*() {
      const [port, other] = [yield* node.run(Port.make({})), yield* node.run(Port.make({}))]
      raw.send(["", "mon1", nameOf(port)], ["", "mon1", nameOf(other)], ["", "mon0", nameOf(port)])
      yield* raw.settle
      yield* node.run(Effect.andThen(Port.kil(port), Port.kil(other)))
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", nameOf(other)]])
      assert.deepStrictEqual(yield* raw.settle, [["", "kil0", nameOf(other)]])
    }))

  test("a port that does not exist: an answer at once", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["", "mon1", "nonexistent"])
      assert.deepStrictEqual(yield* raw.settle, [
        ["", "kil0", "nonexistent", "no_such_port", "cannot monitor nonexistent port", "seed#nonexistent"]
      ])
    }))

  test("mon1 twice: one kil0", (node, raw) =>
    Effect.gen(function*() {
      const name = nameOf(yield* node.run(Port.make({})))
      raw.send(["", "mon1", name], ["", "mon1", name], ["", "kil1", name])
      yield* raw.has(1)
      assert.deepStrictEqual(yield* raw.settle, [["", "kil0", name]])
    }))

  test("a monitor of the node port stays silent, and is taken back in silence", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["", "mon1", ""], ["", "mon1", null], ["", "mon1"], ["", "mon0", ""], ["", "mon0", null], [
        "",
        "mon0",
        "unknown"
      ])
      assert.deepStrictEqual(yield* raw.settle, [])
    }))

  test("the node monitors: one mon1 for all, one mon0 at the end", (node, raw) =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        yield* watch(node, "raw#p")
        yield* watch(node, "raw#p")
        yield* watch(node, "raw")
        assert.deepStrictEqual(yield* raw.settle, [["", "mon1", "p"]])
      }))
      assert.deepStrictEqual(yield* raw.settle, [["", "mon0", "p"]])
    }))

  test("kil0 fires the node's monitors once, with the reason", (node, raw) =>
    Effect.gen(function*() {
      const [first, second] = [yield* watch(node, "raw#p"), yield* watch(node, "raw#p")]
      raw.send(["", "kil0", "q", "not monitored"], ["", "kil0", "p", "gone", 7], ["", "kil0", "p", "again"])
      yield* raw.settle
      assert.deepStrictEqual([first, second], [[["gone", 7]], [["gone", 7]]])
      const normal = yield* watch(node, "raw#p")
      raw.send(["", "kil0", "p"])
      yield* raw.settle
      assert.deepStrictEqual(normal, [[]])
    }))

  test("only a lost link fires a monitor of the node port", (node, raw) =>
    Effect.gen(function*() {
      const fired = yield* watch(node, "raw")
      raw.send(["", "kil0", "", "x"], ["", "kil0", null, "x"], ["", "kil0", 5, "x"], ["", "kil0"])
      yield* raw.settle
      assert.deepStrictEqual(fired, [])
      raw.socket.destroy()
      yield* until("the monitor fires", () => fired.length > 0)
      assert.strictEqual(fired[0]![0], "transport_error")
    }))

  test("after its connection, the monitors of a node are gone", (node, raw) =>
    Effect.gen(function*() {
      const port = yield* node.run(Port.make({}))
      raw.send(["", "mon1", nameOf(port)])
      yield* raw.settle
      raw.socket.destroy()
      yield* until("the node sees it", () => isDown(node, "raw"))
      const again = yield* connectRaw(node.address)
      yield* node.run(Port.kil(port, "end"))
      yield* within("the end of the port", node.run(Port.exit(port)))
      assert.deepStrictEqual(yield* again.settle, [])
    }))

  test(
    "a link to a port of ours: its end is passed on as kil1, a normal one is not",
    (node, raw) =>
      Effect.gen(function*() {
        const [good, bad] = [yield* node.run(Port.make({})), yield* node.run(Port.make({}))]
        yield* node.run(Effect.andThen(Port.mon(good, "raw#p"), Port.mon(bad, "raw#q")))
        yield* node.run(Effect.andThen(Port.kil(good), Port.kil(bad, "why", 1)))
        yield* raw.has(1)
        assert.deepStrictEqual(yield* raw.settle, [["", "kil1", "q", "why", 1]])
      })
  )

  test("what cannot travel of a reason goes as text", (node, raw) =>
    Effect.gen(function*() {
      yield* node.run(Port.kil("raw#p", "why", 2n ** 64n, Number.NaN))
      assert.deepStrictEqual(yield* raw.settle, [["", "kil1", "p", "why", "18446744073709551616", "NaN"]])
    }))
})

describe("killing the node port", () => {
  test("is refused and logged, from outside and inside", (node, raw, world) =>
    Effect.gen(function*() {
      raw.send(["", "kil1", "", "x"], ["", "kil1", null, "x"], ["", "kil1"], ["", "kil1", 5], ["", "kil1", "unknown"])
      assert.deepStrictEqual(yield* raw.settle, [])
      yield* node.run(Port.kil("raw", "x"))
      yield* node.run(Port.kil("seed", "x"))
      raw.send(["", "can", "mon1", "raw#r"])
      assert.deepStrictEqual(yield* raw.settle, [["r", true]])
      const refusals = world.logs.filter((line) => line.includes("is refused"))
      assert.strictEqual(refusals.length, 5, world.logs.join("\n"))
    }))
})

describe("requests with an answer", () => {
  test(
    "snd relays to the sender, to a port of the node, and to a third node",
    (node, raw, world) =>
      Effect.gen(function*() {
        const [here, third] = [yield* collector(node), yield* collector(yield* world.start("third"))]
        raw.send(["", "snd", "raw#fjJzWnOawb", "ping", 7], ["", "snd", here.port, "a"], ["", "snd", third.port, "b", 2])
        assert.deepStrictEqual(yield* raw.settle, [["fjJzWnOawb", "ping", 7]])
        yield* Effect.andThen(here.has(1), third.has(1))
        assert.deepStrictEqual([here.messages, third.messages], [[["a"]], [["b", 2]]])
      })
  )

  test(
    "a request that is relayed to the node itself counts as the sender's own",
    (node, raw) =>
      Effect.gen(function*() {
        const name = nameOf(yield* node.run(Port.make({})))
        raw.send(["", "snd", "seed", "mon1", name], ["", "snd", "seed", "kil1", name, "why"])
        assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", name, "why"]])
      })
  )

  test("snd to what is no port ID is dropped and logged", (_, raw, world) =>
    Effect.gen(function*() {
      raw.send(["", "snd", "", 1], ["", "snd", "#x", 1], ["", "snd", 5], ["", "snd"], ["", "snd", "seed#unknown", 1])
      assert.deepStrictEqual(yield* raw.settle, [])
      assert.strictEqual(world.logs.filter((line) => line.includes("malformed port ID")).length, 4)
    }))

  test(
    "what is relayed to a typed port is checked like all that comes from outside",
    (node, raw) =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const Numbers = Port.protocol({ n: Port.message(Schema.Number) })
        const make = Port.make(Numbers, {
          n: (n) => {
            seen.push(n)
          }
        })
        const [relayed, answered] = [yield* node.run(make), yield* node.run(make)]
        const ends = [yield* watch(node, relayed), yield* watch(node, answered)]
        raw.send(["", "snd", relayed, "n", 1], ["", "snd", relayed, "n", "2"], ["", "time", answered, "n", "x"])
        yield* until("both are killed", () => ends.every((fired) => fired.length > 0))
        assert.deepStrictEqual(ends.map(([reason]) => reason![0]), ["invalid_message", "invalid_message"])
        assert.deepStrictEqual(seen, [1])
      })
  )

  test("can tells what is built in", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["", "can", "mon1", "raw#p", "c"], ["", "nosuch"], ["", "can", "nosuch", "raw#p", "c"])
      for (const name of ["toString", "__proto__", null, 5]) raw.send(["", "can", name, "raw#p"])
      raw.send(["", "can", "mon1"], ["", "can"])
      assert.deepStrictEqual(yield* raw.settle, [
        ["p", "c", true],
        ["p", "c", false],
        ...Array.from({ length: 4 }, () => ["p", false])
      ])
    }))

  test("time is in seconds since 1970, with fractions", (_, raw) =>
    Effect.gen(function*() {
      const before = Date.now() / 1000
      raw.send(["", "time", "raw#p", "t"], ["", "time"])
      const [answer, ...more] = yield* raw.settle
      assert.deepStrictEqual([answer?.slice(0, 2), more], [["p", "t"], []])
      assert.isAtLeast(answer![2] as number, before)
      assert.isAtMost(answer![2] as number, Date.now() / 1000)
    }))

  test("eval is refused, with an answer if one is wanted", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["", "eval", "1+1,\"x\"", "raw#p", "e"], ["", "eval", "globalThis.evil = 1"], ["", "eval"])
      assert.deepStrictEqual(yield* raw.settle, [["p", "e", "this node does not run code that it is sent"]])
      assert.notProperty(globalThis, "evil")
    }))

  test(
    "eval of what aemp trace asks is answered, to the letter, with the nodes that are up",
    (node, raw) =>
      Effect.gen(function*() {
        yield* until("the link stands", () => isUp(node, "raw"))
        const question = "AnyEvent::MP::Kernel::up_nodes"
        raw.send(["", "eval", question, "raw#p", "raw"], ["", "eval", question], ["", "eval", `${question};`, "raw#p"])
        assert.deepStrictEqual(yield* raw.settle, [
          ["p", "raw", "", "raw"],
          ["p", "this node does not run code that it is sent"]
        ])
      })
  )

  test("devnull and the empty request do nothing", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["", "devnull"], ["", "devnull", "raw#p", "x"], ["", "", "raw#p", "x"], ["", null, "raw#p", "x"])
      assert.deepStrictEqual(yield* raw.settle, [])
    }))
})

describe("what does no harm", () => {
  test("keepalives", (_, raw) =>
    Effect.gen(function*() {
      raw.write("[][\"\"][\"\",\"\"] [ ] [null] [null,\"\"]")
      assert.deepStrictEqual(yield* raw.settle, [])
    }))

  test("a log catcher that connects", (_, raw, world) =>
    Effect.gen(function*() {
      raw.send(["", "AnyEvent::MP::LogCatcher::connect", 0, "raw#catcher", 8])
      assert.deepStrictEqual(yield* raw.settle, [])
      assert.deepStrictEqual(world.logs, [])
    }))

  test("unknown requests, and names that objects have", (_, raw) =>
    Effect.gen(function*() {
      for (const name of ["nosuch", "CORE::exit", "__proto__", "constructor", "toString", 5, true, [], {}, "\u0000"]) {
        raw.send(["", name], ["", name, "raw#p"])
      }
      assert.deepStrictEqual(yield* raw.settle, [])
    }))

  test("messages to ports that are not there", (_, raw) =>
    Effect.gen(function*() {
      raw.send(["unknown", "x"], ["seed#unknown", 1], ["__proto__"])
      assert.deepStrictEqual(yield* raw.settle, [])
    }))
})

describe("spawn", () => {
  const Echo = Port.remote("interop::echo")

  test("of a declared function, with a monitor: the packets of section 22", (node, raw) =>
    Effect.gen(function*() {
      const live = Port.implement(Echo, (init: string, word: string) =>
        Effect.gen(function*() {
          yield* Port.mon(init)
          yield* Port.snd(init, word)
          return { echo: (...args: ReadonlyArray<unknown>) => Port.snd(init, "echo", ...args) }
        }))
      yield* node.run(Layer.build(live))
      raw.write(
        "[\"\",\"AnyEvent::MP::_spawn\",\"rwj9diRpZ1c\",\"interop::echo\",\"raw#fjJzWnOawb\",\"hi\"][\"\",\"mon1\",\"rwj9diRpZ1c\"][\"rwj9diRpZ1c\",\"echo\",1]"
      )
      assert.deepStrictEqual(yield* raw.has(3), [["", "mon1", "fjJzWnOawb"], ["fjJzWnOawb", "hi"], [
        "fjJzWnOawb",
        "echo",
        1
      ]])
      raw.send(["", "kil0", "fjJzWnOawb", "init died"])
      assert.deepStrictEqual((yield* raw.has(4))[3], ["", "kil0", "rwj9diRpZ1c", "init died"])
    }))

  test("of what is not declared leaves no port, and is logged", (_, raw, world) =>
    Effect.gen(function*() {
      raw.send(["", "AnyEvent::MP::_spawn", "p1", "no::such", 1], ["", "mon1", "p1"])
      raw.send(["", "AnyEvent::MP::_spawn", "", "no::such"], ["", "AnyEvent::MP::_spawn"])
      assert.deepStrictEqual(yield* raw.settle, [
        ["", "kil0", "p1", "no_such_port", "cannot monitor nonexistent port", "seed#p1"]
      ])
      assert.isTrue(world.logs[0]?.includes("raw asked to spawn \"no::such\""), world.logs.join())
    }))

  test("of a function that fails: the monitor tells why", (node, raw) =>
    Effect.gen(function*() {
      yield* node.run(Layer.build(Port.implement(Echo, () => Effect.die(new TypeError("broken")))))
      raw.send(["", "AnyEvent::MP::_spawn", "p1", "interop::echo"], ["", "mon1", "p1"])
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", "p1", "die", "TypeError: broken"]])
    }))

  test("under a name that is taken is ignored", (node, raw) =>
    Effect.gen(function*() {
      let started = 0
      yield* node.run(Layer.build(Port.implement(Echo, (to: string) =>
        Effect.sync(() => {
          started++
          return { ping: () => Port.snd(to, "pong") }
        }))))
      raw.send(["", "AnyEvent::MP::_spawn", "p1", "interop::echo", "raw#first"])
      raw.send(["", "AnyEvent::MP::_spawn", "p1", "interop::echo", "raw#second"], ["p1", "ping"])
      assert.deepStrictEqual(yield* raw.has(1), [["first", "pong"]])
      assert.strictEqual(started, 1)
    }))

  test("is gone when the layer that implements it closes", (node, raw) =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        yield* node.run(Layer.build(Port.implement(Echo, () => Effect.succeed({}))))
        raw.send(["", "AnyEvent::MP::_spawn", "p1", "interop::echo"], ["", "mon1", "p1"])
        assert.deepStrictEqual(yield* raw.settle, [])
      }))
      assert.deepStrictEqual(yield* raw.has(1), [["", "kil0", "p1"]])
      raw.send(["", "AnyEvent::MP::_spawn", "p2", "interop::echo"], ["", "mon1", "p2"])
      assert.strictEqual((yield* raw.has(2))[1]![3], "no_such_port")
    }))

  test("by the node: the request, then what follows", (node, raw) =>
    Effect.gen(function*() {
      const port = yield* node.run(Port.spawn("raw", Echo, "raw#x", [1, { a: null }]))
      yield* watch(node, port)
      yield* node.run(Port.snd(port, "hello"))
      assert.match(port, /^raw#[0-9A-Za-z]{9}[0-9A-Z][a-z]+$/)
      assert.deepStrictEqual(yield* raw.settle, [
        ["", "AnyEvent::MP::_spawn", nameOf(port), "interop::echo", "raw#x", [1, { a: null }]],
        ["", "mon1", nameOf(port)],
        [nameOf(port), "hello"]
      ])
    }))
})

describe("calls", () => {
  test("from outside: monitor first, reply port last", (node, raw) =>
    Effect.gen(function*() {
      const port = yield* node.run(Port.make({ ask: (reply: Port.PortId) => Port.snd(reply, "answer", 42) }))
      raw.send(["", "mon1", nameOf(port)], [nameOf(port), "ask", "raw#fjJzWnOawg"])
      assert.deepStrictEqual(yield* raw.has(1), [["fjJzWnOawg", "answer", 42]])
    }))

  test("of the node: the same packets", (node, raw) =>
    Effect.gen(function*() {
      const call = yield* Effect.forkScoped(node.run(Port.calMessage("raw#p", "ask", 1)))
      const [mon, ask] = yield* raw.has(2)
      assert.deepStrictEqual([mon, ask?.slice(0, 3)], [["", "mon1", "p"], ["p", "ask", 1]])
      const reply = ask![3] as string
      assert.match(reply, /^seed#[0-9A-Za-z]{9}[a-z]+$/)
      raw.send([nameOf(reply), "answer", 42], [nameOf(reply), "too late"])
      assert.deepStrictEqual(yield* within("the answer", Fiber.join(call)), ["answer", 42])
    }))

  test(
    "of the node take their monitor back when they are answered, or interrupted",
    (node, raw) =>
      Effect.gen(function*() {
        const answered = yield* Effect.forkScoped(node.run(Port.cal("raw#p", "ask")))
        const [, ask] = yield* raw.has(2)
        raw.send([nameOf(ask![2] as string), 42])
        assert.strictEqual(yield* within("the answer", Fiber.join(answered)), 42)
        assert.deepStrictEqual((yield* raw.settle).slice(2), [["", "mon0", "p"]])
        const interrupted = yield* Effect.forkScoped(node.run(Port.cal("raw#q", "ask")))
        yield* raw.has(2)
        yield* Fiber.interrupt(interrupted)
        assert.deepStrictEqual((yield* raw.settle).slice(2), [["", "mon0", "q"]])
      })
  )

  test("of the node fail when the port or its node is gone", (node, raw) =>
    Effect.gen(function*() {
      const [first, second] = [
        yield* Effect.forkScoped(Effect.flip(node.run(Port.cal("raw#p", "ask")))),
        yield* Effect.forkScoped(Effect.exit(node.run(Port.cal("raw#q", "ask"))))
      ]
      yield* raw.has(4)
      raw.send(["", "kil0", "p"])
      assert.deepStrictEqual((yield* within("the first call", Fiber.join(first))).reason, [])
      raw.socket.destroy()
      const exit = yield* within("the second call", Fiber.join(second))
      assert.deepStrictEqual(reasonOf(exit).slice(0, 2), ["transport_error", "raw"])
    }))
})

describe("handlers", () => {
  test("get what JSON says, whatever comes together or in pieces", (node, raw) =>
    Effect.gen(function*() {
      const heard = yield* Deferred.make<ReadonlyArray<unknown>>()
      const port = yield* node.run(Port.make({ go: (...args) => Deferred.succeed(heard, args) }))
      const bytes = Buffer.from(JSON.stringify([nameOf(port), "go", "é€\"]", [1.5, { x: [true, null] }]]))
      for (let i = 0; i < bytes.length; i++) {
        raw.write(bytes.subarray(i, i + 1))
        if (i % 7 === 0) yield* Effect.yieldNow
      }
      assert.deepStrictEqual(yield* within("the message", Deferred.await(heard)), [
        "é€\"]",
        [1.5, { x: [true, null] }]
      ])
    }))
})
