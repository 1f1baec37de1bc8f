import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Node, Port } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { nameOf } from "../src/internal/values/portId.ts"
import { reasonFromExit } from "../src/internal/values/reason.ts"
import { local } from "./harness.ts"

/** How a port ended, as its reason list; fails the test if it does not within five seconds. */
const reasonOf = (port: Port.PortId) =>
  Effect.map(Effect.timeout(Port.exit(port), "30 seconds"), (exit) => reasonFromExit(exit))

/** A port that is silent; and one that collects messages until it has as many as wanted. */
const silent = Port.make(() => {})
const collector = Effect.fnUntraced(function*(wanted: number) {
  const messages: Array<ReadonlyArray<unknown>> = []
  const done = yield* Deferred.make<ReadonlyArray<ReadonlyArray<unknown>>>()
  const port = yield* Port.make((...message) => {
    messages.push(message)
    if (messages.length === wanted) Deferred.doneUnsafe(done, Effect.succeed(messages))
  })
  return { port, all: Effect.timeout(Deferred.await(done), "30 seconds") }
})

describe("messages", () => {
  it.live("are handled one at a time, in the order of arrival", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const done = yield* Deferred.make<void>()
      const port = yield* Port.make({
        work: Effect.fnUntraced(function*(n: number) {
          log.push(`begin ${n}`)
          yield* Effect.sleep(n === 1 ? 20 : 0)
          log.push(`end ${n}`)
          if (n === 3) yield* Deferred.succeed(done, undefined)
        })
      })
      for (const n of [1, 2, 3]) yield* Port.snd(port, "work", n)
      yield* Deferred.await(done)
      assert.deepStrictEqual(log, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"])
    })))

  it.live("of one port do not wait for a handler of another", () =>
    local(Effect.gen(function*() {
      const stuck = yield* Port.make(() => Effect.never)
      yield* Port.snd(stuck, "x")
      const { all, port } = yield* collector(1)
      yield* Port.snd(port, "y")
      assert.deepStrictEqual(yield* all, [["y"]])
    })))

  it.effect("never run the receiver in the sender's stack", () =>
    local(Effect.gen(function*() {
      let handled = false
      const port = yield* Port.make(() => {
        handled = true
      })
      yield* Port.snd(port, "x")
      assert.isFalse(handled)
    })))

  it.live("go to the handler of their tag, without it, and to the default receiver otherwise", () =>
    local(Effect.gen(function*() {
      const { all, port: answers } = yield* collector(3)
      const port = yield* Port.make((...message) => Port.snd(answers, "default", ...message))
      yield* Port.rcv(port, "tag", (...args: ReadonlyArray<unknown>) => Port.snd(answers, "tagged", ...args))
      yield* Port.rcv(port, "gone", () => Effect.die("it was removed"))
      yield* Port.rcv(port, "gone")
      yield* Port.snd(port, "tag", 1, 2, 3, 4)
      yield* Port.snd(port, "other", 1)
      yield* Port.snd(port, "gone", 2)
      assert.deepStrictEqual(yield* all, [["tagged", 1, 2, 3, 4], ["default", "other", 1], ["default", "gone", 2]])
    })))

  it.live("can be handled by replaced handlers, with the services of whoever replaced them", () =>
    local(Effect.gen(function*() {
      const { all, port: answers } = yield* collector(2)
      const port = yield* Port.make({ say: () => Port.snd(answers, "first") })
      yield* Port.rcv(port, "sync", (reply: string) => Port.snd(reply, "ok"))
      yield* Port.snd(port, "say")
      yield* Port.cal(port, "sync")
      yield* Port.rcv(port, "say", () => Effect.flatMap(Suffix, (suffix) => Port.snd(answers, `second${suffix}`))).pipe(
        Effect.provideService(Suffix, "!")
      )
      yield* Port.snd(port, "say")
      assert.deepStrictEqual(yield* all, [["first"], ["second!"]])
    })))

  it.live("may come as one list, and be empty", () =>
    local(Effect.gen(function*() {
      const { all, port } = yield* collector(3)
      const tagged: [string, ...ReadonlyArray<unknown>] = ["tag", 1, 2]
      const whole: ReadonlyArray<unknown> = [1, 2, 3, 4]
      yield* Port.snd(port, ...tagged)
      yield* Port.snd(port, ...whole)
      yield* Port.snd(port)
      assert.deepStrictEqual(yield* all, [["tag", 1, 2], [1, 2, 3, 4], []])
    })))

  it.live("are the same each time that one snd is run", () =>
    local(Effect.gen(function*() {
      const { all, port } = yield* collector(2)
      const send = Port.snd(port, "tag", 1)
      yield* send
      yield* send
      assert.deepStrictEqual(yield* all, [["tag", 1], ["tag", 1]])
    })))

  it.live("that are calls are answered by handlers that rcv adds, with their services", () =>
    local(Effect.gen(function*() {
      const Sum = Port.protocol({ sum: Port.message(Schema.Number).replies(Schema.Number), forget: Port.message() })
      let sum = 0
      const port = yield* Port.make(Sum, { sum: (n) => Effect.sync(() => sum += n), forget: () => {} })
      assert.strictEqual(yield* Port.cal(port, "sum", 1), 1)
      yield* Port.rcv(port, "sum", (n) => Effect.succeed(-n))
      assert.strictEqual(yield* Port.cal(port, "sum", 2), -2)
      yield* Port.rcv(
        port,
        "sum",
        Effect.fnUntraced(function*(n) {
          return n + (yield* Suffix).length
        })
      ).pipe(Effect.provideService(Suffix, "!!!"))
      assert.strictEqual(yield* Port.cal(port, "sum", 3), 6)
      const forgotten = yield* Deferred.make<void>()
      yield* Port.rcv(port, "forget", () => Deferred.succeed(forgotten, undefined))
      yield* Port.snd(port, "forget")
      yield* Deferred.await(forgotten)
    })))

  it.live("to a malformed port ID are dropped with a warning that names it", () => {
    const logs: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logs.push(String(message)))])
    return local(Effect.gen(function*() {
      for (const id of ["", "#x", "a;b#c", "a\nb#c"]) {
        yield* Port.snd(id, "hello")
        assert.strictEqual((yield* reasonOf(id))[0], "no_such_port")
      }
      assert.strictEqual(logs.filter((line) => line.includes("malformed port ID")).length, 4)
      assert.isTrue(logs.some((line) => line.includes(`"a;b#c"`)))
    })).pipe(Effect.provide(logger))
  })

  it.live.each<[string, (handled: () => void) => Effect.Effect<void>]>([
    ["that Effect runs", (handled) => Effect.suspend(() => (handled(), Effect.void))],
    ["that needs no fiber", (handled) => Effect.sync(handled)]
  ])(
    "a million to one port, with a handler %s, neither grow the stack nor keep the event loop from turning",
    ([, make]) =>
      local(Effect.gen(function*() {
        const wanted = 1_000_000
        const done = yield* Deferred.make<void>()
        let count = 0
        const handler = make(() => {
          if (++count === wanted) Deferred.doneUnsafe(done, Effect.void)
        })
        const port = yield* Port.make(() => handler)
        const router = yield* NodeRouter
        for (let i = 0; i < wanted; i++) router.send(port, ["x"])
        // In each of them timers and sockets are served.
        let turns = 0
        const turn = (): void => {
          turns++
          if (count < wanted) setImmediate(turn)
        }
        turn()
        yield* Deferred.await(done)
        assert.strictEqual(count, wanted)
        assert.isAbove(turns, 3)
      }))
  )
})

class Suffix extends Context.Service<Suffix, string>()("test/Suffix") {}

describe("the end of a port", () => {
  it.live("has the reason that it was killed with, or none", () =>
    local(Effect.gen(function*() {
      const first = yield* silent
      yield* Port.kil(first)
      yield* Port.kil(first, "too late")
      assert.deepStrictEqual(yield* Port.exit(first), Exit.void)
      const second = yield* silent
      yield* Port.kil(second, "tag", "text", { n: 1 })
      assert.deepStrictEqual(yield* reasonOf(second), ["tag", "text", { n: 1 }])
    })))

  it.live.each<[string, () => unknown, ReadonlyArray<unknown>]>([
    ["fails with a string", () => Effect.fail("no"), ["fail", "no", "no"]],
    ["fails with an error", () => Effect.fail(new Oops({ code: 7 })), ["fail", "Oops: code 7", {
      _tag: "Oops",
      code: 7
    }]],
    ["fails with what is no plain data", () => Effect.fail({ f: Effect.void }), ["fail"]],
    ["dies", () => Effect.die(new TypeError("bug")), ["die", "TypeError: bug"]],
    ["throws", () => {
      throw new RangeError("off by one")
    }, ["die", "RangeError: off by one"]],
    ["throws in an Effect.sync", () =>
      Effect.sync(() => {
        throw new RangeError("off by two")
      }), ["die", "RangeError: off by two"]],
    ["kills its own port", () => Effect.flatMap(Port.Self, (self) => Port.kil(self, "enough")), ["enough"]]
  ])("is told by its reason when a handler %s", ([, handler, reason]) =>
    local(Effect.gen(function*() {
      const port = yield* Port.make(handler as () => Effect.Effect<void, unknown, Node.Node | Port.Self>)
      yield* Port.snd(port, "x")
      assert.deepStrictEqual((yield* reasonOf(port)).slice(0, reason.length), reason)
    })))

  it.live("comes with a message that no handler takes, and names its tag", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make({ known: () => {} })
      yield* Port.snd(port, "constructor", 1)
      assert.deepStrictEqual(yield* reasonOf(port), [
        "unhandled_message",
        "no callback found for message 'constructor'"
      ])
    })))

  it.live("comes with one message more than the mailbox holds", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make(() => Effect.never, { mailbox: 3 })
      for (let n = 0; n < 3; n++) yield* Port.snd(port, n)
      yield* Effect.yieldNow
      for (let n = 0; n < 2; n++) yield* Port.snd(port, n)
      assert.deepStrictEqual(yield* reasonOf(port), ["mailbox_overflow", 3])
    })))

  it.live.each([NaN, -1, 1.5, -Infinity])(
    "of a port with a mailbox for %d messages is not waited for: make and implement refuse it",
    (mailbox) =>
      local(Effect.gen(function*() {
        const fn = Port.remote("test::silent")
        const attempts: ReadonlyArray<Effect.Effect<unknown, never, Node.Node | Scope.Scope>> = [
          Port.make(() => {}, { mailbox }),
          Effect.scoped(Layer.build(Port.implement(fn, () => Effect.succeed({}), { mailbox })))
        ]
        for (const attempt of attempts) {
          const exit = yield* Effect.exit(attempt)
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          assert.instanceOf(defect, RangeError)
          assert.match(defect.message, new RegExp(`mailbox must be a whole number of messages.*${mailbox}$`))
        }
      }))
  )

  it.live("does not wait for a handler that never completes", () =>
    local(Effect.gen(function*() {
      const entered = yield* Deferred.make<void>()
      const port = yield* Port.make(() => Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      yield* Port.snd(port, "x")
      yield* Deferred.await(entered)
      yield* Port.kil(port, "enough")
      assert.deepStrictEqual(yield* reasonOf(port), ["enough"])
    })))

  it.live("releases what handlers acquired, before monitors are told", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const ready = yield* Deferred.make<void>()
      const port = yield* Port.make(() =>
        Effect.andThen(
          Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("released"))),
          Deferred.succeed(ready, undefined)
        )
      )
      yield* Port.mon(port, () => Effect.sync(() => log.push("told")))
      yield* Port.snd(port, "x")
      yield* Deferred.await(ready)
      yield* Port.kil(port)
      yield* Port.exit(port)
      assert.deepStrictEqual(log, ["released", "told"])
    })))

  it.live("comes with the end of its scope, with the reason of the Cause", () =>
    local(Effect.gen(function*() {
      const ends: Array<[Exit.Exit<unknown, unknown>, ReadonlyArray<unknown>]> = [
        [Exit.void, []],
        [Exit.fail("because"), ["fail", "because"]],
        [Exit.die("bug"), ["die", "bug"]],
        [Exit.interrupt(1), ["interrupted"]]
      ]
      for (const [exit, reason] of ends) {
        const scope = yield* Scope.make()
        const port = yield* Scope.provide(silent, scope)
        const told = yield* Deferred.make<ReadonlyArray<unknown>>()
        yield* Port.mon(port, (exit) => Deferred.succeed(told, reasonFromExit(exit)))
        yield* Scope.close(scope, exit)
        assert.deepStrictEqual((yield* Deferred.await(told)).slice(0, 2).slice(0, reason.length), reason)
        assert.strictEqual((yield* reasonOf(port))[0], "no_such_port")
      }
    })))

  it.live.each<[string, (close: Effect.Effect<void>) => Effect.Effect<unknown, never, Node.Node | Port.Self>]>([
    ["its handler", (close) => close],
    ["a fiber inside of it", (close) => Port.fork(close).pipe(Effect.andThen(Effect.never))]
  ])("comes when %s closes the scope that it was made in", ([, from]) =>
    local(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const port = yield* Port.make({ stop: () => from(Scope.close(scope, Exit.void)) }).pipe(Scope.provide(scope))
      const ended = yield* Effect.forkScoped(reasonOf(port), { startImmediately: true })
      yield* Port.snd(port, "stop")
      assert.deepStrictEqual(yield* Fiber.join(ended), [])
    })))

  it.live("frees its ID for good", () =>
    local(Effect.gen(function*() {
      const seen = new Set<string>()
      for (let n = 0; n < 1000; n++) {
        const port = yield* silent
        assert.isFalse(seen.has(port))
        seen.add(port)
        yield* Port.kil(port)
      }
      const elsewhere = yield* Effect.provide(Effect.scoped(silent), Node.layerLocal)
      assert.isFalse(seen.has(elsewhere))
    })))

  it.live("leaves nothing in the node's table", () =>
    local(Effect.gen(function*() {
      const before = (yield* Node.gauges).ports
      yield* Effect.scoped(Effect.gen(function*() {
        const port = yield* Port.make({ ask: (reply: string) => Port.snd(reply, 1) })
        yield* Port.cal(port, "ask")
        yield* Port.mon(port, () => {})
      }))
      assert.strictEqual((yield* Node.gauges).ports, before)
    })))
})

class Oops extends Schema.TaggedError<Oops>()("Oops", { code: Schema.Number }) {
  override get message(): string {
    return `code ${this.code}`
  }
}

describe("messages from other nodes", () => {
  const Greeter = Port.protocol({
    greet: Port.message(Schema.String, Schema.Struct({ age: Schema.Number })),
    ask: Port.message().replies(Schema.Number)
  })
  const greeter = (log: Array<string>) =>
    Port.make(Greeter, {
      greet: (name) => {
        log.push(name)
      },
      ask: () => Effect.succeed(1)
    })

  it.live("are handled when they fit, and kill the port with the tag and path when they do not", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const port = yield* greeter(log)
      const receiver = (yield* NodeRouter).portNamed(nameOf(port))!
      receiver.sendForeign(["greet", "ann", { age: 1 }])
      receiver.sendForeign(["greet", "bob", { age: "old" }])
      receiver.sendForeign(["greet", "cid", { age: 2 }])
      const reason = yield* reasonOf(port)
      assert.deepStrictEqual(log, ["ann"])
      assert.strictEqual(reason[0], "invalid_message")
      assert.match(String(reason[1]), /"greet".*age/)
    })))

  it.live("may have any number of arguments where the message has a rest, each of which must fit", () =>
    local(Effect.gen(function*() {
      const Sums = Port.protocol({
        left: Port.message(Schema.String).rest(Schema.Unknown),
        sum: Port.message(Schema.Number).rest(Schema.Number).replies(Schema.Number)
      })
      const { all, port: log } = yield* collector(3)
      const port = yield* Port.make(Sums, {
        left: (who, ...reason) => Port.snd(log, who, ...reason),
        sum: (...numbers) => Effect.succeed(numbers.reduce((sum, n) => sum + n, 0))
      })
      const receiver = (yield* NodeRouter).portNamed(nameOf(port))!
      receiver.sendForeign(["left", "ann"])
      receiver.sendForeign(["left", "bob", "fail", "boom", { n: 1 }])
      receiver.sendForeign(["sum", 1, 2, 39, log])
      assert.deepStrictEqual(yield* all, [["ann"], ["bob", "fail", "boom", { n: 1 }], [42]])
      receiver.sendForeign(["sum", 1, 2, "3", log])
      assert.strictEqual((yield* reasonOf(port))[0], "invalid_message")
    })))

  it.live("may have a key of any length that does not fit: it costs no more than to read it", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make(
        Port.protocol({ prices: Port.message(Schema.Record(Schema.String, Schema.Number)) }),
        {
          prices: () => {}
        }
      )
      // To look at each part of it again for each of its characters would take minutes.
      const key = " ".repeat(500_000)
      ;(yield* NodeRouter).portNamed(nameOf(port))!.sendForeign(["prices", { [key]: "none" }])
      assert.strictEqual((yield* reasonOf(port))[0], "invalid_message")
    })))

  it.live("must name a port to reply to where the message is a call", () =>
    local(Effect.gen(function*() {
      const port = yield* greeter([])
      ;(yield* NodeRouter).portNamed(nameOf(port))!.sendForeign(["ask", 42])
      assert.strictEqual((yield* reasonOf(port))[0], "invalid_message")
    })))
})

describe("remote functions", () => {
  const Adder = Port.protocol({ add: Port.message(Schema.Number).replies(Schema.Number) })
  const adder = Port.remote("test::adder", [Schema.Number], Adder)
  const AdderLive = Port.implement(
    adder,
    (base) => base < 0 ? Effect.fail("too small") : Effect.succeed({ add: (n) => Effect.succeed(base + n) })
  )

  it.live("make ports whose IDs are known at once", () =>
    local(
      Effect.gen(function*() {
        const port = yield* Port.spawn(yield* Node.id, adder, 40)
        assert.strictEqual(yield* Port.cal(port, "add", 2), 42)
      }).pipe(Effect.provide(AdderLive))
    ))

  it.live("make ports on the node of a port, which is left alone", () =>
    local(
      Effect.gen(function*() {
        const other = yield* Port.make({})
        const port = yield* Port.spawn(other, adder, 40)
        assert.strictEqual(Port.nodeOf(port), Port.nodeOf(other))
        assert.strictEqual(yield* Port.cal(port, "add", 2), 42)
        assert.strictEqual(yield* Port.peval(other, Effect.succeed("alive")), "alive")
      }).pipe(Effect.provide(AdderLive))
    ))

  it.live("without a protocol may answer one default receiver, or handlers that say what they take", () =>
    local(Effect.gen(function*() {
      const { all, port: log } = yield* collector(2)
      const whole = Port.remote("test::whole")
      const tagged = Port.remote("test::tagged")
      const live = Layer.merge(
        Port.implement(whole, (name: string) => Effect.succeed((...message) => Port.snd(log, name, ...message))),
        Port.implement(tagged, () => Effect.succeed({ double: (n: number) => Port.snd(log, 2 * n) }))
      )
      yield* Layer.buildWithScope(live, yield* Effect.scope)
      yield* Port.snd(yield* Port.spawn(log, whole, "first"), "tag", 1)
      yield* Port.snd(yield* Port.spawn(log, tagged), "double", 21)
      assert.deepStrictEqual(yield* all, [["first", "tag", 1], [42]])
    })))

  it.live("give each of their ports a mailbox of the size that they were implemented with", () =>
    local(Effect.gen(function*() {
      const stuck = Port.remote("test::stuck")
      const live = Port.implement(stuck, () => Effect.never, { mailbox: 2 })
      yield* Layer.buildWithScope(live, yield* Effect.scope)
      const port = yield* Port.spawn(yield* Node.id, stuck)
      const ended = yield* Effect.forkScoped(reasonOf(port), { startImmediately: true })
      for (let n = 0; n < 4; n++) {
        yield* Port.snd(port, n)
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(yield* Fiber.join(ended), ["mailbox_overflow", 2])
    })))

  it.live("kill the port when they fail, and leave none when they are not declared", () =>
    local(
      Effect.gen(function*() {
        const here = yield* Node.id
        const failing = yield* Port.spawn(here, adder, -1)
        assert.deepStrictEqual((yield* reasonOf(failing)).slice(0, 2), ["fail", "too small"])
        const unknown = yield* Port.spawn(here, Port.remote("test::unknown"))
        assert.strictEqual((yield* reasonOf(unknown))[0], "no_such_port")
      }).pipe(Effect.provide(AdderLive), Effect.provide(Logger.layer([])))
    ))

  it.live("end with their layer, and their ports with them", () =>
    local(
      Effect.gen(function*() {
        const here = yield* Node.id
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(AdderLive, scope)
        const port = yield* Port.spawn(here, adder, 1)
        assert.strictEqual(yield* Port.cal(port, "add", 1), 2)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* reasonOf(port))[0], "no_such_port")
        assert.strictEqual((yield* reasonOf(yield* Port.spawn(here, adder, 1)))[0], "no_such_port")
      }).pipe(Effect.provide(Logger.layer([])))
    ))

  it.live("are what was implemented last, of what still is", () =>
    local(
      Effect.gen(function*() {
        const Named = Port.remote("test::named", [], Port.protocol({ name: Port.message().replies(Schema.String) }))
        const here = yield* Node.id
        const ask = Effect.flatMap(Port.spawn(here, Named), (port) => Port.cal(port, "name"))
        const implement = (name: string) =>
          Effect.gen(function*() {
            const scope = yield* Scope.fork(yield* Effect.scope)
            const layer = Port.implement(Named, () => Effect.succeed({ name: () => Effect.succeed(name) }))
            yield* Layer.buildWithScope(layer, scope)
            return Scope.close(scope, Exit.void)
          })
        const endFirst = yield* implement("first")
        const endSecond = yield* implement("second")
        assert.strictEqual(yield* ask, "second")
        yield* endSecond
        assert.strictEqual(yield* ask, "first")
        const endThird = yield* implement("third")
        yield* endFirst
        assert.strictEqual(yield* ask, "third")
        yield* endThird
        assert.strictEqual((yield* Effect.flip(ask)).reason[0], "no_such_port")
      }).pipe(Effect.provide(Logger.layer([])))
    ))
})
