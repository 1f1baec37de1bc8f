/** Clusters and locks of a network, as its nodes tell of them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Clusters } from "../../../../src/internal/cli/web/api.ts"
import { clustersIn } from "../../../../src/internal/cli/web/clusters.ts"
import { Status } from "../../../../src/internal/node/status.ts"
import { status } from "../../../statuses.ts"
import { node, picture } from "./pictures.ts"

type ClusterTold = NonNullable<Status["clusters"]>[number]

const part = (nodeId: string, held: number, facts: Partial<ClusterTold> = {}): Status =>
  status({
    nodeId,
    clusters: [{
      name: "shop",
      runner: `${nodeId}:1`,
      effectVersion: "4.1.0",
      locks: "table",
      refusal: null,
      shards: { held, total: 300 },
      entities: { Cart: held },
      singletons: [],
      runners: 2,
      silentRunners: [],
      ...facts
    }]
  })

const table = (nodeId: string, held: number, ...standings: ReadonlyArray<string>): Status =>
  status({
    nodeId,
    locks: [{
      name: "table",
      voters: standings.map((standing, at) => ({ node: "abc"[at]!, standing })),
      held,
      keys: [],
      kept: nodeId === "a" ? { keys: 7, owners: 2, isVoting: true } : null
    }]
  })

describe("a cluster", () => {
  it("has the shards, entities and singletons of its runners together, and those that nobody holds", () => {
    const parts = [part("a", 100, { singletons: ["keeper"] }), part("b", 99), part("front", 0, { runner: null })]
    const [cluster] = clustersIn(parts, picture([])).clusters
    assert.deepInclude(cluster, {
      name: "shop",
      locks: "table",
      shards: 300,
      held: 199,
      clients: 1,
      entities: [{ type: "Cart", count: 199 }],
      singletons: [{ name: "keeper", node: "a" }]
    })
    assert.deepStrictEqual(cluster?.runners.map(({ node, shards }) => [node, shards]), [["a", 100], ["b", 99]])
  })

  it("goes by those that take part", () => {
    const other = part("c", 0, { refusal: "a has 300 shards", shards: { held: 0, total: 7000 } })
    const [cluster] = clustersIn([part("a", 300), other], picture([])).clusters
    assert.deepInclude(cluster, { shards: 300, held: 300 })
    assert.deepInclude(cluster?.runners[1], { node: "c", refusal: "a has 300 shards" })
  })
})

describe("a table of locks", () => {
  const nodes = picture([node("a"), node("b"), node("c", { state: "down" })])
  const [seen] = clustersIn([
    table("a", 3, "votes", "votes", "away"),
    table("b", 0, "votes", "starts", "away"),
    table("x", 5, "votes", "votes", "votes")
  ], nodes).locks

  it("has voters, of each of whom it is known for whom it votes, whom it does not answer, and what it keeps", () => {
    assert.deepStrictEqual(seen?.voters, [
      { node: "a", state: "up", votesFor: 3, startsFor: 0, silentFor: [], keys: 7 },
      { node: "b", state: "up", votesFor: 2, startsFor: 1, silentFor: [], keys: null },
      { node: "c", state: "down", votesFor: 1, startsFor: 0, silentFor: ["a", "b"], keys: null }
    ])
  })

  it("names those who hold its keys, the most first, and those who have no majority", () => {
    assert.deepInclude(seen, { nodes: 3, held: 8, withoutMajority: 1, without: ["b"] })
    assert.deepStrictEqual(seen?.holders, [{ node: "x", held: 5 }, { node: "a", held: 3 }])
  })

  it("is told of while there are not too many of them", () => {
    const many = status({
      locks: Array.from({ length: 500 }, (_, n) => ({ ...table("a", 1).locks![0]!, name: `${n}` }))
    })
    const told = clustersIn([many], nodes)
    assert.lengthOf(told.locks, 100)
    assert.isTrue(told.isCut)
  })
})

describe("what nodes may say of clusters and locks", () => {
  const Extreme = Schema.Literals([0, -0, 1, -8e15, 8e15, 1e300, 5e-324])
  const Name = Schema.Literals(["", "a", "__proto__", "constructor", "x".repeat(4000), "y".repeat(5000)])
  const Some = Schema.Struct({
    clusters: Schema.Array(Schema.Struct({
      name: Name,
      runner: Schema.NullOr(Name),
      effectVersion: Name,
      locks: Schema.NullOr(Name),
      refusal: Schema.NullOr(Name),
      shards: Schema.Struct({ held: Extreme, total: Extreme }),
      entities: Schema.Record(Name, Extreme),
      singletons: Schema.Array(Name),
      runners: Extreme,
      silentRunners: Schema.Array(Name)
    })),
    locks: Schema.Array(Schema.Struct({
      name: Name,
      voters: Schema.Array(Schema.Struct({ node: Name, standing: Name })),
      held: Extreme,
      keys: Schema.Array(Name),
      kept: Schema.NullOr(Schema.Struct({ keys: Extreme, owners: Extreme, isVoting: Schema.Boolean }))
    }))
  })

  it.effect.prop(
    "is shown, or is no answer",
    [Some, Some],
    (told) =>
      Effect.sync(() => {
        const nodes = told.map((facts, at) => status({ nodeId: ["a", "__proto__"][at]!, ...facts }))
        const shown = clustersIn(nodes.filter(Schema.is(Status)), picture([node("a")]))
        assert.isTrue(Schema.is(Clusters)(shown))
      }),
    { arbitrary: { runs: 200 } }
  )
})
