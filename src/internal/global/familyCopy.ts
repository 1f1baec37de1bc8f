/**
 * A node's copy of a family that it monitors, kept by what its master tells it. While there is no master it is what the last one has
 * told, with what this node has set and deleted since. Follows protocol section 16.
 *
 * @internal
 */
import type { Change, Family } from "./shards.ts"

/** The keys that changed, and all entries as they are now. */
export interface FamilyChange {
  /** All of them, as they are now. */
  readonly entries: Family
  /** Keys that were not there before. */
  readonly added: ReadonlyArray<string>
  /** Keys that were set again. Their values may be those that they had. */
  readonly changed: ReadonlyArray<string>
  /** Keys that are not there any more. */
  readonly deleted: ReadonlyArray<string>
}

/**
 * The master told the whole family: keys that are not in it are deleted. A key set again shows as changed, same value or not.
 */
export const replace = (before: Family, now: Family): FamilyChange => {
  const { added, changed } = sorted(before, now)
  return { entries: now, added, changed, deleted: Array.from(before.keys()).filter((key) => !now.has(key)) }
}

/**
 * The master told a change, which is made to the copy itself: another copy of a large family for each small change would cost
 * too much. Deleted keys that the copy never had do not count; `undefined` if nothing is left of the change.
 */
export const apply = (copy: Map<string, unknown>, change: Change): FamilyChange | undefined => {
  const deleted = change.deleted.filter((key) => copy.delete(key))
  if (deleted.length === 0 && change.set.size === 0) return undefined
  const { added, changed } = sorted(copy, change.set)
  for (const [key, value] of change.set) copy.set(key, value)
  return { entries: copy, added, changed, deleted }
}

const sorted = (before: Family, set: Family) => {
  const added: Array<string> = []
  const changed: Array<string> = []
  for (const key of set.keys()) (before.has(key) ? changed : added).push(key)
  return { added, changed }
}

/** Told once with the present state, then of every change. The entries are the node's own copy, which goes on changing. */
export type FamilyListener = (change: FamilyChange) => void

/** A large family on its way from the master: what has come of it, and how many messages are still to come. */
interface Coming {
  readonly all: Map<string, unknown>
  readonly portions: number
}

/** The copy of one family, and who listens to it on this node. */
export class FamilyCopy {
  private readonly listeners = new Set<FamilyListener>()
  /** What this node has set of the family itself, as it is now. */
  private readonly own: () => Family
  /** `undefined` until a master has told the whole family, or this node is to do with what it knows itself. */
  private entries: Map<string, unknown> | undefined = undefined
  /** Whether they are what the present master tells. */
  private isTold = false
  private coming: Coming | undefined = undefined
  /** Keys that this node has set or deleted since it asked its master, and that the master has said nothing of yet. */
  private readonly unconfirmed = new Set<string>()

  constructor(own: () => Family) {
    this.own = own
  }

  get hasListeners(): boolean {
    return this.listeners.size > 0
  }

  /** The family as far as it is known; `undefined` if nobody has told it yet. */
  get known(): Family | undefined {
    return this.entries
  }

  add(listener: FamilyListener): void {
    if (this.entries !== undefined) listener(replace(new Map(), this.entries))
    this.listeners.add(listener)
  }

  remove(listener: FamilyListener): void {
    this.listeners.delete(listener)
  }

  /** The master tells the whole family, or its first part: then so many portions follow as changes. */
  whole(all: Map<string, unknown>, portions: number): void {
    this.coming = portions > 0 ? { all, portions } : undefined
    if (portions > 0) return
    // What this node has set since it asked is not to go and come again. A key that others have set too is the master's to judge.
    for (const [key, value] of this.unheard().set) if (!all.has(key)) all.set(key, value)
    const change = replace(this.entries ?? new Map(), all)
    this.entries = all
    this.isTold = true
    this.emit(change)
  }

  /** The master tells a change, or the next portion of a family that is still on its way. */
  change(change: Change): void {
    if (this.coming !== undefined) {
      const { all, portions } = this.coming
      for (const [key, value] of change.set) all.set(key, value)
      return this.whole(all, portions - 1)
    }
    for (const key of change.deleted) this.unconfirmed.delete(key)
    for (const key of change.set.keys()) this.unconfirmed.delete(key)
    this.make(change)
  }

  /** This node has set or deleted keys. A master that follows the family for it tells what has come of that. */
  ownChanged(change: Change): void {
    for (const key of change.deleted) this.unconfirmed.add(key)
    for (const key of change.set.keys()) this.unconfirmed.add(key)
    if (!this.isTold) this.make(change)
  }

  /** There is no master any more: what this node does counts from now on, and what it did that the last one has not told. */
  abandon(): void {
    this.coming = undefined
    if (!this.isTold) return
    this.isTold = false
    this.make(this.unheard())
  }

  /** A master is asked for the family, which has been given all that this node has set. */
  asked(): void {
    this.abandon()
    this.unconfirmed.clear()
  }

  /** Nobody may tell the family: until somebody does, it is what this node has set itself. */
  assume(): void {
    if (this.entries !== undefined) return
    const entries = new Map(this.own())
    this.entries = entries
    this.emit(replace(new Map(), entries))
  }

  private unheard(): Change {
    const own = this.own()
    const keys = Array.from(this.unconfirmed)
    return {
      set: new Map(keys.filter((key) => own.has(key)).map((key) => [key, own.get(key)])),
      deleted: keys.filter((key) => !own.has(key))
    }
  }

  private make(change: Change): void {
    if (this.entries === undefined) return
    const changed = apply(this.entries, change)
    if (changed !== undefined) this.emit(changed)
  }

  private emit(change: FamilyChange): void {
    for (const listener of Array.from(this.listeners)) listener(change)
  }
}

type Kind = "added" | "changed" | "deleted"

/** What happened to a family since a reader looked last, as one change: a slow reader costs no more than the family. */
export class Unread {
  private entries: Family | undefined = undefined
  private readonly kinds = new Map<string, Kind>()
  private isFirst = true

  add({ added, changed, deleted, entries }: FamilyChange): void {
    const { kinds } = this
    this.entries = entries
    for (const key of deleted) {
      if (kinds.get(key) === "added") kinds.delete(key)
      else kinds.set(key, "deleted")
    }
    for (const key of added) kinds.set(key, kinds.get(key) === "deleted" ? "changed" : "added")
    for (const key of changed) if (kinds.get(key) !== "added") kinds.set(key, "changed")
  }

  /**
   * What a reader has not seen yet, with a copy of the entries for it to keep. `undefined` if nothing has happened; to a reader
   * that looks for the first time even an empty family is something.
   */
  take(): FamilyChange | undefined {
    const { entries, isFirst, kinds } = this
    if (entries === undefined || kinds.size === 0 && !isFirst) return undefined
    const of = (wanted: Kind) => Array.from(kinds).filter(([, kind]) => kind === wanted).map(([key]) => key)
    const change = { entries: new Map(entries), added: of("added"), changed: of("changed"), deleted: of("deleted") }
    kinds.clear()
    this.isFirst = false
    return change
  }
}
