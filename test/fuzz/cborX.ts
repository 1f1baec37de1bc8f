/**
 * What `cbor-x` makes of CBOR, for what it can be asked: a second opinion on our own decoder. It is asked without its native
 * code, which takes text behind a length of 64 bits for the end of the input.
 */
import { Decoder } from "cbor-x/decode-no-eval"
import type { PeerKind } from "../../src/internal/values/plainData.ts"

const decoder = new Decoder({ useRecords: false, mapsAsObjects: false })

/** The packets that the bytes are; `undefined` if they hold something that `cbor-x` takes for something else. */
export const secondOpinion = (
  bytes: Uint8Array,
  kind: PeerKind
): ReadonlyArray<unknown> | undefined => {
  if (bytes.length === 0 || !isOrdinary(bytes)) return undefined
  const packets = (decoder.decodeMultiple(bytes) as ReadonlyArray<unknown>).map((packet) => plain(packet, kind))
  return packets.some(hasTwin) ? undefined : packets
}

/** `cbor-x` does not tell a bignum from an integer of 64 bits: packets as they look to who does not. */
export const withoutBignums = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (Array.isArray(value)) return value.map(withoutBignums)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutBignums(inner)]))
}

/**
 * No tags but those of bignums, no strings of indefinite length, and no long text with a byte order
 * mark, which `cbor-x` drops.
 */
const isOrdinary = (bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length;) {
    const major = bytes[at]! >> 5
    const info = bytes[at++]! & 0x1f
    let argument = info
    if (info >= 24 && info < 28) {
      const size = 1 << info - 24
      argument = Number(`0x${Buffer.from(bytes.subarray(at, at + size)).toString("hex")}`)
      at += size
    }
    if (major === 2 || major === 3) {
      if (info === 31 || argument > 64 && bytes[at] === 0xef) return false
      at += argument
    } else if (major === 6 && argument !== 2 && argument !== 3) return false
  }
  return true
}

/** Two keys that differ for `cbor-x`, and have the same text: which of them is the last one is lost. */
const twin = Symbol("twin")

const hasTwin = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(hasTwin) : isObject(value) && (twin in value || Object.values(value).some(hasTwin))

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !(value instanceof Uint8Array)

const plain = (value: unknown, kind: PeerKind): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (Array.isArray(value)) return value.map((item) => plain(item, kind))
  if (value instanceof Uint8Array) return kind === "perl" ? latin1(value) : Uint8Array.from(value)
  if (!(value instanceof Map)) return value
  const entries = Array.from(value, ([key, inner]): [string, unknown] => [
    key instanceof Uint8Array ? latin1(key) : String(key),
    plain(inner, kind)
  ])
  const object: object = Object.fromEntries(entries)
  return Object.keys(object).length < entries.length ? Object.assign(object, { [twin]: true }) : object
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")
