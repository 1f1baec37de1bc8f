import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Group } from "../src/internal/global/group.ts"
import { Mesh } from "../src/internal/global/mesh.ts"
import { nodeOf } from "../src/internal/values/portId.ts"
import { all, globals, Network, TestRouter } from "./meshNetwork.ts"

const AnyNode = Schema.Literals(["g1", "g2", "g3", "a", "b", "z"])
const GlobalNode = Schema.Literals(["g1", "g2", "g3"])
const Nth = Schema.Literals([0, 1, 2])
const Share = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))
const Strategy = Schema.Literals(["random", "round-robin", "nearest", "least-pending", "key"])
const Action = Schema.Union([
  Schema.Tuple([Schema.Literal("join"), AnyNode]),
  Schema.Tuple([Schema.Literal("leave"), AnyNode, Nth]),
  Schema.Tuple([Schema.Literal("end"), AnyNode, Nth]),
  Schema.Tuple([Schema.Literal("connect"), GlobalNode, AnyNode]),
  Schema.Tuple([Schema.Literal("meet"), AnyNode, AnyNode]),
  // Of all links, of all ways on which something travels.
  Schema.Tuple([Schema.Literal("lose"), Share]),
  Schema.Tuple([Schema.Literal("deliver"), Share]),
  Schema.Tuple([Schema.Literal("choose"), AnyNode, Strategy, Schema.Literals([0, 0.4, 0.9])]),
  Schema.Tuple([Schema.Literal("settle")])
])
const Actions = Schema.Array(Action).check(Schema.isMinLength(10), Schema.isMaxLength(60))

/** A node, what it sees of the group, and which of its ports it has registered. */
class Member {
  readonly router: TestRouter
  readonly mesh: Mesh
  readonly group: Group
  readonly registered: Array<string> = []
  readonly ended = new Set<string>()
  private readonly seen = new Set<string>()
  private ports = 0
  constructor(network: Network, nodeId: string, startedAt: number) {
    this.router = new TestRouter(network, nodeId, startedAt)
    this.mesh = new Mesh(this.router, { isSeed: (other) => globals.includes(other), hasOthers: true })
    this.mesh.install()
    this.group = this.mesh.groups.view("f").group
  }
  join(): void {
    const port = `${this.router.nodeId}#${++this.ports}`
    this.registered.push(port)
    this.mesh.set("f", port, null)
  }
  /** The port lives on, or not. */
  leave(nth: number, isEnd: boolean): void {
    const [port] = this.registered.splice(nth, 1)
    if (port === undefined) return
    if (isEnd) {
      this.ended.add(port)
      this.router.ends(port)
    }
    this.mesh.delete("f", [port])
  }
  choose(strategy: typeof Strategy.Type, chance: number): void {
    const before = this.group.members
    const chosen = this.group.choose(strategy === "key" ? { key: String(chance) } : strategy, chance)
    if (before.length === 0) assert.isUndefined(chosen)
    else assert.include(before, chosen)
    if (chosen === undefined || before.length < 2) return
    const other = this.group.choose(strategy === "key" ? { key: "k" } : strategy, chance, new Set([chosen]))
    assert.notStrictEqual(other, chosen)
    assert.include(before, other)
  }
  /** What holds at any moment. */
  check(): void {
    const { members } = this.group
    for (const port of this.registered) assert.include(members, port, "its own members are there at once")
    for (const port of members) {
      assert.isFalse(this.ended.has(port), "its own members are gone at once when they have ended")
    }
    assert.deepStrictEqual(members, members.toSorted())
    assert.strictEqual(new Set(members).size, members.length)
    const known = this.mesh.knownAnswer("g_db_keys", "f")
    if (!Array.isArray(known)) return
    const own: ReadonlyArray<string> = known.filter((port) => nodeOf(String(port)) === this.router.nodeId)
    if (this.mesh.master === undefined) assert.sameMembers([...own], this.registered, "it knows what it has set itself")
    for (const port of this.registered) {
      if (this.seen.has(port)) assert.include(own, port, "it does not go and come again")
    }
    for (const port of own) this.seen.add(port)
  }
}

const some = <A>(all: ReadonlyArray<A>, share: number): A | undefined => all[Math.floor(all.length * share / 100)]

const act = (network: Network, nodes: ReadonlyMap<string, Member>, action: typeof Action.Type): void => {
  const node = (nodeId: string): Member => nodes.get(nodeId)!
  switch (action[0]) {
    case "join":
      return node(action[1]).join()
    case "leave":
    case "end":
      return node(action[1]).leave(action[2], action[0] === "end")
    case "connect":
    case "meet":
      return network.connect(action[1], action[2])
    case "lose": {
      const [nodeId, other] = some(network.links, action[1]) ?? []
      if (nodeId === undefined || other === undefined) return
      network.lose(nodeId, other)
      const left = node(nodeId).group.members.filter((port) => nodeOf(port) === other)
      return assert.deepStrictEqual(left, [], "the members of a lost node are gone at once")
    }
    case "deliver": {
      const [from, to] = some(network.busy, action[1]) ?? []
      if (from !== undefined && to !== undefined) network.deliver(from, to)
      return
    }
    case "choose":
      return node(action[1]).choose(action[2], action[3])
    case "settle":
      network.settle()
  }
}

const run = (actions: ReadonlyArray<typeof Action.Type>): ReadonlyMap<string, Member> => {
  const network = new Network()
  const nodes = new Map(all.map((nodeId, index) => [nodeId, new Member(network, nodeId, index)]))
  for (const nodeId of globals) nodes.get(nodeId)!.mesh.becomeGlobal()
  // A network that stands, with members: the rest is what can happen to it.
  for (const left of globals) for (const right of globals) network.connect(left, right)
  for (const [nth, nodeId] of ["a", "b", "z"].entries()) network.connect(globals[nth % 2]!, nodeId)
  for (const node of nodes.values()) node.join()
  network.settle()
  for (const action of actions) {
    act(network, nodes, action)
    for (const node of nodes.values()) node.router.searched()
    for (const node of nodes.values()) node.check()
  }
  // Everybody is found again.
  for (const left of all) for (const right of all) network.connect(left, right)
  network.settle()
  return nodes
}

describe("groups of nodes that part and meet", () => {
  it.prop(
    "are in the end what is registered, for everybody, and have one owner for each key",
    [Actions],
    ([actions]) => {
      const nodes = run(actions)
      const registered = Array.from(nodes.values()).flatMap((node) => node.registered).toSorted()
      for (const [nodeId, { group }] of nodes) {
        assert.deepStrictEqual(group.members, registered, nodeId)
        assert.deepStrictEqual(
          [group["away"].size, group["ended"].size],
          [0, 0],
          "nothing is kept of those that are gone"
        )
        for (const key of ["x", "y"]) {
          assert.strictEqual(group.choose({ key }, 0), nodes.get("g1")!.group.choose({ key }, 0), nodeId)
        }
      }
    },
    { arbitrary: { runs: 500 } }
  )
})
