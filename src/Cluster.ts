/**
 * Effect's cluster on the nodes of a network: entities by key, singletons, durable calls, workflows.
 *
 * An entity has a type and a key, and is alive on one node at a time, which callers need not know: they call it by its key, from any node. It is
 * made by the first call, and is gone when nobody has called it for a while. All that is written with `effect/cluster` (`Entity`, `Singleton`,
 * `ClusterCron`, `ClusterWorkflowEngine`) stands on the Layers of this module, which carry its calls over the links that nodes have anyway,
 * and decide without a database which node has what: by leases at a majority of nodes that vote (`Global.locks`).
 *
 * | you want to                          | take                                                      |
 * | ------------------------------------ | --------------------------------------------------------- |
 * | run entities and singletons on a node | {@link layer}                                             |
 * | call entities from a node that runs none | {@link layerClient}                                   |
 * | see what a node holds                | {@link status}                                            |
 *
 * `docs/cluster.md` says what is promised, what is not, and when plain ports do better.
 *
 * **Gotchas**
 *
 * It is imported as `effect-mp/Cluster`, and is no part of `effect-mp` itself. `effect/cluster` is unstable: it may change from one version of
 * Effect to the next, and this entry with it, whatever is promised for the rest of this package. Take exactly the version of `effect` that
 * this version of the package was tested with.
 *
 * @since 0.1.0
 */
import * as MessageStorage from "effect/cluster/MessageStorage"
import type * as Runners from "effect/cluster/Runners"
import type * as Sharding from "effect/cluster/Sharding"
import type * as ShardingConfig from "effect/cluster/ShardingConfig"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Global from "./Global.ts"
import * as runners from "./internal/cluster/runner.ts"
import * as settings from "./internal/cluster/settings.ts"
import type { ClusterStatus } from "./internal/node/observed.ts"
import { NodeRouter } from "./internal/node/router.ts"
import type * as Node from "./Node.ts"

/**
 * What of `ShardingConfig` of Effect a program may set for itself: all but the addresses, and the times that this module sees to.
 *
 * **Gotchas**
 *
 * `shardsPerGroup` and `availableShardGroups` have to be the same on all nodes of a cluster, clients too: by them a key is found. A node whose
 * configuration is another one is told so in the log, by name, and takes no part until the others are gone.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Config = settings.Config

/**
 * What all nodes of a cluster have to do with: clients too.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientOptions<out E = never, out R = never> {
  /** The name of the cluster: a network may have several. Default: `"cluster"`. */
  readonly name?: string | undefined
  /** Settings of Effect's sharding. Default: Effect's own, but for `refreshAssignmentsInterval`, which is 100 ms, and `entityMessagePollInterval`, 1 second without `messages`. */
  readonly config?: Config | undefined
  /**
   * Where messages are kept that must not be lost, such as `SqlMessageStorage.layer` of Effect; the same for all nodes. Default: nowhere. Then
   * there are no durable calls, and no workflows. Of the nodes that run entities all have it, or none: one that differs from those before it
   * takes no part, and says so in its log.
   */
  readonly messages?: Layer.Layer<MessageStorage.MessageStorage, E, R> | undefined
}

/**
 * What the nodes have to agree on that run entities.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<out E = never, out R = never> extends ClientOptions<E, R> {
  /**
   * The IDs of the nodes that vote: 1, 3, 5 or 7 of those that have this Layer, the same list on all of them. Whoever has the votes of more than
   * half of them has a shard. Mostly they are the seeds of the network.
   */
  readonly voters: ReadonlyArray<string>
  /**
   * How long a node that is silent keeps its shards, and how long the first nodes of a cluster wait for each other when all start: as long as a
   * process may be frozen without being two. Default: 10 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /**
   * How long the shards of a node whose links have broken are kept, since it may be alive: it stops its entities in less than that. A process
   * that is too busy to answer for half of this time loses its entities. At least a second. Default: 2 seconds.
   */
  readonly grace?: Duration.Input | undefined
}

/**
 * A node that runs entities and singletons: it provides `Sharding` of Effect, which they are registered with.
 *
 * **When to use**
 *
 * On all nodes that are to have entities, and on all voters. A node that calls entities and has none takes {@link layerClient}.
 *
 * **Details**
 *
 * The Layer is there as soon as a majority of the voters is, which grants nothing for one `lease` after their own start, since they do not
 * know what they have granted before; a voter that starts again waits for that too. Other nodes that join later do not.
 *
 * Every node holds a part of the shards, 300 of them by default, and the entities whose keys fall on them. When a node comes or goes some of them
 * move: their entities finish what they have in hand, stop, and begin anew elsewhere with the next call.
 *
 * | what happens to a node         | its entities answer elsewhere after    |
 * | ------------------------------ | -------------------------------------- |
 * | it stops in order, or drains   | some 0.3 seconds                       |
 * | its process is killed          | the `grace`, and a moment              |
 * | it falls silent, or is frozen  | the `lease`, and a moment              |
 * | it is cut off from a majority  | the `lease`; it stops its own within the `grace` |
 *
 * As long as the node has no majority of the voters it is not ready (`Node.lacks`), at its start and later.
 *
 * **Gotchas**
 *
 * A call of an entity may be carried out more than once: it is sent again when the runner that has it dies or loses the shard, and again, for as
 * long as its caller waits. Make calls idempotent, and give them a timeout (`Effect.timeout`): otherwise nothing ends them while no runner can
 * be had. A timeout ends a durable call for good, unless it is annotated as `ClusterSchema.Uninterruptible`, with `"client"`.
 *
 * All runners of a cluster have the same entities: calls of others wait at a runner that does not know them. Another program takes another `name`.
 *
 * What an entity knows is lost when it moves, unless it has stored it.
 *
 * `voters` that are no odd number of at most 7 nodes are an `InvalidLocks`; other options that cannot be an `InvalidOption`.
 *
 * **Example** (A counter by key)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import * as Cluster from "effect-mp/Cluster"
 * import { Effect, Layer, Schema } from "effect"
 * import { Entity } from "effect/cluster"
 * import { Rpc } from "effect/rpc"
 *
 * const Counter = Entity.make("Counter", [
 *   Rpc.make("add", { payload: { n: Schema.Number }, success: Schema.Number })
 * ])
 *
 * const CounterLive = Counter.toLayer(Effect.sync(() => {
 *   let total = 0
 *   return Counter.of({ add: ({ payload }) => Effect.sync(() => total += payload.n) })
 * }))
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 * const live = CounterLive.pipe(
 *   Layer.provideMerge(Cluster.layer({ voters: ["here"], lease: "1 second", grace: "1 second" })),
 *   Layer.provideMerge(node)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const counters = yield* Counter.client
 *   yield* counters("apples").add({ n: 40 })
 *   return [yield* counters("apples").add({ n: 2 }), yield* counters("pears").add({ n: 1 })]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(live), Effect.provide(Transport.layerMemory))
 * ) // => [42, 1]
 * ```
 *
 * @see {@link layerClient} for nodes that only call
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never, R = never>(options: Options<E, R>): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage,
  E | Node.InvalidOption | Global.InvalidLocks,
  Node.Node | Global.Global | Exclude<R, ShardingConfig.ShardingConfig>
> =>
  Layer.unwrap(Effect.map(settings.check(options), (checked) => {
    const { graceMillis: grace, leaseMillis: lease } = checked.times
    const locks = Global.locks({ name: `effect_mp::cluster::${checked.name}`, voters: options.voters, lease, grace })
    const terms = { ...checked.terms, messages: options.messages !== undefined }
    return runners.runner<E, R, Global.InvalidLocks, never>(
      { ...checked, terms },
      options.messages ?? MessageStorage.layerNoop,
      locks
    )
  }))

/**
 * A node that calls entities, and runs none.
 *
 * **When to use**
 *
 * For front ends, commands and tools. It needs no voters, and nobody waits for it. A node with entities takes {@link layer}, and may call those
 * of others too.
 *
 * **Details**
 *
 * It provides the same services: entities that are registered with it are not run. Durable calls need the same `messages` as the runners have.
 *
 * **Gotchas**
 *
 * While there is no runner calls wait: `Effect.timeout` limits that.
 *
 * @see {@link layer} for nodes that run entities
 * @category layers
 * @since 0.1.0
 */
export const layerClient = <E = never, R = never>(options: ClientOptions<E, R> = {}): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage,
  E | Node.InvalidOption,
  Node.Node | Global.Global | Exclude<R, ShardingConfig.ShardingConfig>
> =>
  Layer.unwrap(Effect.map(
    settings.check(options),
    (checked) => runners.client(checked, options.messages ?? MessageStorage.layerNoop)
  ))

/**
 * What a node knows of a cluster that it is part of: {@link status} answers it.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Status = ClusterStatus

/**
 * The clusters that this node is part of, as it sees them: its shards, the entities of each type that are alive here, its singletons, and the
 * runners that there are.
 *
 * **Details**
 *
 * It asks nobody. To look at many nodes at once is for operators: `emp status`.
 *
 * @category observing
 * @since 0.1.0
 */
export const status: Effect.Effect<ReadonlyArray<Status>, never, Node.Node> = Effect.map(
  NodeRouter,
  (router) => router.observed.clusters
)
