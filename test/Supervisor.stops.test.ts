import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { quiet, sleep, test, testWithWallClock } from "./supervised.ts"
import { end, group, ignoring, makeKids, record, states } from "./supervisedGroup.ts"

describe("stopping", () => {
  test("is in reverse start order, each with its time; brutal gives none, infinity waits", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([
        kids.kid("first", { shutdown: "infinity" }),
        kids.kid("second", { shutdown: "brutal" }),
        kids.kid("third", { shutdown: "3 seconds" }),
        kids.kid("fourth")
      ])
      for (const id of ["first", "second", "third"]) yield* Port.snd(yield* supervisor.port(id), "stuck")
      yield* quiet
      kids.took()
      const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
      yield* quiet
      assert.strictEqual(kids.took(), "-fourth")
      yield* sleep("2999 millis")
      assert.strictEqual(supervisor.events_.filter((event) => event._tag === "Abandoned").length, 0)
      yield* sleep("1 milli")
      const abandoned = supervisor.events_.filter((event) => event._tag === "Abandoned")
      assert.deepStrictEqual(abandoned.map(({ child }) => child), ["third"])
      yield* sleep("23 hours")
      assert.isUndefined(stopping.pollUnsafe())
      yield* sleep("1 hour")
      yield* Fiber.join(stopping)
      assert.isTrue(kids.took().includes("-first"))
    }))

  test("a child that does not stop in time is abandoned, named in a warning, and does not hold up the rest", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b", { shutdown: "1 second" })])
      yield* Port.snd(yield* supervisor.port("b"), "stuck")
      yield* quiet
      kids.took()
      const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
      yield* sleep("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(kids.took(), "-a")
      assert.deepStrictEqual(logs.lines.filter((line) => line.startsWith("WARN")), [
        "WARN supervisor: b did not end in time and is abandoned"
      ])
      // What is left of it ends by itself some day, and hurts nobody.
      yield* sleep("1 day")
      assert.strictEqual(kids.took(), "-b")
    }).pipe(Effect.provide(logs.layer))
  })

  test("a child whose finalizers hang is abandoned too, when it is stopped and when it is restarted", () =>
    Effect.gen(function*() {
      let starts = 0
      const start = Effect.gen(function*() {
        if (++starts === 1) yield* Effect.addFinalizer(() => Effect.never)
        return yield* Port.make({})
      })
      const supervisor = yield* group([{ id: "a", start }])
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(starts, 1)
      yield* sleep("5 seconds")
      assert.strictEqual(starts, 2)
      assert.strictEqual(yield* states(supervisor), "a: running")
    }))

  for (const restart of ["permanent", "transient", "temporary"] as const) {
    for (const reason of [[], ["shutdown"], ["shutdown", "details"], ["crash"]]) {
      test(`a ${restart} child that ends by itself (${reason.join(" ")}) while it is stopped: no restart, no error`, () => {
        const logs = makeLogs("no nodes")
        return Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")])
          const [a, b] = [yield* supervisor.port("a"), yield* supervisor.port("b")]
          yield* Port.mon(b, () => Port.kil(a, ...reason))
          kids.took()
          yield* supervisor.stop
          assert.strictEqual(kids.took(), "-b -a")
          assert.deepStrictEqual(supervisor.reason(), ["shutdown"])
          assert.deepStrictEqual(logs.lines.filter((line) => /WARN|ERROR/.test(line)), [])
        }).pipe(Effect.provide(logs.layer))
      })
    }
  }

  test("killing the supervisor's port with a reason stops its children first, and its Exit has that reason", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")])
      let open = true
      const router = yield* NodeRouter
      router.monitor(supervisor.supervisor, () => {
        open = kids.log.join(" ") !== "+a +b -b -a"
      })
      yield* Port.kil(supervisor.supervisor, "enough", 1)
      yield* quiet
      assert.deepStrictEqual(supervisor.reason(), ["enough", 1])
      assert.isFalse(open)
    }))

  test("closing its scope is an orderly end", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(Supervisor.make({ children: [kids.kid("a"), kids.kid("b")] }), scope)
      const exit = yield* Effect.forkChild(Port.exit(supervisor.supervisor), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(reasonOf(yield* Fiber.join(exit)), [])
      assert.strictEqual(kids.took(), "+a +b -b -a")
    }))

  test("a tree of four levels restarts from the level that must, and dynamic children are not restored", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      let pool: Supervisor.DynamicSupervisor<[], Supervisor.Started> | undefined
      const level4 = Effect.tap(
        Supervisor.dynamic({ start: () => kids.start("job"), intensity: 0, name: "pool" }),
        (made) =>
          Effect.sync(() => {
            pool = made
          })
      )
      const level3 = Supervisor.make({
        intensity: 0,
        children: [kids.kid("worker"), { id: "pool", start: level4 }]
      })
      const level2 = Supervisor.make({ intensity: 1, children: [{ id: "jobs", start: level3 }] })
      const top = yield* group([{ id: "sub", start: level2 }, kids.kid("other")], { intensity: 0 })
      assert.strictEqual(kids.took(), "+worker +other")
      const job = String(yield* pool!.startChild())
      const first = pool
      yield* Port.kil(job, "crash")
      yield* quiet
      // The pool gave up, and so did the level above it, which may not restart anything; the second level could.
      assert.strictEqual(kids.took(), "+job -job -worker +worker")
      assert.notStrictEqual(pool, first)
      assert.deepStrictEqual(yield* pool!.which, [])
      assert.isUndefined(top.reason())
      yield* Port.kil(String(yield* pool!.startChild()), "crash")
      yield* quiet
      // Now the second level may not any more either, and the top never could.
      assert.deepStrictEqual(top.reason()?.slice(0, 3), ["restart_limit", "sub was restarted too often", "sub"])
      assert.strictEqual(kids.took(), "+job -job -worker -other")
    }))
})

describe("significant children", () => {
  const kinds = [
    ["transient", [], true],
    ["transient", ["shutdown"], true],
    ["transient", ["crash"], false],
    ["temporary", [], true],
    ["temporary", ["crash"], true]
  ] as const
  for (const [restart, reason, ends] of kinds) {
    for (const autoShutdown of ["never", "any_significant", "all_significant"] as const) {
      const significant = autoShutdown !== "never"
      const over = ends && significant
      test(`${autoShutdown}: a ${restart} one that ends by itself (${reason.join("")}) ${over ? "ends" : "does not end"} the supervisor`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a", { restart, significant }), kids.kid("b")], { autoShutdown })
          yield* end(supervisor, "a", ...reason)
          assert.deepStrictEqual(supervisor.reason(), over ? ["shutdown"] : undefined)
        }))
    }
  }

  test("all_significant waits for the last one, any_significant for the first", () =>
    Effect.gen(function*() {
      for (const autoShutdown of ["any_significant", "all_significant"] as const) {
        const kids = makeKids()
        const one = { restart: "transient", significant: true } as const
        const supervisor = yield* group([kids.kid("a", one), kids.kid("b", one), kids.kid("c")], { autoShutdown })
        yield* end(supervisor, "a")
        assert.deepStrictEqual(supervisor.reason(), autoShutdown === "any_significant" ? ["shutdown"] : undefined)
        if (autoShutdown === "any_significant") continue
        yield* end(supervisor, "b")
        assert.deepStrictEqual(supervisor.reason(), ["shutdown"])
      }
    }))

  test("all_significant: one that waits for its restart is not the last", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const one = { restart: "transient", significant: true } as const
      const supervisor = yield* group(
        [kids.kid("a", one), kids.kid("b", { ...one, schedule: Schedule.spaced("1 hour") })],
        { autoShutdown: "all_significant" }
      )
      yield* end(supervisor, "b", "crash")
      yield* end(supervisor, "a")
      assert.isUndefined(supervisor.reason())
    }))

  test("whose ends were asked for do not end the supervisor, nor does a bystander that the strategy stopped", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const significant = { restart: "temporary", significant: true } as const
      const supervisor = yield* group(
        [kids.kid("a", significant), kids.kid("b", { ...significant, restart: "transient" }), kids.kid("c")],
        { autoShutdown: "any_significant", strategy: "one_for_all" }
      )
      yield* supervisor.terminateChild("b")
      assert.isUndefined(supervisor.reason())
      yield* end(supervisor, "c", "crash")
      assert.isUndefined(supervisor.reason())
      assert.strictEqual(yield* states(supervisor), "b: running, c: running")
    }))

  test("escalate through nested supervisors like any orderly end", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const one = { restart: "transient", significant: true } as const
      let inner: Supervisor.Supervisor | undefined
      const nested = Effect.tap(
        Supervisor.make({ autoShutdown: "any_significant", children: [kids.kid("a", one)] }),
        (made) =>
          Effect.sync(() => {
            inner = made
          })
      )
      const top = yield* group([{ id: "nested", start: nested, ...one }], { autoShutdown: "any_significant" })
      yield* end(inner!, "a")
      assert.deepStrictEqual(top.reason(), ["shutdown"])
    }))
})

describe("management while it runs", () => {
  const refusal = <R>(effect: Effect.Effect<unknown, { readonly _tag: string }, R>) =>
    Effect.map(Effect.flip(effect), (error) => "reason" in error ? error.reason : error._tag)

  test("startChild says already started, with the port, or already present", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      const error = yield* Effect.flip(supervisor.startChild(kids.kid("a")))
      assert.isTrue(error._tag === "ChildError" && error.reason === "already_started")
      assert.strictEqual(error._tag === "ChildError" && error.port, yield* supervisor.port("a"))
      yield* supervisor.terminateChild("a")
      assert.strictEqual(yield* refusal(supervisor.startChild(kids.kid("a"))), "already_present")
    }))

  test("terminateChild twice is fine; of nobody it is not found; a temporary child is gone with it", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("t", { restart: "temporary" })])
      yield* supervisor.terminateChild("a")
      yield* supervisor.terminateChild("a")
      assert.strictEqual(yield* refusal(supervisor.terminateChild("b")), "not_found")
      yield* supervisor.terminateChild(yield* supervisor.port("t"))
      assert.strictEqual(yield* refusal(supervisor.terminateChild("t")), "not_found")
      assert.strictEqual(yield* states(supervisor), "a: stopped")
    }))

  test("restartChild says running or not found; deleteChild refuses what runs, and says not found", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      assert.strictEqual(yield* refusal(supervisor.restartChild("a")), "running")
      assert.strictEqual(yield* refusal(supervisor.deleteChild("a")), "running")
      assert.strictEqual(yield* refusal(supervisor.restartChild("b")), "not_found")
      assert.strictEqual(yield* refusal(supervisor.deleteChild("b")), "not_found")
      yield* supervisor.terminateChild("a")
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual(yield* supervisor.which, [])
      yield* supervisor.startChild(kids.kid("a"))
      assert.strictEqual(yield* states(supervisor), "a: running")
    }))

  test("is answered in order, also when it is asked for all at once", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([])
      kids.next("a", Effect.sleep("1 second"))
      const all = yield* Effect.forkChild(
        Effect.all([
          supervisor.startChild(kids.kid("a")),
          supervisor.terminateChild("a"),
          supervisor.restartChild("a"),
          supervisor.terminateChild("a"),
          supervisor.deleteChild("a")
        ], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* sleep("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(kids.took(), "+a -a +a -a")
      assert.deepStrictEqual(yield* supervisor.which, [])
    }))

  test("of a supervisor that has ended fails with its reason", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      yield* Port.kil(supervisor.supervisor, "enough")
      yield* quiet
      for (
        const asked of [supervisor.startChild(kids.kid("b")), supervisor.terminateChild("a"), supervisor.port("a")]
      ) {
        const error = yield* Effect.flip(asked as Effect.Effect<unknown, Port.Killed>)
        assert.deepStrictEqual(error.reason, ["enough"])
      }
      yield* supervisor.stop
    }))

  test("which and count are right in all of it, and with 2,000 children", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const nested = { id: "nested", start: Supervisor.make({ children: [] }) }
      const supervisor = yield* group([kids.kid("a"), nested])
      const count = Effect.map(supervisor.count, ({ active, specs, supervisors, workers }) =>
        [specs, active, supervisors, workers].join())
      assert.strictEqual(yield* count, "2,2,1,1")
      yield* supervisor.terminateChild("nested")
      assert.strictEqual(yield* count, "2,1,1,1")
      kids.next("a", ignoring)
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(yield* count, "2,0,1,1")
      for (let n = 0; n < 2000; n++) {
        yield* supervisor.startChild({ id: `n${n}`, start: Port.make({}) })
      }
      assert.strictEqual(yield* count, "2002,2000,1,2001")
      assert.strictEqual(
        (yield* supervisor.which).filter(({ status }) =>
          status === "running"
        ).length,
        2000
      )
      yield* supervisor.terminateChild("n7")
      assert.strictEqual(yield* count, "2002,1999,1,2001")
    }))

  testWithWallClock(
    "which tells for how long a child has run, also when the clock is set meanwhile",
    (set) =>
      Effect.gen(function*() {
        const kids = makeKids()
        set(60_000)
        const supervisor = yield* group([kids.kid("a")])
        const uptime = Effect.map(supervisor.which, ([child]) => child?.uptime)
        yield* sleep("1 minute")
        set(-3_600_000)
        assert.strictEqual(yield* uptime, 60_000)
        set(7_200_000)
        assert.strictEqual(yield* uptime, 60_000)
      })
  )

  test("by messages: malformed ones get an error and change nothing", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      const ask = (...message: ReadonlyArray<unknown>) => Port.calMessage(supervisor.supervisor, ...message)
      for (
        const message of [
          [],
          ["what"],
          ["toString"],
          ["which", 1],
          ["terminate"],
          ["terminate", 5],
          ["terminate", "a", "b"],
          ["restart", {}],
          ["terminate", { toString: null }],
          [{ toString: 1 }, { toString: 1 }],
          ["x".repeat(10_000)],
          ["delete", null]
        ]
      ) {
        const [kind, tag, fields] = yield* ask(...message)
        assert.deepStrictEqual([kind, tag], ["error", "ChildError"])
        assert.propertyVal(fields, "reason", "malformed")
      }
      yield* Port.snd(supervisor.supervisor, "terminate", "a")
      yield* Port.snd(supervisor.supervisor, "nothing to answer to", 5)
      yield* quiet
      assert.strictEqual(yield* states(supervisor), "a: running")
      assert.isUndefined(supervisor.reason())
      const [kind, child] = yield* ask("count")
      assert.deepStrictEqual([kind, child], ["ok", { specs: 1, active: 1, supervisors: 0, workers: 1 }])
    }))
})

describe("strategies that are nested", () => {
  test("restart an inner group alone as long as it can, and the outer one when it cannot", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      let inner: Supervisor.Supervisor | undefined
      const nested = Effect.tap(
        Supervisor.make({ strategy: "one_for_all", intensity: 1, children: [kids.kid("x"), kids.kid("y")] }),
        (made) =>
          Effect.sync(() => {
            inner = made
          })
      )
      yield* group([kids.kid("a"), { id: "inner", start: nested }, kids.kid("b")], { strategy: "rest_for_one" })
      kids.took()
      yield* end(inner!, "x", "crash")
      assert.strictEqual(kids.took(), "-x -y +x +y")
      yield* end(inner!, "x", "crash")
      assert.strictEqual(kids.took(), "-x -y -b +x +y +b")
    }))

  test("stop what waits for its restart together with the rest", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const nested = Supervisor.make({ children: [kids.kid("x", { schedule: Schedule.spaced("1 hour") })] })
      const top = yield* group([kids.kid("a"), { id: "inner", start: nested }], { strategy: "one_for_all" })
      const inner = Supervisor.at(yield* top.port("inner"))
      yield* Port.kil((yield* inner.which)[0]!.port!, "crash")
      yield* quiet
      kids.took()
      yield* end(top, "a", "crash")
      assert.strictEqual(kids.took(), "-a +a +x")
      yield* sleep("2 hours")
      assert.strictEqual(kids.took(), "")
    }))

  test("stop a dynamic supervisor's children with it, and do not bring them back", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = Effect.flatMap(Supervisor.dynamic({ start: () => kids.start("job") }), record)
      const top = yield* group([kids.kid("a"), { id: "pool", start: pool }], { strategy: "one_for_all" })
      yield* Supervisor.at(yield* top.port("pool")).startChild()
      kids.took()
      yield* end(top, "a", "crash")
      assert.strictEqual(kids.took(), "-a -job +a")
    }))
})
