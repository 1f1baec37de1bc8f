/** A histogram of which only a part is measured, when much is to be. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { bucketMillis, Durations } from "../../../src/internal/port/durations.ts"

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((all, count) => all + count, 0)

/** Things that take so long, with so much time from one to the next. Answers how many of them were measured. */
const happen = (durations: Durations, pauses: ReadonlyArray<number>, millis: number): number => {
  let now = 0
  let measured = 0
  for (const pause of pauses) {
    now += pause
    if (durations.isDue) {
      measured++
      durations.end(durations.begin(now), millis)
    }
    durations.pass(1)
  }
  return measured
}

describe("durations", () => {
  it("measures each of few", () => {
    const durations = new Durations()
    assert.strictEqual(happen(durations, Array.from({ length: 100 }, () => 2), 3), 100)
    assert.strictEqual(sum(durations.counts), 100)
    assert.strictEqual(durations.sumMillis, 300)
  })

  it("measures few of many, which stand for all", () => {
    const durations = new Durations()
    assert.isBelow(happen(durations, Array.from({ length: 100_000 }, () => 0.001), 0.2), 500)
    assert.isAbove(sum(durations.counts), 100_000 - 256)
    assert.strictEqual(durations.counts[1], sum(durations.counts))
  })

  it("puts each into the bucket that it just fits in", () => {
    const durations = new Durations()
    const longest = bucketMillis.at(-1)!
    for (const millis of [0, ...bucketMillis, longest + 1]) durations.end(1, millis)
    assert.deepStrictEqual(durations.counts, [2, ...Array.from({ length: bucketMillis.length }, () => 1)])
    assert.strictEqual(durations.longestMillis, longest + 1)
    assert.strictEqual(durations.shortestMillis, 0)
  })

  const Pauses = Schema.Array(Schema.Literals([0, 0.01, 0.5, 1, 20]))
  it.effect.prop(
    "never counts more than has happened, and is never far behind",
    [Pauses],
    ([pauses]) =>
      Effect.sync(() => {
        const durations = new Durations()
        happen(durations, pauses, 1)
        assert.isAtMost(sum(durations.counts), pauses.length)
        assert.isAbove(sum(durations.counts), pauses.length - 256)
      })
  )
})
