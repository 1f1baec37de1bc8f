/**
 * Which keys of a family are members of a group (pure).
 *
 * @internal
 */
import { isPortId } from "../values/portId.ts"
import type { Family } from "./shards.ts"

/**
 * Whether an entry is a member: its key is the ID of a port. Any text may be the ID of a node: such a key is a member if it is registered
 * without a value, and somebody's data otherwise.
 */
export const isMember = (key: string, value: unknown): boolean =>
  isPortId(key) && (key.includes("#") || value === null || value === undefined)

/** The members that a family has. */
export const membersOf = (family: Family): ReadonlyArray<string> =>
  Array.from(family).filter((entry) => isMember(...entry)).map(([key]) => key)

/** Who has come and gone between two moments. */
export const movedBetween = (before: ReadonlyArray<string>, now: ReadonlyArray<string>) => {
  const [old, present] = [new Set(before), new Set(now)]
  return { joined: now.filter((member) => !old.has(member)), left: before.filter((member) => !present.has(member)) }
}
