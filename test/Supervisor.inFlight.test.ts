/** What supervisors and children are in the middle of when something ends: starts that have not answered, and messages in hand. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { brief, end, group, makeKids, record, states, told } from "./supervisedGroup.ts"

/** How a supervisor may end. */
const ways = [
  ["is stopped", (supervisor: Supervisor.Handle) => supervisor.stop],
  ["is killed", (supervisor: Supervisor.Handle) => Port.kil(supervisor.supervisor, "enough")]
] as const

const waits = [
  ["can be interrupted", Effect.sleep("1 second")],
  ["cannot be interrupted", Effect.uninterruptible(Effect.sleep("1 second"))]
] as const

describe("a start that has not answered when the supervisor ends is undone", () => {
  for (const [how, stop] of ways) {
    for (const [what, wait] of waits) {
      test(`dynamic, where the supervisor ${how}, and the start ${what}`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const { ports } = yield* NodeRouter
          const before = ports.size
          const pool = yield* Effect.flatMap(Supervisor.dynamic({ start: (id: string) => kids.start(id) }), record)
          yield* pool.startChild("a")
          kids.next("b", wait)
          const asking = yield* Effect.forkChild(Effect.flip(pool.startChild("b")), { startImmediately: true })
          yield* quiet
          yield* Effect.forkChild(stop(pool), { startImmediately: true })
          yield* sleep("2 seconds")
          assert.strictEqual((yield* Fiber.join(asking))._tag, "Killed")
          assert.deepStrictEqual(kids.took().split(" ").toSorted(), ["+a", "+b", "-a", "-b"])
          assert.strictEqual(ports.size, before)
          assert.deepStrictEqual(told(pool.events_), ["Started 1", "Ended 1"])
        }))

      test(`among children with names, where the supervisor ${how}, and the start ${what}`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const { ports } = yield* NodeRouter
          const before = ports.size
          const supervisor = yield* group([kids.kid("a"), kids.kid("b")])
          kids.next("a", wait)
          yield* end(supervisor, "a", "crash")
          assert.strictEqual(kids.took(), "+a +b -a +a")
          yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
          yield* sleep("2 seconds")
          assert.strictEqual(kids.took(), "-b -a")
          assert.strictEqual(ports.size, before)
          assert.deepStrictEqual(told(supervisor.events_), ["Ended a", "Restarting a", "Ended b"])
        }))
    }
  }

  test("under another supervisor that ends", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const { ports } = yield* NodeRouter
      const before = ports.size
      const inner = yield* Deferred.make<Supervisor.Supervisor>()
      const nested = Effect.tap(Supervisor.make({ children: [] }), (made) => Deferred.succeed(inner, made))
      const outer = yield* group([{ id: "nested", start: nested }])
      kids.next("a", Effect.never)
      const asked = (yield* Deferred.await(inner)).startChild(kids.kid("a"))
      yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      yield* quiet
      yield* outer.stop
      assert.strictEqual(kids.took(), "+a -a")
      assert.strictEqual(ports.size, before)
    }))

  test("when the scope closes that the supervisor was made in", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Supervisor.dynamic({ start: () => kids.start("a") }), scope)
      kids.next("a", Effect.never)
      yield* Effect.forkChild(Effect.exit(pool.startChild()), { startImmediately: true })
      yield* quiet
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(kids.took(), "+a -a")
    }))

  test("when a start ends its own supervisor", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const { ports } = yield* NodeRouter
      const before = ports.size
      const pool: Supervisor.DynamicSupervisor<[], Supervisor.Started> = yield* Supervisor.dynamic({
        start: () => kids.start("a")
      })
      kids.next("a", Effect.suspend(() => pool.stop))
      const error = yield* Effect.flip(pool.startChild())
      assert.strictEqual(error._tag, "Killed")
      yield* quiet
      assert.strictEqual(kids.took(), "+a -a")
      assert.strictEqual(ports.size, before)
    }))
})

describe("a child that ends before its start has answered", () => {
  for (
    const [reason, restarted] of [[[], false], [["shutdown", "done"], false], [["crash", 5], true]] as const
  ) {
    test(`has ended with its true reason (${reason.join() || "none"}): a transient one is ${restarted ? "" : "not "}started again`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const pool = yield* Effect.flatMap(
          Supervisor.dynamic({ start: () => kids.start("a"), restart: "transient" }),
          record
        )
        kids.next("a", brief(...reason))
        yield* pool.startChild()
        yield* quiet
        assert.strictEqual(kids.took(), restarted ? "+a -a +a" : "+a -a")
        const ends = pool.events_.flatMap((event) => event._tag === "Ended" ? [reasonOf(event.exit)] : [])
        assert.deepStrictEqual(ends, [[...reason]])
        assert.isUndefined(pool.reason())
      }))
  }

  test("may be one of those that a supervisor begins with", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("a", brief())
      const supervisor = yield* group([kids.kid("a", { restart: "transient" }), kids.kid("b")])
      yield* quiet
      assert.strictEqual(kids.took(), "+a +b -a")
      assert.strictEqual(yield* states(supervisor), "a: stopped, b: running")
    }))

  test("and has only begun to end has its time for that", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      let starts = 0
      const start = Effect.gen(function*() {
        const port = yield* Port.make({})
        if (++starts > 1) return port
        yield* Port.peval(port, Effect.addFinalizer(() => Effect.never))
        yield* Port.kil(port, "crash")
        yield* Effect.yieldNow
        return port
      })
      const supervisor = yield* group([{ id: "a", start }, kids.kid("b")])
      assert.strictEqual(yield* states(supervisor), "a: ending, b: running")
      yield* sleep("5 seconds")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running")
      assert.strictEqual(starts, 2)
    }))
})

describe("what a supervisor says of its children", () => {
  test("is that one is starting whose start, which is no restart, has not answered", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      kids.next("b", Effect.sleep("1 second"))
      yield* Effect.forkChild(supervisor.startChild(kids.kid("b")), { startImmediately: true })
      yield* quiet
      assert.strictEqual(yield* states(supervisor), "a: running, b: starting")
      yield* sleep("1 second")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running")
    }))

  test("is that one is ending which has ended, as long as nobody has decided what follows", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({ start: (id: string) => kids.start(id), restart: "temporary" })
      yield* pool.startChild("a")
      kids.next("b", Effect.sleep("1 second"))
      yield* Effect.forkChild(pool.startChild("b"), { startImmediately: true })
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(yield* states(pool), "1: ending, 2: starting")
      yield* sleep("1 second")
      assert.strictEqual(yield* states(pool), "2: running")
    }))

  test("of one whose end takes time is not that it has stopped: whoever asks for its port gets the next one", () =>
    Effect.gen(function*() {
      let starts = 0
      const start = Effect.suspend(() => {
        const nth = ++starts
        return Effect.andThen(
          Effect.addFinalizer(() => nth === 1 ? Effect.sleep("1 second") : Effect.void),
          Port.make({})
        )
      })
      const supervisor = yield* group([{ id: "a", start }])
      const before = yield* supervisor.port("a")
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(yield* states(supervisor), "a: ending")
      const next = yield* Effect.forkChild(supervisor.port("a"), { startImmediately: true })
      yield* sleep("1 second")
      assert.notStrictEqual(yield* Fiber.join(next), before)
    }))

  test("within a second is summed up at once when the supervisor ends", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      for (let i = 0; i < 3; i++) yield* end(supervisor, "a", "crash")
      yield* supervisor.stop
      assert.deepStrictEqual(logs.lines.filter((line) => line.startsWith("WARN")), [
        "WARN supervisor: a is restarted: crash",
        "WARN supervisor: a is restarted: crash: 2 more times within a second"
      ])
    }).pipe(Effect.provide(logs.layer))
  })
})

/** A child that takes a second for each message, and the calls that it has answered. */
const makeSlow = () => {
  const handled: Array<unknown> = []
  const start = Port.make({
    work: (n: unknown, reply: string) =>
      Effect.gen(function*() {
        yield* Effect.sleep("1 second")
        handled.push(n)
        yield* Port.snd(reply, n)
      }),
    hang: () => Effect.never
  })
  return { start, handled }
}

/** Asks it twice: one message is in hand then, and one waits. */
const askTwice = (port: Port.PortId) =>
  Effect.gen(function*() {
    const calls = yield* Effect.forEach([1, 2], (n) =>
      Effect.forkChild(Effect.exit(Port.cal(port, "work", n)), { startImmediately: true }))
    yield* quiet
    return calls
  })

describe("a child that is asked to stop", () => {
  for (
    const [how, stop] of [
      ["by the stop of its supervisor", (supervisor: Supervisor.Supervisor) => supervisor.stop],
      [
        "by the end of its supervisor",
        (supervisor: Supervisor.Supervisor) => Port.kil(supervisor.supervisor, "enough")
      ],
      ["by name", (supervisor: Supervisor.Supervisor) => supervisor.terminateChild("slow")],
      [
        "since it shares the fate of another",
        (supervisor: Supervisor.Supervisor) => Effect.flatMap(supervisor.port("a"), (port) => Port.kil(port, "crash"))
      ]
    ] as const
  ) {
    test(`answers the message that it has in hand, and none that waits: ${how}`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const slow = makeSlow()
        const supervisor: Supervisor.Supervisor = yield* group(
          [kids.kid("a"), { id: "slow", start: slow.start, shutdown: "3 seconds" }],
          { strategy: "one_for_all" }
        )
        const [first, second] = yield* askTwice(yield* supervisor.port("slow"))
        yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
        yield* sleep("999 millis")
        assert.isUndefined(first!.pollUnsafe())
        yield* sleep("1 milli")
        assert.deepStrictEqual(yield* Fiber.join(first!), Exit.succeed(1))
        assert.deepStrictEqual(reasonOf((yield* Fiber.join(second!)) as Exit.Exit<never, Port.Killed>), ["shutdown"])
        assert.deepStrictEqual(slow.handled, [1])
      }))
  }

  test("is ended when its time is over, and needs no more time for that where it can be interrupted", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const slow = makeSlow()
      const supervisor = yield* group([{ id: "slow", start: slow.start, shutdown: "3 seconds" }])
      const port = yield* supervisor.port("slow")
      yield* Port.snd(port, "hang")
      yield* quiet
      const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
      yield* sleep("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* sleep("1 milli")
      yield* Fiber.join(stopping)
      assert.isFalse((yield* NodeRouter).ports.has(port))
      assert.deepStrictEqual(logs.lines.filter((line) => line.startsWith("WARN")), [])
    }).pipe(Effect.provide(logs.layer))
  })

  test("gets no time where its shutdown is brutal", () =>
    Effect.gen(function*() {
      const slow = makeSlow()
      const supervisor = yield* group([{ id: "slow", start: slow.start, shutdown: "brutal" }])
      const [first] = yield* askTwice(yield* supervisor.port("slow"))
      yield* supervisor.stop
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first!)))
    }))

  test("with others of one kind finishes what it has in hand as well", () =>
    Effect.gen(function*() {
      const slow = makeSlow()
      const pool = yield* Supervisor.dynamic({ start: () => slow.start })
      const calls = yield* Effect.forEach([1, 2, 3], () => Effect.flatMap(pool.startChild(), askTwice))
      const stopping = yield* Effect.forkChild(pool.stop, { startImmediately: true })
      yield* sleep("1 second")
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* Effect.forEach(calls, ([first]) => Fiber.join(first!)), [1, 1, 1].map(Exit.succeed))
    }))

  for (
    const [what, ask] of [
      ["the stop of its supervisor", (supervisor: Supervisor.Supervisor) => supervisor.stop],
      ["its own end", (supervisor: Supervisor.Supervisor) => supervisor.terminateChild("a")]
    ] as const
  ) {
    test(`by itself, since a handler asks for ${what} and waits for that, is not waited for`, () =>
      Effect.gen(function*() {
        const made = yield* Deferred.make<Supervisor.Supervisor>()
        const start = Port.make({ go: () => Effect.flatMap(Deferred.await(made), ask) })
        const supervisor: Supervisor.Supervisor = yield* group([{ id: "a", start }])
        yield* Deferred.succeed(made, supervisor)
        const port = yield* supervisor.port("a")
        yield* Port.snd(port, "go")
        yield* quiet
        assert.isFalse((yield* NodeRouter).ports.has(port))
      }))
  }

  test("while a handler of it asks its supervisor, which ends, for something else, is not waited for", () =>
    Effect.gen(function*() {
      const made = yield* Deferred.make<Supervisor.Supervisor>()
      const start = Port.make({
        go: () =>
          Effect.gen(function*() {
            yield* Effect.sleep("1 second")
            yield* (yield* Deferred.await(made)).startChild({ id: "b", start: Port.make({}) })
          })
      })
      const supervisor: Supervisor.Supervisor = yield* group([{ id: "a", start }])
      yield* Deferred.succeed(made, supervisor)
      yield* Port.snd(yield* supervisor.port("a"), "go")
      yield* quiet
      const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
      yield* sleep("1 second")
      yield* Fiber.join(stopping)
    }))
})
