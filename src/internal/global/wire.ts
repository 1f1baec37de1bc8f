/**
 * The database on the wire: how what a peer sent is read, with care, and how what a node sends is cut into messages.
 *
 * @internal
 */
import { readName } from "../values/portId.ts"
import { sizeOf, sizeOfEntry } from "./entry.ts"
import type { Change, Family, Stamp, Table } from "./shards.ts"

/**
 * Requests among global nodes of our own kind, in the place of `g_set` and `g_upd`: they keep the origin of every entry.
 *
 * - `emp_set [[ORIGIN, STAMP, DB]...]`: all that these nodes have given the sender
 * - `emp_upd ORIGIN STAMP FAMILY SET DEL`: one of them changes something
 * - `emp_gone ORIGIN`: one of them is no slave of the sender any more
 */
export const ownGlobal = { set: "emp_set", update: "emp_upd", gone: "emp_gone" } as const

export const readFamily = (value: unknown): Map<string, unknown> | undefined => {
  if (value === null || value === undefined) return new Map()
  if (typeof value !== "object" || Array.isArray(value)) return undefined
  return new Map(Object.entries(value))
}

export const readTable = (value: unknown): Table | undefined => {
  const families = readFamily(value)
  const table = new Map<string, Family>()
  for (const [name, entries] of families ?? []) {
    const family = readFamily(entries)
    if (family === undefined) return undefined
    table.set(name, family)
  }
  return families && table
}

export const readStamp = (value: unknown): Stamp | undefined => {
  const [startedAt, term] = Array.isArray(value) ? value as ReadonlyArray<unknown> : []
  return typeof startedAt === "number" && typeof term === "number" ? [startedAt, term] : undefined
}

export const readShards = (value: unknown) => {
  if (!Array.isArray(value)) return undefined
  const shards = new Array<{ readonly origin: string; readonly stamp: Stamp | undefined; readonly table: Table }>()
  for (const item of value as ReadonlyArray<unknown>) {
    const [origin, stamp, db] = Array.isArray(item) ? item as ReadonlyArray<unknown> : []
    const table = readTable(db)
    if (typeof origin !== "string" || table === undefined) return undefined
    shards.push({ origin, stamp: readStamp(stamp), table })
  }
  return shards
}

export const readKeys = (value: unknown): ReadonlyArray<string> | undefined => {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) return undefined
  // What is not defined has an empty name in Perl.
  const names = value.map((key) => readName(key ?? ""))
  return names.every((name) => name !== undefined) ? names : undefined
}

export const readChange = (set: unknown, deleted: unknown): Change | undefined => {
  const entries = readFamily(set)
  const keys = readKeys(deleted)
  return entries && keys && { set: entries, deleted: keys }
}

export const readAddresses = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((address) => typeof address === "string") : []

/** So many bytes of a database go in one message: the whole of a large one would keep others waiting. A single entry may be more. */
export const portion = 256 * 1024

/**
 * A table for the wire, in portions of at most so many bytes: its first portion with that portion's size, and the portions of
 * single families that must follow.
 */
export const divide = (table: Table, most: number) => {
  const first: Array<readonly [string, Record<string, unknown>]> = []
  const rest: Array<readonly [string, Record<string, unknown>]> = []
  let size = 0
  let firstSize: number | undefined
  for (const [family, entries] of table) {
    let part: Array<readonly [string, unknown]> = []
    const familySize = sizeOf(family)
    if (entries.size > 0) size += familySize
    const close = (): void => {
      if (part.length > 0) (firstSize === undefined ? first : rest).push([family, Object.fromEntries(part)])
      part = []
    }
    for (const entry of entries) {
      const more = sizeOfEntry(...entry)
      const isAlone = part.length === 0 && (firstSize !== undefined || first.length === 0)
      if (!isAlone && size + more > most) {
        close()
        firstSize ??= size
        size = familySize
      }
      part.push(entry)
      size += more
    }
    close()
    if (firstSize !== undefined) size = 0
  }
  return { size: firstSize ?? size, first: Object.fromEntries(first), rest }
}

/** Keys for the wire, in portions of at most so many bytes. One that takes more was never told to anybody. */
export const divideKeys = (keys: ReadonlyArray<string>, most: number): ReadonlyArray<ReadonlyArray<string>> => {
  const portions = new Array<Array<string>>()
  let last: Array<string> | undefined
  let size = 0
  for (const key of keys) {
    const more = sizeOf(key)
    if (more > most) continue
    if (last === undefined || size + more > most) {
      last = []
      portions.push(last)
      size = 0
    }
    last.push(key)
    size += more
  }
  return portions
}
