/**
 * Runners of a test's own entities: three voters in a network of the test kit, which share a database. What goes on behind the scenes on a node that
 * is dead, as on no real machine, is noted by nobody, and does not reach the database.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import type * as Entity from "effect/cluster/Entity"
import * as EntityId from "effect/cluster/EntityId"
import type * as MessageStorage from "effect/cluster/MessageStorage"
import * as Sharding from "effect/cluster/Sharding"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as EffectRpc from "effect/rpc/Rpc"
import * as TestClock from "effect/testing/TestClock"
import * as Cluster from "../src/Cluster.ts"
import { Global, type Node } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { balanced, soon, voters } from "./clusterWorld.ts"
import * as sqlite from "./sqlite.ts"

/** What an entity is on, and where it notes what happens. */
export class Machine extends Context.Service<Machine, {
  readonly nodeId: string
  readonly note: (what: string) => Effect.Effect<void>
}>()("test/clusterStage/Machine") {}

type Entities<E> = Layer.Layer<
  E,
  never,
  Sharding.Sharding | MessageStorage.MessageStorage | Machine | Node.Node | Global.Global
>

/** IDs of messages count from the year 2025 on. */
const start2026 = Date.UTC(2026, 0)

/** Fewer than programs have, and looked at less often: tests are done sooner. */
const small = { shardsPerGroup: 30, refreshAssignmentsInterval: "500 millis" } as const

/** Before any node has started. */
export const makeStage = Effect.fnUntraced(function*<E>(entities: Entities<E>, config: Cluster.Config = {}) {
  yield* TestClock.setTime(start2026)
  const clientOf = yield* sqlite.inMemory
  const lines: Array<string> = []
  const network = Global.layer({ seeds: voters.map((id) => `${id}:1`) })
  const place = (nodeId: string) => {
    const life = { isOver: false }
    const machine = Layer.succeed(Machine, {
      nodeId,
      note: (what) => Effect.sync(() => void (life.isOver || lines.push(`${nodeId} ${what}`)))
    })
    const messages = SqlMessageStorage.layer.pipe(
      Layer.provide([NodeCrypto.layerDigest, clientOf(() => !life.isOver)])
    )
    /** It dies as others see it; what it does afterwards is nothing. */
    const dead = <S>(node: TestNetwork.TestNode<S>): TestNetwork.TestNode<S> => {
      const over = Effect.sync(() => void (life.isOver = true))
      return { ...node, kill: Effect.andThen(over, node.kill), vanish: Effect.andThen(over, node.vanish) }
    }
    return { machine, messages, dead }
  }
  const start = (nodeId: string, own: Cluster.Config = {}) => {
    const { dead, machine, messages } = place(nodeId)
    const cluster = Cluster.layer({ voters, config: { ...small, ...config, ...own }, messages })
    const services = entities.pipe(Layer.provideMerge([cluster, machine]), Layer.provideMerge(network))
    return Effect.map(TestNetwork.start(nodeId, { services }), dead)
  }
  const startClient = (nodeId: string) => {
    const { dead, messages } = place(nodeId)
    const services = Layer.provideMerge(Cluster.layerClient({ config: { ...small, ...config }, messages }), network)
    return Effect.map(TestNetwork.start(nodeId, { services }), dead)
  }
  const startAll = soon(Effect.all([start("a"), start("b"), start("c")], { concurrency: "unbounded" }))
  return { lines, start, startClient, startAll }
})

/** The same, when the three voters have all shards between them. */
export const staged = Effect.fnUntraced(function*<E>(entities: Entities<E>, config: Cluster.Config = {}) {
  const stage = yield* makeStage(entities, config)
  const nodes = yield* stage.startAll
  yield* balanced(nodes)
  return { ...stage, nodes }
})

/** A key whose entity is on a node. */
export const keyOn = <Type extends string, Rpcs extends EffectRpc.Any, S>(
  entity: Entity.Entity<Type, Rpcs>,
  node: TestNetwork.TestNode<Sharding.Sharding | S>
): Effect.Effect<string> =>
  node.run(Effect.gen(function*() {
    const sharding = yield* Sharding.Sharding
    for (let n = 0;; n++) {
      const shard = yield* entity.getShardId(EntityId.make(`k${n}`))
      if (sharding.hasShardId(shard)) return `k${n}`
    }
  }))
