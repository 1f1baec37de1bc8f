import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Node, Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { counts, end, group, ignoring, makeKids, portsOf, record, states, strategies, told } from "./supervisedGroup.ts"

const reasons = [
  ["without a reason", []],
  ["by shutdown", ["shutdown"]],
  ["by shutdown with details", ["shutdown", "maintenance", { for: 5 }]],
  ["by something else", ["crash", 1]],
  // Only the tag counts.
  ["by something that mentions shutdown", ["crash", "shutdown"]]
] as const

const types = [
  ["permanent", "permanent", [true, true, true, true, true]],
  ["transient", "transient", [false, false, false, true, true]],
  ["temporary", "temporary", [false, false, false, false, false]],
  [
    "judged by a predicate, which replaces the type",
    (exit: Exit.Exit<void, Port.Killed>) => reasonOf(exit)[1] === "maintenance",
    [false, false, true, false, false]
  ]
] as const

const cases = types.flatMap(([type, restart, expected]) =>
  reasons.map(([how, reason], at) => ({ type, restart, how, reason, again: expected[at]! }))
)

describe("the end of a child", () => {
  for (const { again, how, reason, restart, type } of cases) {
    const title = `${how}, where it is ${type}, is ${again ? "" : "not "}followed by a restart`
    const stays = again || restart !== "temporary"

    for (const strategy of strategies) {
      test(`${title} (${strategy})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")], { strategy })
          const before = yield* portsOf(supervisor)
          kids.took()
          yield* end(supervisor, "a", ...reason)
          const together = strategy !== "one_for_one"
          const after = yield* portsOf(supervisor)
          assert.strictEqual(kids.took(), again ? together ? "-a -b +a +b" : "-a +a" : "-a")
          assert.isTrue(again ? after["a"] !== before["a"] && after["a"] !== undefined : after["a"] === undefined)
          assert.strictEqual(after["b"] === before["b"], !(again && together))
          const [a] = yield* supervisor.which
          assert.strictEqual(
            yield* states(supervisor),
            stays ? `a: ${again ? "running" : "stopped"}, b: running` : "b: running"
          )
          if (stays) assert.deepStrictEqual([a?.restarts, a?.lastReason], [again ? 1 : 0, [...reason]])
          assert.deepStrictEqual(yield* counts(supervisor), [stays ? 2 : 1, again ? 2 : 1, 0, stays ? 2 : 1])
          assert.deepStrictEqual(
            told(supervisor.events_).filter((event) => event.endsWith("a")),
            again ? ["Ended a", "Restarting a", "Started a"] : ["Ended a", "Stopped a"]
          )
          assert.isUndefined(supervisor.reason())
        }))
    }

    test(`${title} (dynamic)`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const pool = yield* Effect.flatMap(
          Supervisor.dynamic({ start: (id: string) => kids.start(id), restart, intensity: 5 }),
          record
        )
        for (const id of ["a", "b"]) yield* pool.startChild(id)
        const [first, other] = [kids.ports.get("a")!, kids.ports.get("b")!]
        yield* Port.kil(first, ...reason)
        yield* quiet
        assert.strictEqual(kids.took(), again ? "+a +b -a +a" : "+a +b -a")
        assert.deepStrictEqual(
          (yield* pool.which).map(({ port }) => port),
          again ? [kids.ports.get("a"), other] : [other]
        )
        assert.deepStrictEqual(yield* counts(pool), again ? [1, 2, 0, 2] : [1, 1, 0, 1])
        const ended = pool.events_.findIndex((event) => event._tag === "Ended")
        assert.deepStrictEqual(
          pool.events_.slice(ended).map(({ _tag }) => _tag),
          again ? ["Ended", "Restarting", "Started"] : ["Ended", "Stopped"]
        )
      }))

    test(`${title} (partition)`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const shards = yield* Supervisor.partition({
          partitions: 1,
          start: (index) => Effect.map(kids.start(String(index)), (started) => started as Port.PortId),
          restart
        })
        const first = yield* shards.port("key")
        yield* Port.kil(first, ...reason)
        yield* quiet
        assert.strictEqual(kids.took(), again ? "+0 -0 +0" : "+0 -0")
        const next = yield* Effect.result(shards.port("key"))
        if (next._tag === "Success") {
          assert.isTrue(again)
          assert.strictEqual(next.success, kids.ports.get("0"))
        } else {
          assert.isFalse(again)
          const refused = next.failure._tag === "ChildError" && next.failure.reason
          assert.strictEqual(refused, stays ? "stopped" : "not_found")
        }
      }))
  }

  for (
    const [how, message, isOrderly] of [
      ["a handler that fails", Effect.fail("boom"), false],
      ["a handler that dies", Effect.die("bug"), false],
      ["a handler that fails with shutdown", Effect.fail("shutdown"), false],
      ["a handler that is interrupted", Effect.interrupt, false],
      ["a handler that ends its own port", Effect.flatMap(Port.Self, (self) => Port.kil(self)), true],
      ["a fiber of its own that fails", Port.fork(Effect.fail("boom")), false]
    ] as const
  ) {
    test(`by ${how} is ${isOrderly ? "orderly" : "abnormal"}`, () =>
      Effect.gen(function*() {
        let starts = 0
        const start = Effect.suspend(() => {
          starts++
          return Port.make({ go: () => message as Effect.Effect<void, string, Port.Self> })
        })
        const supervisor = yield* group([{ id: "a", start, restart: "transient" }])
        yield* Port.snd(yield* supervisor.port("a"), "go")
        yield* quiet
        assert.strictEqual(starts, isOrderly ? 1 : 2)
        assert.strictEqual(yield* states(supervisor), isOrderly ? "a: stopped" : "a: running")
      }))
  }

  test("for good leaves the specification of a transient child, which can be started again, and none of a temporary one", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const temporary = kids.kid("b", { restart: "temporary" })
      const supervisor = yield* group([kids.kid("a", { restart: "transient" }), temporary])
      yield* end(supervisor, "a")
      yield* end(supervisor, "b")
      const present = yield* Effect.flip(supervisor.startChild(kids.kid("a")))
      assert.isTrue(present._tag === "ChildError" && present.reason === "already_present")
      const gone = yield* Effect.flip(supervisor.restartChild("b"))
      assert.isTrue(gone._tag === "ChildError" && gone.reason === "not_found")
      yield* supervisor.restartChild("a")
      yield* supervisor.startChild(temporary)
      assert.strictEqual(yield* states(supervisor), "a: running, b: running")
    }))
})

describe("a predicate", () => {
  test("gets the Exit, once for each end that nobody asked for", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const asked: Array<ReadonlyArray<unknown>> = []
      const restart = (exit: Exit.Exit<void, Port.Killed>) => {
        asked.push(reasonOf(exit))
        return true
      }
      const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")], { strategy: "one_for_all" })
      yield* end(supervisor, "a")
      yield* end(supervisor, "a", "crash", 5)
      assert.deepStrictEqual(asked, [[], ["crash", 5]])
      yield* end(supervisor, "b", "crash")
      yield* supervisor.terminateChild("a")
      yield* supervisor.restartChild("a")
      yield* supervisor.stop
      assert.strictEqual(asked.length, 2)
    }))

  test("that throws ends the supervisor with its error, and all children with it", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const restart = () => {
        throw new Error("bad predicate")
      }
      const supervisor = yield* group([kids.kid("a"), kids.kid("b", { restart }), kids.kid("c")])
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.deepStrictEqual(supervisor.reason(), ["die", "Error: bad predicate"])
      assert.strictEqual(kids.took(), "-b -c -a")
    }))

  test("does not make a child temporary: it is started again with its group", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b", { restart: () => false })], {
        strategy: "one_for_all"
      })
      kids.took()
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(kids.took(), "-a -b +a +b")
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(yield* states(supervisor), "a: running, b: stopped")
    }))
})

describe("ends in the same tick", () => {
  test("of two children under one_for_one are two restarts, both counted", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { intensity: 2 })
      kids.took()
      for (const id of ["c", "a"]) yield* Port.kil(kids.ports.get(id)!, "crash", id)
      yield* quiet
      assert.strictEqual(kids.took(), "-c +c -a +a")
      assert.isUndefined(supervisor.reason())
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
    }))

  test("of one child are one: the first reason counts", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", { restart: "transient" })], { intensity: 1 })
      const port = yield* supervisor.port("a")
      for (const reason of [["crash"], ["shutdown"], []]) yield* Port.kil(port, ...reason)
      yield* quiet
      assert.strictEqual(kids.took(), "+a -a +a")
      const [a] = yield* supervisor.which
      assert.deepStrictEqual([a?.restarts, a?.lastReason], [1, ["crash"]])
    }))

  for (const restart of ["permanent", "transient", "temporary"] as const) {
    test(`as a terminateChild of a ${restart} child: it does not come back`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a", { restart })])
        const port = yield* supervisor.port("a")
        yield* Port.kil(port, "crash")
        yield* Effect.exit(supervisor.terminateChild("a"))
        yield* quiet
        assert.strictEqual(yield* states(supervisor), restart === "temporary" ? "" : "a: stopped")
        assert.strictEqual(
          kids.log.filter((line) => line === "+a").length,
          kids.log.filter((line) => line === "-a").length
        )
        assert.isFalse((yield* NodeRouter).ports.has(kids.ports.get("a")!))
      }))

    test(`as the stop of the supervisor of a ${restart} child: no restart, and each end is told`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")])
        yield* quiet
        kids.took()
        const router = yield* NodeRouter
        router.kill(kids.ports.get("a")!, ["crash"])
        router.kill(supervisor.supervisor, ["enough"])
        yield* quiet
        assert.strictEqual(kids.took(), "-b -a")
        assert.deepStrictEqual(supervisor.reason(), ["enough"])
        assert.deepStrictEqual(told(supervisor.events_), ["Ended b", "Ended a"])
      }))
  }
})

describe("what a child's start acquired", () => {
  /** A child that takes this long to release what it has, when it ends for the first time. */
  const slow = (
    kids: ReturnType<typeof makeKids>,
    id: string,
    release: Effect.Effect<void> = Effect.sleep("2 seconds")
  ) => {
    let starts = 0
    const hook = Effect.suspend(() => ++starts === 1 ? Effect.addFinalizer(() => release) : Effect.void)
    return { ...kids.kid(id), start: Effect.andThen(hook, kids.start(id)) }
  }

  test("is released before the next start, however long that takes within its time", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([slow(kids, "a")])
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(kids.took(), "+a -a")
      yield* sleep("1999 millis")
      assert.strictEqual(kids.took(), "")
      yield* sleep("1 milli")
      assert.strictEqual(kids.took(), "+a")
      assert.strictEqual(yield* states(supervisor), "a: running")
    }))

  // Whoever hears of the end of a supervisor may start its children anew, and must not meet the old ones.
  for (
    const [how, begin] of [
      ["a child that has ended by itself", (supervisor: Supervisor.Supervisor) => end(supervisor, "a", "crash")],
      [
        "a child that is being terminated",
        (supervisor: Supervisor.Supervisor) =>
          Effect.andThen(Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true }), quiet)
      ],
      [
        "a child that is being stopped with its group",
        (supervisor: Supervisor.Supervisor) => end(supervisor, "b", "crash")
      ]
    ] as const
  ) {
    test(`by ${how} is released before the supervisor has ended, when that is stopped meanwhile`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        let released = false
        const release = Effect.andThen(
          Effect.sleep("2 seconds"),
          Effect.sync(() => {
            released = true
          })
        )
        const supervisor = yield* group([slow(kids, "a", release), kids.kid("b")], { strategy: "one_for_all" })
        yield* begin(supervisor)
        const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
        yield* sleep("1999 millis")
        assert.deepStrictEqual([released, stopping.pollUnsafe()], [false, undefined])
        yield* sleep("1 milli")
        yield* Fiber.join(stopping)
        assert.isTrue(released)
        assert.deepStrictEqual(supervisor.reason(), ["shutdown"])
      }))
  }

  test("is abandoned when it is not released in time, named in a warning, and the restart goes on", () => {
    const logs = makeLogs()
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([slow(kids, "a", Effect.never)])
      yield* end(supervisor, "a", "crash")
      yield* sleep("4999 millis")
      assert.strictEqual(kids.took(), "+a -a")
      yield* sleep("1 milli")
      assert.strictEqual(kids.took(), "+a")
      assert.strictEqual(yield* states(supervisor), "a: running")
      assert.deepStrictEqual(told(supervisor.events_).filter((event) => event.startsWith("Abandoned")), ["Abandoned a"])
      assert.strictEqual(logs.lines.filter((line) => /^WARN.*a did not end in time/.test(line)).length, 1)
    }).pipe(Effect.provide(logs.layer))
  })

  for (const id of ["a", "b", "c"]) {
    test(`by child ${id} of three may die when it is released: it is restarted, and in the end all are stopped`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const dies = Effect.die("bug in a finalizer")
        const supervisor = yield* group(
          ["a", "b", "c"].map((each) => each === id ? slow(kids, each, dies) : kids.kid(each))
        )
        const router = yield* NodeRouter
        kids.took()
        yield* end(supervisor, id, "crash")
        assert.strictEqual(kids.took(), `-${id} +${id}`)
        assert.isUndefined(supervisor.reason())
        const other = yield* group(["a", "b", "c"].map((each) => each === id ? slow(kids, each, dies) : kids.kid(each)))
        const ports = Object.values(yield* portsOf(other))
        kids.took()
        yield* other.stop
        assert.strictEqual(kids.took(), "-c -b -a")
        assert.deepStrictEqual(other.reason(), ["shutdown"])
        assert.deepStrictEqual(ports.map((port) => router.ports.has(port!)), [false, false, false])
      }).pipe(Effect.provide(makeLogs().layer)))
  }
})

// Events are not recorded here: the errors in them have the stacks that they were made on, with all that is on those.
describe("the arguments of a child", () => {
  interface Job {
    readonly large: ReadonlyArray<number>
  }
  const collect = (): void => {
    v8.setFlagsFromString("--expose-gc")
    const gc = vm.runInNewContext("gc") as () => void
    gc()
  }
  /** Whether nothing holds a job any more. */
  const isFree = Effect.fnUntraced(function*(job: WeakRef<Job>) {
    for (let i = 0; i < 8 && job.deref() !== undefined; i++) {
      yield* quiet
      collect()
    }
    return job.deref() === undefined
  })
  /** In a function of its own, so that no frame of the test holds the job. */
  const give = Effect.fnUntraced(function*<A, E, R>(start: (job: Job) => Effect.Effect<A, E, R>) {
    const job = { large: Array.from({ length: 1000 }, () => 0) }
    return [new WeakRef<Job>(job), yield* start(job)] as const
  })
  /** A start that has its job in its hands for as long as there is a specification. */
  const using = (job: Job, then: Effect.Effect<Supervisor.Started, unknown, any> = Port.make({})) =>
    Effect.andThen(Effect.sync(() => job.large.length), then) as Effect.Effect<Port.PortId, string, Node.Node>

  test("that is temporary are not kept while it runs: it is never started again", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: (job: Job) => using(job), restart: "temporary" })
      const [job] = yield* give((job) => pool.startChild(job))
      assert.isTrue(yield* isFree(job))
      assert.deepStrictEqual(yield* counts(pool), [1, 1, 0, 1])
      const supervisor = yield* Supervisor.make({ children: [] })
      const [other] = yield* give((job) =>
        supervisor.startChild({ id: "job", start: using(job), restart: "temporary" })
      )
      assert.isTrue(yield* isFree(other))
      assert.strictEqual(yield* states(supervisor), "job: running")
    }))

  test("that is temporary are kept where somebody may ask for another start: of a service that is alone", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const service = Effect.map(kids.start("a"), (started) => started as Port.PortId)
      const supervised = yield* Supervisor.restart(service, { restart: "temporary" })
      yield* supervised.restart
      assert.strictEqual(kids.took(), "+a -a +a")
    }))

  for (const reason of [[], ["shutdown"]]) {
    test(`that was transient are not kept after its end (${reason.join() || "no reason"})`, () =>
      Effect.gen(function*() {
        const pool = yield* Supervisor.dynamic({ start: (job: Job) => using(job), restart: "transient" })
        const [job, port] = yield* give((job) => pool.startChild(job))
        assert.isFalse(yield* isFree(job))
        yield* Port.kil(port, ...reason)
        assert.isTrue(yield* isFree(job))
        assert.deepStrictEqual(yield* counts(pool), [1, 0, 0, 0])
      }))
  }

  test("that was terminated, or deleted, are not kept", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: (job: Job) => using(job) })
      const [first, port] = yield* give((job) => pool.startChild(job))
      yield* pool.terminateChild(port)
      assert.isTrue(yield* isFree(first))
      const supervisor = yield* Supervisor.make({ children: [] })
      const [second] = yield* give((job) => supervisor.startChild({ id: "job", start: using(job) }))
      yield* supervisor.terminateChild("job")
      assert.isFalse(yield* isFree(second))
      yield* supervisor.deleteChild("job")
      assert.isTrue(yield* isFree(second))
    }))

  test("that could not be started, or ignored its start, are not kept", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: (job: Job) => using(job, Effect.fail("no database")) })
      const [failed] = yield* give((job) => Effect.flip(pool.startChild(job)))
      assert.isTrue(yield* isFree(failed))
      const other = yield* Supervisor.dynamic({ start: (job: Job) => using(job, Effect.succeed(Supervisor.ignore)) })
      const [ignored] = yield* give((job) => other.startChild(job))
      assert.isTrue(yield* isFree(ignored))
    }))

  test("that is to be restarted are kept, and used again", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const seen: Array<number> = []
      const pool = yield* Supervisor.dynamic({
        start: (job: Job) => Effect.andThen(Effect.sync(() => seen.push(job.large.length)), kids.start("a"))
      })
      const [job] = yield* give((job) => pool.startChild(job))
      yield* Port.kil(kids.ports.get("a")!, "crash")
      assert.isFalse(yield* isFree(job))
      assert.deepStrictEqual(seen, [1000, 1000])
      // It ignores: nothing is left of it.
      kids.next("a", ignoring)
      yield* sleep("5 seconds")
      yield* Port.kil(kids.ports.get("a")!, "crash")
      assert.isTrue(yield* isFree(job))
    }))
})
