import { assert, describe, it } from "@effect/vitest"
import { difference, type Entry, inForce, type Terms } from "../../../src/internal/cluster/terms.ts"

const terms: Terms = { format: 1, shardsPerGroup: 300, groups: ["default"] }
const entry = (since: number, more: Partial<Entry> = {}): Entry => ({
  ...terms,
  runner: "{}",
  leaseMillis: 10_000,
  effect: "4.1.0",
  since,
  ...more
})

describe("the terms of runners", () => {
  it("are the same, or it is told what is not", () => {
    assert.isUndefined(difference(terms, terms))
    assert.strictEqual(difference({ ...terms, shardsPerGroup: 100 }, terms), "shardsPerGroup 100 and not 300")
    assert.strictEqual(
      difference({ format: 2, shardsPerGroup: 300, groups: ["default", "gpu"] }, terms),
      "format 2 and not 1, availableShardGroups default, gpu and not default"
    )
    const [some, none] = [{ ...terms, messages: true }, { ...terms, messages: false }]
    assert.strictEqual(difference(some, none), "messages, which this node has not")
    assert.strictEqual(difference(none, some), "no messages, which this node has")
    assert.isUndefined(difference(some, terms), "a client goes by either")
  })

  it("that are in force are those of the runner that has been there for longest, and of two the same for all who look", () => {
    const entries = [["b:1", entry(5)], ["a:1", entry(7)], ["c:1", entry(5)]] as const
    assert.isUndefined(inForce(new Map()))
    for (const order of [entries, entries.toReversed()]) assert.strictEqual(inForce(new Map(order))?.[0], "b:1")
  })
})
