/**
 * A family whose values must fit a schema: what other nodes have put there and does not fit is sorted out, with what is wrong with it
 * (pure).
 *
 * @internal
 */
import { type AnySchema, checkArguments } from "../port/protocol.ts"
import type { FamilyChange } from "./familyCopy.ts"
import type { Family } from "./shards.ts"

/** An entry that does not fit, and why. */
export interface Misfit {
  readonly key: string
  readonly problem: string
}

/** Answers what is wrong with a value, if anything is. */
export const checker = (schema: AnySchema): (value: unknown) => string | undefined => {
  const check = checkArguments([schema])
  return (value) => check([value])
}

type Check = ReturnType<typeof checker>

/** The entries that fit, and those that do not. */
export const sift = (
  entries: Family,
  check: Check
): { readonly fit: Family; readonly misfits: ReadonlyArray<Misfit> } => {
  const fit = new Map<string, unknown>()
  const misfits: Array<Misfit> = []
  for (const [key, value] of entries) {
    const problem = check(value)
    if (problem === undefined) fit.set(key, value)
    else misfits.push({ key, problem })
  }
  return { fit, misfits }
}

/** A change as it looks without the misfits. `before` are the entries that fitted until now. */
export const siftChange = (
  before: Family,
  change: FamilyChange,
  check: Check
): { readonly change: FamilyChange; readonly misfits: ReadonlyArray<Misfit> } => {
  const touched = new Set([...change.added, ...change.changed])
  const set = new Map(Array.from(change.entries).filter(([key]) => touched.has(key)))
  const { fit, misfits } = sift(set, check)
  const entries = new Map(Array.from(before).filter(([key]) => change.entries.has(key) && !touched.has(key)))
  for (const [key, value] of fit) entries.set(key, value)
  const added = Array.from(fit.keys()).filter((key) => !before.has(key))
  const changed = Array.from(fit.keys()).filter((key) => before.has(key))
  const deleted = Array.from(before.keys()).filter((key) => !entries.has(key))
  return { change: { entries, added, changed, deleted }, misfits }
}
