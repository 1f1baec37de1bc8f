/**
 * Counts what runs on this node, for those who look at it: Effect's sharding tells how many entities there are, and not of which type.
 *
 * @internal
 */
import * as ShardId from "effect/cluster/ShardId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClusterStatus } from "../node/observed.ts"
import type { Terms } from "./terms.ts"

type Service = Sharding["Service"]

export class Counted {
  private readonly inner: Service
  private readonly terms: Terms
  /** How many entities of each type are alive. */
  private readonly entities = new Map<string, number>()
  private readonly singletons = new Set<string>()

  constructor(inner: Service, terms: Terms) {
    this.inner = inner
    this.terms = terms
  }

  /** The same service. What is registered with it is counted. */
  get sharding(): Service {
    const { inner } = this
    return {
      ...inner,
      registerEntity: (entity, handlers, options) =>
        inner.registerEntity(entity, Effect.andThen(this.alive(entity.type), handlers), options),
      registerSingleton: (name, run, options) =>
        inner.registerSingleton(name, Effect.andThen(this.runs(name), run), options)
    }
  }

  get status(): Pick<ClusterStatus, "shards" | "entities" | "singletons"> {
    const { groups, shardsPerGroup } = this.terms
    let held = 0
    for (const group of groups) {
      for (let id = 1; id <= shardsPerGroup; id++) if (this.inner.hasShardId(ShardId.make(group, id))) held++
    }
    return {
      shards: { held, total: groups.length * shardsPerGroup },
      entities: Object.fromEntries(this.entities),
      singletons: Array.from(this.singletons)
    }
  }

  private alive(type: string): Effect.Effect<void, never, Scope.Scope> {
    const add = (count: number) =>
      Effect.sync(() => void this.entities.set(type, (this.entities.get(type) ?? 0) + count))
    return Effect.acquireRelease(add(1), () => add(-1))
  }

  private runs(name: string): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => void this.singletons.add(name)),
      () => Effect.sync(() => this.singletons.delete(name))
    )
  }
}
