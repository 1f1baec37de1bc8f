/**
 * How much an entry of the database may be, and how much it takes on its way (pure).
 *
 * @internal
 */
import { utf8Length } from "#platform"
import { type Carries, culprit } from "../values/plainData.ts"

/** So many bytes an entry may have: its family, its key and its value, as they travel in the framing that takes more. */
export const largestEntry = 1024 * 1024

/** What stands around entries in a message: the request, node IDs, a stamp. */
export const envelope = 1024

/** So many bytes text takes at most: JSON may need more for its characters, CBOR for what stands before them. */
const sizeOfText = (text: string): number => utf8Length(JSON.stringify(text)) + 4

/** How many bytes a value takes at most on its way, in any framing. */
export const sizeOf = (value: unknown): number => {
  switch (typeof value) {
    case "string":
      return sizeOfText(value)
    case "number":
    case "bigint":
      return Number.isInteger(value) && Math.abs(Number(value)) < 1e9 ? 11 : 26
    case "object":
      return sizeOfObject(value)
    default:
      return 6
  }
}

const sizeOfObject = (value: object | null): number => {
  if (value === null) return 6
  if (value instanceof Uint8Array) return value.length + 9
  let size = 9
  if (Array.isArray(value)) { for (const inner of value) size += sizeOf(inner) }
  else for (const [key, inner] of Object.entries(value)) size += sizeOfText(key) + sizeOf(inner)
  return size
}

/** How many bytes an entry takes at most among others of its family. */
export const sizeOfEntry = (key: string, value: unknown): number => sizeOfText(key) + sizeOf(value)

/**
 * What of an entry cannot travel, as deep inside of a message as entries get: that is between global nodes, where families stand
 * in what one of several nodes has set.
 */
export const culpritOfEntry = (key: string, value: unknown, carries: Carries) =>
  culprit([[[{ "": { [key]: value } }]]], carries)

/** What is wrong with an entry, of which so many bytes may travel; `undefined` if nothing is. */
export const wrongEntry = (family: string, key: string, value: unknown, most: number): string | undefined => {
  if (!key.isWellFormed()) return `the key ${JSON.stringify(key)} holds a lone surrogate`
  const found = culprit(value, "json")
  if (found !== undefined) return `value${found.path} of ${key} is ${found.what}`
  const deep = culpritOfEntry(key, value, "json")
  if (deep !== undefined) return `the value of ${key} is ${deep.what}, with what it travels in`
  const size = sizeOfText(family) + sizeOfEntry(key, value)
  return size <= most
    ? undefined
    : `the entry ${shown(key)} takes up to ${size} bytes on its way, and no more than ${most} are taken`
}

const shown = (key: string): string => JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key)
