/**
 * Short texts that came lately, on any link: names of ports, tags, keys and much else come again and again, and to look one up takes a
 * third of the time of making it.
 *
 * @internal
 */
import { latin1Text } from "#platform"

/** Texts of more bytes have a longer header in CBOR. */
export const longestKnown = 23
/** 2^11. Each holds one text: of those that fall on one place, the last one stays. */
const places = 2048

const known: Array<string> = Array.from({ length: places }, () => "")

/** The text of ASCII that stands there, behind its header; `undefined` if it is another one. Not for empty ones. */
export const knownText = (bytes: Uint8Array, from: number, to: number): string | undefined => {
  // Where texts of one kind differ: at both ends, in the middle, and in their numbers.
  const ends = bytes[from]! | bytes[to - 1]! << 7
  const middle = bytes[from + to >> 1]! << 3 ^ bytes[to - 2]! << 10 ^ bytes[to - 3]! << 14
  const hash = Math.imul(ends ^ middle ^ to - from << 20, 0x9e3779b1)
  const place = hash >>> 21
  const text = known[place]!
  if (text.length === to - from && stands(text, bytes, from)) return text
  for (let i = from; i < to; i++) if (bytes[i]! > 0x7f) return undefined
  return known[place] = latin1Text(bytes, from, to)
}

const stands = (text: string, bytes: Uint8Array, at: number): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
