/**
 * Entities of Effect's cluster: every process is a runner, and calls the entities of some keys, wherever they are. It tells when an entity begins to
 * live on it, and when nothing of that is left.
 */
import * as Cause from "effect/Cause"
import * as Entity from "effect/cluster/Entity"
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
  private isActing = true
  /** When all was quiet every entity has answered. */
  isReady = false

  constructor(member: Member, { random, voters }: LockPart) {
    this.member = member
    this.voters = voters
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
    const { random } = this
    return Effect.gen({ self: this }, function*() {
      const call = yield* this.join
      while (this.isActing) {
        yield* Effect.sleep(random.between(5, 400))
        yield* call(random.pick(keys)!, random.chance(0.2) ? random.int(1, 1000) : 0)
      }
      for (const key of keys) while (!(yield* call(key, 0))) yield* Effect.sleep(50)
      this.isReady = true
      return yield* Effect.never
    })
  }

  private get join(): Effect.Effect<Call, never, Services> {
    const { random, voters } = this
    const cluster = Cluster.layer({
      voters,
      lease: "2 seconds",
      grace: "1 second",
      config: { shardsPerGroup: 12, entityTerminationTimeout: 100 }
      // Links may speak JSON.
    }).pipe(Layer.provide(Layer.succeed(RpcSerialization.RpcSerialization, serializationOf(false))))
    return Effect.gen({ self: this }, function*() {
      const context = yield* Effect.orDie(
        Layer.buildWithScope(Layer.fresh(Layer.provideMerge(this.entities, cluster)), yield* Effect.scope)
      )
      const client = yield* Effect.provideContext(Echo.client, context)
      return (key: string, millis: number) => {
        const value = random.int(1, 1000)
        const answer = Effect.timeout(client(key).double({ value, millis }), 3000)
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
      }
    })
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
