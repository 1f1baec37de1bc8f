/** Clusters and locks as `emp status` and `emp tree` show them. */
import { assert, describe, it } from "@effect/vitest"
import {
  clusterDetails,
  clusterTables,
  clusterTrees,
  clusterTroubles
} from "../../../../src/internal/cli/network/clusters.ts"
import type { Status } from "../../../../src/internal/node/status.ts"
import { status } from "../../../statuses.ts"

const cluster = (facts: Partial<NonNullable<Status["clusters"]>[number]> = {}) => ({
  name: "shop",
  runner: "a:7",
  effectVersion: "4.1.0",
  locks: "effect_mp::cluster::shop",
  refusal: null,
  shards: { held: 100, total: 300 },
  entities: { Order: 10_000, Cart: 1, Idle: 0 },
  singletons: ["keeper"],
  runners: 3,
  silentRunners: [],
  ...facts
})

const locks = (...standings: ReadonlyArray<string>) => ({
  name: "effect_mp::cluster::shop",
  voters: standings.map((standing, at) => ({ node: "abc"[at]!, standing })),
  held: 101,
  keys: ["shard:default:1"],
  kept: { keys: 301, owners: 3, isVoting: true }
})

const client = {
  ...cluster(),
  runner: null,
  locks: null,
  shards: { held: 0, total: 300 },
  entities: {},
  singletons: []
}

describe("emp status", () => {
  it("shows who has which part of a cluster, and nothing where there is none", () => {
    assert.deepStrictEqual(clusterTables([status()]), [])
    const [text] = clusterTables([status({ clusters: [cluster()] }), status({ nodeId: "front", clusters: [client] })])
    assert.deepStrictEqual(text?.split("\n").map((line) => line.split(/ {2,}/)), [
      ["NODE", "CLUSTER", "SHARDS", "ENTITIES", "SINGLETONS"],
      ["a", "shop", "100 of 300", "10001", "1"],
      ["front", "shop", "client", "0", "0"]
    ])
  })

  it("says which voters a node lacks that has no majority, if the node does not say so itself", () => {
    const cut = status({ lacks: [], locks: [locks("away", "starts", "votes")] })
    const told = "node a has no majority of the voters of locks effect_mp::cluster::shop: " +
      "a does not answer; b has started, and grants nothing yet"
    assert.deepStrictEqual(clusterTroubles(cut), [told])
    assert.deepStrictEqual(clusterTroubles({ ...cut, lacks: ["a majority"] }), [])
    assert.deepStrictEqual(clusterTroubles(status({ lacks: [], locks: [locks("votes", "away", "votes")] })), [])
  })

  it("says why a node takes no part", () => {
    assert.deepStrictEqual(clusterTroubles(status({ clusters: [cluster({ refusal: "b has 7 shards" })] })), [
      "node a takes no part in cluster shop: b has 7 shards"
    ])
  })

  it("shows of one node its part, the votes that it has, and what it keeps as a voter", () => {
    const { facts, tables } = clusterDetails(
      status({ clusters: [cluster()], locks: [locks("votes", "votes", "away")] })
    )
    assert.deepStrictEqual(facts, [
      "cluster shop: runner a:7, 100 of 300 shards, Cart: 1 entity, Order: 10000 entities, keeper: singleton, effect 4.1.0, 3 runners"
    ])
    assert.deepStrictEqual(tables[0]?.split("\n")[1]?.split(/ {2,}/), [
      "effect_mp::cluster::shop",
      "101",
      "2 of 3",
      "c",
      "301 keys, 3 owners"
    ])
  })
})

describe("emp tree", () => {
  it("has a cluster as a tree of few lines, however many entities there are, and of no client", () => {
    const nodes = [status({ clusters: [cluster()] }), status({ nodeId: "front", clusters: [client] })]
    assert.deepStrictEqual(clusterTrees(nodes), [[
      "shop (cluster) a, 100 of 300 shards",
      "├─ Cart: 1 entity",
      "├─ Order: 10000 entities",
      "└─ keeper: singleton"
    ].join("\n")])
  })

  it("shows what names have in them, and does nothing of it", () => {
    const [text] = clusterTrees([status({ clusters: [cluster({ name: "a\n\u001b[2J", singletons: ["b\r"] })] })])
    assert.include(text, String.raw`a\x0a\x1b[2J (cluster)`)
    assert.include(text, String.raw`b\x0d: singleton`)
  })
})
