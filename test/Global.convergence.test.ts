import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { FamilyChange } from "../src/internal/global/familyCopy.ts"
import { Mesh } from "../src/internal/global/mesh.ts"
import { all, globals, Network, TestRouter } from "./meshNetwork.ts"

const GlobalNode = Schema.Literals(["g1", "g2", "g3"])
const AnyNode = Schema.Literals(["g1", "g2", "g3", "a", "b", "z"])
const Key = Schema.Literals(["k1", "k2", "a"])
const Action = Schema.Union([
  Schema.Tuple([Schema.Literal("set"), AnyNode, Key, Schema.Literals([1, 2, 3])]),
  Schema.Tuple([Schema.Literal("delete"), AnyNode, Key]),
  Schema.Tuple([Schema.Literal("connect"), GlobalNode, AnyNode]),
  Schema.Tuple([Schema.Literal("lose"), AnyNode, AnyNode]),
  Schema.Tuple([Schema.Literal("deliver"), AnyNode, AnyNode]),
  Schema.Tuple([Schema.Literal("settle")])
])
const Actions = Schema.Array(Action).check(Schema.isMinLength(10), Schema.isMaxLength(60))

const run = (actions: typeof Actions.Type, end: "connected" | "as it is" = "connected") => {
  const network = new Network()
  const meshes = new Map(all.map((nodeId, index) => {
    const mesh = new Mesh(new TestRouter(network, nodeId, index), {
      isSeed: (other) => globals.includes(other),
      hasOthers: true
    })
    mesh.install()
    return [nodeId, mesh] as const
  }))
  for (const nodeId of globals) meshes.get(nodeId)!.becomeGlobal()
  const owned = new Map(all.map((nodeId) => [nodeId, new Map<string, unknown>()]))
  const heard = new Map(all.map((nodeId) => [nodeId, new Array<FamilyChange>()]))
  for (const [nodeId, mesh] of meshes) {
    mesh.monitor("f", (change) => heard.get(nodeId)!.push({ ...change, entries: new Map(change.entries) }))
  }
  for (const action of actions) {
    switch (action[0]) {
      case "set":
        meshes.get(action[1])!.set("f", action[2], action[3])
        owned.get(action[1])!.set(action[2], action[3])
        break
      case "delete":
        meshes.get(action[1])!.delete("f", [action[2]])
        owned.get(action[1])!.delete(action[2])
        break
      case "connect":
        network.connect(action[1], action[2])
        break
      case "lose":
        network.lose(action[1], action[2])
        break
      case "deliver":
        network.deliver(action[1], action[2])
        break
      case "settle":
        network.settle()
    }
  }
  if (end === "connected") {
    for (const left of globals) for (const right of all) network.connect(left, right)
    network.settle()
  }
  return { meshes, owned, heard }
}

/** What everybody must see: of several owners the one whose ID the key is, or else the smallest. */
const model = (owned: ReadonlyMap<string, ReadonlyMap<string, unknown>>): Record<string, unknown> => {
  const entries: Record<string, unknown> = {}
  for (const nodeId of Array.from(owned.keys()).toSorted().toReversed()) {
    for (const [key, value] of owned.get(nodeId)!) entries[key] = value
  }
  for (const [nodeId, own] of owned) if (own.has(nodeId)) entries[nodeId] = own.get(nodeId)
  return entries
}

const seenBy = (mesh: Mesh): Record<string, unknown> => {
  let seen: ReadonlyMap<string, unknown> | undefined
  mesh.query("g_db_family", "f", (result) => {
    seen = new Map(Object.entries(result as Record<string, unknown>))
  })
  return Object.fromEntries(seen ?? [])
}

/** What a listener has who goes by added, changed and deleted alone. */
const replayed = (changes: ReadonlyArray<FamilyChange>): Record<string, unknown> => {
  const copy = new Map<string, unknown>()
  for (const { added, changed, deleted, entries } of changes) {
    for (const key of added) assert.isFalse(copy.has(key), `${key} was added twice`)
    for (const key of changed) assert.isTrue(copy.has(key), `${key} was changed without being there`)
    for (const key of deleted) assert.isTrue(copy.delete(key), `${key} was deleted without being there`)
    for (const key of [...added, ...changed]) copy.set(key, entries.get(key))
    assert.deepStrictEqual(new Map(copy), new Map(entries))
  }
  return Object.fromEntries(copy)
}

describe("nodes that set, delete, part and meet", () => {
  it.prop("all see the same in the end: what a small model says", [Actions], ([actions]) => {
    const { heard, meshes, owned } = run(actions)
    const expected = model(owned)
    for (const nodeId of globals) assert.deepStrictEqual(seenBy(meshes.get(nodeId)!), expected, nodeId)
    for (const nodeId of all) assert.deepStrictEqual(replayed(heard.get(nodeId)!), expected, `what ${nodeId} heard`)
  }, { arbitrary: { runs: 500 } })

  it("do not bring back what a node deleted after it had left a global node", () => {
    const { meshes } = run([
      ["connect", "g1", "g2"],
      ["connect", "g1", "g3"],
      ["connect", "g2", "g3"],
      ["connect", "g1", "a"],
      ["set", "a", "k1", 1],
      ["settle"],
      // The node has lost its master, which does not know yet.
      ["lose", "a", "g1"],
      ["connect", "g2", "a"],
      ["delete", "a", "k1"],
      ["settle"]
    ], "as it is")
    for (const nodeId of ["g2", "g3"]) assert.deepStrictEqual(seenBy(meshes.get(nodeId)!), {}, nodeId)
  })

  it("keep what a node gave to its next master, when the one before notices late", () => {
    const { meshes } = run([
      ["connect", "g1", "g2"],
      ["connect", "g1", "a"],
      ["set", "a", "k1", 1],
      ["settle"],
      ["lose", "a", "g1"],
      ["connect", "g2", "a"],
      ["settle"],
      ["lose", "g1", "a"],
      ["settle"]
    ], "as it is")
    for (const nodeId of ["g1", "g2"]) assert.deepStrictEqual(seenBy(meshes.get(nodeId)!), { k1: 1 }, nodeId)
  })
})
