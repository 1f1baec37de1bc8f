import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Node, Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import {
  assertExit,
  counts,
  end,
  group,
  ignoring,
  makeKids,
  portsOf,
  record,
  states,
  strategies,
  told,
  troubles
} from "./supervisedGroup.ts"

describe("children", () => {
  test("start in the order given; one that is not up yet holds back the next one", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("b", Effect.sleep("1 second"))
      const starting = yield* Effect.forkChild(group([kids.kid("a"), kids.kid("b"), kids.kid("c")]), {
        startImmediately: true
      })
      yield* sleep("999 millis")
      assert.strictEqual(kids.took(), "+a +b")
      yield* sleep("1 milli")
      const supervisor = yield* Fiber.join(starting)
      assert.strictEqual(kids.took(), "+c")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running, c: running")
      assert.deepStrictEqual(yield* portsOf(supervisor), Object.fromEntries(kids.ports))
    }))

  test("start in the order given; a supervisor is up when its own children are", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("x", Effect.sleep("1 second"))
      const nested = Supervisor.make({ children: [kids.kid("x"), kids.kid("y")] })
      yield* Effect.forkScoped(group([kids.kid("a"), { id: "nested", start: nested }, kids.kid("b")]), {
        startImmediately: true
      })
      yield* sleep("999 millis")
      assert.strictEqual(kids.took(), "+a +x")
      yield* sleep("1 milli")
      assert.strictEqual(kids.took(), "+y +b")
    }))

  test("that are added start in the order in which they were asked for, and come after those that are there", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      kids.next("b", Effect.sleep("1 second"))
      for (const id of ["b", "c"]) {
        yield* Effect.forkScoped(supervisor.startChild(kids.kid(id)), { startImmediately: true })
      }
      yield* sleep("999 millis")
      assert.strictEqual(kids.took(), "+a +b")
      yield* sleep("1 milli")
      assert.strictEqual(kids.took(), "+c")
      assert.deepStrictEqual(told(supervisor.events_), ["Started b", "Started c"])
      yield* supervisor.stop
      assert.strictEqual(kids.took(), "-c -b -a")
    }))

  test("that are partitions start in the order of their numbers", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("1", Effect.sleep("1 second"))
      const start = (index: number) => Effect.map(kids.start(String(index)), (started) => started as Port.PortId)
      yield* Effect.forkScoped(Supervisor.partition({ partitions: 3, start }), { startImmediately: true })
      yield* sleep("999 millis")
      assert.strictEqual(kids.took(), "+0 +1")
      yield* sleep("1 milli")
      assert.strictEqual(kids.took(), "+2")
    }))

  // What a child does that ends while the next one is being started is decided when all are up.
  for (const strategy of strategies) {
    for (const restart of ["permanent", "transient", "temporary"] as const) {
      test(`that are ${restart} may end while a later one starts (${strategy}): it counts when all are up`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const router = yield* NodeRouter
          let first: Port.PortId | undefined
          const kill = Effect.sync(() => {
            first = kids.ports.get("a")
            router.kill(first!, ["crash"])
          })
          kids.next("b", Effect.andThen(kill, quiet))
          const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b"), kids.kid("c")], { strategy })
          yield* quiet
          const restarted = strategy === "one_for_one" ? "-a +a" : "-a -c -b +a +b +c"
          assert.strictEqual(kids.took(), `+a +b +c ${restart === "temporary" ? "-a" : restarted}`)
          const [a, ...others] = (yield* supervisor.which).map(({ id, port, restarts, status }) => {
            assert.deepStrictEqual([status, port], ["running", kids.ports.get(id)])
            return `${id} ${restarts}`
          })
          const both = strategy === "one_for_one" ? ["b 0", "c 0"] : ["b 1", "c 1"]
          assert.deepStrictEqual([a, ...others], restart === "temporary" ? ["b 0", "c 0"] : ["a 1", ...both])
          assert.isFalse(router.ports.has(first!))
        }))
    }
  }
})

describe("a start that answers ignore", () => {
  for (const restart of ["permanent", "transient", "temporary"] as const) {
    const stays = restart !== "temporary"
    test(`gives a ${restart} child no port: its specification ${stays ? "stays, and is not counted as active" : "goes"}`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        kids.next("a", ignoring, ignoring)
        const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")])
        const check = Effect.gen(function*() {
          assert.deepStrictEqual(yield* counts(supervisor), stays ? [2, 1, 0, 2] : [1, 1, 0, 1])
          assert.strictEqual((yield* states(supervisor)).includes("a: stopped"), stays)
          const refused = yield* Effect.flip(supervisor.port("a"))
          assert.isTrue(refused._tag === "ChildError" && refused.reason === (stays ? "stopped" : "not_found"))
        })
        assert.strictEqual(kids.took(), "+a -a +b")
        yield* check
        // The same for one that is added, or started again.
        const again = stays ? supervisor.restartChild("a") : supervisor.startChild(kids.kid("a", { restart }))
        assert.strictEqual(yield* again, Supervisor.ignore)
        assert.strictEqual(kids.took(), "+a -a")
        yield* check
        assert.deepStrictEqual(supervisor.events_, [])
        // And there is nothing in the way of a start that does not ignore.
        if (stays) yield* supervisor.restartChild("a")
        else yield* supervisor.startChild(kids.kid("a", { restart }))
        assert.deepStrictEqual(yield* counts(supervisor), [2, 2, 0, 2])
      }))
  }

  test("leaves nothing of a dynamic child, and its place is free", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("a", ignoring)
      const pool = yield* Effect.flatMap(
        Supervisor.dynamic({ start: () => kids.start("a"), maxChildren: 1 }),
        record
      )
      assert.strictEqual(yield* pool.startChild(), Supervisor.ignore)
      assert.deepStrictEqual(yield* counts(pool), [1, 0, 0, 0])
      assert.deepStrictEqual(yield* pool.which, [])
      yield* pool.startChild()
      yield* quiet
      assert.deepStrictEqual(yield* counts(pool), [1, 1, 0, 1])
      assert.deepStrictEqual(told(pool.events_).map((event) => event.split(" ")[0]), ["Started"])
    }))

  test("in a restart leaves nothing of a dynamic child", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({ start: () => kids.start("a") })
      yield* pool.startChild()
      kids.next("a", ignoring)
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "+a -a +a -a")
      assert.deepStrictEqual(yield* pool.which, [])
    }))

  test("in a restart is told to those who wait for the port", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", { schedule: Schedule.spaced("1 second") })])
      kids.next("a", ignoring)
      yield* end(supervisor, "a", "crash")
      const waiting = yield* Effect.forkChild(Effect.flip(supervisor.port("a")), { startImmediately: true })
      yield* sleep("999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* sleep("1 milli")
      const refused = yield* Fiber.join(waiting)
      assert.isTrue(refused._tag === "ChildError" && refused.reason === "stopped")
    }))

  for (const strategy of strategies) {
    test(`in a restart leaves the child's specification, and the others go on (${strategy})`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { strategy, intensity: 2 })
        kids.took()
        kids.next("a", ignoring)
        yield* Port.kil(kids.ports.get("a")!, "crash")
        yield* quiet
        assert.strictEqual(kids.took(), strategy === "one_for_one" ? "-a +a -a" : "-a -c -b +a -a +b +c")
        assert.strictEqual(yield* states(supervisor), "a: stopped, b: running, c: running")
        assert.deepStrictEqual(yield* counts(supervisor), [3, 2, 0, 3])
        // In OTP, too, it belongs to its group: the next restart of that starts it.
        yield* Port.kil(kids.ports.get("b")!, "crash")
        yield* quiet
        assert.strictEqual(
          yield* states(supervisor),
          strategy === "one_for_all"
            ? "a: running, b: running, c: running"
            : "a: stopped, b: running, c: running"
        )
        assert.isUndefined(supervisor.reason())
      }))
  }
})

describe("the start of a supervisor", () => {
  for (const [how, trouble, cause] of troubles) {
    for (const [at, id] of ["a", "b", "c"].entries()) {
      test(`fails when child ${id} of three ${how}: what was started is stopped in reverse order; the error has its id and Exit`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const router = yield* NodeRouter
          const before = [router.ports.size, router.observed.supervisors.size]
          kids.next(id, trouble)
          const error = yield* Effect.flip(group([kids.kid("a"), kids.kid("b"), kids.kid("c")]))
          if (error._tag !== "StartError") return assert.fail(error.message)
          assert.strictEqual(error.child, id)
          assertExit(error.exit, cause)
          assert.include(error.message, `child "${id}" could not be started`)
          assert.strictEqual(kids.took(), ["+a -a", "+a +b -b -a", "+a +b +c -c -b -a"][at])
          yield* quiet
          assert.deepStrictEqual([router.ports.size, router.observed.supervisors.size], before)
        }))
    }

    test(`fails when a partition ${how}, which the error names by its number`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        kids.next("1", trouble)
        const start = (index: number) => Effect.map(kids.start(String(index)), (started) => started as Port.PortId)
        const error = yield* Effect.flip(Supervisor.partition({ partitions: 3, start }))
        if (error._tag !== "StartError") return assert.fail(error.message)
        assert.strictEqual(error.child, "1")
        assertExit(error.exit, cause)
        assert.strictEqual(kids.took(), "+0 +1 -1 -0")
      }))
  }

  test("fails on every level above a child that fails, and each error names its own child", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("x", Effect.fail("no database"))
      const nested = Supervisor.make({ children: [kids.kid("w"), kids.kid("x")] })
      const error = yield* Effect.flip(group([kids.kid("a"), { id: "nested", start: nested }, kids.kid("b")]))
      if (error._tag !== "StartError") return assert.fail(error.message)
      assert.strictEqual(error.child, "nested")
      const inner = Exit.isFailure(error.exit) ? Cause.squash(error.exit.cause) : undefined
      if (!(inner instanceof Supervisor.StartError)) return assert.fail("no error of the inner one")
      assert.strictEqual(inner.child, "x")
      assertExit(inner.exit, Cause.fail("no database"))
      assert.strictEqual(kids.took(), "+a +w +x -x -w -a")
    }))

  test("fails as well when an earlier child has ended meanwhile: it is not started again, and nothing is left of it", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const router = yield* NodeRouter
      const before = router.ports.size
      const kill = Effect.suspend(() => Port.kil(kids.ports.get("a")!, "crash"))
      kids.next("b", Effect.provideService(kill, Node.Node, router), Effect.void)
      kids.next("c", Effect.andThen(quiet, Effect.fail("no database")))
      yield* Effect.flip(group([kids.kid("a"), kids.kid("b"), kids.kid("c")]))
      assert.strictEqual(kids.took(), "+a +b +c -c -b -a")
      yield* quiet
      assert.strictEqual(kids.took(), "")
      assert.strictEqual(router.ports.size, before)
    }))

  test("fails when those that do not stop in time have had it, and a warning names them", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const router = yield* NodeRouter
      const stick = Effect.suspend(() => Port.snd(kids.ports.get("b")!, "stuck"))
      kids.next("c", Effect.andThen(Effect.provideService(stick, Node.Node, router), quiet), Effect.void)
      kids.next("d", Effect.fail("no database"))
      const children = ["a", "b", "c", "d"].map((id) => kids.kid(id, { shutdown: "3 seconds" }))
      const starting = yield* Effect.forkChild(Effect.flip(group(children)), { startImmediately: true })
      yield* quiet
      assert.strictEqual(kids.took(), "+a +b +c +d -d -c")
      yield* sleep("2999 millis")
      assert.isUndefined(starting.pollUnsafe())
      yield* sleep("1 milli")
      const error = yield* Fiber.join(starting)
      assert.isTrue(error._tag === "StartError" && error.child === "d")
      assert.strictEqual(kids.took(), "-a")
      assert.deepStrictEqual(logs.lines.filter((line) => line.startsWith("WARN")), [
        "WARN supervisor: b did not end in time and is abandoned"
      ])
    }).pipe(Effect.provide(logs.layer))
  })

  test("that is interrupted by whoever waits for it leaves nothing", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("b", Effect.never)
      const before = (yield* NodeRouter).ports.size
      const starting = yield* Effect.forkChild(group([kids.kid("a"), kids.kid("b")]), { startImmediately: true })
      yield* quiet
      yield* Fiber.interrupt(starting)
      assert.strictEqual(kids.took(), "+a +b -b -a")
      assert.strictEqual((yield* NodeRouter).ports.size, before)
    }))

  test("fails when it is killed meanwhile, names the child that was being started, and leaves nothing", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("b", Effect.never)
      const router = yield* NodeRouter
      const before = router.ports.size
      const starting = yield* Effect.forkChild(Effect.flip(group([kids.kid("a"), kids.kid("b"), kids.kid("c")])), {
        startImmediately: true
      })
      yield* quiet
      const [supervisor] = router.observed.supervisors
      yield* Port.kil(supervisor!, "enough")
      const error = yield* Fiber.join(starting)
      assert.strictEqual(error._tag === "StartError" && error.child, "b")
      assert.strictEqual(kids.took(), "+a +b -b -a")
      assert.strictEqual(router.ports.size, before)
    }))

  test("fails when a child's start answers no port at all, and stops what that start made", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      for (const odd of [{ port: 5 }, {}, undefined, null, 7]) {
        const error = yield* Effect.flip(Supervisor.make({
          // @ts-expect-error what JavaScript could do
          children: [{ id: "odd", start: Effect.as(kids.start("a"), odd) }]
        }))
        assert.include(error.message, "has to answer a port")
        assert.strictEqual(kids.took(), "+a -a")
      }
    }))
})

describe("a port that has ended when its start answers", () => {
  const dead = Effect.tap(Port.make({}), (port) => Effect.andThen(Port.kil(port, "brief"), Port.exit(port)))
  const dying = Effect.tap(Port.make({}), (port) => Port.kil(port, "brief"))

  for (const [how, brief] of [["long ago", dead], ["in the same tick", dying]] as const) {
    for (const restart of ["permanent", "transient", "temporary"] as const) {
      test(`counts as the end of a ${restart} child that came up (${how})`, () =>
        Effect.gen(function*() {
          let starts = 0
          const start = Effect.suspend(() => ++starts === 1 ? brief : Port.make({}))
          const supervisor = yield* group([])
          yield* supervisor.startChild({ id: "a", start, restart })
          yield* quiet
          const over = restart === "temporary"
          assert.strictEqual(starts, over ? 1 : 2)
          assert.strictEqual(yield* states(supervisor), over ? "" : "a: running")
          assert.deepStrictEqual(
            told(supervisor.events_).filter((event) => event !== "Started a"),
            over ? ["Ended a", "Stopped a"] : ["Ended a", "Restarting a"]
          )
        }))
    }

    for (const strategy of strategies) {
      test(`in each start: the supervisor gives up when the budget is gone (${how}, ${strategy})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          let starts = 0
          const start = Effect.suspend(() => Effect.andThen(Effect.sync(() => ++starts), brief))
          const supervisor = yield* group([kids.kid("a"), { id: "b", start }, kids.kid("c")], {
            strategy,
            intensity: 3
          })
          yield* quiet
          assert.strictEqual(starts, 4)
          assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
          assert.strictEqual(supervisor.reason()?.[2], "b")
          assert.deepStrictEqual(kids.log.filter((line) => line === "+a").length, strategy === "one_for_all" ? 4 : 1)
        }))
    }

    test(`is the end of one run, however often it is answered (${how})`, () =>
      Effect.gen(function*() {
        let starts = 0
        const port = yield* brief
        const start = Effect.sync(() => {
          starts++
          return port
        })
        const supervisor = yield* group([{ id: "a", start }], { intensity: 3 })
        yield* quiet
        assert.strictEqual(starts, 4)
        assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
        const after = yield* Effect.flip(supervisor.port("a"))
        assert.strictEqual(after._tag, "Killed")
      }))

    test(`counts as the end of a dynamic child (${how})`, () =>
      Effect.gen(function*() {
        let starts = 0
        const start = () => Effect.suspend(() => ++starts === 1 ? brief : Port.make({}))
        const pool = yield* Supervisor.dynamic({ start })
        yield* pool.startChild()
        yield* quiet
        assert.strictEqual(starts, 2)
        assert.deepStrictEqual((yield* pool.which).map(({ restarts, status }) => [restarts, status]), [[1, "running"]])
      }))
  }

  test("is not handed out to those who wait for the next one", () =>
    Effect.gen(function*() {
      let starts = 0
      const start = Effect.suspend(() => ++starts === 2 ? dead : Port.make({}))
      const supervisor = yield* group([{ id: "a", start, schedule: Schedule.spaced("1 second") }])
      yield* end(supervisor, "a", "crash")
      const waiting = yield* Effect.forkChild(supervisor.port("a"), { startImmediately: true })
      yield* sleep("1 second")
      assert.deepStrictEqual([starts, waiting.pollUnsafe()], [2, undefined])
      yield* sleep("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), (yield* portsOf(supervisor))["a"])
    }))
})
