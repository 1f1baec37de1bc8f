/**
 * A node's copy of a family that it monitors, kept by what its master tells it. Follows protocol section 16.
 *
 * @internal
 */
import type { Change, Family } from "./shards.ts"

/** What changed, and what there is now. */
export interface FamilyChange {
  readonly entries: Family
  readonly added: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly deleted: ReadonlyArray<string>
}

/** The whole family came: keys that are not in it are deleted. A key set again shows as changed, same value or not. */
export const replace = (before: Family, now: Family): FamilyChange => {
  const { added, changed } = sorted(before, now)
  return { entries: now, added, changed, deleted: Array.from(before.keys()).filter((key) => !now.has(key)) }
}

/**
 * A change came, and is made to the copy: to copy a large family for each small change would cost too much. Deleted keys that
 * we never had do not count; `undefined` if nothing is left of it.
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

/** What happened to a family since a reader looked last, as one change: a slow reader costs no more than the family. */
export class Unread {
  private entries: Family | undefined = undefined
  private readonly kinds = new Map<string, "added" | "changed" | "deleted">()
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

  /** The reader keeps what it takes. `undefined` if there is nothing to tell; the first time, that the family is empty is. */
  take(): FamilyChange | undefined {
    const { entries, isFirst, kinds } = this
    if (entries === undefined || kinds.size === 0 && !isFirst) return undefined
    const of = (wanted: string) => Array.from(kinds).filter(([, kind]) => kind === wanted).map(([key]) => key)
    const change = { entries: new Map(entries), added: of("added"), changed: of("changed"), deleted: of("deleted") }
    kinds.clear()
    this.isFirst = false
    return change
  }
}
