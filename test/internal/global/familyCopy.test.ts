import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { apply, type FamilyChange, replace, Unread } from "../../../src/internal/global/familyCopy.ts"

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
    it(name, () => {
      const copy = new Map(before)
      assert.deepStrictEqual(plain(apply(copy, change)), told)
      assert.deepStrictEqual(Object.fromEntries(copy), told?.entries ?? { a: 1, b: 2 })
    })
  }
})

const Keys = Schema.Literals(["a", "b", "c"])

/** Makes to a copy what a listener was told. */
const follow = (copy: Map<string, unknown>, told: FamilyChange): void => {
  for (const key of told.added) assert.isFalse(copy.has(key))
  for (const key of [...told.changed, ...told.deleted]) assert.isTrue(copy.has(key))
  for (const key of [...told.added, ...told.changed]) copy.set(key, told.entries.get(key))
  for (const key of told.deleted) copy.delete(key)
}

describe("a listener", () => {
  const Entries = Schema.Record(Keys, Schema.optionalKey(Schema.Literals([1, 2])))
  it.prop("that follows added, changed and deleted has the entries", [Entries, Entries], ([before, now]) => {
    const told = replace(family(before), family(now))
    const copy = new Map<string, unknown>(family(before))
    follow(copy, told)
    assert.deepStrictEqual(Object.fromEntries(copy), { ...now })
  })
})

describe("what a reader has not seen", () => {
  const told = (...changes: ReadonlyArray<ReturnType<typeof change>>) => {
    const unread = new Unread()
    const copy = new Map<string, unknown>([["old", 0]])
    unread.add(replace(new Map(), copy))
    unread.take()
    for (const one of changes) {
      const change = apply(copy, one)
      if (change !== undefined) unread.add(change)
    }
    return plain(unread.take())
  }

  it("is nothing, until something has happened", () => {
    const unread = new Unread()
    assert.isUndefined(unread.take())
    unread.add(replace(new Map(), new Map()))
    assert.deepStrictEqual(plain(unread.take()), { entries: {}, added: [], changed: [], deleted: [] })
    unread.add(replace(new Map(), new Map()))
    assert.isUndefined(unread.take())
  })

  it("is one change, however much has happened", () => {
    assert.deepStrictEqual(told(change({ a: 1 }), change({ b: 2 }), change({ a: 3 }), change({}, ["b", "old"])), {
      entries: { a: 3 },
      added: ["a"],
      changed: [],
      deleted: ["old"]
    })
  })

  it("has nothing of a key that came and went", () => {
    assert.isUndefined(told(change({ a: 1 }), change({}, ["a"])))
  })

  it("has a key that went and came again as changed", () => {
    assert.deepStrictEqual(told(change({}, ["old"]), change({ old: 1 })), {
      entries: { old: 1 },
      added: [],
      changed: ["old"],
      deleted: []
    })
  })

  it("stays as it was taken", () => {
    const unread = new Unread()
    const copy = new Map<string, unknown>([["a", 1]])
    unread.add(replace(new Map(), copy))
    const taken = unread.take()
    apply(copy, change({ b: 2 }, ["a"]))
    assert.deepStrictEqual(plain(taken)?.entries, { a: 1 })
  })

  const Step = Schema.Struct({
    set: Schema.Record(Keys, Schema.optionalKey(Schema.Literals([1, 2]))),
    deleted: Schema.Array(Keys),
    whole: Schema.Boolean,
    taken: Schema.Boolean
  })
  it.prop("leads to the entries, whenever it is taken", [Schema.Array(Step)], ([steps]) => {
    const unread = new Unread()
    const seen = new Map<string, unknown>()
    let copy = new Map<string, unknown>()
    for (const { deleted, set, taken, whole } of steps) {
      const now = new Map(family(set))
      const change = whole ? replace(copy, now) : apply(copy, { set: now, deleted })
      if (whole) copy = now
      if (change !== undefined) unread.add(change)
      const told = taken ? unread.take() : undefined
      if (told !== undefined) follow(seen, told)
    }
    const last = unread.take()
    if (last !== undefined) follow(seen, last)
    assert.deepStrictEqual(Object.fromEntries(seen), Object.fromEntries(copy))
  })
})
