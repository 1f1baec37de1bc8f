import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { counts, end, group, ignoring, makeKids, portsOf, states, strategies, told } from "./supervisedGroup.ts"

const ids = ["a", "b", "c", "d"] as const
const allRunning = ids.map((id) => `${id}: running`).join(", ")

/** Who is restarted with a child, in start order. */
const groupOf = (strategy: Supervisor.Strategy, id: typeof ids[number]): ReadonlyArray<string> =>
  strategy === "one_for_one" ? [id] : strategy === "one_for_all" ? ids : ids.slice(ids.indexOf(id))

/** How a log reads in which `id` ends, and its group is stopped and started. */
const restartOf = (strategy: Supervisor.Strategy, id: typeof ids[number]): string => {
  const members = groupOf(strategy, id)
  const stopped = members.filter((other) => other !== id).toReversed()
  return [...[id, ...stopped].map((other) => `-${other}`), ...members.map((other) => `+${other}`)].join(" ")
}

const no = Effect.fail("no database")

const failing = [
  ["fails", no, "fail"],
  ["dies", Effect.die("bug"), "die"],
  ["is interrupted", Effect.interrupt, "interrupted"]
] as const

const titles = {
  one_for_one: "one_for_one restarts the one that ended",
  one_for_all: "one_for_all stops the others in reverse start order, then starts all in start order",
  rest_for_one: "rest_for_one does so with those started after it, and leaves the earlier ones alone"
} as const

describe("a restart", () => {
  for (const strategy of strategies) {
    for (const id of ids) {
      test(`${titles[strategy]} (${id} of four)`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group(ids.map((each) => kids.kid(each)), { strategy, intensity: 1 })
          const before = yield* portsOf(supervisor)
          kids.took()
          yield* end(supervisor, id, "crash")
          const members = groupOf(strategy, id)
          assert.strictEqual(kids.took(), restartOf(strategy, id))
          assert.strictEqual(yield* states(supervisor), allRunning)
          assert.deepStrictEqual(yield* counts(supervisor), [4, 4, 0, 4])
          const after = yield* portsOf(supervisor)
          for (const each of ids) assert.strictEqual(after[each] === before[each], !members.includes(each), each)
          assert.deepStrictEqual(
            (yield* supervisor.which).map(({ restarts }) => restarts),
            ids.map((each) => members.includes(each) ? 1 : 0)
          )
          const others = members.filter((each) => each !== id).toReversed()
          assert.deepStrictEqual(told(supervisor.events_), [
            `Ended ${id}`,
            ...others.map((each) => `Ended ${each}`),
            `Restarting ${id}`,
            ...members.map((each) => `Started ${each}`)
          ])
          const restarting = supervisor.events_.find((event) => event._tag === "Restarting")
          assert.deepStrictEqual(restarting?._tag === "Restarting" && [restarting.group, reasonOf(restarting.exit)], [
            members,
            ["crash"]
          ])
          for (const event of supervisor.events_) {
            if (event._tag === "Ended") {
              assert.deepStrictEqual(reasonOf(event.exit), event.child === id ? ["crash"] : ["shutdown"])
              assert.strictEqual(event.port, before[event.child])
            }
            if (event._tag === "Started") assert.strictEqual(event.port, after[event.child])
          }
        }))
    }
  }

  for (const strategy of ["one_for_all", "rest_for_one"] as const) {
    test(`${strategy}: waits for the stop of each before the next one is stopped, and for each start`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        // The first run of c takes its time to release what it has.
        let isFirst = true
        const release = Effect.suspend(() => isFirst ? Effect.sleep("2 seconds") : Effect.void)
        const c = { ...kids.kid("c"), start: Effect.andThen(Effect.addFinalizer(() => release), kids.start("c")) }
        const supervisor = yield* group([kids.kid("a"), kids.kid("b"), c, kids.kid("d")], { strategy })
        kids.took()
        kids.next("b", Effect.sleep("1 second"))
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a -d -c")
        yield* sleep("1999 millis")
        assert.strictEqual(kids.took(), "")
        isFirst = false
        yield* sleep("1 milli")
        assert.strictEqual(kids.took(), "-b +a +b")
        yield* sleep("999 millis")
        assert.strictEqual(kids.took(), "")
        yield* sleep("1 milli")
        assert.strictEqual(kids.took(), "+c +d")
      }))

    test(`${strategy}: goes on without one that does not stop in time, and a warning names it`, () => {
      const logs = makeLogs()
      return Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group(ids.map((id) => kids.kid(id, { shutdown: "3 seconds" })), { strategy })
        const stuck = kids.ports.get("c")!
        yield* Port.snd(stuck, "stuck")
        yield* quiet
        kids.took()
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a -d")
        yield* sleep("2999 millis")
        assert.strictEqual(kids.took(), "")
        yield* sleep("1 milli")
        assert.strictEqual(kids.took(), "-b +a +b +c +d")
        assert.strictEqual(logs.lines.filter((line) => line.includes("c did not end in time")).length, 1)
        // When the old one ends after all, nobody takes it for the new one.
        const ports = yield* portsOf(supervisor)
        yield* sleep("1 day")
        assert.strictEqual(kids.took(), "-c")
        assert.deepStrictEqual(yield* portsOf(supervisor), ports)
        const c = (yield* supervisor.which).find(({ id }) => id === "c")
        assert.deepStrictEqual([c?.restarts, c?.status], [1, "running"])
      }).pipe(Effect.provide(logs.layer))
    })

    for (const restart of ["permanent", "transient", "temporary"] as const) {
      for (const reason of [[], ["shutdown"], ["crash"]]) {
        test(`${strategy}: a ${restart} child that ends by itself (${reason.join() || "no reason"}) while the group is stopped belongs to it`, () =>
          Effect.gen(function*() {
            const kids = makeKids()
            const supervisor = yield* group([kids.kid("a"), kids.kid("b", { restart }), kids.kid("c")], {
              strategy,
              intensity: 1
            })
            yield* Port.mon(kids.ports.get("c")!, () => Port.kil(kids.ports.get("b")!, ...reason))
            kids.took()
            yield* end(supervisor, "a", "crash")
            const isBack = restart !== "temporary"
            assert.strictEqual(kids.took(), isBack ? "-a -c -b +a +b +c" : "-a -c -b +a +c")
            assert.strictEqual(
              yield* states(supervisor),
              isBack ? "a: running, b: running, c: running" : "a: running, c: running"
            )
            assert.isUndefined(supervisor.reason())
            const ended = supervisor.events_.filter((event) => event._tag === "Ended" && event.child === "b")
            assert.deepStrictEqual(ended.map((event) => event._tag === "Ended" && reasonOf(event.exit)), [reason])
          }))
      }
    }

    test(`${strategy}: two that end at the same time are one restart`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy, intensity: 1 })
        kids.took()
        for (const id of ["a", "b"]) yield* Port.kil(kids.ports.get(id)!, "crash")
        yield* quiet
        assert.strictEqual(kids.took(), "-a -b +a +b")
        assert.isUndefined(supervisor.reason())
        assert.deepStrictEqual(
          supervisor.events_.flatMap((event) => event._tag === "Ended" ? [[event.child, ...reasonOf(event.exit)]] : []),
          [["a", "crash"], ["b", "crash"]]
        )
      }))

    test(`${strategy}: children that had ended for good are started with the others`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b", { restart: "transient" }), kids.kid("c")], {
          strategy
        })
        yield* end(supervisor, "b")
        yield* supervisor.terminateChild("c")
        assert.strictEqual(yield* states(supervisor), "a: running, b: stopped, c: stopped")
        kids.took()
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a +a +b +c")
      }))

    test(`${strategy}: a child that ends while another one of its group starts is one more restart of the group`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const router = yield* NodeRouter
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy, intensity: 2 })
        kids.took()
        const kill = Effect.sync(() => router.kill(kids.ports.get("a")!, ["again"]))
        kids.next("b", Effect.andThen(kill, quiet))
        yield* end(supervisor, "a", "crash")
        yield* quiet
        assert.strictEqual(kids.took(), "-a -b +a +b -a -b +a +b")
        assert.isUndefined(supervisor.reason())
        yield* end(supervisor, "b", "crash")
        assert.strictEqual(supervisor.reason() === undefined, false)
      }))
  }

  test("one_for_all: the end of a run that was stopped is not taken for that of the next one, on the same port", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const port = yield* Port.make({})
      let starts = 0
      const same = Effect.sync(() => {
        starts++
        return port
      })
      const supervisor = yield* group([kids.kid("a"), { id: "b", start: same }], {
        strategy: "one_for_all",
        intensity: 3
      })
      yield* end(supervisor, "a", "crash")
      // One restart for the end of a, and one for each start of b that has no port any more.
      assert.strictEqual(starts, 4)
      assert.strictEqual(supervisor.reason()?.[2], "b")
    }))

  test("rest_for_one: what was added last is stopped first", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy: "rest_for_one" })
      yield* supervisor.startChild(kids.kid("c"))
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b -c +b +c")
      // One that was deleted and added again is the last one.
      yield* supervisor.terminateChild("a")
      yield* supervisor.deleteChild("a")
      yield* supervisor.startChild(kids.kid("a"))
      kids.took()
      yield* end(supervisor, "c", "crash")
      assert.strictEqual(kids.took(), "-c -a +c +a")
    }))

  test("rest_for_one: one that was terminated and restarted keeps its place", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy: "rest_for_one" })
      yield* supervisor.terminateChild("a")
      yield* supervisor.restartChild("a")
      kids.took()
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(kids.took(), "-a -b +a +b")
    }))
})

describe("a restart that fails", () => {
  for (const strategy of strategies) {
    for (const [how, trouble, tag] of failing) {
      test(`${strategy}: is tried again, counted each time, until the budget is gone (the start ${how})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy, intensity: 3 })
          kids.took()
          kids.next("b", trouble, trouble)
          yield* end(supervisor, "b", "crash")
          // One restart, and two more attempts: the budget is used up, and it runs.
          const other = strategy === "one_for_all"
          assert.strictEqual(
            kids.took(),
            other ? "-b -a +a +b -b -a +a +b -b -a +a +b" : "-b +b -b +b -b +b"
          )
          assert.strictEqual(yield* states(supervisor), "a: running, b: running")
          assert.isUndefined(supervisor.reason())
          const b = (yield* supervisor.which)[1]
          assert.strictEqual(b?.restarts, 3)
          assert.deepStrictEqual(
            told(supervisor.events_).filter((event) => event.endsWith("b")),
            ["Ended", "Restarting", "StartFailed", "Restarting", "StartFailed", "Restarting", "Started"]
              .map((event) => `${event} b`)
          )
          yield* end(supervisor, "b", "crash")
          assert.deepStrictEqual(supervisor.reason(), ["restart_limit", "b was restarted too often", "b", "crash"])
        }))

      test(`${strategy}: ends the supervisor with the reason of the last start when the budget is gone (it ${how})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { strategy, intensity: 2 })
          kids.next("b", trouble, trouble, trouble)
          kids.took()
          yield* end(supervisor, "b", "crash")
          assert.deepStrictEqual(supervisor.reason()?.slice(0, 4), [
            "restart_limit",
            "b was restarted too often",
            "b",
            tag
          ])
          assert.strictEqual(kids.log.filter((line) => line === "+b").length, 2)
          // Whatever was started, before and during the attempts, has been stopped.
          for (const id of ["a", "b", "c"]) {
            const [starts, ends] = ["+", "-"].map((what) => kids.log.filter((line) => line === `${what}${id}`).length)
            assert.strictEqual(ends, 1 + starts!, id)
          }
          assert.strictEqual(supervisor.events_.filter((event) => event._tag === "GaveUp").length, 1)
        }))
    }
  }

  // Which child of the group fails, while which one had ended.
  for (const strategy of ["one_for_all", "rest_for_one"] as const) {
    for (const [how, trouble] of failing) {
      for (const ended of ["a", "b"] as const) {
        for (const id of groupOf(strategy, ended).filter((other) => other !== ended)) {
          const anew = strategy === "one_for_all"
          const then = anew
            ? "what was just started is stopped again, and the attempt is repeated for the whole group"
            : "what was just started stays up, and the attempt is repeated from the child that failed on"
          test(`${strategy}: ${id} ${how} in the restart of ${ended}: ${then}`, () =>
            Effect.gen(function*() {
              const kids = makeKids()
              const supervisor = yield* group(ids.map((each) => kids.kid(each)), { strategy, intensity: 2 })
              const before = yield* portsOf(supervisor)
              kids.took()
              kids.next(id, trouble)
              yield* end(supervisor, ended, "crash")
              const members = groupOf(strategy, ended)
              const at = members.indexOf(id)
              const started = members.slice(0, at + 1)
              assert.strictEqual(
                kids.took(),
                [
                  restartOf(strategy, ended).split(" +")[0],
                  ...started.map((each) => `+${each}`),
                  ...anew ? started.toReversed().map((each) => `-${each}`) : [`-${id}`],
                  ...(anew ? members : members.slice(at)).map((each) => `+${each}`)
                ].join(" ")
              )
              assert.strictEqual(yield* states(supervisor), allRunning)
              const after = yield* portsOf(supervisor)
              for (const each of ids) assert.strictEqual(after[each] === before[each], !members.includes(each), each)
              assert.deepStrictEqual(
                told(supervisor.events_).filter((event) => /Restarting|StartFailed|GaveUp/.test(event)),
                [`Restarting ${ended}`, `StartFailed ${id}`, `Restarting ${id}`]
              )
              assert.isUndefined(supervisor.reason())
              // Both attempts were counted.
              yield* end(supervisor, id as typeof ids[number], "crash")
              assert.strictEqual(supervisor.reason()?.[2], id)
            }))
        }
      }
    }

    test(`${strategy}: waits between the attempts as the schedule of the child that failed says`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group(
          [kids.kid("a"), kids.kid("b", { schedule: Schedule.spaced("1 second") }), kids.kid("c")],
          { strategy }
        )
        kids.took()
        kids.next("b", no)
        yield* end(supervisor, "a", "crash")
        const anew = strategy === "one_for_all"
        assert.strictEqual(kids.took(), anew ? "-a -c -b +a +b -b -a" : "-a -c -b +a +b -b")
        assert.strictEqual(
          yield* states(supervisor),
          `a: ${anew ? "restarting" : "running"}, b: restarting, c: restarting`
        )
        assert.deepStrictEqual(yield* counts(supervisor), [3, anew ? 0 : 1, 0, 3])
        yield* sleep("999 millis")
        assert.strictEqual(kids.took(), "")
        yield* sleep("1 milli")
        assert.strictEqual(kids.took(), anew ? "+a +b +c" : "+b +c")
      }))
  }

  test("one_for_all: a child that had nothing to supervise in an attempt that failed takes part in the next one", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy: "one_for_all" })
      kids.took()
      kids.next("a", ignoring)
      kids.next("b", no)
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b -a +a -a +b -b +a +b")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running")
    }))

  test("rest_for_one: leaves healthy children before it alone, for as long as it takes to start it", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const http = kids.kid("http", { schedule: Schedule.exponential("100 millis") })
      const supervisor = yield* group([kids.kid("db"), http], { strategy: "rest_for_one" })
      kids.took()
      kids.next("http", no, no, no, no)
      yield* end(supervisor, "db", "crash")
      const { db } = yield* portsOf(supervisor)
      for (let i = 0; i < 20; i++) {
        yield* sleep("100 millis")
        assert.strictEqual((yield* portsOf(supervisor))["db"], db)
      }
      assert.strictEqual(kids.took(), "-db -http +db +http -http +http -http +http -http +http -http +http")
      assert.strictEqual(yield* states(supervisor), "db: running, http: running")
    }))

  test("one_for_one: another child that fails to start in the same tick is tried again on its own", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { intensity: 4 })
      const { c } = yield* portsOf(supervisor)
      kids.took()
      kids.next("a", no)
      kids.next("b", no)
      for (const id of ["a", "b"]) yield* Port.kil(kids.ports.get(id)!, "crash")
      yield* quiet
      // What happened meanwhile comes before the next attempt.
      assert.strictEqual(kids.took(), "-a +a -a -b +b -b +a +b")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running, c: running")
      assert.strictEqual((yield* portsOf(supervisor))["c"], c)
      yield* end(supervisor, "c", "crash")
      assert.strictEqual(supervisor.reason()?.[2], "c")
    }))
})

describe("a temporary bystander", () => {
  for (const strategy of strategies) {
    for (const id of ["a", "t", "b"]) {
      test(`is stopped by ${strategy} with its group, not restarted, and not counted (${id} ends)`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group(
            [kids.kid("a"), kids.kid("t", { restart: "temporary" }), kids.kid("b")],
            { strategy, intensity: 1 }
          )
          const { t } = yield* portsOf(supervisor)
          kids.took()
          yield* end(supervisor, id, "crash")
          const isStopped = strategy === "one_for_all" ? id !== "t" : strategy === "rest_for_one" && id === "a"
          const isGone = isStopped || id === "t"
          assert.strictEqual(
            kids.took(),
            isStopped ? id === "a" ? "-a -b -t +a +b" : "-b -t -a +a +b" : id === "t" ? "-t" : `-${id} +${id}`
          )
          assert.strictEqual(
            yield* states(supervisor),
            isGone ? "a: running, b: running" : "a: running, t: running, b: running"
          )
          assert.deepStrictEqual(yield* counts(supervisor), isGone ? [2, 2, 0, 2] : [3, 3, 0, 3])
          assert.strictEqual((yield* portsOf(supervisor))["t"], isGone ? undefined : t)
          const unknown = yield* Effect.result(supervisor.spec("t"))
          assert.strictEqual(unknown._tag, isGone ? "Failure" : "Success")
          const restarting = supervisor.events_.flatMap((event) => event._tag === "Restarting" ? [event.group] : [])
          assert.isFalse(restarting.flat().includes("t"))
          // What it cost is one restart, or none: one more is allowed in the second case.
          assert.isUndefined(supervisor.reason())
          yield* end(supervisor, "a", "crash")
          assert.strictEqual(supervisor.reason() === undefined, id === "t")
        }))
    }
  }

  test("that crashes in the same tick is not counted either, and its name is free", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const temporary = kids.kid("t", { restart: "temporary" })
      const supervisor = yield* group([kids.kid("a"), temporary], { strategy: "one_for_all", intensity: 1 })
      kids.took()
      for (const id of ["a", "t"]) yield* Port.kil(kids.ports.get(id)!, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "-a -t +a")
      yield* supervisor.startChild(temporary)
      assert.strictEqual(yield* states(supervisor), "a: running, t: running")
      assert.isUndefined(supervisor.reason())
    }))
})

describe("a start that hangs in a restart", () => {
  for (const strategy of strategies) {
    test(`${strategy}: ends when it is terminated, also when that was asked for before it began`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy })
        kids.took()
        kids.next("a", Effect.sleep("1 second"))
        kids.next("b", Effect.never)
        for (const id of ["a", "b"]) yield* Port.kil(kids.ports.get(id)!, "crash")
        yield* quiet
        // a is being started, and b is going to be.
        assert.strictEqual(kids.log.at(-1), "+a")
        const terminating = yield* Effect.forkChild(supervisor.terminateChild("b"), { startImmediately: true })
        yield* sleep("1 second")
        assert.strictEqual(terminating.pollUnsafe()?._tag, "Success")
        assert.strictEqual(yield* states(supervisor), "a: running, b: stopped")
        yield* supervisor.deleteChild("b")
      }))

    test(`${strategy}: is left stopped when whoever terminated it waits no longer`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy })
        kids.next("b", Effect.uninterruptible(Effect.sleep("1 minute")))
        yield* end(supervisor, "b", "crash")
        kids.took()
        const terminating = yield* Effect.forkChild(supervisor.terminateChild("b"), { startImmediately: true })
        yield* sleep("1 second")
        yield* Fiber.interrupt(terminating)
        yield* sleep("1 hour")
        assert.strictEqual(kids.took(), "-b")
        assert.strictEqual(yield* states(supervisor), "a: running, b: stopped")
        yield* supervisor.restartChild("b")
        assert.strictEqual(yield* states(supervisor), "a: running, b: running")
      }))

    test(`${strategy}: may terminate itself`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy })
        kids.next("b", Effect.suspend(() => supervisor.terminateChild("b")))
        yield* end(supervisor, "b", "crash")
        yield* quiet
        assert.strictEqual(yield* states(supervisor), "a: running, b: stopped")
        yield* supervisor.restartChild("b")
      }))
  }
})
