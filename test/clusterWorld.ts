/** A cluster of entities in one process: nodes in a network of the test kit, what happens to its entities, and who answers for them. */
import { it } from "@effect/vitest"
import * as Entity from "effect/cluster/Entity"
import * as EntityId from "effect/cluster/EntityId"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as Sharding from "effect/cluster/Sharding"
import * as Singleton from "effect/cluster/Singleton"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cluster from "../src/Cluster.ts"
import { Global, Node, Transport } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

/** A counter by key, which has a call of each kind. */
export const Counter = Entity.make("Counter", [
  EffectRpc.make("add", {
    payload: { n: Schema.Number },
    success: Schema.Struct({ total: Schema.Number, on: Schema.String })
  }),
  EffectRpc.make("slow", { payload: { millis: Schema.Number }, success: Schema.String }),
  EffectRpc.make("never", { success: Schema.String }),
  EffectRpc.make("interrupts", { success: Schema.String }),
  EffectRpc.make("fails", { success: Schema.String, error: Refused }),
  EffectRpc.make("throws", { success: Schema.String }),
  EffectRpc.make("wrong", { success: Schema.Number }),
  EffectRpc.make("large", { payload: { bytes: Schema.Number }, success: Schema.Uint8Array }),
  EffectRpc.make("beats", { success: Schema.String, stream: true })
])

/** What happens in the entities of all nodes of a test. */
export class Journal {
  readonly lines: Array<string> = []
  /** By key: the nodes where an entity of it is alive. */
  readonly alive = new Map<string, Set<string>>()
  /** Keys of which there were two at once. */
  readonly doubled = new Set<string>()
  /** Where the singleton has run, and where it does. */
  readonly ran: Array<string> = []
  readonly runs = new Set<string>()
  /** Nodes whose process is gone: what runs on there, behind the scenes, is nothing that a machine would do. */
  readonly gone = new Set<string>()

  began(key: string, node: string): void {
    const nodes = this.alive.get(key) ?? new Set()
    this.alive.set(key, nodes.add(node))
    if (Array.from(nodes).filter((one) => !this.gone.has(one)).length > 1) this.doubled.add(key)
  }

  ended(key: string, node: string): void {
    this.alive.get(key)?.delete(node)
  }
}

const counter = (journal: Journal, options?: { readonly disableFatalDefects?: boolean }) =>
  Counter.toLayer(
    Effect.gen(function*() {
      const { host } = yield* Entity.CurrentRunnerAddress
      const { entityId } = yield* Entity.CurrentAddress
      let total = 0
      yield* Effect.acquireRelease(
        Effect.sync(() => journal.began(entityId, host)),
        () => Effect.sync(() => journal.ended(entityId, host))
      )
      const note = (line: string) => Effect.sync(() => void journal.lines.push(`${host} ${entityId} ${line}`))
      return Counter.of({
        add: ({ payload }) => Effect.sync(() => ({ total: total += payload.n, on: host })),
        slow: ({ payload }) =>
          note("begins").pipe(
            Effect.andThen(Effect.sleep(payload.millis)),
            Effect.andThen(note("is done")),
            Effect.as(host)
          ),
        never: () => Effect.ensuring(Effect.andThen(note("hangs"), Effect.never), note("hangs no more")),
        interrupts: () => Effect.andThen(note("interrupts"), Effect.interrupt),
        fails: () => Effect.fail(new Refused({ why: entityId })),
        throws: () =>
          Effect.andThen(
            note("throws"),
            Effect.sync((): string => {
              throw new Error("broken on purpose")
            })
          ),
        wrong: () => Effect.succeed("no number" as unknown as number),
        large: ({ payload }) => Effect.succeed(new Uint8Array(payload.bytes)),
        beats: () => Stream.map(Stream.tick("100 millis"), () => host)
      })
    }),
    { concurrency: "unbounded", ...options }
  )

const keeper = (journal: Journal) =>
  Singleton.make(
    "keeper",
    Effect.gen(function*() {
      const host = yield* Node.id
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          journal.ran.push(host)
          journal.runs.add(host)
        }),
        () => Effect.sync(() => journal.runs.delete(host))
      )
      return yield* Effect.never
    })
  )

export const voters = ["a", "b", "c"]

export interface Options extends Cluster.Config {
  readonly disableFatalDefects?: boolean
  readonly messages?: Layer.Layer<MessageStorage.MessageStorage> | undefined
}

export const makeWorld = Effect.sync(() => {
  const journal = new Journal()
  const network = Global.layer({ seeds: voters.map((id) => `${id}:1`) })
  const start = (nodeId: string, { disableFatalDefects, messages, ...config }: Options = {}) =>
    TestNetwork.start(nodeId, {
      services: Layer.mergeAll(
        counter(journal, disableFatalDefects === undefined ? {} : { disableFatalDefects }),
        keeper(journal)
      ).pipe(Layer.provideMerge(Cluster.layer({ voters, config, messages })), Layer.provideMerge(network))
    })
  const startClient = (nodeId: string, { messages, ...config }: Options = {}) =>
    TestNetwork.start(nodeId, {
      services: Layer.provideMerge(Cluster.layerClient({ config, messages }), network)
    })
  return { journal, network, start, startClient }
})

/** What a node knows of its cluster. */
export const statusOf = <S>(node: TestNetwork.TestNode<Node.Node | S>): Effect.Effect<Cluster.Status> =>
  node.run(Effect.map(Cluster.status, ([status]) => status!))

/** Waits until all shards are held, by these nodes and no others, and each knows of the others. */
export const balanced = <S>(nodes: ReadonlyArray<TestNetwork.TestNode<Node.Node | S>>) =>
  TestNetwork.until(
    `the shards are on ${nodes.map(({ nodeId }) => nodeId).join(", ")}`,
    Effect.map(Effect.forEach(nodes, statusOf), (all) =>
      all.every(({ runners, shards }) =>
        shards.held > 0 && runners.length === nodes.length && runners.every(({ isAlive }) =>
          isAlive
        )
      ) &&
      all.reduce((sum, { shards }) => sum + shards.held, 0) === all[0]!.shards.total)
  )

/** The effect's result, which takes no longer than tests have patience. */
export const soon = TestNetwork.within("2 minutes")

/** A test in a network of its own. */
export const test = <A, E>(
  title: string,
  body: Effect.Effect<A, E, TestNetwork.TestNetwork | Scope.Scope | Transport.MemoryNetwork>
): void => it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

/** Joins what a test has parted. */
export const heal = (some: ReadonlyArray<string>, others: ReadonlyArray<string>) =>
  Effect.flatMap(Transport.MemoryNetwork, (network) =>
    Effect.forEach(
      some,
      (one) =>
        Effect.forEach(others, (other) =>
          Effect.andThen(network.heal({ from: one, to: other }), network.heal({ from: other, to: one }))),
      { discard: true }
    ))

/** Three runners that have all shards between them, and a client on each of them. */
export const three = Effect.gen(function*() {
  const world = yield* makeWorld
  const [a, b, c] = yield* soon(
    Effect.all([world.start("a"), world.start("b"), world.start("c")], { concurrency: "unbounded" })
  )
  const nodes = [a, b, c] as const
  yield* balanced(nodes)
  const clients = yield* Effect.all([a.run(Counter.client), b.run(Counter.client), c.run(Counter.client)])
  /** A key whose entity is on a node. */
  const keyOn = (nodeId: string, from = 0) =>
    soon(Effect.gen(function*() {
      for (let n = from;; n++) {
        const { on } = yield* clients[0](`k${n}`).add({ n: 0 })
        if (on === nodeId) return `k${n}`
      }
    }))
  /** Two of them, in two shards: one shard moves only when all its entities have stopped. */
  const twoKeysOn = (nodeId: string) =>
    Effect.gen(function*() {
      const { getShardId } = yield* a.run(Sharding.Sharding)
      const shardOf = (key: string) => String(getShardId(EntityId.make(key), "default"))
      const key = yield* keyOn(nodeId)
      for (let from = 100;; from += 100) {
        const other = yield* keyOn(nodeId, from)
        if (shardOf(other) !== shardOf(key)) return [key, other] as const
      }
    })
  return { ...world, nodes, clients, keyOn, twoKeysOn }
})
