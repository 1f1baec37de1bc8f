/**
 * The database on the wire: JSON-like data of a peer, read with care, and what a node sends of its own.
 *
 * @internal
 */
import { stringify } from "../values/exactJson.ts"
import { readName } from "../values/portId.ts"
import type { Change, Family, Stamp, Table } from "./shards.ts"

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

/**
 * So much of a database goes in one message, roughly in bytes: a larger database must not be a larger message than others take.
 * An entry alone may be more.
 */
export const portion = 256 * 1024

const sizeOf = (key: string, value: unknown): number => {
  const size = typeof value === "string" ? value.length : typeof value === "object" ? stringify(value)?.length : 8
  return key.length + (size ?? 0) + 4
}

/** A table for the wire: a first portion of it and its size, and what has to follow, by family. */
export const divide = (table: Table) => {
  const first: Array<readonly [string, Record<string, unknown>]> = []
  const rest: Array<readonly [string, Record<string, unknown>]> = []
  let size = 0
  let firstSize: number | undefined
  for (const [family, entries] of table) {
    let part: Array<readonly [string, unknown]> = []
    const close = (): void => {
      if (part.length > 0) (firstSize === undefined ? first : rest).push([family, Object.fromEntries(part)])
      part = []
    }
    for (const entry of entries) {
      const more = sizeOf(...entry)
      if (size > 0 && size + more > portion) {
        close()
        firstSize ??= size
        size = 0
      }
      part.push(entry)
      size += more
    }
    close()
    if (firstSize !== undefined) size = 0
  }
  return { size: firstSize ?? size, first: Object.fromEntries(first), rest }
}

export const toWire = (change: Change): readonly [Record<string, unknown>, ReadonlyArray<string>] => [
  Object.fromEntries(change.set),
  change.deleted
]
