import { assert, describe, it } from "@effect/vitest"
import { type LogLine, LogRing, shortened } from "../../../../src/internal/cli/run/logRing.ts"

const line = (at: number, text = `line ${at}`): LogLine => ({
  at,
  level: "Info",
  text,
  cause: undefined,
  annotations: { node: "a" }
})

const filled = (lines: Iterable<LogLine>): LogRing => {
  const ring = new LogRing()
  for (const each of lines) ring.add(each)
  return ring
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, nth) => from + nth)

describe("the last lines of a log", () => {
  it("are a thousand, the oldest first", () => {
    for (const count of [0, 1, 999, 1000, 1001, 1999, 2000, 2001, 12_345]) {
      const ring = filled(numbers(0, count).map((at) => line(at)))
      const kept = Math.min(count, 1000)
      assert.deepStrictEqual(ring.all.map(({ at }) => at), numbers(count - kept, kept), String(count))
    }
  })

  it("hold a million characters at most, of the newest", () => {
    const ring = filled(numbers(0, 400).map((at) => line(at, "x".repeat(10_000))))
    assert.deepStrictEqual(ring.all.map(({ at }) => at), numbers(301, 99))
  })

  it("take those that somebody else has told of before, where their times belong", () => {
    const ring = filled([line(10), line(20)])
    ring.earlier([line(5), line(15)])
    ring.add(line(30))
    assert.deepStrictEqual(ring.all.map(({ at }) => at), [5, 10, 15, 20, 30])
  })

  it("are short, whatever was logged", () => {
    const annotations = Object.fromEntries(numbers(0, 1000).map((nth) => [`name ${nth}`, "y".repeat(10_000)]))
    const text = "\u{1d4b3}".repeat(5_000_000)
    const short = shortened({ at: 1, level: "Info", text, cause: text, annotations })
    assert.isBelow(JSON.stringify(short).length, 200_000)
    assert.match(short.text, /… \(10000000 characters\)$/)
    assert.isTrue(short.text.isWellFormed())
    assert.strictEqual(Object.keys(short.annotations).length, 50)
  })
})
