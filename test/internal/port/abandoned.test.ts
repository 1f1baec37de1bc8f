import { assert, describe, it } from "@effect/vitest"
import { Abandoned } from "../../../src/internal/port/abandoned.ts"

describe("calls whose callers are gone", () => {
  it("are known until what had arrived by then has been handled", () => {
    const abandoned = new Abandoned()
    abandoned.add("caller", 1)
    assert.isTrue(abandoned.has(["ask", "caller"]))
    assert.isFalse(abandoned.has(["ask", "another"]))
    abandoned.turn()
    assert.isTrue(abandoned.has(["ask", "caller"]))
    abandoned.turn()
    assert.isFalse(abandoned.has(["ask", "caller"]))
  })

  it("are no more than wait, and a few, however many are made up", () => {
    const abandoned = new Abandoned()
    for (let n = 0; n < 10_000; n++) abandoned.add(`made up ${n}`, 5)
    const known = Array.from({ length: 10_000 }, (_, n) => abandoned.has(["ask", `made up ${n}`])).filter(Boolean)
    assert.isAtLeast(known.length, 5)
    assert.isAtMost(known.length, 50)
  })
})
