/** Names that are too wide for their place: cut, and told apart all the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { cutMiddle, cutNames } from "../../../src/internal/values/cut.ts"

const Letter = Schema.Literals(["a", "b", "/"])
const Names = Schema.Array(Schema.Array(Letter).check(Schema.isMaxLength(30)))
const Width = Schema.Int.check(Schema.isBetween({ minimum: 3, maximum: 20 }))

describe("a name that is too wide", () => {
  it("keeps its beginning and its end", () => {
    assert.strictEqual(cutMiddle("compute-eu-west-1.example.com/4711", 12), "comput…/4711")
    assert.strictEqual(cutMiddle("short", 5), "short")
  })

  it.prop("is no wider than its place", [Schema.String, Width], ([text, width]) => {
    assert.isAtMost(cutMiddle(text, width).length, Math.max(width, Math.min(text.length, width)))
  })

  it.prop("never looks like another one", [Names, Width], ([lists, width]) => {
    const names = Array.from(new Set(lists.map((letters) => letters.join(""))))
    assert.strictEqual(new Set(cutNames(names, width)).size, names.length)
  })
})
