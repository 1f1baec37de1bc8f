/**
 * The `json` framing: JSON texts, UTF-8, one after the other.
 *
 * @internal
 */
import { isAscii, isUtf8, latin1Bytes, latin1Text, utf8Text } from "#platform"
import { outsideStrings, parse as parseJson } from "../../values/exactJson.ts"
import { maxDepth, type Message, type PeerKind } from "../../values/plainData.ts"
import { type Framing, FramingError, type Limits, limitsOf, Partial, tooManyBytes, tooManyItems } from "./framing.ts"
import { JsonWriter } from "./jsonWriter.ts"

/** What a byte of JSON means for where a packet ends. All others mean nothing. */
const sign = { quote: 1, open: 2, close: 3, between: 4, number: 5 } as const

const signs = new Uint8Array(256)
for (
  const [bytes, meaning] of [
    ["\"", sign.quote],
    ["[{", sign.open],
    ["]}", sign.close],
    [",:", sign.between],
    ["-0123456789", sign.number]
  ] as const
) for (const byte of latin1Bytes(bytes)) signs[byte] = meaning

const backslash = 0x5c
const quote = 0x22
const space = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
const digit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
/** What a number goes on with: digits, and . e E + - */
const ofNumber = (byte: number): boolean =>
  digit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === 0x2d

/** Integers of so many digits may be bigints: `exactJson.ts` looks at them. */
const longInteger = 16

/** Finds where packets end, in chunks of any size: every byte is looked at once. */
class JsonScanner {
  private readonly limits: Limits
  private depth = 0
  private items = 0
  private inString = false
  private escaped = false
  /** The packet holds a long integer, or a number that a chunk has cut. */
  needsCare = false

  constructor(limits: Limits) {
    this.limits = limits
  }

  get isOutside(): boolean {
    return this.depth === 0
  }

  begin(): void {
    this.items = 0
    this.needsCare = false
  }

  /** The index behind the packet, of which so many bytes have come before the chunk, or -1 if it does not end in this one. */
  end(chunk: Uint8Array, from: number, before: number): number {
    const { limits } = this
    const end = Math.min(chunk.length, from + limits.bytes - before)
    let { depth, items } = this
    let i = this.inString ? this.endOfString(chunk, from, end) : from
    while (i < end) {
      switch (signs[chunk[i++]!]) {
        case sign.quote:
          i = this.endOfString(chunk, i, end)
          break
        case sign.open:
          items++
          if (++depth > maxDepth) throw new FramingError("bad_packet", `nested deeper than ${maxDepth} levels`)
          break
        case sign.close:
          if (--depth > 0) break
          this.depth = 0
          return i
        case sign.between:
          if (++items > limits.items) throw tooManyItems(limits)
          break
        case sign.number: {
          const first = i
          while (i < end && digit(chunk[i]!)) i++
          // The first of them may have been a minus sign.
          if (i === end || i - first >= longInteger - 1) this.needsCare = true
          while (i < end && ofNumber(chunk[i]!)) i++
        }
      }
    }
    if (end < chunk.length) throw tooManyBytes(limits)
    this.depth = depth
    this.items = items
    return -1
  }

  private endOfString(chunk: Uint8Array, from: number, end: number): number {
    let i = from
    if (this.escaped && i < end) {
      this.escaped = false
      i++
    }
    while (i < end) {
      const byte = chunk[i++]
      if (byte === backslash) {
        if (i === end) this.escaped = true
        i++
      } else if (byte === quote) {
        this.inString = false
        return i
      }
    }
    this.inString = true
    return end
  }
}

const makeDecoder: Framing["makeDecoder"] = (options, deliver) => {
  const scanner = new JsonScanner(limitsOf(options.maxMessageSize))
  const partial = new Partial()
  const { damaged = () => {} } = options
  return (chunk) => {
    const texts = new Texts(chunk, damaged)
    let start = 0
    for (let i = 0; i < chunk.length;) {
      if (scanner.isOutside) {
        if (space(chunk[i]!)) {
          i++
          continue
        }
        if (chunk[i] !== 0x5b) throw new FramingError("bad_packet", "JSON that is not an array")
        start = i
        scanner.begin()
      }
      const end = scanner.end(chunk, i, partial.length)
      if (end < 0) {
        partial.keep(chunk.subarray(start))
        break
      }
      const text = partial.length === 0
        ? texts.between(start, end)
        : textOf(partial.take(chunk.subarray(start, end)), damaged)
      const packet = (scanner.needsCare ? undefined : parsePlain(text)) ?? parse(text, options.kind)
      start = i = end
      if (packet.length > 0 && !deliver(packet[0], packet.slice(1))) return
    }
  }
}

/** So many bytes are made text at once, where packets are smaller. */
const windowSize = 4096

/** The texts of packets in a chunk: of ASCII, where a byte is a character, they are cut out of one of many. */
class Texts {
  private readonly chunk: Uint8Array
  private readonly damaged: () => void
  private text: string | undefined = undefined
  private start = 0
  private end = 0

  constructor(chunk: Uint8Array, damaged: () => void) {
    this.chunk = chunk
    this.damaged = damaged
  }

  between(start: number, end: number): string {
    if (end > this.end) {
      this.start = start
      this.end = Math.max(end, Math.min(start + windowSize, this.chunk.length))
      const bytes = this.chunk.subarray(this.start, this.end)
      this.text = isAscii(bytes) ? latin1Text(bytes, 0, bytes.length) : undefined
    }
    return this.text?.slice(start - this.start, end - this.start) ??
      textOf(this.chunk.subarray(start, end), this.damaged)
  }
}

/** What is no UTF-8 costs its place, and no more. */
const textOf = (bytes: Uint8Array, damaged: () => void): string => {
  if (!isUtf8(bytes)) damaged()
  return utf8Text(bytes, 0, bytes.length)
}

/** Parses what has no number that needs care. What does not parse so may be Perl's. */
const parsePlain = (text: string): Message | undefined => {
  try {
    return JSON.parse(text) as Message
  } catch {
    return undefined
  }
}

const parse = (text: string, kind: PeerKind): Message => {
  try {
    return parseJson(text, kind) as Message
  } catch (cause) {
    const packet = parsePerl(text)
    if (packet !== undefined) return packet
    throw new FramingError("bad_packet", cause instanceof Error ? cause.message : String(cause))
  }
}

/** Numbers that JSON cannot say, as Perl says them. Whether in capitals depends on its version. */
const perlNumbers: ReadonlyMap<string, string> = new Map([
  ["inf", "1e999"],
  ["infinity", "1e999"],
  ["-inf", "-1e999"],
  ["-infinity", "-1e999"],
  // All other -0 lose their sign, so that this one can be told.
  ["nan", "-0"],
  ["-nan", "-0"]
])

/** Parses what is valid but for Perl's numbers. */
const parsePerl = (text: string): Message | undefined => {
  if (!/inf|nan/i.test(text)) return undefined
  const rewritten = outsideStrings(
    text,
    (piece) =>
      piece.replaceAll(
        /[\w.+-]+/g,
        (token) => perlNumbers.get(token.toLowerCase()) ?? (Object.is(Number(token), -0) ? token.slice(1) : token)
      )
  )
  try {
    return JSON.parse(rewritten, (_, value: unknown) => Object.is(value, -0) ? NaN : value) as Message
  } catch {
    return undefined
  }
}

export const json: Framing = {
  carries: { own: "json", perl: "perlJson" },
  makeBuffer: (kind, wire) => new JsonWriter(kind, wire),
  makeDecoder,
  emptyPacket: latin1Bytes("[]")
}
