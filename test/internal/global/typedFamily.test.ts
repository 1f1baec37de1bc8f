import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { replace } from "../../../src/internal/global/familyCopy.ts"
import { checker, sift, siftChange } from "../../../src/internal/global/typedFamily.ts"

const check = checker(Schema.Number)

const seen = (before: Record<string, unknown>, now: Record<string, unknown>) => {
  const known = sift(new Map(Object.entries(before)), check).fit
  const { change, misfits } = siftChange(
    known,
    replace(new Map(Object.entries(before)), new Map(Object.entries(now))),
    check
  )
  return {
    entries: Object.fromEntries(change.entries),
    added: change.added,
    changed: change.changed,
    deleted: change.deleted,
    misfits: misfits.map(({ key }) => key)
  }
}

describe("a typed family", () => {
  it("says what is wrong with a value", () => {
    assert.isUndefined(check(1))
    assert.match(check("one") ?? "", /number/)
  })

  it("says that a check failed itself, and does not throw", () => {
    const url = checker(Schema.String.check(Schema.makeFilter((text: string) => new URL(text).protocol === "https:")))
    assert.isUndefined(url("https://x.org"))
    assert.match(url("no url") ?? "", /the check itself failed: TypeError: Invalid URL/)
  })

  it.each<[string, Record<string, unknown>, Record<string, unknown>, Partial<ReturnType<typeof seen>>]>([
    ["shows what fits", {}, { a: 1 }, { entries: { a: 1 }, added: ["a"] }],
    ["leaves out what does not", {}, { a: 1, b: "x" }, { entries: { a: 1 }, added: ["a"], misfits: ["b"] }],
    ["shows a value that fits no more as deleted", { a: 1 }, { a: "x" }, { deleted: ["a"], misfits: ["a"] }],
    ["shows a value that fits at last as added", { a: "x" }, { a: 1 }, { entries: { a: 1 }, added: ["a"] }],
    ["does not show the end of what did not fit", { a: "x" }, {}, {}],
    ["shows a deleted value that fitted", { a: 1, b: 2 }, { b: 3 }, {
      entries: { b: 3 },
      changed: ["b"],
      deleted: ["a"]
    }]
  ])("%s", (_, before, now, expected) => {
    assert.deepStrictEqual(seen(before, now), {
      entries: {},
      added: [],
      changed: [],
      deleted: [],
      misfits: [],
      ...expected
    })
  })
})
