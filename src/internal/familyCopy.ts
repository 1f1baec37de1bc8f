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
  return { entries: new Map(now), added, changed, deleted: Array.from(before.keys()).filter((key) => !now.has(key)) }
}

/** A change came. Deleted keys that we never had do not count; `undefined` if nothing is left of it. */
export const apply = (before: Family, change: Change): FamilyChange | undefined => {
  const deleted = change.deleted.filter((key) => before.has(key))
  if (deleted.length === 0 && change.set.size === 0) return undefined
  const entries = new Map([...before, ...change.set])
  for (const key of deleted) entries.delete(key)
  return { entries, ...sorted(before, change.set), deleted }
}

const sorted = (before: Family, set: Family) => {
  const added: Array<string> = []
  const changed: Array<string> = []
  for (const key of set.keys()) (before.has(key) ? changed : added).push(key)
  return { added, changed }
}
