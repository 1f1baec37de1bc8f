/**
 * Entities of Effect's cluster: every process is a runner, and calls the entities of some keys, wherever they are. It tells when an entity begins to
 * live on it, and when nothing of that is left.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Entity from "effect/cluster/Entity"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Cluster from "../../src/Cluster.ts"
import { type LockPart, makeNames, type Member, type Services } from "./member.ts"
import type { SeededRandom } from "./random.ts"
import { serializationOf } from "./rpcSerialization.ts"

const keys = ["k1", "k2", "k3", "k4", "k5", "k6"]

/** The shards of the cluster, by their numbers. */
export const shards: ReadonlyArray<number> = Array.from({ length: 12 }, (_, index) => index + 1)

/** So long a caller waits for its answer. */
export const patienceMillis = 3000

const Echo = Entity.make("Echo", [
  EffectRpc.make("double", { payload: { value: Schema.Number, millis: Schema.Number }, success: Schema.Number })
])

type Call = (key: string, millis: number) => Effect.Effect<boolean>

export class ClusterUser {
  private readonly member: Member
  private readonly voters: ReadonlyArray<string>
  private readonly random: SeededRandom
  private readonly name: (kind: string) => string
  private readonly over = Deferred.makeUnsafe<void>()
  private readonly leisure: number
  private sharding: Sharding.Sharding["Service"] | undefined = undefined
  /** When each key was last answered, and since when each call is under way, by the process's clock that never jumps. */
  private readonly answered = new Map<string, number>()
  private readonly waiting = new Set<{ readonly key: string; readonly since: number }>()
  /** Keys that it calls next. */
  private wanted: Array<string> = []
  private isActing = true
  /** When all was quiet every entity has answered. */
  isReady = false

  constructor(member: Member, { leisure, random, voters }: LockPart) {
    this.member = member
    this.voters = voters
    this.leisure = leisure
    this.random = random.derive("cluster")
    this.name = makeNames(member.life)
  }

  get act(): Effect.Effect<void, never, Services> {
    const work = Effect.gen({ self: this }, function*() {
      // A process that stops waits for what is in its scope.
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Effect.onExit(Scope.provide(this.work, scope), (exit) => Scope.close(scope, exit))
    })
    return Effect.raceFirst(work, Deferred.await(this.over))
  }

  private get work(): Effect.Effect<void, never, Services> {
    const { leisure, random } = this
    return Effect.gen({ self: this }, function*() {
      const call = yield* this.join
      while (this.isActing) {
        yield* Effect.sleep(this.wanted.length > 0 ? 10 : leisure * random.between(5, 400))
        const wanted = this.wanted.shift()
        yield* wanted === undefined
          ? call(random.pick(keys)!, random.chance(0.2) ? random.int(1, 1000) : 0)
          : call(wanted, 0)
      }
      for (const key of keys) while (!(yield* call(key, 0))) yield* Effect.sleep(50)
      this.isReady = true
      return yield* Effect.never
    })
  }

  private get join(): Effect.Effect<Call, never, Services> {
    const { leisure, random, voters } = this
    const cluster = Cluster.layer({
      voters,
      lease: "2 seconds",
      grace: "1 second",
      config: {
        shardsPerGroup: shards.length,
        entityTerminationTimeout: 100,
        // Sharding looks so often who the runners are: what a run costs.
        ...leisure === 1 ? {} : { refreshAssignmentsInterval: 100 * leisure }
      }
      // Links may speak JSON.
    }).pipe(Layer.provide(Layer.succeed(RpcSerialization.RpcSerialization, serializationOf(false))))
    return Effect.gen({ self: this }, function*() {
      const context = yield* Effect.orDie(
        Layer.buildWithScope(Layer.fresh(Layer.provideMerge(this.entities, cluster)), yield* Effect.scope)
      )
      const client = yield* Effect.provideContext(Echo.client, context)
      this.sharding = Context.get(context, Sharding.Sharding)
      return (key: string, millis: number) =>
        this.noted(
          key,
          Effect.suspend(() => {
            const value = random.int(1, 1000)
            const answer = Effect.timeout(client(key).double({ value, millis }), patienceMillis)
            return Effect.matchCause(answer, {
              onFailure: (cause) => {
                // Its own interruption it does not see.
                if (Cause.hasInterrupts(cause)) {
                  this.member.emit({ _tag: "Leaked", what: `a call of entity ${key} interrupted its caller` })
                }
                return false
              },
              onSuccess: (doubled) => {
                if (doubled !== 2 * value) {
                  this.member.emit({ _tag: "Leaked", what: `entity ${key} answered ${doubled} to ${value}` })
                }
                return true
              }
            })
          })
        )
    })
  }

  /** The same call. It is known as long as it is under way, and when it was answered. */
  private noted(key: string, call: Effect.Effect<boolean>): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function*() {
      const one = { key, since: yield* nowMillis }
      this.waiting.add(one)
      const isAnswered = yield* Effect.ensuring(call, Effect.sync(() => this.waiting.delete(one)))
      if (isAnswered) this.answered.set(key, yield* nowMillis)
      return isAnswered
    })
  }

  /** The shards that its runner has, as far as that knows. */
  get held(): ReadonlyArray<number> {
    const { sharding } = this
    return sharding === undefined ? [] : shards.filter((shard) => sharding.hasShardId(ShardId.make("default", shard)))
  }

  /** The keys that have not answered it since a time. They are called next. */
  silentSince(millis: number): ReadonlyArray<string> {
    const silent = keys.filter((key) => (this.answered.get(key) ?? -1) < millis)
    this.wanted = [...silent]
    return silent
  }

  /** The keys of calls that have been under way since before a time. */
  waitingSince(millis: number): ReadonlyArray<string> {
    return Array.from(this.waiting).flatMap(({ key, since }) => since < millis ? [key] : [])
  }

  private get entities() {
    const { emit, life } = this.member
    return Echo.toLayer(
      Effect.gen({ self: this }, function*() {
        const { entityId } = yield* Entity.CurrentAddress
        const run = this.name(`${entityId}:`)
        yield* Effect.acquireRelease(
          Effect.sync(() => emit({ _tag: "ServiceUp", life, service: entityId, run })),
          () => Effect.sync(() => emit({ _tag: "ServiceOver", life, service: entityId, run }))
        )
        return Echo.of({ double: ({ payload: { millis, value } }) => Effect.as(Effect.sleep(millis), 2 * value) })
      }),
      { concurrency: "unbounded" }
    )
  }

  rest(): void {
    this.isActing = false
  }

  get stop(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.rest()
      Deferred.doneUnsafe(this.over, Effect.void)
    })
  }
}

const nowMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
