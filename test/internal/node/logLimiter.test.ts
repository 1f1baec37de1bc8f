import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { LogLimiter } from "../../../src/internal/node/logLimiter.ts"

/** What is told of so many lines at the same moment, and how many milliseconds later the summary is. */
const flood = (limiter: LogLimiter, kind: string, count: number, now: number) => {
  let told = 0
  const summaries: Array<{ readonly after: number; readonly text: () => string | undefined }> = []
  for (let i = 1; i <= count; i++) {
    const verdict = limiter.line(kind, `line ${i}`, now)
    if (verdict._tag === "tell") told++
    else if (verdict._tag === "count") summaries.push({ after: verdict.afterMillis, text: verdict.summary })
  }
  return { told, summaries }
}

describe("lines of one kind", () => {
  it("are told five times within a minute; then they are counted until it is over", () => {
    const limiter = new LogLimiter()
    assert.deepStrictEqual(flood(limiter, "a", 2, 1000), { told: 2, summaries: [] })
    const { summaries: [summary, ...more], told } = flood(limiter, "a", 1237, 11_000)
    assert.deepStrictEqual([told, summary?.after, more], [3, 50_000, []])
    assert.strictEqual(summary?.text(), "line 1237 ... 1,234 more like it within a minute")
    assert.strictEqual(flood(limiter, "a", 9, 61_000).told, 5)
  })

  it("are told again a minute later if none had to be counted", () => {
    const limiter = new LogLimiter()
    for (let minute = 0; minute < 10; minute++) {
      assert.deepStrictEqual(flood(limiter, "a", 5, minute * 60_000), { told: 5, summaries: [] })
    }
  })

  it("do not count for another kind", () => {
    const limiter = new LogLimiter()
    flood(limiter, "a", 100, 0)
    assert.strictEqual(flood(limiter, "b", 100, 0).told, 5)
  })

  it("count as one beyond 256 kinds, until the minute of others is over", () => {
    const limiter = new LogLimiter()
    let told = 0
    for (let i = 0; i < 100_000; i++) told += flood(limiter, `kind ${i}`, 1, 0).told
    assert.strictEqual(told, 256 + 5)
    assert.strictEqual(flood(limiter, "one more", 3, 60_000).told, 3)
  })

  it("that were left out are told when the log ends", () => {
    const limiter = new LogLimiter()
    const { summaries: [summary] } = flood(limiter, "a", 7, 0)
    flood(limiter, "b", 3, 0)
    assert.deepStrictEqual(limiter.close(), ["line 7 ... 2 more like it within a minute"])
    assert.isUndefined(summary?.text())
  })

  const Steps = Schema.Array(Schema.Struct({
    kind: Schema.Literals(["a", "b", "c"]),
    waitSeconds: Schema.Literals([0, 0, 0, 1, 20, 61])
  }))

  it.prop("are all told or counted, and never more than ten of a kind within a minute", [Steps], ([steps]) => {
    const limiter = new LogLimiter()
    let now = 0
    let counted = 0
    const told: Array<{ readonly kind: string; readonly at: number }> = []
    let timers: Array<{ readonly at: number; readonly text: () => string | undefined }> = []
    const count = (text: string | undefined): void => {
      counted += Number(/\.\.\. (\d+) more/.exec(text ?? "")?.[1] ?? 0)
    }
    for (const { kind, waitSeconds } of steps.flatMap((step) => Array.from({ length: 4 }, () => step))) {
      now += waitSeconds * 1000
      for (const timer of timers) if (timer.at <= now) count(timer.text())
      timers = timers.filter((timer) => timer.at > now)
      const verdict = limiter.line(kind, kind, now)
      if (verdict._tag === "tell") told.push({ kind, at: now })
      else if (verdict._tag === "count") timers.push({ at: now + verdict.afterMillis, text: verdict.summary })
    }
    for (const text of limiter.close()) count(text)
    assert.strictEqual(told.length + counted, 4 * steps.length)
    for (const { at, kind } of told) {
      const within = told.filter((other) => other.kind === kind && other.at >= at && other.at < at + 60_000)
      assert.isAtMost(within.length, 10)
    }
  })
})
