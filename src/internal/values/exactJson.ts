/**
 * JSON whose integers keep all their digits, as Perl's do: those that a number cannot hold are bigints here. Among our own kind a
 * number stays a number, too, however large, and -0 keeps its sign.
 *
 * @internal
 */
import type { PeerKind } from "./plainData.ts"

/** ECMAScript 2026, which the types of TypeScript do not have yet. */
const withSource = JSON as unknown as {
  readonly rawJSON: (text: string) => object
  readonly parse: (
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown
  ) => unknown
}

/** Throws as `JSON.stringify` does, but not for a bigint. `undefined` for what is no JSON. */
export const stringify = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    // To ask of each value would cost more than to do it again for the few that hold one.
  }
  return JSON.stringify(value, function(this: Readonly<Record<string, unknown>>, key) {
    // As it stands there: programs like to give bigints a `toJSON`.
    const inner = this[key]
    return typeof inner === "bigint" ? withSource.rawJSON(String(inner)) : inner
  })
}

/** A finite number for our own kind: with an exponent it is no bigint. */
export const exactNumber = (value: number): string => {
  if (Object.is(value, -0)) return "-0"
  // From 1e21 on all of them are shown with an exponent.
  return Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21 ? `${value}e0` : String(value)
}

/** To ask of each value takes ten times as long: in texts of more characters than these it is not done. */
const longest = 256 * 1024

/** Where a long integer may stand, and nearly no fraction and no text. */
const longInteger = /(?:^|[[,:])\s*-?\d{16}/

/** The same where none is a number: the first of them is 2^53. */
const bigint = /(?:^|[[,:])\s*-?(?:9\d{15}|\d{17})/

/** Throws as `JSON.parse` does. In a long text of Perl's, long integers are the nearest numbers. */
export const parse = (text: string, writer: PeerKind = "perl"): unknown => {
  const isLong = text.length > longest
  if (writer === "own" ? !bigint.test(text) : isLong || !longInteger.test(text)) return JSON.parse(text)
  return isLong
    ? unmarked(JSON.parse(marked(text)))
    : withSource.parse(text, (_, value, { source }) => exact(value, source, writer))
}

/** The integer of 64 bits that stands there, if a number is another one. */
const exact = (value: unknown, source: string | undefined, writer: PeerKind): unknown => {
  if (typeof value !== "number" || source === undefined || !/^-?\d{16,20}$/.test(source)) return value
  // What a number shows as it stays, and shows as again. Our own kind writes those with an exponent.
  if (writer === "own" ? Number.isSafeInteger(value) : String(value) === source) return value
  const integer = BigInt(source)
  return integer >= -(2n ** 63n) && integer < 2n ** 64n ? integer : value
}

/** Half a surrogate pair, which no text of our own kind holds. */
const mark = "\ud800"

/** Makes marked texts of long integers. */
const marked = (text: string): string =>
  outsideStrings(
    text,
    (piece) =>
      piece.length < 16
        ? piece
        : piece.replaceAll(/(?<![\w.+-])-?\d{16,20}(?![\w.+-]|\s*:)/g, (digits) => `"\\ud800${digits}"`)
  )

/** Makes integers of marked texts, in place. */
const unmarked = (value: unknown): unknown => {
  if (typeof value === "string") {
    const source = value.startsWith(mark) ? value.slice(1) : undefined
    return source !== undefined && /^-?\d{16,20}$/.test(source) ? exact(Number(source), source, "own") : value
  }
  if (typeof value !== "object" || value === null) return value
  for (const [key, inner] of Object.entries(value)) {
    const now = unmarked(inner)
    // Assigned, the key __proto__ would be something else.
    if (now !== inner) Object.defineProperty(value, key, { value: now })
  }
  return value
}

/** Changes what stands between the strings of a JSON text. */
export const outsideStrings = (text: string, change: (piece: string) => string): string => {
  const pieces: Array<string> = []
  let at = 0
  for (let from = text.indexOf("\""); from >= 0; from = text.indexOf("\"", at)) {
    pieces.push(change(text.slice(at, from)))
    at = endOfString(text, from)
    pieces.push(text.slice(from, at))
  }
  return pieces.join("") + change(text.slice(at))
}

const endOfString = (text: string, from: number): number => {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++
    else if (text[i] === "\"") return i + 1
  }
  return text.length
}
