import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  counted,
  cut,
  showAge,
  showBytes,
  showCount,
  showMillis,
  showPerSecond,
  steps,
  visible
} from "../../../../../src/internal/cli/web/ui/format.ts"

/** What texts from elsewhere are made of that are hard to show. */
const Letters = Schema.Array(
  Schema.Literals(["a", "/", "%", " ", "\u202E", "\u2066", "\0", "\n", "\uD83D", "\uDE00", "👩", "é", "\"", "<"])
)
const Most = Schema.Literals([6, 7, 8, 13, 40])

describe("numbers for people", () => {
  it.each([
    [showCount(0), "0"],
    [showCount(9999), "9999"],
    [showCount(12_345), "12.3 k"],
    [showCount(1_000_000), "1 M"],
    [showBytes(0), "0 B"],
    [showBytes(1023), "1023 B"],
    [showBytes(1536), "1.5 KiB"],
    [showBytes(3 * 1024 ** 3), "3 GiB"],
    [showPerSecond(0.5), "0.5/s"],
    [showPerSecond(44_000), "44 k/s"],
    [showMillis(0), "0 ms"],
    [showMillis(0.5), "0.5 ms"],
    [showMillis(1234), "1234 ms"],
    [showMillis(90_000), "1 min 30 s"],
    [showAge(0), "0 s"],
    [showAge(-5), "0 s"],
    [showAge(59_999), "59 s"],
    [showAge(312_000), "5 min 12 s"],
    [showAge(86_400_000), "1 d"],
    [showAge(86_400_000 * 3 + 4 * 3_600_000 + 1000), "3 d 4 h"],
    [counted(1, "entry", "entries"), "1 entry"],
    [counted(20_000, "node"), "20 k nodes"]
  ])("%s", (shown, expected) => {
    assert.strictEqual(shown, expected)
  })
})

describe("the steps of an axis", () => {
  it.prop(
    "begin at zero, are evenly apart, and reach the largest value with no step to spare",
    [Schema.Finite, Schema.Literals([1000, 1024]), Schema.Literals([0, 1])],
    ([drawn, base, least]) => {
      // What is measured is neither smaller nor larger.
      const largest = Math.min(1e15, Math.max(1e-6, Math.abs(drawn)))
      const marks = steps(largest, base, least)
      const step = marks[1]!
      assert.strictEqual(marks[0], 0)
      assert.isAtLeast(step, least)
      assert.isAtMost(marks.length, 7)
      assert.isAtLeast(marks.at(-1)! * (1 + 1e-6), largest)
      assert.isBelow(marks.at(-1)! - step, largest)
    }
  )

  it("are round in the unit that they are shown in", () => {
    assert.deepStrictEqual(steps(3.7 * 1024 ** 2, 1024).map(showBytes), ["0 B", "1 MiB", "2 MiB", "3 MiB", "4 MiB"])
    assert.deepStrictEqual(steps(2, 1000, 1), [0, 1, 2])
  })

  it("are there when nothing was measured", () => {
    assert.deepStrictEqual(steps(0), [0, 1])
    assert.deepStrictEqual(steps(Number.NaN), [0, 1])
  })
})

describe("text from elsewhere", () => {
  it("shows what would steer the text around it", () => {
    assert.strictEqual(visible("\u202Eevil\n"), "\\u202eevil\\u000a")
    assert.strictEqual(visible("half \uD83D"), "half \\ud83d")
    assert.strictEqual(visible("👩‍🚀 ﷽"), "👩‍🚀 ﷽")
  })

  it.prop("is short when it is cut, and well-formed, whatever it was", [Letters, Most], ([letters, most]) => {
    const text = letters.join("").repeat(5)
    const { head, isWhole, tail } = cut(text, most)
    assert.isTrue(head.isWellFormed() && tail.isWellFormed())
    assert.notMatch(head + tail, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    assert.isAtMost(head.length + tail.length, most * 6)
    assert.strictEqual(isWhole, text.length <= most)
  })

  it("is cut in the middle, so that names that differ at their ends can be told apart", () => {
    assert.deepStrictEqual(cut("cluster/region/rack/machine/worker-17", 18), {
      head: "cluster/regi",
      tail: "ker-17",
      isWhole: false
    })
  })
})
