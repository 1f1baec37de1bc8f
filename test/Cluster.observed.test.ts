/** What operators see of a cluster: what its nodes tell, count, and lack when they lose the voters, or have just started. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Global, Node } from "../src/index.ts"
import { families, sampleOf } from "../src/internal/node/metricFamilies.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { readStatus, Status } from "../src/internal/node/status.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { heal, soon, test, three } from "./clusterWorld.ts"

type Observable<S> = TestNetwork.TestNode<Node.Node | S>

/** What it would answer, as others believe it. */
const tells = <S>(node: Observable<S>) =>
  node.run(Effect.map(NodeRouter, (router) => Schema.decodeUnknownSync(Status)(readStatus(router))))

const lacks = <S>(node: Observable<S>) => node.run(Node.lacks)

const measures = <S>(node: Observable<S>, name: string) =>
  node.run(Effect.map(NodeRouter, (router) => {
    const read = families.find((family) => family.name === name)?.read
    return read?.(sampleOf(router, { waiting: 0, oldestMillis: 0, largest: [] })).map(([, value]) => value) ?? []
  }))

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)

const table = "effect_mp::cluster::cluster"

describe("a node of a cluster", () => {
  test(
    "tells and counts its shards, entities and singletons, its leases, and those that it votes for",
    Effect.gen(function*() {
      const { clients, nodes, startClient } = yield* three
      yield* soon(Effect.forEach(Array.from({ length: 9 }), (_, n) => clients[0](`k${n}`).add({ n })))
      const told = yield* Effect.forEach(nodes, tells)
      const parts = told.flatMap(({ clusters = [] }) => clusters)
      assert.deepStrictEqual(parts.map(({ locks, name }) => [name, locks]), parts.map(() => ["cluster", table]))
      assert.strictEqual(sum(parts.map(({ shards }) => shards.held)), parts[0]?.shards.total)
      assert.strictEqual(sum(parts.map(({ entities }) => entities["Counter"] ?? 0)), 9)
      assert.deepStrictEqual(parts.flatMap(({ singletons }) => singletons), ["keeper"])
      assert.deepStrictEqual(
        parts.map(({ runners, silentRunners }) => [runners, silentRunners]),
        parts.map(() => [3, []])
      )
      for (const { locks, nodeId } of told) {
        const [own] = locks ?? []
        assert.deepInclude(own, {
          name: table,
          voters: ["a", "b", "c"].map((node) => ({ node, standing: "votes" }))
        }, nodeId)
        assert.isAbove(own?.held ?? 0, 0)
        assert.isTrue(own?.kept?.isVoting)
        assert.isAbove(own?.kept?.keys ?? 0, own?.held ?? 0)
        assert.isAtMost(own?.keys.length ?? 0, 100)
      }
      const all = (name: string) =>
        Effect.map(Effect.forEach(nodes, (node) => measures(node, name)), (values) => values.flat())
      const [total = 0] = yield* all("effect_mp_cluster_shards_configured")
      assert.strictEqual(sum(yield* all("effect_mp_cluster_shards")), total)
      assert.strictEqual(sum(yield* all("effect_mp_cluster_entities")), 9)
      assert.deepStrictEqual(yield* all("effect_mp_cluster_singletons"), [1])
      assert.isAtLeast(sum(yield* all("effect_mp_locks_held")), total)
      assert.deepStrictEqual(yield* all("effect_mp_locks_voters"), [3, 3, 3])
      assert.deepStrictEqual(yield* all("effect_mp_locks_voters_lacking"), [0, 0, 0])
      const [front] = (yield* tells(yield* startClient("front"))).clusters ?? []
      assert.deepInclude(front, { name: "cluster", runner: null, locks: null })
    })
  )

  test(
    "is ready no more when it is cut off from a majority of the voters, and again when they are back",
    Effect.gen(function*() {
      const { nodes } = yield* three
      const [a, , c] = nodes
      assert.deepStrictEqual((yield* Effect.forEach(nodes, lacks)).flat(), [])
      yield* TestNetwork.part(["c"], ["a", "b"])
      yield* TestNetwork.until("it says so", Effect.map(lacks(c), (all) => all.length > 0))
      assert.deepStrictEqual(yield* lacks(c), ["a majority of the voters of cluster cluster: a, b do not answer"])
      assert.deepStrictEqual(yield* lacks(a), [])
      assert.deepStrictEqual((yield* tells(c)).lacks, yield* lacks(c))
      assert.deepStrictEqual(yield* measures(c, "effect_mp_locks_voters_lacking"), [2])
      yield* heal(["c"], ["a", "b"])
      yield* TestNetwork.until("it is ready", Effect.map(lacks(c), (all) => all.length === 0))
    })
  )
})

describe("a voter", () => {
  test(
    "is not ready after a restart before it votes: whoever waits for that may restart the next one",
    Effect.gen(function*() {
      const locks = Global.locks({ voters: ["a", "b", "c"], lease: "2 seconds", grace: "1 second" })
      const start = (nodeId: string) => Effect.tap(TestNetwork.start(nodeId), (node) => node.run(locks))
      const [a, b, c] = yield* Effect.all([start("a"), start("b"), start("c")])
      yield* TestNetwork.until(
        "all vote",
        Effect.map(Effect.forEach([a, b, c], lacks), (all) => all.flat().length === 0)
      )
      yield* c.stop
      const again = yield* start("c")
      const lack = "the vote of this node in locks locks: it has started, and grants nothing yet"
      assert.deepStrictEqual(yield* lacks(again), [lack])
      assert.deepStrictEqual(yield* lacks(a), [])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* lacks(again), [])
    })
  )
})
