/**
 * Who has the shards of a cluster, as its runners see that themselves, looked at again and again: no two at once, and none without an owner for
 * longer than a time while there is a majority of voters that is well.
 */
import { shards } from "./clusters.ts"
import type { Life } from "./trace.ts"

/** A process, and the shards that its runner has as far as that knows. */
export interface Looked {
  readonly life: Life
  readonly isStalled: boolean
  readonly held: ReadonlyArray<number>
}

/** Who has stood still may believe for so long that it has what others have got since. */
const wakingMillis = 300

export class Ownership {
  /** The longest that a shard was without an owner. */
  longest = 0
  private readonly limit: number
  /** Since when a shard has had no owner. */
  private readonly free = new Map<number, number>()
  /** When processes were seen to stand still, last. */
  private readonly stood = new Map<Life, number>()

  constructor(limit: number) {
    this.limit = limit
  }

  /** From now on nothing keeps shards from having owners. */
  restart(now: number): void {
    for (const shard of this.free.keys()) this.free.set(shard, now)
  }

  /** What is wrong. Without a majority shards may have no owner. */
  look(now: number, processes: ReadonlyArray<Looked>, hasMajority: boolean): string | undefined {
    const owners = new Map<number, Life>()
    for (const { held, isStalled, life } of processes) {
      if (isStalled) this.stood.set(life, now)
      else if (now - (this.stood.get(life) ?? -Infinity) > wakingMillis) this.stood.delete(life)
      if (this.stood.has(life)) continue
      for (const shard of held) {
        const other = owners.get(shard)
        if (other !== undefined) return `${life} has shard ${shard}, and ${other} has it too`
        owners.set(shard, life)
      }
    }
    return this.without(now, shards.filter((shard) => !owners.has(shard)), hasMajority)
  }

  private without(now: number, free: ReadonlyArray<number>, hasMajority: boolean): string | undefined {
    for (const shard of this.free.keys()) if (!free.includes(shard)) this.free.delete(shard)
    for (const shard of free) {
      const since = hasMajority ? this.free.get(shard) ?? now : now
      this.free.set(shard, since)
      this.longest = Math.max(this.longest, now - since)
      if (now - since > this.limit) return `shard ${shard} has had no owner for ${now - since} ms`
    }
    return undefined
  }
}
