/** The verbs that need no Effect: for callbacks and hot loops. They do what those that are Effects do. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import {
  collector,
  connect,
  hasWaiting,
  local,
  makeLogs,
  peerOf,
  reasonOf,
  testOver,
  transports,
  until,
  within,
  type World
} from "./harness.ts"

const Client = Port.protocol({ line: Port.message(Schema.String), both: Port.message(Schema.String, Schema.Number) })

describe("messages that are sent without an Effect", () => {
  it.live("are handled in order, among those of snd, and never inside of the call", () =>
    local(Effect.gen(function*() {
      const node = yield* Node.Node
      const handled: Array<unknown> = []
      const port = yield* Port.make(Client, {
        line: (text) => void handled.push(text),
        both: (...args) => void handled.push(args)
      })
      const send = yield* Port.sender(port)
      assert.isTrue(send("line", "one"))
      yield* Port.snd(port, "line", "two")
      assert.isTrue(Port.sndUnsafe(node, port, "both", "three", 3))
      send(...["line", "four"] as const)
      assert.deepStrictEqual(handled, [])
      yield* until("all are handled", () => handled.length === 4)
      assert.deepStrictEqual(handled, ["one", "two", ["three", 3], "four"])
    })))

  it.live("to a port that has ended, or never was, or to what is no port, are dropped", () =>
    local(Effect.gen(function*() {
      const node = yield* Node.Node
      const port = yield* Port.make(() => {})
      const send = yield* Port.sender(port)
      yield* Port.kil(port)
      yield* Port.exit(port)
      const others: ReadonlyArray<unknown> = [`${node.nodeId}#never`, "no\nnode#port", "", 42, undefined]
      assert.isTrue(send("x"))
      for (const other of others) assert.isTrue(Port.sndUnsafe(node, other as string, "x"))
      for (const other of [port, ...others]) yield* within("room", Port.awaitRoom(other as string))
    })).pipe(Effect.provide(makeLogs().layer)))

  it.live("may be sent by a handler, which is handled before they are", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const node = yield* Node.Node
      const port: string = yield* Port.make({
        first: () => {
          Port.sndUnsafe(node, port, "second")
          log.push("first")
        },
        second: () => void log.push("second")
      })
      yield* Port.snd(port, "first")
      yield* until("both", () => log.length === 2)
      assert.deepStrictEqual(log, ["first", "second"])
    })))
})

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`messages that are sent without an Effect, over ${name}`, () => {
    const text = "x".repeat(64 * 1024)

    /** A node with a link that takes nothing any more, and how to send on it. */
    const stuck = (world: World) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { monitorTimeout: 120_000 })
        const b = yield* world.start("b", { monitorTimeout: 120_000 })
        yield* connect(a, b)
        const inbox = yield* collector(b)
        const send = yield* a.run(Port.sender(inbox.port))
        yield* world.freeze
        while (send(text));
        return { a, b, inbox }
      })

    test("arrive as those of snd do, and what is changed afterwards is not sent", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const inbox = yield* collector(b)
        const send = yield* a.run(Port.sender(inbox.port))
        const node = yield* a.run(Node.Node)
        const data = { n: 1 }
        // No link stands yet.
        assert.isTrue(send("data", data))
        data.n = 2
        yield* connect(a, b)
        send("data", data)
        data.n = 3
        Port.sndUnsafe(node, inbox.port, "data", data)
        data.n = 4
        yield* inbox.has(3)
        assert.deepStrictEqual(inbox.messages, [["data", { n: 1 }], ["data", { n: 2 }], ["data", { n: 3 }]])
      }))

    test("which cannot travel are refused: it throws, and nothing is sent", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* connect(a, b)
        const inbox = yield* collector(b)
        const send = yield* a.run(Port.sender(inbox.port))
        const node = yield* a.run(Node.Node)
        for (
          const refused of [() => send("bad", () => {}), () => Port.sndUnsafe(node, inbox.port, "bad", new Date(0))]
        ) {
          assert.throws(refused, /bad|cannot|sent/)
        }
        send("good")
        yield* inbox.has(1)
        assert.deepStrictEqual(inbox.messages, [["good"]])
      }))

    test("are sent though the answer is false, and whoever waits for room goes on when there is some, in turn", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* connect(a, b)
        const inbox = yield* collector(b)
        const send = yield* a.run(Port.sender(inbox.port))
        // Nothing leaves before the event loop turns.
        let sent = 1
        while (send(text)) sent++
        assert.isFalse(send("one more"))
        const order: Array<string> = []
        const waits = (what: string, effect: Effect.Effect<void, never, Node.Node>) =>
          a.run(Effect.andThen(effect, Effect.sync(() => void order.push(what)))).pipe(
            Effect.forkScoped({ startImmediately: true })
          )
        yield* waits("room 1", Port.awaitRoom(inbox.port))
        yield* waits("snd", Port.snd(inbox.port, "from snd"))
        yield* waits("room 2", Port.awaitRoom(inbox.port))
        assert.deepStrictEqual(order, [])
        yield* until("all go on", () => order.length === 3)
        assert.deepStrictEqual(order, ["room 1", "snd", "room 2"])
        yield* inbox.has(sent + 2)
        assert.deepStrictEqual(inbox.messages.slice(sent), [["one more"], ["from snd"]])
        assert.isTrue(send("room again"))
      }))

    test("room can be waited for no longer, and is waited for in no finalizer", (world) =>
      Effect.gen(function*() {
        const { a, inbox } = yield* stuck(world)
        const room = a.run(Port.awaitRoom(inbox.port))
        const waiting = yield* Effect.forkScoped(room)
        yield* until("it waits", () => hasWaiting(a, "b", 1))
        yield* within("the interruption", Fiber.interrupt(waiting))
        assert.strictEqual((yield* peerOf(a, "b"))?.waiting, 0)
        yield* within("the finalizer", Effect.scoped(Effect.addFinalizer(() => room)))
      }))

    test("there is room where nobody can be reached", (world) =>
      Effect.gen(function*() {
        const { a, b, inbox } = yield* stuck(world)
        const waiting = yield* Effect.forkScoped(a.run(Port.awaitRoom(inbox.port)))
        yield* until("it waits", () => hasWaiting(a, "b", 1))
        yield* within("the stop", a.stop)
        yield* within("room", Fiber.join(waiting))
        yield* b.stop
      }))

    test("kilUnsafe and monUnsafe reach other nodes", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* connect(a, b)
        const port = yield* b.run(Port.make({}))
        const node = yield* a.run(Node.Node)
        const told: Array<ReadonlyArray<unknown>> = []
        const takeBack = Port.monUnsafe(node, port, () => told.push(["taken back"]))
        Port.monUnsafe(node, port, (exit) => told.push(reasonOf(exit)))
        takeBack()
        Port.kilUnsafe(node, port, "enough", 1)
        yield* until("it is told", () => told.length > 0)
        assert.deepStrictEqual(told, [["enough", 1]])
      }))
  })
}

describe("ports that are made and ended without an Effect", () => {
  class Service extends Context.Service<Service, string>()("unsafe/Service") {}

  it.live("have the services of their context, and end with its scope", () =>
    local(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const heard = yield* Deferred.make<string>()
      const context = (yield* Effect.context<Node.Node>()).pipe(
        Context.add(Service, "the service"),
        Context.add(Scope.Scope, scope)
      )
      const handlers = { go: () => Effect.flatMap(Service, (text) => Deferred.succeed(heard, text)) }
      const port = Port.makeUnsafe(context, handlers)
      yield* Port.snd(port, "go")
      assert.strictEqual(yield* within("the handler", Deferred.await(heard)), "the service")
      const ended = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
      yield* Scope.close(scope, Exit.fail("closed"))
      assert.deepStrictEqual(reasonOf(yield* within("the end", Fiber.join(ended))), ["fail", "closed", "closed"])
    })))

  it.live("end at once in a scope that is closed, and leave nothing in one that lives on", () =>
    local(Effect.gen(function*() {
      const [closed, open] = [yield* Scope.make(), yield* Scope.make()]
      const context = yield* Effect.context<Node.Node>()
      yield* Scope.close(closed, Exit.void)
      const gone = Port.makeUnsafe(Context.add(context, Scope.Scope, closed), {})
      assert.isTrue(Exit.isSuccess(yield* within("the end", Port.exit(gone))))
      for (let i = 0; i < 3; i++) {
        const port = Port.makeUnsafe(Context.add(context, Scope.Scope, open), {})
        Port.kilUnsafe(context.pipe(Context.get(Node.Node)), port)
        yield* Port.exit(port)
      }
      assert.strictEqual(open.state._tag, "Empty")
    })))

  it.live("are refused what make is refused", () =>
    local(Effect.gen(function*() {
      const context = yield* Effect.context<Node.Node | Scope.Scope>()
      assert.throws(() => Port.makeUnsafe(context, {}, { mailbox: 0.5 }), RangeError)
    })))

  it.live("handle what waits before them, and nothing more, when a handler ends them", () =>
    local(Effect.gen(function*() {
      const node = yield* Node.Node
      const handled: Array<number> = []
      const port = yield* Port.make((n: number) => {
        handled.push(n)
        if (n === 2) Port.kilUnsafe(node, port, "enough")
      })
      const exit = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
      for (const n of [1, 2, 3]) Port.sndUnsafe(node, port, n)
      assert.deepStrictEqual(reasonOf(yield* Fiber.join(exit)), ["enough"])
      assert.deepStrictEqual(handled, [1, 2])
    })))
})

describe("monitors that are set without an Effect", () => {
  it.live("call back once each, not inside of kil, and those that were taken back not at all", () =>
    local(Effect.gen(function*() {
      const node = yield* Node.Node
      const port = yield* Port.make({})
      let told = 0
      const count = (): void => void told++
      const takeBack = [count, count, count].map((callback) => Port.monUnsafe(node, port, callback))
      takeBack[1]!()
      takeBack[1]!()
      Port.kilUnsafe(node, port)
      assert.strictEqual(told, 0)
      yield* Port.exit(port)
      assert.strictEqual(told, 2)
      for (const each of takeBack) each()
      Port.monUnsafe(node, port, (exit) => told += reasonOf(exit)[0] === "no_such_port" ? 10 : 100)
      yield* until("of no port, too", () => told > 2)
      assert.strictEqual(told, 12)
    })))

  it.live("that throw are logged, and keep nobody from being told", () => {
    const logs = makeLogs()
    return local(Effect.gen(function*() {
      const node = yield* Node.Node
      const port = yield* Port.make({})
      Port.monUnsafe(node, port, () => {
        throw new Error("oops")
      })
      const told: Array<unknown> = []
      Port.monUnsafe(node, port, (exit) => told.push(exit))
      yield* Port.kil(port)
      yield* until("it is told", () => told.length === 1)
      yield* until("it is logged", () => logs.lines.some((line) => line.includes("oops")))
    })).pipe(Effect.provide(logs.layer))
  })
})
