import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  countRestart,
  decide,
  groupOf,
  isOrderly,
  isRestarted,
  isTooMany,
  nextRestart,
  noRestarts,
  type RestartType
} from "../../../src/internal/supervisor/decisions.ts"
import { exitFromReason, type PortExit, reasonFromExit } from "../../../src/internal/values/reason.ts"

const ended = (...reason: ReadonlyArray<unknown>): PortExit => exitFromReason("n#p", reason)

const ends = {
  "no reason": ended(),
  "shutdown": ended("shutdown"),
  "shutdown with details": ended("shutdown", "maintenance"),
  "a failure": ended("fail", "boom"),
  "a lost link": ended("transport_error", "n", "Unexpected end-of-file"),
  "a reason that is not text": ended(null)
} satisfies Record<string, PortExit>

const orderly = new Set(["no reason", "shutdown", "shutdown with details"])

describe("an end", () => {
  for (const [name, exit] of Object.entries(ends)) {
    const isIt = orderly.has(name)
    it(`by ${name} is ${isIt ? "orderly" : "abnormal"}`, () => assert.strictEqual(isOrderly(exit), isIt))
    it(`by ${name} restarts a permanent child`, () => assert.isTrue(isRestarted("permanent", exit)))
    it(`by ${name} ${isIt ? "ends" : "restarts"} a transient child`, () => {
      assert.strictEqual(isRestarted("transient", exit), !isIt)
    })
    it(`by ${name} ends a temporary child`, () => assert.isFalse(isRestarted("temporary", exit)))
  }

  it("is judged by a predicate where one is given", () => {
    const onlyBoom: RestartType = (exit) => reasonFromExit(exit)[1] === "boom"
    const restarted = Object.entries(ends).filter(([, exit]) => isRestarted(onlyBoom, exit)).map(([name]) => name)
    assert.deepStrictEqual(restarted, ["a failure"])
  })
})

/** The times at which restarts are tried, and whether each was within the limit; the first one beyond it is the last. */
const play = (times: ReadonlyArray<number>, intensity: number, period: number): ReadonlyArray<boolean> => {
  const allowed: Array<boolean> = []
  const limit = { intensity, periodMillis: period }
  let restarts = noRestarts
  for (const now of times) {
    restarts = countRestart(limit, restarts, now)
    allowed.push(!isTooMany(limit, restarts))
    if (allowed.at(-1) === false) break
  }
  return allowed
}

describe("restarts", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<number>, number, ReadonlyArray<boolean>]> = [
    ["within the intensity are allowed", [0, 1, 2], 3, [true, true, true]],
    ["are too many when there is one more within the period", [0, 1, 2], 2, [true, true, false]],
    ["are all too many with an intensity of 0", [0], 0, [false]],
    ["that are a period old are forgotten", [0, 1000, 2000], 1, [true, true, true]],
    ["that are just short of a period old count", [0, 999], 1, [true, false]],
    ["slide out of the window one by one", [0, 600, 1000, 1600, 2000], 2, [true, true, true, true, true]],
    ["crowd at the end of one period and the beginning of the next", [0, 600, 1000, 1599], 2, [true, true, true, false]]
  ]
  for (const [name, times, intensity, allowed] of cases) {
    it(name, () => assert.deepStrictEqual(play(times, intensity, 1000), allowed))
  }

  it.prop(
    "are allowed exactly while no period holds more than the intensity",
    [Schema.Array(Schema.Literals([0, 1, 100, 400, 999, 1000])), Schema.Literals([0, 1, 2, 5])],
    ([gaps, intensity]) => {
      let now = 0
      const times = gaps.map((gap) => now += gap)
      const tooMany = times.findIndex((time, i) =>
        times.slice(0, i + 1).filter((other) => time - other < 1000).length > intensity
      )
      const allowed = play(times, intensity, 1000)
      assert.strictEqual(allowed.indexOf(false), tooMany)
      assert.strictEqual(allowed.length, tooMany < 0 ? times.length : tooMany + 1)
    }
  )
})

describe("a restart without a schedule", () => {
  for (
    const [intensity, last, expected] of [
      [1, 999, 1000],
      [Infinity, undefined, 1000],
      [Infinity, 0, 1000],
      [Infinity, 995, 1005],
      [Infinity, 1000, 1010]
    ] as const
  ) {
    it(`of ${intensity} allowed is at ${expected} where the last one was at ${last}`, () =>
      assert.strictEqual(nextRestart({ intensity, periodMillis: 5000 }, last, 1000), expected))
  }
})

describe("the end of a significant child", () => {
  for (
    const [restart, exit, autoShutdown, isLast, verdict] of [
      ["transient", ended(), "any_significant", false, "shutdown"],
      ["transient", ended("crash"), "any_significant", false, "restart"],
      ["temporary", ended("crash"), "any_significant", false, "shutdown"],
      ["transient", ended(), "all_significant", false, "leave"],
      ["transient", ended(), "all_significant", true, "shutdown"],
      ["temporary", ended("crash"), "all_significant", true, "shutdown"],
      ["temporary", ended("crash"), "never", true, "leave"]
    ] as const
  ) {
    it(`that is ${restart} and ends by ${JSON.stringify(reasonFromExit(exit))}: ${autoShutdown}, ${isLast}`, () =>
      assert.strictEqual(decide({ restart, significant: true }, exit, autoShutdown, () => isLast), verdict))
  }

  it("is nothing when it is not significant", () =>
    assert.strictEqual(
      decide({ restart: "temporary", significant: false }, ended(), "any_significant", () => true),
      "leave"
    ))
})

describe("who shares the fate of a child", () => {
  for (
    const [strategy, group] of [["one_for_one", ["b"]], ["one_for_all", ["a", "b", "c"]], ["rest_for_one", [
      "b",
      "c"
    ]]] as const
  ) {
    it(`with ${strategy}`, () => assert.deepStrictEqual(groupOf(strategy, () => ["a", "b", "c"], "b"), group))
  }
})
