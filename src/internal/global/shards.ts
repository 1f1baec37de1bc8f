/**
 * The database as a global node keeps it: what every node gave, and what they make together. No clock, no network: an
 * update goes in, and what others must be told comes out. Follows protocol section 17.
 *
 * Among nodes of our own kind it goes further. Their entries keep their origin, the node that set them, whichever global
 * node they came through, and a stamp that orders what one origin gave to several global nodes one after the other. So
 * all of them see the same winner of a key that several nodes set, and what a node deleted does not come back from
 * a global node that it left.
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
  /** For global nodes that are not of our kind. The others get the update itself, with its origin. */
  readonly globals: Change | undefined
  readonly monitors: Change | undefined
}

/** When the process of a node began, and how many masters it has had since: the later one counts. */
export type Stamp = readonly [startedAt: number, term: number]

/** What one node gave, as it came through one global node, or from the node itself. */
interface Shard {
  /** The order in which they came. */
  readonly nth: number
  readonly origin: string
  /** The global node that it came through; `undefined` if it came from the origin. */
  readonly via: string | undefined
  /** Only of nodes of our kind. */
  readonly stamp: Stamp | undefined
  readonly table: MutableTable
}

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
  /** By origin: what came from it itself, and what came through others. */
  private readonly shards = new Map<string, Set<Shard>>()
  /** Those that came through a global node. */
  private readonly through = new Map<string, Set<Shard>>()
  /** Which shards have a key: nearly always one, which stands for itself. */
  private readonly holders = new Map<string, Map<string, Shard | ReadonlyArray<Shard>>>()
  /** Where several slaves of ours have a key: whose value global nodes of other kinds were told. */
  private readonly given = new Map<string, Map<string, { readonly value: unknown }>>()
  private nth = 0
  private readonly merged = new Map<string, Map<string, Entry>>()
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
    const entries = this.merged.get(name)
    return entries === undefined ? empty : new Map(Array.from(entries, ([key, { value }]) => [key, value]))
  }

  /** How many entries each family has. */
  get sizes(): Record<string, number> {
    return Object.fromEntries(Array.from(this.merged, ([family, entries]) => [family, entries.size]))
  }

  /** What is known under one key. */
  get(family: string, key: string): unknown {
    return this.merged.get(family)?.get(key)?.value
  }

  /** What global nodes that are not of our kind must have of us: all that our slaves gave. */
  ofSlaves(): Table {
    const union: MutableTable = new Map()
    for (const { table } of this.bySlave()) {
      for (const [family, entries] of table) for (const [key, value] of entries) put(union, family, key, value)
    }
    for (const [family, entries] of this.given) for (const [key, { value }] of entries) put(union, family, key, value)
    return union
  }

  /** The same for those of our kind: by origin. */
  bySlave(): ReadonlyArray<{ readonly origin: string; readonly stamp: Stamp | undefined; readonly table: Table }> {
    const all = Array.from(this.slaves, (origin) => this.find(origin, undefined))
    return all.filter((shard) => shard !== undefined).toSorted(inOrder)
  }

  stampOf(origin: string): Stamp | undefined {
    return this.find(origin, undefined)?.stamp
  }

  /** Begins what a node gives anew. Only what comes from the node itself, or through a node of our kind, has a stamp. */
  begin(origin: string, via: string | undefined, stamp: Stamp | undefined): ReadonlyMap<string, Told> {
    const before = this.find(origin, via)
    return this.exchange(before === undefined ? [] : [before], { origin, via, stamp })
  }

  /** A node sets and deletes keys of its own. */
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
      this.holds(shard, family, key)
    }
    const gone = deleted.filter((key) => remove(shard.table, family, key))
    for (const key of gone) this.letGo(shard, family, key)
    const telling = new Telling(this.isOfSlave(shard))
    for (const key of set.keys()) this.settle(family, key, telling, shard)
    for (const key of gone) this.settle(family, key, telling, undefined)
    return telling.told
  }

  /** A node went down: all its keys are deleted, and all that came through it. Answers what to tell, by family. */
  drop(nodeId: string): ReadonlyMap<string, Told> {
    // First: what came through others counts again.
    const wasSlave = this.slaves.delete(nodeId)
    const own = this.find(nodeId, undefined)
    const gone = [...own === undefined ? [] : [own], ...this.through.get(nodeId) ?? []]
    return this.exchange(gone, undefined, wasSlave)
  }

  /** A node of ours is gone from the global node `via`. */
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

  private holdersOf(family: string, key: string): ReadonlyArray<Shard> {
    const holders = this.holders.get(family)?.get(key) ?? []
    return "origin" in holders ? [holders] : holders
  }

  private holds(shard: Shard, family: string, key: string): void {
    const before = this.holdersOf(family, key)
    if (before.includes(shard)) return
    put(this.holders, family, key, before.length === 0 ? shard : [...before, shard])
  }

  private letGo(shard: Shard, family: string, key: string): void {
    const left = this.holdersOf(family, key).filter((other) => other !== shard)
    const [only] = left
    if (only === undefined) remove(this.holders, family, key)
    else put(this.holders, family, key, left.length === 1 ? only : left)
  }

  /** Takes shards away, or puts a new one in their place, and settles all keys that this can touch. */
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
    // What else there is of an origin may count from now on, or not any more.
    const origins = new Set([...gone.map(({ origin }) => origin), ...fresh === undefined ? [] : [fresh.origin]])
    for (const origin of origins) this.shards.get(origin)?.forEach(touch)
    for (const shard of gone) this.take(shard)
    const added = fresh && this.add(fresh.origin, fresh.via, fresh.stamp)
    const telling = (): Telling => new Telling(added === undefined ? wasSlave : this.isOfSlave(added))
    return new Map(Array.from(touched, ([family, keys]) => {
      const told = telling()
      for (const key of keys) this.settle(family, key, told, undefined)
      return [family, told.told]
    }))
  }

  private take(shard: Shard): void {
    const shards = this.shards.get(shard.origin)
    shards?.delete(shard)
    if (shards?.size === 0) this.shards.delete(shard.origin)
    const others = this.through.get(shard.via ?? "")
    if (others?.delete(shard) && others.size === 0) this.through.delete(shard.via ?? "")
    for (const [family, entries] of shard.table) for (const key of entries.keys()) this.letGo(shard, family, key)
  }

  private find(origin: string, via: string | undefined): Shard | undefined {
    for (const shard of this.shards.get(origin) ?? []) if (shard.via === via) return shard
    return undefined
  }

  private isOfSlave(shard: Shard): boolean {
    return shard.via === undefined && this.slaves.has(shard.origin)
  }

  /** Whether a shard counts: what comes from a slave itself does, and of what came through others the latest. */
  private counts(shard: Shard): boolean {
    const { origin, stamp, via } = shard
    if (via === undefined) return true
    if (this.slaves.has(origin)) return false
    return !Array.from(this.shards.get(origin) ?? []).some((other) =>
      other.via !== undefined && other.stamp !== undefined && (stamp === undefined || later(other.stamp, stamp))
    )
  }

  /** Finds out whose a key is now, and notes what others must be told. `setBy` has just set it, or somebody has deleted it. */
  private settle(family: string, key: string, telling: Telling, setBy: Shard | undefined): void {
    const before = this.merged.get(family)?.get(key)
    const owners = this.holdersOf(family, key).filter((shard) => this.counts(shard)).toSorted(inOrder)
    const owner = winner(owners, key, setBy, before?.owner, (shard) => this.isOfSlave(shard))
    const ofSlaves = owners.filter((shard) => this.isOfSlave(shard))
    if (owner === undefined) {
      remove(this.given, family, key)
      if (before === undefined) return
      remove(this.merged, family, key)
      telling.gone(key)
      return
    }
    const value = owner.table.get(family)?.get(key)
    put(this.merged, family, key, { value, owner })
    const differs = before === undefined || !sameValue(before.value, value)
    if (owner === setBy || differs) telling.monitorsSet(key, value)
    if (telling.isOfSlave) this.tellGlobals(family, key, telling, setBy, differs, ofSlaves)
  }

  private tellGlobals(
    family: string,
    key: string,
    telling: Telling,
    setBy: Shard | undefined,
    differs: boolean,
    ofSlaves: ReadonlyArray<Shard>
  ): void {
    const slave = winner(ofSlaves, key, setBy, undefined, () => true)
    const given = this.given.get(family)?.get(key)
    if (slave === undefined) telling.globalsGone(key)
    else {
      const value = slave.table.get(family)?.get(key)
      const isOld = given !== undefined && !sameValue(given.value, value)
      if (slave === setBy || differs || isOld) telling.globalsSet(key, value)
      // Of a single slave they were told what it has.
      if (ofSlaves.length > 1) return put(this.given, family, key, { value })
    }
    remove(this.given, family, key)
  }
}

/**
 * Which of several owners a key belongs to. Among nodes of our kind: the one whose ID the key is, or else the smallest ID,
 * so that all see the same. If others are among them: the last writer, and when somebody deletes it, a slave of ours first.
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

/** Collects what is to be told of one family. */
class Telling {
  private readonly globals: { readonly set: Map<string, unknown>; readonly deleted: Array<string> }
  private readonly monitors: { readonly set: Map<string, unknown>; readonly deleted: Array<string> }
  readonly isOfSlave: boolean

  /** Other global nodes are told of what our slaves do, and of nothing else. */
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
