import { assert, describe } from "@effect/vitest"
import * as Cron from "effect/Cron"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Supervisor } from "../src/index.ts"
import { quiet, sleep, test, testWithWallClock } from "./supervised.ts"
import { end, group, makeKids, states } from "./supervisedGroup.ts"

describe("the budget", () => {
  test("of restarts within intensity and period goes on for ever; one more ends the supervisor, children in reverse order", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], {
        intensity: 2,
        period: "10 seconds"
      })
      for (let n = 0; n < 100; n++) {
        yield* end(supervisor, "b", "crash", n)
        yield* sleep("5 seconds")
      }
      assert.isUndefined(supervisor.reason())
      kids.took()
      yield* end(supervisor, "b", "crash", 101)
      yield* end(supervisor, "b", "crash", 102)
      assert.strictEqual(kids.took(), "-b +b -b -c -a")
      assert.deepStrictEqual(supervisor.reason(), ["restart_limit", "b was restarted too often", "b", "crash", 102])
      assert.deepInclude(supervisor.events_.at(-3), { _tag: "GaveUp", child: "b" })
    }))

  test("slides: restarts older than the period are forgotten", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")], { intensity: 2, period: "10 seconds" })
      yield* end(supervisor, "a", "crash")
      yield* sleep("6 seconds")
      yield* end(supervisor, "a", "crash")
      yield* sleep("4 seconds")
      yield* end(supervisor, "a", "crash")
      assert.isUndefined(supervisor.reason())
      yield* sleep("5999 millis")
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
    }))

  test("is counted per supervisor, not per child", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { intensity: 2 })
      yield* end(supervisor, "a", "crash")
      yield* end(supervisor, "b", "crash")
      assert.isUndefined(supervisor.reason())
      yield* end(supervisor, "c", "crash")
      assert.strictEqual(supervisor.reason()?.[2], "c")
    }))

  testWithWallClock("takes no notice of a clock that is set, forward or back", (set) =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")], { intensity: 2, period: "10 seconds" })
      yield* end(supervisor, "a", "crash")
      yield* end(supervisor, "a", "crash")
      yield* sleep("10 seconds")
      set(-3_600_000)
      yield* end(supervisor, "a", "crash")
      yield* end(supervisor, "a", "crash")
      assert.isUndefined(supervisor.reason())
      set(7_200_000)
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
    }))
})

describe("a schedule", () => {
  const delays = (events: ReadonlyArray<Supervisor.Event>) =>
    events.flatMap((event) => event._tag === "Restarting" ? [Duration.toMillis(event.delay)] : [])

  test("gives the first delay, its growth and its cap, and is reset after a quiet time", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.exponential("1 second").pipe(
        Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5))))
      )
      const supervisor = yield* group([kids.kid("a", { schedule })], { period: "1 minute" })
      for (const delay of [1000, 2000, 4000, 5000, 5000]) {
        yield* end(supervisor, "a", "crash")
        yield* sleep(delay - 1)
        assert.strictEqual(yield* states(supervisor), "a: restarting")
        yield* sleep(1)
        assert.strictEqual(yield* states(supervisor), "a: running")
      }
      yield* sleep("1 minute")
      yield* end(supervisor, "a", "crash")
      assert.deepStrictEqual(delays(supervisor.events_), [1000, 2000, 4000, 5000, 5000, 1000])
    }))

  testWithWallClock(
    "takes no notice of a clock that is set, and tells when the restart is due by that clock",
    (set) =>
      Effect.gen(function*() {
        const kids = makeKids()
        const schedule = Schedule.exponential("1 second")
        const supervisor = yield* group([kids.kid("a", { schedule })], { period: "1 minute" })
        yield* end(supervisor, "a", "crash")
        yield* sleep("1 second")
        set(3_600_000)
        yield* end(supervisor, "a", "crash")
        yield* sleep("2 seconds")
        yield* sleep("1 minute")
        set(-7_200_000)
        yield* end(supervisor, "a", "crash")
        assert.deepStrictEqual(delays(supervisor.events_), [1000, 2000, 1000])
        const due = supervisor.events_.flatMap((event) => event._tag === "Restarting" ? [event.at] : [])
        assert.deepStrictEqual(due, [1000, 3_603_000, -3_536_000])
      })
  )

  testWithWallClock("may go by the calendar", (set) =>
    Effect.gen(function*() {
      set(Date.UTC(2026, 0, 1, 12))
      const kids = makeKids()
      // That a calendar can be malformed is in its type, though this one is parsed.
      const calendar: unknown = Schedule.cron(Cron.parseUnsafe("0 13 * * *", "UTC"))
      const schedule = calendar as Schedule.Schedule<unknown>
      const supervisor = yield* group([kids.kid("a", { schedule })])
      yield* end(supervisor, "a", "crash")
      const [restarting] = supervisor.events_.flatMap((event) => event._tag === "Restarting" ? [event] : [])
      assert.strictEqual(restarting && new Date(restarting.at).toISOString(), "2026-01-01T13:00:00.000Z")
    }))

  test("that dies ends the supervisor with its defect", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.modifyDelay(Schedule.spaced("1 second"), () => Effect.die("bug"))
      const supervisor = yield* group([kids.kid("a", { schedule })])
      yield* end(supervisor, "a", "crash")
      assert.deepStrictEqual(supervisor.reason(), ["die", "bug"])
    }))

  test("that is done ends the supervisor, with the last reason", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.recurs(2)
      const supervisor = yield* group([kids.kid("a", { schedule })])
      for (let n = 0; n < 3; n++) {
        yield* end(supervisor, "a", "crash", n)
        yield* sleep("1 second")
      }
      assert.deepStrictEqual(supervisor.reason()?.slice(-2), ["crash", 2])
    }))

  test("has its jitter within bounds", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.jittered(Schedule.spaced("1 second"))
      const supervisor = yield* group([kids.kid("a", { schedule })], { intensity: 1000 })
      for (let n = 0; n < 50; n++) {
        yield* end(supervisor, "a", "crash")
        yield* sleep("2 seconds")
      }
      const all = delays(supervisor.events_)
      assert.strictEqual(all.length, 50)
      assert.isTrue(all.every((delay) => delay >= 800 && delay <= 1200), all.join())
      assert.isAbove(new Set(all).size, 10)
    }))

  test("runs once for a group: stopped at once, in reverse order, and started in order when it is over", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.spaced("10 seconds")
      const supervisor = yield* group([kids.kid("a"), kids.kid("b", { schedule }), kids.kid("c")], {
        strategy: "one_for_all",
        intensity: 1
      })
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b -c -a")
      assert.strictEqual(yield* states(supervisor), "a: restarting, b: restarting, c: restarting")
      yield* sleep("10 seconds")
      assert.strictEqual(kids.took(), "+a +b +c")
      assert.isUndefined(supervisor.reason())
    }))
})

describe("while a delay runs", () => {
  const delayed = (strategy: Supervisor.Strategy = "one_for_one") =>
    Effect.gen(function*() {
      const kids = makeKids()
      const schedule = Schedule.spaced("1 hour")
      const supervisor = yield* group([kids.kid("a", { schedule }), kids.kid("b")], { strategy })
      yield* end(supervisor, "a", "crash")
      kids.took()
      return { kids, supervisor }
    })

  test("which says restarting, startChild says already present, restart and delete say restarting", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* delayed()
      assert.strictEqual(yield* states(supervisor), "a: restarting, b: running")
      const answers = [
        yield* Effect.flip(supervisor.startChild(kids.kid("a"))),
        yield* Effect.flip(supervisor.restartChild("a")),
        yield* Effect.flip(supervisor.deleteChild("a"))
      ]
      assert.deepStrictEqual(answers.map((error) => error._tag === "ChildError" && error.reason), [
        "already_present",
        "restarting",
        "restarting"
      ])
      yield* supervisor.startChild(kids.kid("c"))
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "+c -b +b")
    }))

  test("which says why the last start failed", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* delayed()
      const reason = Effect.map(supervisor.which, ([a]) => a?.lastReason)
      assert.deepStrictEqual(yield* reason, ["crash"])
      kids.next("a", Effect.fail("no database"))
      yield* sleep("1 hour")
      assert.strictEqual(yield* states(supervisor), "a: restarting, b: running")
      assert.deepStrictEqual(yield* reason, ["fail", "no database", "no database"])
    }))

  test("terminate ends it at once", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* delayed()
      yield* supervisor.terminateChild("a")
      assert.strictEqual(yield* states(supervisor), "a: stopped, b: running")
      yield* sleep("2 hours")
      assert.strictEqual(kids.took(), "")
      yield* supervisor.restartChild("a")
      assert.strictEqual(kids.took(), "+a")
    }))

  test("terminate of one of a group leaves the others waiting, of the last one ends the delay", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* delayed("one_for_all")
      yield* supervisor.terminateChild("a")
      assert.strictEqual(yield* states(supervisor), "a: stopped, b: restarting")
      yield* sleep("1 hour")
      assert.strictEqual(kids.took(), "+b")
    }))

  test("shutdown ends it at once, and whoever waits for the port hears of it", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* delayed()
      const waiting = yield* Effect.forkChild(Effect.flip(supervisor.port("a")), { startImmediately: true })
      yield* supervisor.stop
      assert.strictEqual(kids.took(), "-b")
      const error = yield* Fiber.join(waiting)
      assert.deepStrictEqual(error._tag === "Killed" && error.reason, ["shutdown"])
      yield* sleep("2 hours")
      assert.strictEqual(kids.took(), "")
    }))

  test("the end of an earlier child takes the later ones that wait into its own group", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group(
        [kids.kid("a"), kids.kid("b", { schedule: Schedule.spaced("1 hour") }), kids.kid("c")],
        { strategy: "rest_for_one" }
      )
      yield* end(supervisor, "b", "crash")
      kids.took()
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(kids.took(), "-a +a +b +c")
      yield* sleep("2 hours")
      assert.strictEqual(kids.took(), "")
    }))
})

describe("a start that hangs during a restart", () => {
  const hanging = (strategy: Supervisor.Strategy = "one_for_one") =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy })
      kids.next("a", Effect.never)
      yield* end(supervisor, "a", "crash")
      kids.took()
      assert.match(yield* states(supervisor), /^a: restarting/)
      return { kids, supervisor }
    })

  test("can be terminated", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* hanging()
      yield* supervisor.terminateChild("a")
      assert.strictEqual(kids.took(), "-a")
      assert.strictEqual(yield* states(supervisor), "a: stopped, b: running")
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b +b")
    }))

  test("can be terminated in a group, which goes on without it", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* hanging("one_for_all")
      yield* supervisor.terminateChild("a")
      assert.strictEqual(kids.took(), "-a +b")
      assert.strictEqual(yield* states(supervisor), "a: stopped, b: running")
    }))

  test("does not keep the supervisor from being shut down", () =>
    Effect.gen(function*() {
      const { kids, supervisor } = yield* hanging()
      yield* supervisor.stop
      assert.strictEqual(kids.took(), "-b -a")
      assert.deepStrictEqual(supervisor.reason(), ["shutdown"])
    }))

  test("and cannot be interrupted is abandoned after its time, and leaves nothing when it ends after all", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      kids.next("a", Effect.uninterruptible(Effect.sleep("1 hour")))
      yield* end(supervisor, "a", "crash")
      kids.took()
      const terminating = yield* Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true })
      yield* sleep("5 seconds")
      yield* Fiber.join(terminating)
      assert.strictEqual(yield* states(supervisor), "a: stopped")
      yield* supervisor.restartChild("a")
      assert.strictEqual(kids.took(), "+a")
      yield* sleep("1 hour")
      assert.strictEqual(kids.took(), "-a")
      assert.strictEqual(yield* states(supervisor), "a: running")
    }))

  test("of somebody who waits no longer is given up", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([])
      kids.next("a", Effect.never)
      const starting = yield* Effect.forkChild(supervisor.startChild(kids.kid("a")), { startImmediately: true })
      yield* quiet
      yield* Fiber.interrupt(starting)
      yield* quiet
      assert.strictEqual(kids.took(), "+a -a")
      assert.deepStrictEqual(yield* supervisor.which, [])
    }))
})
