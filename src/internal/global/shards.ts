/**
 * The database as a global node ("this node") keeps it: what every node has set, and what all of that makes together. No clock, no
 * network: an update goes in, and what others must be told comes out. Follows protocol section 17.
 *
 * Among nodes of our own kind it goes further. An entry keeps its origin, the node that set it, whichever global node it came
 * through, and a stamp that orders what one origin gave to several global nodes one after the other. So all global nodes see
 * the same winner of a key that several nodes set, and what a node deleted does not come back from a global node that was its
 * master before.
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
  /** For global nodes of other kinds. Those of our own kind get the update itself, with its origin. */
  readonly globals: Change | undefined
  /** For nodes that monitor the family. */
  readonly monitors: Change | undefined
}

/** When the process of a node began, and how many masters it has had since. Of two stamps of one node the later one counts. */
export type Stamp = readonly [startedMillis: number, term: number]

/** What one node gave, as it came through one global node, or from the node itself. */
interface Shard {
  /** The order in which shards came. */
  readonly nth: number
  /** The node that has set the entries. */
  readonly origin: string
  /** The global node that it came through; `undefined` if it came from the origin. */
  readonly via: string | undefined
  /** Origins of other kinds give none. */
  readonly stamp: Stamp | undefined
  readonly table: MutableTable
}

/** What is seen under a key, and the shard that it is of. */
interface Entry {
  readonly value: unknown
  readonly owner: Shard
}

const empty: Family = new Map()

/** Equal as AEMP sees it: strings and numbers by their text, structures by their JSON. */
export const sameValue = (left: unknown, right: unknown): boolean => left === right || text(left) === text(right)

const text = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint"
    ? `text ${value}`
    : `JSON ${JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? String(inner) : inner)}`

const put = <A>(table: Map<string, Map<string, A>>, family: string, key: string, value: A): void => {
  const entries = table.get(family)
  if (entries === undefined) table.set(family, new Map([[key, value]]))
  else entries.set(key, value)
}

/** Empty families vanish. */
const remove = <A>(table: Map<string, Map<string, A>>, family: string, key: string): boolean => {
  const entries = table.get(family)
  if (entries === undefined || !entries.delete(key)) return false
  if (entries.size === 0) table.delete(family)
  return true
}

const inOrder = (left: Shard, right: Shard): number => left.nth - right.nth

const later = (left: Stamp, right: Stamp): boolean => left[0] > right[0] || left[0] === right[0] && left[1] > right[1]

export class Shards {
  /** By origin: the shard that came from the origin itself, and those that came through global nodes. */
  private readonly shards = new Map<string, Set<Shard>>()
  /** By global node: the shards that came through it. */
  private readonly through = new Map<string, Set<Shard>>()
  /** Which shards have a key. It is nearly always one, which then stands there without a list around it. */
  private readonly byKey = new Map<string, Map<string, Shard | ReadonlyArray<Shard>>>()
  /** Keys that several slaves have set: which value global nodes of other kinds were told. */
  private readonly given = new Map<string, Map<string, { readonly value: unknown }>>()
  private nth = 0
  /** What is seen. */
  private readonly merged = new Map<string, Map<string, Entry>>()
  /** The nodes whose master this node is, itself among them. */
  private readonly slaves = new Set<string>()

  /** From now on this node tells other global nodes what the slave has set. */
  addSlave(nodeId: string): void {
    this.slaves.add(nodeId)
  }

  isSlave(nodeId: string): boolean {
    return this.slaves.has(nodeId)
  }

  /** All that is known of a family. */
  family(name: string): Family {
    const entries = this.merged.get(name)
    return entries === undefined ? empty : new Map(Array.from(entries, ([key, { value }]) => [key, value]))
  }

  /** How many entries each family has. */
  get sizes(): Record<string, number> {
    return Object.fromEntries(Array.from(this.merged, ([family, entries]) => [family, entries.size]))
  }

  /** The value that is seen under a key. */
  get(family: string, key: string): unknown {
    return this.merged.get(family)?.get(key)?.value
  }

  /** What a global node of another kind gets when it meets this one: all that the slaves have set. */
  ofSlaves(): Table {
    const union: MutableTable = new Map()
    for (const { table } of this.bySlave()) {
      for (const [family, entries] of table) for (const [key, value] of entries) put(union, family, key, value)
    }
    for (const [family, entries] of this.given) for (const [key, { value }] of entries) put(union, family, key, value)
    return union
  }

  /** What a global node of our own kind gets: the same, by origin. */
  bySlave(): ReadonlyArray<{ readonly origin: string; readonly stamp: Stamp | undefined; readonly table: Table }> {
    const all = Array.from(this.slaves, (origin) => this.find(origin, undefined))
    return all.filter((shard) => shard !== undefined).toSorted(inOrder)
  }

  stampOf(origin: string): Stamp | undefined {
    return this.find(origin, undefined)?.stamp
  }

  /** What `origin` has set begins anew, and empty: as it gives it itself, or as the global node `via` tells it. */
  begin(origin: string, via: string | undefined, stamp: Stamp | undefined): ReadonlyMap<string, Told> {
    const before = this.find(origin, via)
    return this.exchange(before === undefined ? [] : [before], { origin, via, stamp })
  }

  /** `origin` sets and deletes keys of its own: it says so itself, or the global node `via` does. */
  update(
    origin: string,
    family: string,
    set: Family,
    deleted: ReadonlyArray<string>,
    via?: string,
    stamp?: Stamp
  ): Told {
    const shard = this.find(origin, via) ?? this.add(origin, via, stamp)
    for (const [key, value] of set) {
      put(shard.table, family, key, value)
      this.index(shard, family, key)
    }
    const gone = deleted.filter((key) => remove(shard.table, family, key))
    for (const key of gone) this.unindex(shard, family, key)
    const notes = new Notes(this.isOfSlave(shard))
    for (const key of set.keys()) this.mergeKey(family, key, notes, shard)
    for (const key of gone) this.mergeKey(family, key, notes, undefined)
    return notes.told
  }

  /** A node went down: all that it has set is gone, and all that came through it. Answers what to tell, by family. */
  drop(nodeId: string): ReadonlyMap<string, Told> {
    // First: what other global nodes tell of a node counts as soon as it is no slave any more.
    const wasSlave = this.slaves.delete(nodeId)
    const own = this.find(nodeId, undefined)
    const gone = [...own === undefined ? [] : [own], ...this.through.get(nodeId) ?? []]
    return this.exchange(gone, undefined, wasSlave)
  }

  /** `origin` has left the global node `via`: what that one told of it is gone. */
  dropVia(origin: string, via: string): ReadonlyMap<string, Told> {
    const gone = this.find(origin, via)
    return gone === undefined ? new Map() : this.exchange([gone])
  }

  private add(origin: string, via: string | undefined, stamp: Stamp | undefined): Shard {
    const shard: Shard = { nth: this.nth++, origin, via, stamp, table: new Map() }
    this.shards.set(origin, (this.shards.get(origin) ?? new Set()).add(shard))
    if (via !== undefined) this.through.set(via, (this.through.get(via) ?? new Set()).add(shard))
    return shard
  }

  private shardsWith(family: string, key: string): ReadonlyArray<Shard> {
    const shards = this.byKey.get(family)?.get(key) ?? []
    return "origin" in shards ? [shards] : shards
  }

  private index(shard: Shard, family: string, key: string): void {
    const before = this.shardsWith(family, key)
    if (before.includes(shard)) return
    put(this.byKey, family, key, before.length === 0 ? shard : [...before, shard])
  }

  private unindex(shard: Shard, family: string, key: string): void {
    const left = this.shardsWith(family, key).filter((other) => other !== shard)
    const [only] = left
    if (only === undefined) remove(this.byKey, family, key)
    else put(this.byKey, family, key, left.length === 1 ? only : left)
  }

  /** Takes shards away, or puts a new one in their place, and merges anew all keys that this can touch. */
  private exchange(
    gone: ReadonlyArray<Shard>,
    fresh?: { readonly origin: string; readonly via: string | undefined; readonly stamp: Stamp | undefined },
    wasSlave = false
  ): ReadonlyMap<string, Told> {
    const touched = new Map<string, Set<string>>()
    const touch = ({ table }: Shard): void => {
      for (const [family, entries] of table) {
        const keys = touched.get(family) ?? new Set()
        touched.set(family, keys)
        for (const key of entries.keys()) keys.add(key)
      }
    }
    // Another shard of the same origin may count from now on, or not any more.
    const origins = new Set([...gone.map(({ origin }) => origin), ...fresh === undefined ? [] : [fresh.origin]])
    for (const origin of origins) this.shards.get(origin)?.forEach(touch)
    for (const shard of gone) this.take(shard)
    const added = fresh && this.add(fresh.origin, fresh.via, fresh.stamp)
    const isOfSlave = added === undefined ? wasSlave : this.isOfSlave(added)
    return new Map(Array.from(touched, ([family, keys]) => {
      const notes = new Notes(isOfSlave)
      for (const key of keys) this.mergeKey(family, key, notes, undefined)
      return [family, notes.told]
    }))
  }

  private take(shard: Shard): void {
    const shards = this.shards.get(shard.origin)
    shards?.delete(shard)
    if (shards?.size === 0) this.shards.delete(shard.origin)
    const others = this.through.get(shard.via ?? "")
    if (others?.delete(shard) && others.size === 0) this.through.delete(shard.via ?? "")
    for (const [family, entries] of shard.table) for (const key of entries.keys()) this.unindex(shard, family, key)
  }

  private find(origin: string, via: string | undefined): Shard | undefined {
    for (const shard of this.shards.get(origin) ?? []) if (shard.via === via) return shard
    return undefined
  }

  private isOfSlave(shard: Shard): boolean {
    return shard.via === undefined && this.slaves.has(shard.origin)
  }

  /**
   * Whether a shard counts. What a node says itself always does. Of what global nodes say in its name nothing counts while it is a
   * slave of this node, and else what has the latest stamp.
   */
  private counts(shard: Shard): boolean {
    const { origin, stamp, via } = shard
    if (via === undefined) return true
    if (this.slaves.has(origin)) return false
    return !Array.from(this.shards.get(origin) ?? []).some((other) =>
      other.via !== undefined && other.stamp !== undefined && (stamp === undefined || later(other.stamp, stamp))
    )
  }

  /**
   * Finds out which value of a key is seen now, and notes what others must be told. `setBy` has just set the key; without it,
   * somebody has deleted it.
   */
  private mergeKey(family: string, key: string, notes: Notes, setBy: Shard | undefined): void {
    const before = this.merged.get(family)?.get(key)
    const owners = this.shardsWith(family, key).filter((shard) => this.counts(shard)).toSorted(inOrder)
    const owner = winner(owners, key, setBy, before?.owner, (shard) => this.isOfSlave(shard))
    const ofSlaves = owners.filter((shard) => this.isOfSlave(shard))
    if (owner === undefined) {
      remove(this.given, family, key)
      if (before === undefined) return
      remove(this.merged, family, key)
      notes.gone(key)
      return
    }
    const value = owner.table.get(family)?.get(key)
    put(this.merged, family, key, { value, owner })
    const differs = before === undefined || !sameValue(before.value, value)
    if (owner === setBy || differs) notes.monitorsSet(key, value)
    if (notes.isOfSlave) this.noteForGlobals(family, key, notes, setBy, differs, ofSlaves)
  }

  /** The same for global nodes of other kinds, which are told of what slaves have set and of nothing else. */
  private noteForGlobals(
    family: string,
    key: string,
    notes: Notes,
    setBy: Shard | undefined,
    differs: boolean,
    ofSlaves: ReadonlyArray<Shard>
  ): void {
    const slave = winner(ofSlaves, key, setBy, undefined, () => true)
    const given = this.given.get(family)?.get(key)
    if (slave === undefined) notes.globalsGone(key)
    else {
      const value = slave.table.get(family)?.get(key)
      const isOld = given !== undefined && !sameValue(given.value, value)
      if (slave === setBy || differs || isOld) notes.globalsSet(key, value)
      // When only one slave has set the key, its value is what they were told.
      if (ofSlaves.length > 1) return put(this.given, family, key, { value })
    }
    remove(this.given, family, key)
  }
}

/**
 * Which of several owners of a key is seen. If all are of our own kind: the one whose node ID the key is, or else the one with the
 * smallest node ID, so that all global nodes see the same. If one is of another kind: the last writer, and when somebody has deleted
 * the key, a slave of this node before others.
 */
const winner = (
  owners: ReadonlyArray<Shard>,
  key: string,
  setBy: Shard | undefined,
  before: Shard | undefined,
  isOfSlave: (shard: Shard) => boolean
): Shard | undefined => {
  if (owners.length < 2) return owners[0]
  if (owners.every((shard) => shard.stamp !== undefined)) {
    return owners.find(({ origin }) => origin === key) ??
      owners.reduce((least, shard) => shard.origin < least.origin ? shard : least)
  }
  const last = setBy && [setBy, before].find((shard) => shard !== undefined && owners.includes(shard))
  return last ?? owners.find(isOfSlave) ?? owners[0]
}

/** Notes what is to be told of one family. */
class Notes {
  private readonly globals: { readonly set: Map<string, unknown>; readonly deleted: Array<string> }
  private readonly monitors: { readonly set: Map<string, unknown>; readonly deleted: Array<string> }
  readonly isOfSlave: boolean

  /** Without a slave as its cause nothing is told to other global nodes. */
  constructor(isOfSlave: boolean) {
    this.isOfSlave = isOfSlave
    this.globals = { set: new Map(), deleted: [] }
    this.monitors = { set: new Map(), deleted: [] }
  }
  get told(): Told {
    return { globals: this.isOfSlave ? told(this.globals) : undefined, monitors: told(this.monitors) }
  }
  monitorsSet(key: string, value: unknown): void {
    this.monitors.set.set(key, value)
  }
  globalsSet(key: string, value: unknown): void {
    this.globals.set.set(key, value)
  }
  globalsGone(key: string): void {
    this.globals.deleted.push(key)
  }
  gone(key: string): void {
    this.globals.deleted.push(key)
    this.monitors.deleted.push(key)
  }
}

const told = (change: Change): Change | undefined =>
  change.set.size === 0 && change.deleted.length === 0 ? undefined : change
