/** Data as people read it, of which no more is made than is shown. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { shownWithin } from "../../../src/internal/values/shown.ts"

describe("what is shown of data", () => {
  it.prop("is its JSON, if there is room for that", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value).toWellFormed()
    assert.strictEqual(shownWithin(value, text.length), text)
  })

  it.prop("is no wider than its place, and says that there is more", [
    Schema.Json,
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))
  ], ([value, width]) => {
    const shown = shownWithin(value, width)
    assert.isAtMost(shown.length, width + 1)
    if (JSON.stringify(value).length > width) assert.isTrue(shown.endsWith("…"))
  })

  it("has a word for what JSON has none for", () => {
    assert.strictEqual(
      shownWithin([1n, undefined, NaN, new Uint8Array(3), () => {}], 100),
      "[1n,undefined,NaN,<3 bytes>,<function>]"
    )
  })

  it("is made of no more than is shown, and harms nobody", () => {
    let read = 0
    const many = new Proxy([], { get: (_, key) => key === "length" ? 1e9 : (read++, 1) })
    shownWithin(many, 50)
    assert.isBelow(read, 200)
    const ring: Array<unknown> = []
    ring.push(ring)
    assert.include(shownWithin(ring, 1000), "…")
    const failing = Object.defineProperty({}, "x", {
      enumerable: true,
      get: () => {
        throw new Error("no")
      }
    })
    assert.include(shownWithin({ failing }, 100), "…")
    assert.isBelow(shownWithin("x".repeat(1e7), 10).length, 13)
  })
})
