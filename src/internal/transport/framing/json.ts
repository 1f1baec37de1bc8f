/**
 * The `json` framing: JSON texts, UTF-8, one after the other.
 *
 * @internal
 */
import { isUtf8 } from "node:buffer"
import { outsideStrings, parse as parseJson, stringify } from "../../values/exactJson.ts"
import { culprit, maxDepth, type Message, type PeerKind } from "../../values/plainData.ts"
import type { Wire } from "../wire.ts"
import { type Framing, FramingError, limitsOf, Partial, tooManyBytes, tooManyItems } from "./framing.ts"
import { refused, SendBuffer } from "./sendBuffer.ts"

const carries: Framing["carries"] = { own: "json", perl: "perlJson" }

class JsonWriter extends SendBuffer {
  private readonly kind: PeerKind

  constructor(kind: PeerKind, wire: Pick<Wire, "write">) {
    super(wire)
    this.kind = kind
  }

  protected override packet(name: string, message: Message): void {
    if (culprit(message, carries[this.kind]) !== undefined) throw refused
    const text = stringify([name, ...message], this.kind)
    if (text === undefined) throw refused
    // No character of UTF-16 takes more than three bytes.
    this.reserve(3 * text.length)
    this.at += this.bytes.write(text, this.at, "utf8")
  }
}

const quote = 0x22
const backslash = 0x5c
const open = (byte: number): boolean => byte === 0x5b || byte === 0x7b // [ {
const close = (byte: number): boolean => byte === 0x5d || byte === 0x7d // ] }
const space = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
/** What stands between two items: , : */
const between = (byte: number): boolean => byte === 0x2c || byte === 0x3a

const makeDecoder: Framing["makeDecoder"] = (options, deliver) => {
  const limits = limitsOf(options.maxMessageSize)
  const partial = new Partial()
  let depth = 0
  let items = 0
  let inString = false
  let escaped = false

  /** The index behind the array that began before or at `from`, or -1 if it does not end in this chunk. */
  const endOfArray = (chunk: Uint8Array, from: number): number => {
    const end = Math.min(chunk.length, from + limits.bytes - partial.length)
    for (let i = from; i < end; i++) {
      const byte = chunk[i]!
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) inString = false
      } else if (byte === quote) inString = true
      else if (open(byte)) {
        items++
        if (++depth > maxDepth) throw new FramingError("bad_packet", `nested deeper than ${maxDepth} levels`)
      } else if (close(byte)) {
        if (--depth === 0) return i + 1
      } else if (between(byte) && ++items > limits.items) throw tooManyItems(limits)
    }
    if (end < chunk.length) throw tooManyBytes(limits)
    return -1
  }

  return (chunk) => {
    let start = 0
    for (let i = 0; i < chunk.length;) {
      if (depth === 0) {
        if (space(chunk[i]!)) {
          i++
          continue
        }
        if (chunk[i] !== 0x5b) throw new FramingError("bad_packet", "JSON that is not an array")
        start = i
        items = 0
      }
      const end = endOfArray(chunk, i)
      if (end < 0) {
        partial.keep(chunk.subarray(start))
        break
      }
      const packet = parse(partial.take(chunk.subarray(start, end)), options.kind)
      start = i = end
      if (packet.length > 0 && !deliver(packet[0], packet.slice(1))) return
    }
  }
}

const parse = (bytes: Uint8Array, kind: PeerKind): Message => {
  if (!isUtf8(bytes)) throw new FramingError("bad_packet", "JSON that is not UTF-8")
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")
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
  carries,
  makeBuffer: (kind, wire) => new JsonWriter(kind, wire),
  makeDecoder,
  emptyPacket: Buffer.from("[]")
}
