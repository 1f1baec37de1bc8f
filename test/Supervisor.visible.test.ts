import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import { Port, Supervisor } from "../src/index.ts"
import { makeLogs } from "./harness.ts"
import { quiet, sleep, test, testWithWallClock, until } from "./supervised.ts"
import { end, group, makeKids } from "./supervisedGroup.ts"

/** Every log line, with its annotations. */
const makeAnnotated = () => {
  const lines: Array<{ readonly level: string; readonly text: string; readonly fields: Record<string, unknown> }> = []
  const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    const fields = { ...fiber.getRef(References.CurrentLogAnnotations) }
    lines.push({ level: logLevel, text: [message].flat().join(" "), fields })
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("what a supervisor does", () => {
  test("is one log line, one event and one count each: starts, ends, restarts, failed starts, and giving up", () => {
    const logs = makeAnnotated()
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", { schedule: Schedule.spaced("10 seconds") })], {
        name: "visible",
        intensity: 2
      })
      logs.lines.length = 0
      yield* end(supervisor, "a", "crash", 1)
      kids.next("a", Effect.fail("no database"))
      yield* sleep("10 seconds")
      yield* sleep("10 seconds")
      const port = yield* supervisor.port("a")
      yield* end(supervisor, "a", "crash", 2)
      assert.deepStrictEqual(supervisor.events_.map((event) => event._tag), [
        "Ended",
        "Restarting",
        "StartFailed",
        "Restarting",
        "Started",
        "Ended",
        "GaveUp"
      ])
      assert.deepStrictEqual(
        logs.lines.map(({ fields, level, text }) => [level, fields["event"], text]),
        [
          ["Info", "Ended", "visible: a ended: crash: 1"],
          ["Warn", "Restarting", "visible: a is restarted: crash: 1"],
          ["Warn", "StartFailed", "visible: a could not be started: fail: no database"],
          ["Warn", "Restarting", "visible: a is restarted: fail: no database"],
          ["Debug", "Started", "visible: a started"],
          ["Info", "Ended", "visible: a ended: crash: 2"],
          ["Error", "GaveUp", "visible: a was restarted too often, giving up: crash: 2"]
        ].filter(([level]) => level !== "Debug")
      )
      const restarting = logs.lines.filter(({ fields }) => fields["event"] === "Restarting")[1]
      assert.deepInclude(restarting?.fields, {
        supervisor: supervisor.supervisor,
        child: "a",
        restarts: 2,
        reason: "fail: no database",
        next: new Date(20_000).toISOString(),
        group: "a"
      })
      const started = supervisor.events_.find((event) => event._tag === "Started")
      assert.deepInclude(started, { child: "a", port, restarts: 2, supervisor: supervisor.supervisor })
      const counts = yield* Metric.snapshot
      const of = (tag: string) => {
        const found = counts.find(({ attributes, id }) =>
          id === "effect_mp_supervisor_events_total" && attributes?.["supervisor"] === "visible" &&
          attributes["event"] === tag
        )
        return found?.type === "Counter" ? found.state.count : 0
      }
      assert.deepStrictEqual(["Started", "Ended", "Restarting", "StartFailed", "GaveUp"].map(of), [2, 2, 2, 1, 1])
    }).pipe(Effect.provide(logs.layer))
  })

  test("escalates visibly: the reason of the inner supervisor names the child that it gave up", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const inner = Supervisor.make({ intensity: 0, name: "inner", children: [kids.kid("a")] })
      const top = yield* group([{ id: "inner", start: inner }])
      const { which } = Supervisor.at(yield* top.port("inner"))
      yield* Port.kil((yield* which)[0]!.port!, "crash")
      yield* quiet
      const restarting = top.events_.find((event) => event._tag === "Restarting")
      assert.include(JSON.stringify(restarting), "a was restarted too often")
    }))

  test("is reported in limited depth, whatever a reason holds", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      const large = "x".repeat(1_000_000)
      const ring: Array<unknown> = []
      ring.push(ring)
      yield* end(supervisor, "a", "crash", large, { deep: { deep: large } }, ring, 1, 2, 3)
      const told = logs.lines.filter((line) => line.includes("is restarted"))
      assert.strictEqual(told.length, 1)
      assert.isBelow(told[0]!.length, 1000)
      const ended = supervisor.events_.find((event) => event._tag === "Ended")
      // The report itself is data, and whole.
      assert.isTrue(JSON.stringify(ended, (_, value: unknown) => value === ring ? "ring" : value).includes(large))
    }).pipe(Effect.provide(logs.layer))
  })

  test("cannot flood: identical restarts within a second are summed up", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { intensity: 10_000 })
      for (let n = 0; n < 500; n++) yield* end(supervisor, "a", "crash")
      yield* end(supervisor, "b", "crash")
      yield* end(supervisor, "a", "other")
      const restarts = () => logs.lines.filter((line) => line.includes("is restarted"))
      assert.strictEqual(restarts().length, 3)
      yield* sleep("1 second")
      assert.deepStrictEqual(restarts().slice(3), [
        "WARN supervisor: a is restarted: crash: 499 more times within a second"
      ])
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(restarts().length, 5)
      assert.strictEqual(supervisor.events_.filter((event) => event._tag === "Restarting").length, 503)
    }).pipe(Effect.provide(logs.layer))
  })

  testWithWallClock("cannot flood either when the clock is set", (set) => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      yield* end(supervisor, "a", "crash")
      set(3_600_000)
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(logs.lines.filter((line) => line.includes("is restarted")).length, 1)
    }).pipe(Effect.provide(logs.layer))
  })

  test("of a dynamic supervisor's children is summed up too: they are all alike", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: () => Port.make({}), intensity: 10_000, name: "pool" })
      const ports = yield* Effect.forEach(Array.from({ length: 300 }), () => pool.startChild())
      yield* Effect.forEach(ports, (port) => Port.kil(port, "crash"))
      yield* until("all are back", () => Effect.runSync(pool.which).every(({ restarts }) => restarts === 1))
      yield* quiet
      yield* sleep("1 second")
      const told = logs.lines.filter((line) => line.includes("is restarted"))
      assert.deepStrictEqual(told, [
        "WARN pool: 1 is restarted: crash",
        "WARN pool: pool is restarted: crash: 299 more times within a second"
      ])
    }).pipe(Effect.provide(logs.layer))
  })
})
