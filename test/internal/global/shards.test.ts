import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Change, type Family, sameValue, Shards, type Told } from "../../../src/internal/global/shards.ts"

/** What an update tells, as it goes over the wire. */
type Wire = { readonly set: Record<string, unknown>; readonly deleted: ReadonlyArray<string> } | undefined

const wire = (change: Change | undefined): Wire =>
  change && { set: Object.fromEntries(change.set), deleted: change.deleted }

const told = ({ globals, monitors }: Told) => ({ globals: wire(globals), monitors: wire(monitors) })

const nobody = { globals: undefined, monitors: undefined }

const all = (change: Wire) => ({ globals: change, monitors: change })

/** A global node with two slaves, `s1` and `s2`; `g1` and `g2` are other global nodes. */
const make = (): Shards => {
  const shards = new Shards()
  shards.addSlave("s1")
  shards.addSlave("s2")
  return shards
}

/** One step: who, what it sets in family `f`, what it deletes. */
type Step = readonly [node: string, set: Record<string, unknown>, deleted?: ReadonlyArray<string>]

const play = (shards: Shards, steps: ReadonlyArray<Step>): Told => {
  let last: Told = nobody
  for (const [node, set, deleted = []] of steps) last = shards.update(node, "f", new Map(Object.entries(set)), deleted)
  return last
}

const merged = (shards: Shards) => Object.fromEntries(shards.family("f"))

interface Rule {
  readonly name: string
  /** The last step is the one that is looked at. */
  readonly steps: ReadonlyArray<Step>
  readonly tells: ReturnType<typeof told>
  readonly leaves: Record<string, unknown>
}

const rules: ReadonlyArray<Rule> = [
  {
    name: "a slave's key is told to global nodes and monitors",
    steps: [["s1", { k: 1 }]],
    tells: all({ set: { k: 1 }, deleted: [] }),
    leaves: { k: 1 }
  },
  {
    name: "another global node's key is told to monitors alone",
    steps: [["g1", { k: 1 }]],
    tells: { globals: undefined, monitors: { set: { k: 1 }, deleted: [] } },
    leaves: { k: 1 }
  },
  {
    name: "a key that is set again is told, whether or not the value is the same",
    steps: [["s1", { k: 1 }], ["s1", { k: 1 }]],
    tells: all({ set: { k: 1 }, deleted: [] }),
    leaves: { k: 1 }
  },
  {
    name: "the last writer wins, be it a slave",
    steps: [["g1", { k: 1 }], ["s1", { k: 2 }]],
    tells: all({ set: { k: 2 }, deleted: [] }),
    leaves: { k: 2 }
  },
  {
    name: "the last writer wins, be it another global node",
    steps: [["s1", { k: 1 }], ["g1", { k: 2 }]],
    tells: { globals: undefined, monitors: { set: { k: 2 }, deleted: [] } },
    leaves: { k: 2 }
  },
  {
    name: "an empty update tells nobody",
    steps: [["s1", { k: 1 }], ["s1", {}]],
    tells: nobody,
    leaves: { k: 1 }
  },
  {
    name: "one update sets some keys and deletes others",
    steps: [["s1", { a: 1, b: 2 }], ["s1", { c: 3 }, ["a"]]],
    tells: all({ set: { c: 3 }, deleted: ["a"] }),
    leaves: { b: 2, c: 3 }
  },
  {
    name: "a slave's deleted key without other owner is gone for all",
    steps: [["s1", { k: 1 }], ["s1", {}, ["k"]]],
    tells: all({ set: {}, deleted: ["k"] }),
    leaves: {}
  },
  {
    name: "another global node's deleted key without other owner is gone for monitors",
    steps: [["g1", { k: 1 }], ["g1", {}, ["k"]]],
    tells: { globals: undefined, monitors: { set: {}, deleted: ["k"] } },
    leaves: {}
  },
  {
    name: "a node deletes nothing that it does not own",
    steps: [["s1", { k: 1 }], ["s2", {}, ["k", "nothing"]]],
    tells: nobody,
    leaves: { k: 1 }
  },
  {
    name: "a slave's deleted key goes to another slave that has it, and all are told of the other value",
    steps: [["s2", { k: 2 }], ["s1", { k: 1 }], ["s1", {}, ["k"]]],
    tells: all({ set: { k: 2 }, deleted: [] }),
    leaves: { k: 2 }
  },
  {
    name: "a slave's deleted key that another slave has with the value that stands tells nobody",
    steps: [["s1", { k: 1 }], ["s2", { k: 2 }], ["s1", {}, ["k"]]],
    tells: nobody,
    leaves: { k: 2 }
  },
  {
    name: "a slave is preferred to another global node as the next owner",
    steps: [["g1", { k: 9 }], ["s2", { k: 2 }], ["s1", { k: 1 }], ["s1", {}, ["k"]]],
    tells: all({ set: { k: 2 }, deleted: [] }),
    leaves: { k: 2 }
  },
  {
    name: "a slave's deleted key that another global node has set last goes to another slave that has it too",
    steps: [["s2", { k: 2 }], ["s1", { k: 1 }], ["g1", { k: 9 }], ["s1", {}, ["k"]]],
    tells: all({ set: { k: 2 }, deleted: [] }),
    leaves: { k: 2 }
  },
  {
    name: "a slave's deleted key that only another global node has: deleted for global nodes, changed for monitors",
    steps: [["g1", { k: 9 }], ["s1", { k: 1 }], ["s1", {}, ["k"]]],
    tells: { globals: { set: {}, deleted: ["k"] }, monitors: { set: { k: 9 }, deleted: [] } },
    leaves: { k: 9 }
  },
  {
    name: "a slave's deleted key that only another global node has, with the same value: monitors are not told",
    steps: [["g1", { k: 1 }], ["s1", { k: 1 }], ["s1", {}, ["k"]]],
    tells: { globals: { set: {}, deleted: ["k"] }, monitors: undefined },
    leaves: { k: 1 }
  },
  {
    name: "another global node's deleted key goes to a slave that has it",
    steps: [["s1", { k: 1 }], ["g1", { k: 9 }], ["g1", {}, ["k"]]],
    tells: { globals: undefined, monitors: { set: { k: 1 }, deleted: [] } },
    leaves: { k: 1 }
  },
  {
    name: "another global node's deleted key goes to a third one that has it",
    steps: [["g2", { k: 8 }], ["g1", { k: 9 }], ["g1", {}, ["k"]]],
    tells: { globals: undefined, monitors: { set: { k: 8 }, deleted: [] } },
    leaves: { k: 8 }
  }
]

describe("an update of the database", () => {
  for (const { leaves, name, steps, tells } of rules) {
    it(name, () => {
      const shards = make()
      assert.deepStrictEqual(told(play(shards, steps)), tells)
      assert.deepStrictEqual(merged(shards), leaves)
    })
  }

  it("of one family leaves others alone", () => {
    const shards = make()
    play(shards, [["s1", { k: 1 }]])
    shards.update("s1", "other", new Map([["k", 2]]), [])
    shards.update("s1", "other", new Map(), ["k"])
    assert.deepStrictEqual(merged(shards), { k: 1 })
    assert.strictEqual(shards.family("other").size, 0)
  })
})

describe("two values", () => {
  const equal: ReadonlyArray<readonly [unknown, unknown]> = [
    [1, "1"],
    ["a", "a"],
    [1.5, "1.5"],
    [null, null],
    [[1, { x: null }], [1, { x: null }]],
    [{ a: [1, 2] }, { a: [1, 2] }],
    [12345678901234567890n, "12345678901234567890"],
    [[12345678901234567890n], [12345678901234567890n]]
  ]
  for (const [left, right] of equal) {
    it(`${show(left)} and ${show(right)} are the same`, () => {
      assert.isTrue(sameValue(left, right))
      assert.isTrue(sameValue(right, left))
    })
  }
  const different: ReadonlyArray<readonly [unknown, unknown]> = [
    [1, 2],
    ["a", "b"],
    ["", null],
    ["null", null],
    ["true", true],
    ["[1]", [1]],
    ["{}", {}],
    [[1, 2], [2, 1]],
    [[1], ["1"]],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [[12345678901234567890n], [12345678901234567891n]]
  ]
  for (const [left, right] of different) {
    it(`${show(left)} and ${show(right)} differ`, () => {
      assert.isFalse(sameValue(left, right))
      assert.isFalse(sameValue(right, left))
    })
  }
})

describe("an heir's value that is the same as text", () => {
  it("tells nobody", () => {
    assert.deepStrictEqual(told(play(make(), [["s2", { k: "1" }], ["s1", { k: 1 }], ["s1", {}, ["k"]]])), nobody)
  })
  it("tells nobody when the JSON of a structure is the same", () => {
    const steps: ReadonlyArray<Step> = [["s2", { k: { a: [1] } }], ["s1", { k: { a: [1] } }], ["s1", {}, ["k"]]]
    assert.deepStrictEqual(told(play(make(), steps)), nobody)
  })
})

describe("what another global node is given", () => {
  it("is what the slaves gave, and nothing of other global nodes", () => {
    const shards = make()
    play(shards, [["s1", { a: 1 }], ["s2", { b: 2 }], ["g1", { c: 3 }]])
    shards.update("s1", "'l", new Map([["s1", ["h:1"]]]), [])
    const table = Array.from(shards.ofSlaves(), ([family, entries]) => [family, Object.fromEntries(entries)])
    assert.deepStrictEqual(Object.fromEntries(table), { f: { a: 1, b: 2 }, "'l": { s1: ["h:1"] } })
  })

  it("holds the data of a node from the moment it is a slave", () => {
    const shards = make()
    play(shards, [["late", { k: 1 }]])
    assert.strictEqual(shards.ofSlaves().size, 0)
    assert.isFalse(shards.isSlave("late"))
    shards.addSlave("late")
    assert.isTrue(shards.isSlave("late"))
    assert.deepStrictEqual(shards.ofSlaves().get("f"), new Map([["k", 1]]))
  })
})

describe("a node that goes down", () => {
  it("has all its keys deleted, in every family", () => {
    const shards = make()
    play(shards, [["s1", { a: 1, b: 2 }], ["s2", { c: 3 }]])
    shards.update("s1", "other", new Map([["k", 1]]), [])
    const all = Array.from(shards.drop("s1"), ([family, change]) => [family, told(change)] as const)
    assert.deepStrictEqual(all, [
      ["f", { globals: { set: {}, deleted: ["a", "b"] }, monitors: { set: {}, deleted: ["a", "b"] } }],
      ["other", { globals: { set: {}, deleted: ["k"] }, monitors: { set: {}, deleted: ["k"] } }]
    ])
    assert.deepStrictEqual(merged(shards), { c: 3 })
    assert.strictEqual(shards.family("other").size, 0)
  })

  it("leaves a key to another owner", () => {
    const shards = make()
    play(shards, [["s2", { k: 2 }], ["s1", { k: 1 }]])
    assert.deepStrictEqual(told(shards.drop("s1").get("f")!), all({ set: { k: 2 }, deleted: [] }))
    assert.deepStrictEqual(merged(shards), { k: 2 })
  })

  it("is told to monitors alone when it was another global node", () => {
    const shards = make()
    play(shards, [["g1", { k: 1 }]])
    assert.deepStrictEqual(told(shards.drop("g1").get("f")!), {
      globals: undefined,
      monitors: { set: {}, deleted: ["k"] }
    })
  })

  it("is no slave any more when it comes back", () => {
    const shards = make()
    shards.drop("s1")
    assert.isFalse(shards.isSlave("s1"))
    assert.strictEqual(play(shards, [["s1", { k: 1 }]]).globals, undefined)
  })

  it("that never gave anything changes nothing", () => {
    const shards = make()
    play(shards, [["s1", { k: 1 }]])
    assert.strictEqual(shards.drop("unknown").size, 0)
    assert.deepStrictEqual(merged(shards), { k: 1 })
  })
})

// ---- properties

const Node = Schema.Literals(["s1", "s2", "g1", "g2"])
const Key = Schema.Literals(["a", "b", "c"])
const Value = Schema.Literals([1, 2, 3])
const Action = Schema.Union([
  Schema.Tuple([Schema.Literal("set"), Node, Key, Value]),
  Schema.Tuple([Schema.Literal("delete"), Node, Key]),
  Schema.Tuple([Schema.Literal("down"), Node])
])
const Actions = Schema.Array(Action)

/** Who listens to what an update tells, and keeps a copy by it. */
const follow = (copy: Map<string, unknown>, change: Change | undefined): void => {
  change?.set.forEach((value, key) => copy.set(key, value))
  change?.deleted.forEach((key) => copy.delete(key))
}

interface Outcome {
  readonly shards: Shards
  /** What a monitor has by now. */
  readonly monitor: Map<string, unknown>
  /** What other global nodes have of us by now. */
  readonly global: Map<string, unknown>
}

const run = (actions: typeof Actions.Type, keyOf: (node: string, key: string) => string): Outcome => {
  const outcome: Outcome = { shards: make(), monitor: new Map(), global: new Map() }
  const { global, monitor, shards } = outcome
  const heard = (told: Told | undefined): void => {
    follow(global, told?.globals)
    follow(monitor, told?.monitors)
  }
  for (const action of actions) {
    const node = action[1]
    if (action[0] === "set") heard(shards.update(node, "f", new Map([[keyOf(node, action[2]), action[3]]]), []))
    else if (action[0] === "delete") heard(shards.update(node, "f", new Map(), [keyOf(node, action[2])]))
    else {
      heard(shards.drop(node).get("f"))
      if (node.startsWith("s")) shards.addSlave(node)
    }
  }
  return outcome
}

const sorted = (family: Family): ReadonlyArray<readonly [string, unknown]> =>
  Array.from(family).toSorted(([left], [right]) => left < right ? -1 : 1)

describe("whatever happens", () => {
  it.prop("keys with one owner are as that owner left them, here and at all who listen", [Actions], ([actions]) => {
    const own = (node: string, key: string) => `${node}/${key}`
    const { global, monitor, shards } = run(actions, own)
    const model = new Map<string, unknown>()
    for (const action of actions) {
      if (action[0] === "set") model.set(own(action[1], action[2]), action[3])
      else if (action[0] === "delete") model.delete(own(action[1], action[2]))
      else for (const key of ["a", "b", "c"]) model.delete(own(action[1], key))
    }
    assert.deepStrictEqual(sorted(shards.family("f")), sorted(model))
    assert.deepStrictEqual(sorted(monitor), sorted(model))
    const ofSlaves = new Map(Array.from(model).filter(([key]) => key.startsWith("s")))
    assert.deepStrictEqual(sorted(global), sorted(ofSlaves))
    assert.deepStrictEqual(sorted(shards.ofSlaves().get("f") ?? new Map()), sorted(ofSlaves))
  }, { arbitrary: { runs: 300 } })

  it.prop("a monitor has what the node has, with several owners of a key too", [Actions], ([actions]) => {
    const { monitor, shards } = run(actions, (_, key) => key)
    assert.deepStrictEqual(sorted(monitor), sorted(shards.family("f")))
    const owners = new Map<string, Set<string>>()
    for (const action of actions) {
      if (action[0] === "set") owners.set(action[2], (owners.get(action[2]) ?? new Set()).add(action[1]))
      else if (action[0] === "delete") owners.get(action[2])?.delete(action[1])
      else for (const nodes of owners.values()) nodes.delete(action[1])
    }
    const owned = Array.from(owners).filter(([, nodes]) => nodes.size > 0).map(([key]) => key)
    assert.deepStrictEqual(sorted(shards.family("f")).map(([key]) => key), owned.toSorted())
  }, { arbitrary: { runs: 300 } })
})

function show(value: unknown): string {
  return typeof value === "bigint"
    ? `${value}n`
    : JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? `${inner}n` : inner)
}

describe("very many nodes", () => {
  it("that another global node told of come, and go with it", () => {
    const shards = new Shards()
    for (let n = 0; n < 1000; n++) {
      shards.begin(`n${n}`, "g", [1, 1])
      shards.update(`n${n}`, "'l", new Map([[`n${n}`, ["127.0.0.1:1"]]]), [], "g", [1, 1])
    }
    assert.strictEqual(shards.family("'l").size, 1000)
    shards.drop("g")
    assert.strictEqual(shards.family("'l").size, 0)
  })
})
