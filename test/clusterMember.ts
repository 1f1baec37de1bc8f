/**
 * Members of a cluster that are processes of their own: on our nodes, or on the sockets and the database of Effect's own runner. Each says on its
 * output when an entity begins and ends with it, and by which life of the entity its own calls are answered.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import type { Sharding } from "effect/cluster/Sharding"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Cluster from "../src/Cluster.ts"
import { Global, Node, Transport } from "../src/index.ts"
import * as sqlite from "./sqlite.ts"

export const voters = ["a", "b", "c"]

/** A runner; without an ID, a member that only calls. */
export interface Member {
  readonly kind: "ports" | "sockets"
  readonly id?: string
  /** Of each voter by its ID, where it listens; of sockets too. */
  readonly ports: Readonly<Record<string, number>>
  /** Without it all times are those that each kind has by itself. */
  readonly leaseMillis?: number
  readonly graceMillis?: number
  /** A file of SQLite: of sockets it has the locks too. */
  readonly database?: string
}

export const Probe = Entity.make("Probe", [
  EffectRpc.make("where", { success: Schema.Struct({ on: Schema.String, life: Schema.String }) }),
  EffectRpc.make("book", {
    payload: { id: Schema.String, millis: Schema.Number },
    success: Schema.String,
    primaryKey: ({ id }) => id
  }).annotate(ClusterSchema.Persisted, true),
  EffectRpc.make("count", {
    payload: { id: Schema.String, millis: Schema.Number },
    success: Schema.Number,
    stream: true,
    primaryKey: ({ id }) => id
  }).annotate(ClusterSchema.Persisted, true)
])

let lives = 0

/** The clock of the machine that never jumps: all its processes have the same. */
const now = () => process.hrtime.bigint()

const probe = (on: string) =>
  Probe.toLayer(
    Effect.gen(function*() {
      const { entityId } = yield* Entity.CurrentAddress
      const life = `${on}${process.pid}.${lives++}`
      const tell = (what: string) => Effect.suspend(() => Console.log(`${what} ${entityId} ${life} ${now()}`))
      yield* Effect.acquireRelease(tell("began"), () => tell("ended"))
      return Probe.of({
        where: () => Effect.succeed({ on, life }),
        book: ({ payload }) =>
          Console.log(`books ${payload.id}`).pipe(
            Effect.andThen(Effect.sleep(payload.millis)),
            Effect.as(on)
          ),
        // It goes on where the runner before it was.
        count: ({ lastSentChunkValue, payload }) =>
          Stream.range(Option.match(lastSentChunkValue, { onNone: () => 0, onSome: (last) => last + 1 }), 5).pipe(
            Stream.rechunk(1),
            Stream.tap(() => Effect.sleep(payload.millis))
          )
      })
    }),
    { concurrency: "unbounded" }
  )

const node = ({ id, ports }: Member) => {
  const port = id === undefined ? undefined : ports[id]
  return Global.layer({ seeds: Object.values(ports).map((port) => `127.0.0.1:${port}`) }).pipe(
    Layer.provideMerge(Node.layer({
      nodeId: id ?? "caller",
      secret: "swordfish",
      binds: [`127.0.0.1:${port ?? "*"}`]
    })),
    Layer.provide(Transport.layerTcp)
  )
}

const overPorts = (member: Member) => {
  const { database, graceMillis, id, leaseMillis } = member
  const messages = database === undefined
    ? undefined
    : SqlMessageStorage.layer.pipe(Layer.provide([NodeCrypto.layerDigest, sqlite.layer(database)]))
  const cluster = id === undefined
    ? Cluster.layerClient({ messages })
    : Cluster.layer({ voters, lease: leaseMillis, grace: graceMillis, messages })
  return Layer.provideMerge(cluster, node(member))
}

/** With a lease it is as quick as it can be with that: all that it waits for is asked for often. */
const overSockets = ({ database = "", id, leaseMillis, ports }: Member) =>
  NodeClusterSocket.layer({
    storage: "sql",
    clientOnly: id === undefined,
    shardingConfig: {
      runnerAddress: Option.map(Option.fromUndefinedOr(id), (id) => RunnerAddress.make("127.0.0.1", ports[id] ?? 0)),
      ...leaseMillis !== undefined && {
        shardLockExpiration: Duration.millis(leaseMillis),
        shardLockRefreshInterval: Duration.seconds(1),
        refreshAssignmentsInterval: Duration.millis(250),
        runnerHealthCheckInterval: Duration.seconds(1),
        entityMessagePollInterval: Duration.seconds(1)
      }
    }
  }).pipe(Layer.provide(sqlite.layer(database)))

const clusterOf = (member: Member): Layer.Layer<Sharding, unknown> =>
  member.kind === "ports" ? overPorts(member) : overSockets(member)

/** What the member provides: with an ID entities too. */
export const layer = (member: Member): Layer.Layer<Sharding, unknown> =>
  member.id === undefined
    ? clusterOf(member)
    : Layer.provideMerge(probe(member.id), clusterOf(member))
