/** A stand-in. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VotersLocks } from "../src/internal/cluster/runner.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import type { Node } from "../src/index.ts"

export class Table {
  readonly rows = new Map<string, { owner: object; until: number }>()
  readonly cut = new Set<string>()
  readonly leaseMillis: number
  constructor(leaseMillis: number) {
    this.leaseMillis = leaseMillis
  }
  locks(voters: ReadonlyArray<string>): Effect.Effect<VotersLocks, never, Node.Node | Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const router = yield* NodeRouter
      const owner = {}
      const now = () => router.monotonic()
      const take = (keys: ReadonlyArray<string>) =>
        keys.filter((key) => {
          const row = this.rows.get(key)
          if (row !== undefined && row.owner !== owner && row.until > now()) return false
          this.rows.set(key, { owner, until: now() + this.leaseMillis })
          return true
        }).map((key) => ({ key, until: now() + this.leaseMillis }))
      const release = (keys: ReadonlyArray<string>) =>
        Effect.sync(() => {
          for (const key of keys) if (this.rows.get(key)?.owner === owner) this.rows.delete(key)
        })
      yield* Effect.addFinalizer(() => Effect.suspend(() => release(Array.from(this.rows.keys()))))
      return {
        voters,
        ready: Effect.void,
        acquire: (keys) => Effect.sync(() => this.cut.has(router.nodeId) ? [] : take(keys)),
        refresh: (keys) => Effect.suspend(() => this.cut.has(router.nodeId) ? Effect.fail("none") : Effect.succeed(take(keys))),
        release,
        held: Effect.sync(() => Array.from(this.rows).filter(([, row]) => row.owner === owner && row.until > now()).map(([key, { until }]) => ({ key, until })))
      }
    })
  }
}
