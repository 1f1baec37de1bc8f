import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { apply, type FamilyChange, replace } from "../../src/internal/familyCopy.ts"

const family = (entries: Record<string, unknown>): ReadonlyMap<string, unknown> => new Map(Object.entries(entries))

const change = (set: Record<string, unknown>, deleted: ReadonlyArray<string> = []) => ({ set: family(set), deleted })

const plain = (change: FamilyChange | undefined) => change && { ...change, entries: Object.fromEntries(change.entries) }

describe("the whole family", () => {
  it("begins a copy: all keys are added", () => {
    assert.deepStrictEqual(plain(replace(new Map(), family({ a: 1, b: null }))), {
      entries: { a: 1, b: null },
      added: ["a", "b"],
      changed: [],
      deleted: []
    })
  })

  it("replaces a copy: keys that are not in it are deleted, the others show as changed", () => {
    assert.deepStrictEqual(plain(replace(family({ a: 1, b: 2, c: 3 }), family({ b: 2, c: 4, d: 5 }))), {
      entries: { b: 2, c: 4, d: 5 },
      added: ["d"],
      changed: ["b", "c"],
      deleted: ["a"]
    })
  })

  it("may be empty", () => {
    assert.deepStrictEqual(plain(replace(family({ a: 1 }), new Map())), {
      entries: {},
      added: [],
      changed: [],
      deleted: ["a"]
    })
    assert.deepStrictEqual(plain(replace(new Map(), new Map())), { entries: {}, added: [], changed: [], deleted: [] })
  })

  it("is copied: a listener keeps what it was told", () => {
    const now = new Map<string, unknown>([["a", 1]])
    const told = replace(new Map(), now)
    now.set("b", 2)
    assert.deepStrictEqual(plain(told)?.entries, { a: 1 })
  })
})

describe("a change", () => {
  const before = family({ a: 1, b: 2 })
  const cases: ReadonlyArray<{
    readonly name: string
    readonly change: ReturnType<typeof change>
    readonly told: ReturnType<typeof plain>
  }> = [
    {
      name: "adds a key",
      change: change({ c: 3 }),
      told: { entries: { a: 1, b: 2, c: 3 }, added: ["c"], changed: [], deleted: [] }
    },
    {
      name: "changes a key",
      change: change({ a: 9 }),
      told: { entries: { a: 9, b: 2 }, added: [], changed: ["a"], deleted: [] }
    },
    {
      name: "sets a key to the value that it has, which shows as changed",
      change: change({ a: 1 }),
      told: { entries: { a: 1, b: 2 }, added: [], changed: ["a"], deleted: [] }
    },
    {
      name: "deletes a key",
      change: change({}, ["a"]),
      told: { entries: { b: 2 }, added: [], changed: [], deleted: ["a"] }
    },
    {
      name: "does all three",
      change: change({ b: 3, c: 4 }, ["a"]),
      told: { entries: { b: 3, c: 4 }, added: ["c"], changed: ["b"], deleted: ["a"] }
    },
    {
      name: "leaves out deleted keys that were never there",
      change: change({ c: 3 }, ["nothing"]),
      told: { entries: { a: 1, b: 2, c: 3 }, added: ["c"], changed: [], deleted: [] }
    },
    { name: "that deletes only what was never there is none", change: change({}, ["nothing"]), told: undefined },
    { name: "that is empty is none", change: change({}), told: undefined }
  ]
  for (const { change, name, told } of cases) {
    it(name, () => assert.deepStrictEqual(plain(apply(before, change)), told))
  }

  it("leaves the copy before it as it was", () => {
    apply(before, change({ a: 9 }, ["b"]))
    assert.deepStrictEqual(Object.fromEntries(before), { a: 1, b: 2 })
  })
})

describe("a listener", () => {
  const Entries = Schema.Record(Schema.Literals(["a", "b", "c"]), Schema.optionalKey(Schema.Literals([1, 2])))
  it.prop("that follows added, changed and deleted has the entries", [Entries, Entries], ([before, now]) => {
    const told = replace(family(before), family(now))
    const copy = new Map<string, unknown>(family(before))
    for (const key of told.added) assert.isFalse(copy.has(key))
    for (const key of [...told.changed, ...told.deleted]) assert.isTrue(copy.has(key))
    for (const key of [...told.added, ...told.changed]) copy.set(key, told.entries.get(key))
    for (const key of told.deleted) copy.delete(key)
    assert.deepStrictEqual(Object.fromEntries(copy), { ...now })
  })
})
