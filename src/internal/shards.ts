/**
 * The database as a global node keeps it: what every node gave, and what they make together. No clock, no network: an
 * update goes in, and what others must be told comes out. Follows protocol section 17.
 *
 * @internal
 */

/** Key -> value, of one family. */
export type Family = ReadonlyMap<string, unknown>

/** Family -> key -> value. */
export type Table = ReadonlyMap<string, Family>

type MutableTable = Map<string, Map<string, unknown>>

/** Keys that were set, with their values, and keys that were deleted. No key is in both. */
export interface Change {
  readonly set: Family
  readonly deleted: ReadonlyArray<string>
}

/** What an update means to others. `undefined`: nothing to tell. */
export interface Told {
  readonly globals: Change | undefined
  readonly monitors: Change | undefined
}

const empty: Family = new Map()

/** Equal as AEMP sees it: strings and numbers by their text, structures by their JSON. */
export const sameValue = (left: unknown, right: unknown): boolean => left === right || text(left) === text(right)

const text = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? String(inner) : inner)

const put = (table: MutableTable, family: string, key: string, value: unknown): void => {
  const entries = table.get(family)
  if (entries === undefined) table.set(family, new Map([[key, value]]))
  else entries.set(key, value)
}

/** Empty families vanish. */
const remove = (table: MutableTable, family: string, key: string): boolean => {
  const entries = table.get(family)
  if (entries === undefined || !entries.delete(key)) return false
  if (entries.size === 0) table.delete(family)
  return true
}

export class Shards {
  private readonly shards = new Map<string, MutableTable>()
  private readonly merged: MutableTable = new Map()
  private readonly slaves = new Set<string>()

  /** From now on, what this node gives is ours to pass on to other global nodes. */
  addSlave(nodeId: string): void {
    this.slaves.add(nodeId)
  }

  isSlave(nodeId: string): boolean {
    return this.slaves.has(nodeId)
  }

  /** All that is known of a family. */
  family(name: string): Family {
    return this.merged.get(name) ?? empty
  }

  /** What another global node must have of us: all that our slaves gave. */
  ofSlaves(): Table {
    const union: MutableTable = new Map()
    for (const [nodeId, shard] of this.shards) {
      if (!this.slaves.has(nodeId)) continue
      for (const [family, entries] of shard) for (const [key, value] of entries) put(union, family, key, value)
    }
    return union
  }

  /** A node sets and deletes keys of its own. */
  update(nodeId: string, family: string, set: Family, deleted: ReadonlyArray<string>): Told {
    const fromSlave = this.slaves.has(nodeId)
    const shard = this.shards.get(nodeId) ?? new Map<string, Map<string, unknown>>()
    this.shards.set(nodeId, shard)
    const globals = { set: new Map(set), deleted: new Array<string>() }
    const monitors = { set: new Map(set), deleted: new Array<string>() }
    for (const [key, value] of set) {
      put(shard, family, key, value)
      put(this.merged, family, key, value)
    }
    for (const key of deleted) {
      if (!remove(shard, family, key)) continue
      const heir = this.heir(family, key)
      if (heir === undefined) {
        remove(this.merged, family, key)
        globals.deleted.push(key)
        monitors.deleted.push(key)
        continue
      }
      const differs = !sameValue(this.merged.get(family)?.get(key), heir.value)
      put(this.merged, family, key, heir.value)
      if (differs) monitors.set.set(key, heir.value)
      // The other global nodes have it from us: they must see that it is another slave's now.
      if (!heir.ofSlave) globals.deleted.push(key)
      else if (differs) globals.set.set(key, heir.value)
    }
    return { globals: fromSlave ? told(globals) : undefined, monitors: told(monitors) }
  }

  /** Another node that still has the key: one of our slaves first. */
  private heir(family: string, key: string): { readonly value: unknown; readonly ofSlave: boolean } | undefined {
    let other: { readonly value: unknown; readonly ofSlave: boolean } | undefined
    for (const [nodeId, shard] of this.shards) {
      const entries = shard.get(family)
      if (entries === undefined || !entries.has(key)) continue
      if (this.slaves.has(nodeId)) return { value: entries.get(key), ofSlave: true }
      other ??= { value: entries.get(key), ofSlave: false }
    }
    return other
  }

  /** A node went down: all its keys are deleted. Answers what to tell, by family. */
  drop(nodeId: string): ReadonlyMap<string, Told> {
    const shard = this.shards.get(nodeId)
    const all = new Map<string, Told>()
    for (const [family, entries] of Array.from(shard ?? [])) {
      all.set(family, this.update(nodeId, family, empty, Array.from(entries.keys())))
    }
    this.shards.delete(nodeId)
    this.slaves.delete(nodeId)
    return all
  }
}

const told = (change: Change): Change | undefined =>
  change.set.size === 0 && change.deleted.length === 0 ? undefined : change
