/** What code of users does to a port, and must not do: to throw where nobody expects it, to change what it sent, to wait for itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Port from "../src/Port.ts"
import { collector, connect, local, makeLogs, reasonOf, testOver, transports, until, watch, within } from "./harness.ts"

const failureOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "none"

/** Reasons and arguments that no link can carry as they are. */
const untransportable: ReadonlyArray<readonly [what: string, value: () => unknown]> = [
  ["an error", () => new Error("boom")],
  ["a date", () => new Date(0)],
  ["a function", () => () => 1],
  ["a symbol", () => Symbol("s")],
  ["a map", () => new Map([[1, 2]])],
  ["a lone surrogate", () => "\ud800"],
  ["a cycle", () => {
    const cycle: Array<unknown> = []
    cycle.push(cycle)
    return cycle
  }],
  ["an object whose getter throws", () => ({
    get x() {
      throw new Error("not yours")
    }
  })]
]

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`what cannot travel, over ${name}`, () => {
    for (const [what, value] of untransportable) {
      test(`a reason with ${what} goes as text to the monitors of another node, and all others fire`, (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a")
          const b = yield* world.start("b")
          yield* connect(a, b)
          const inbox = yield* collector(a)
          const job = yield* b.run(Port.make({}))
          const other = yield* watch(b, job)
          yield* b.run(Port.mon(job, inbox.port, "gone", "job 1"))
          const far = yield* watch(a, job)
          const last = yield* watch(b, job)
          yield* until(
            "the far monitor stands",
            () => Effect.map(Effect.option(a.run(Port.calMessage("b", "time"))), (answer) => answer._tag === "Some")
          )
          yield* b.run(Port.kil(job, "too_late", value()))
          yield* until("all are told", () => [other, far, last, inbox.messages].every((told) => told.length === 1))
          for (const told of [other[0]!, far[0]!, last[0]!]) assert.strictEqual(told[0], "too_late")
          const [tag, id, reason, text] = inbox.messages[0]!
          assert.deepStrictEqual([tag, id, reason, typeof text], ["gone", "job 1", "too_late", "string"])
        }))

      test(`a monitor's message with ${what} is refused when the monitor is set`, (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a")
          const b = yield* world.start("b")
          yield* connect(a, b)
          const inbox = yield* collector(a)
          const job = yield* b.run(Port.make({}))
          const exit = yield* Effect.exit(b.run(Port.mon(job, inbox.port, "gone", value())))
          assert.include(failureOf(exit), "UnsendableMessage")
        }))
    }

    test("what Port.after is to send is refused when it is set, and kills the port that sets it", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        yield* connect(a, b)
        const inbox = yield* collector(a)
        const setter = yield* b.run(Port.make({ set: () => Port.after("1 hour", inbox.port, "remind", new Date(0)) }))
        const ended = yield* Effect.forkScoped(b.run(Port.exit(setter)), { startImmediately: true })
        yield* b.run(Port.snd(setter, "set"))
        const [tag, text] = reasonOf(yield* within("its end", Fiber.join(ended)))
        assert.deepStrictEqual([tag, /message\[1\] is a Date/.test(String(text))], ["die", true])
      }))

    test("an argument of a spawn on another node is refused by spawn", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        yield* connect(a, b)
        const exit = yield* Effect.exit(b.run(Port.spawn("a", Port.remote("test::any"), () => 1)))
        assert.include(failureOf(exit), "is a function")
      }))
  })

  describe(`a message is fixed when it is sent, over ${name}`, () => {
    for (const linked of [false, true]) {
      test(linked ? "on a link" : "while the link is being made", (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a")
          const b = yield* world.start("b")
          if (linked) yield* connect(b, a)
          const inbox = yield* collector(a)
          const message = { n: 0, list: [0], bytes: new Uint8Array(1) }
          yield* b.run(Effect.forEach([1, 2, 3], (n) => {
            message.n = message.list[0] = message.bytes[0] = n
            return Port.snd(inbox.port, message)
          }))
          yield* b.run(Port.after("1 millis", inbox.port, message))
          message.n = 99
          yield* inbox.has(4)
          const expected = [1, 2, 3, 3].map((n) => [{ n, list: [n], bytes: Uint8Array.of(n) }])
          assert.deepStrictEqual(inbox.messages, expected)
        }))
    }

    test("also when its sender has to wait for the link, or makes a cycle of it afterwards", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const inbox = yield* collector(a)
        const large = { text: "x".repeat(100_000), self: undefined as unknown }
        const sending = yield* Effect.forkScoped(b.run(Port.snd(inbox.port, large)), { startImmediately: true })
        large.self = large
        large.text = "changed"
        yield* within("the send", Fiber.join(sending))
        yield* inbox.has(1)
        assert.deepStrictEqual(inbox.messages, [[{ text: "x".repeat(100_000), self: undefined }]])
      }))
  })

  describe(`requests within requests, over ${name}`, () => {
    for (const request of ["snd", "time", "can"]) {
      test(`20,000 of ${request} in one message are dropped, and hurt nobody`, (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a")
          const b = yield* world.start("b")
          yield* connect(a, b)
          const lost = yield* watch(a, "b")
          const part = request === "can" ? ["can", "x", "b"] : [request, "b"]
          const message = Array.from({ length: 20_000 }, () => part).flat()
          yield* a.run(Port.snd("b", ...message))
          yield* within("an answer", a.run(Port.calMessage("b", "time")))
          assert.deepStrictEqual(lost, [])
          assert.isTrue(world.logs.some((line) => line.includes("requests within requests")))
        }))
    }
  })
}

describe("a caller", () => {
  it.live("goes on after the replier's snd has returned, not inside of it", () =>
    local(Effect.gen(function*() {
      const order: Array<string> = []
      const server = yield* Port.make({
        ask: (reply: string) =>
          Effect.gen(function*() {
            yield* Port.snd(reply, 1)
            order.push("snd has returned")
          })
      })
      yield* Port.cal(server, "ask")
      order.push("the caller goes on")
      assert.deepStrictEqual(order, ["snd has returned", "the caller goes on"])
    })))

  it.live("may answer the next one, and that one the next, ten thousand times", () =>
    local(Effect.gen(function*() {
      const count = 10_000
      const waiting: Array<string> = []
      const broker = yield* Port.make({ ask: (reply: string) => void waiting.push(reply) })
      const callers = yield* Effect.forEach(
        Array.from({ length: count }),
        () =>
          Port.cal(broker, "ask").pipe(
            Effect.andThen(Effect.suspend(() => Port.snd(waiting.pop() ?? broker, "ignored"))),
            Effect.forkScoped({ startImmediately: true })
          )
      )
      yield* Port.rcv(broker, () => {})
      yield* until("all wait", () => waiting.length === count)
      yield* Port.snd(waiting.pop()!, "go")
      yield* within("all answers", Fiber.joinAll(callers))
      assert.deepStrictEqual(waiting, [])
    })))

  it.live("in a handler of the very port that it asks is told so, also on behalf of a call to itself", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make({
        total: (reply: string) =>
          Effect.flatMap(Port.Self, (self) => Effect.flip(Port.cal(self, "part"))).pipe(
            Effect.flatMap((error) => Port.snd(reply, ...error.reason))
          ),
        part: (reply: string) => Port.snd(reply, 1),
        forked: (reply: string) =>
          Port.fork(
            Effect.flatMap(Port.Self, (self) => Port.cal(self, "part")).pipe(
              Effect.flatMap((part) => Port.snd(reply, part))
            )
          )
      })
      assert.strictEqual(yield* Port.cal(port, "total"), "calling_self")
      assert.strictEqual(yield* within("the call of a fork", Port.cal(port, "forked")), 1)
    })))

  it.live("that has the protocol is told of a reply that does not fit", () =>
    local(Effect.gen(function*() {
      const Counter = Port.protocol({ total: Port.message().replies(Schema.Number) })
      const liar = yield* Port.make({ total: (reply: string) => Port.snd(reply, "many") })
      const error = yield* Effect.flip(Port.cal(Counter, liar, "total"))
      assert.deepStrictEqual([error.port, error.reason[0]], [liar, "invalid_message"])
      assert.match(String(error.reason[1]), /^message "reply to total": .*number/)
      const honest = yield* Port.make(Counter, { total: () => Effect.succeed(42) })
      assert.strictEqual(yield* Port.cal(Counter, honest, "total"), 42)
    })))
})

describe("a handler", () => {
  it.live("that answers null, or no Effect at all, is done", () =>
    local(Effect.gen(function*() {
      const values: ReadonlyArray<unknown> = [null, undefined, 0, "text", [], {}]
      const port = yield* Port.make({
        odd: (at: number) => values[at] as void,
        alive: (reply: string) => Port.snd(reply, 1)
      })
      const added = Port.rcv(port, "added", (at: number) => values[at] as void)
      yield* Effect.provideService(added, References.CurrentLogAnnotations, { from: "elsewhere" })
      for (const at of values.keys()) {
        yield* Port.snd(port, "odd", at)
        yield* Port.snd(port, "added", at)
      }
      assert.strictEqual(yield* Port.cal(port, "alive"), 1)
    })))

  it.live("whose cleanup fails when its port is killed is logged, as is a fiber's and a finalizer's", () => {
    const logs = makeLogs()
    const dying = (what: string) => Effect.die(new Error(`${what} failed`))
    return local(Effect.gen(function*() {
      const cleanups = [
        () => Effect.onInterrupt(Effect.never, () => dying("the handler's cleanup")),
        () => Port.fork(Effect.onInterrupt(Effect.never, () => dying("the fork's cleanup"))),
        () => Effect.addFinalizer(() => dying("the finalizer"))
      ]
      for (const go of cleanups) {
        let started = false
        const port = yield* Port.make({
          go: () => {
            started = true
            return go()
          }
        })
        yield* Port.snd(port, "go")
        yield* until("it has started", () => started)
        yield* Port.kil(port)
        yield* Port.exit(port)
      }
      for (const what of ["the handler's cleanup", "the fork's cleanup", "the finalizer"]) {
        yield* until(`${what} is logged`, () => logs.lines.some((line) => line.includes(`${what} failed`)))
      }
    })).pipe(Effect.provide(logs.layer))
  })
})
