/**
 * Turns CBOR into plain data: as our own kind sends it, and as Perl may. It reads what `CborScanner` has let pass, and
 * checks nothing again. Follows RFC 8949; protocol section 7.
 *
 * @internal
 */
import { isSafe, type PeerKind } from "../../values/plainData.ts"
import { bignum, indefinite, isAscii, major } from "./cborScanner.ts"
import type { Packet } from "./framing.ts"

/** Strings shorter than this are cut out of a text of many: V8 would cut longer ones without copying, and keep that text. */
const shortString = 13
const windowSize = 1024
/** The same keys come again and again. Those of more characters have a longer header. */
const longestKnownKey = 23
const knownKeys = 256

const nothing = Buffer.alloc(0)

export class CborDecoder {
  private readonly kind: PeerKind
  private bytes: Buffer = nothing
  private at = 0
  /** Some of the bytes as text, one character for each. */
  private window = ""
  private windowStart = 0
  private windowEnd = 0
  /** Keys that came lately, all of them ASCII, by a hash. */
  private readonly keys: Array<string> = Array.from({ length: knownKeys }, () => "")

  constructor(kind: PeerKind) {
    this.kind = kind
  }

  /** Decodes packets that are known to be whole, and nothing but arrays. */
  decode(bytes: Uint8Array): ReadonlyArray<Packet> {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = this.windowEnd = 0
    const packets: Array<Packet> = []
    while (this.at < bytes.length) packets.push(this.item() as Packet)
    this.bytes = nothing
    this.window = ""
    return packets
  }

  private item(): unknown {
    const first = this.bytes[this.at++]!
    const info = first & 0x1f
    switch (first >> 5) {
      case major.positive:
        return info < 24 ? info : this.positive(info)
      case major.negative:
        return info < 24 ? -1 - info : this.negative(info)
      case major.bytes:
        return this.kind === "perl" ? this.text(major.bytes, info) : this.byteString(info)
      case major.text:
        return this.text(major.text, info)
      case major.array:
        return this.array(info)
      case major.map:
        return this.map(info)
      case major.tag:
        return this.tagged(info)
      default:
        return this.simple(info)
    }
  }

  /** What follows a header: a number, or a length. Of 64 bits it may be rounded. */
  private argument(info: number): number {
    if (info < 24) return info
    const { at, bytes } = this
    switch (info) {
      case 24:
        this.at = at + 1
        return bytes[at]!
      case 25:
        this.at = at + 2
        return bytes[at]! << 8 | bytes[at + 1]!
      case 26:
        this.at = at + 4
        return bytes.readUInt32BE(at)
      default:
        this.at = at + 8
        return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
    }
  }

  private positive(info: number): number | bigint {
    const value = this.argument(info)
    return Number.isSafeInteger(value) ? value : this.bytes.readBigUInt64BE(this.at - 8)
  }

  private negative(info: number): number | bigint {
    const value = -1 - this.argument(info)
    return Number.isSafeInteger(value) ? value : -1n - this.bytes.readBigUInt64BE(this.at - 8)
  }

  /** A copy, not to pin the chunk. */
  private byteString(info: number): Uint8Array {
    if (info === indefinite) return new Uint8Array(this.joined())
    const length = this.argument(info)
    this.at += length
    return new Uint8Array(this.bytes.subarray(this.at - length, this.at))
  }

  /** A text string; or a byte string, whose octets are the characters U+0000 to U+00FF. */
  private text(type: number, info: number): string {
    if (info === indefinite) return this.joined().toString(type === major.text ? "utf8" : "latin1")
    const length = this.argument(info)
    const { at, bytes } = this
    const end = this.at = at + length
    if (length < shortString && (type === major.bytes || isAscii(bytes, at, end))) return this.short(at, end)
    return bytes.toString(type === major.text ? "utf8" : "latin1", at, end)
  }

  private short(at: number, end: number): string {
    if (end > this.windowEnd) {
      this.windowStart = at
      this.windowEnd = Math.min(at + windowSize, this.bytes.length)
      this.window = this.bytes.toString("latin1", at, this.windowEnd)
    }
    return this.window.slice(at - this.windowStart, end - this.windowStart)
  }

  /** What stands in the chunks of a string of indefinite length. */
  private joined(): Buffer {
    const { at, bytes } = this
    let length = 0
    for (let chunk = this.chunk(); chunk >= 0; chunk = this.chunk()) length += chunk
    const joined = Buffer.allocUnsafe(length)
    this.at = at
    let to = 0
    for (let chunk = this.chunk(); chunk >= 0; chunk = this.chunk()) {
      to += bytes.copy(joined, to, this.at - chunk, this.at)
    }
    return joined
  }

  /** Passes over a chunk, and answers its length; or over the break, and answers -1. */
  private chunk(): number {
    const first = this.bytes[this.at++]!
    if (first === 0xff) return -1
    const length = this.argument(first & 0x1f)
    this.at += length
    return length
  }

  private array(info: number): Array<unknown> {
    if (info === indefinite) {
      const items: Array<unknown> = []
      while (!this.isBreak()) items.push(this.item())
      return items
    }
    const length = this.argument(info)
    const items = Array<unknown>(length)
    for (let i = 0; i < length; i++) items[i] = this.item()
    return items
  }

  private map(info: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    if (info === indefinite) { while (!this.isBreak()) this.entry(object) }
    else for (let left = this.argument(info); left > 0; left--) this.entry(object)
    return object
  }

  private isBreak(): boolean {
    if (this.bytes[this.at] !== 0xff) return false
    this.at++
    return true
  }

  private entry(object: Record<string, unknown>): void {
    const key = this.key()
    const value = this.item()
    // Assigned, it would be the prototype.
    if (key === "__proto__") Object.defineProperty(object, key, { value, ...plainProperty })
    else object[key] = value
  }

  private key(): string {
    const { at, bytes } = this
    const type = bytes[at]! >> 5
    const length = bytes[at]! & 0x1f
    if (type !== major.bytes && type !== major.text || length === 0 || length > longestKnownKey) return this.otherKey()
    this.at = at + 1
    const end = at + 1 + length
    const slot = (bytes[at + 1]! * 33 ^ bytes[at + 1 + (length >> 1)]! * 61 ^ bytes[end - 1]! * 7 ^ length) % knownKeys
    const known = this.keys[slot]!
    if (known.length === length && stands(known, bytes, at + 1)) {
      this.at = end
      return known
    }
    const key = this.text(type, length)
    if (isAscii(bytes, at + 1, end)) this.keys[slot] = key
    return key
  }

  /** Byte strings are text here, whatever they are elsewhere; numbers and the like are written out. */
  private otherKey(): string {
    const key = this.item()
    return key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key)
  }

  /** Drops all tags but those of a bignum: a bigint for our own kind, and for Perl a number where it is one. */
  private tagged(info: number): unknown {
    let tag = this.argument(info)
    while (this.bytes[this.at]! >> 5 === major.tag) tag = this.argument(this.bytes[this.at++]! & 0x1f)
    if (tag !== bignum.positive && tag !== bignum.negative) return this.item()
    const length = this.argument(this.bytes[this.at++]! & 0x1f)
    this.at += length
    const octets = BigInt(`0x0${this.bytes.toString("hex", this.at - length, this.at)}`)
    const value = tag === bignum.positive ? octets : -1n - octets
    return this.kind === "perl" && isSafe(value) ? Number(value) : value
  }

  private simple(info: number): boolean | null | undefined | number {
    switch (info) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 23:
        return undefined
      case 25:
        return halfFloat(this.argument(info))
      case 26:
        this.at += 4
        return this.bytes.readFloatBE(this.at - 4)
      default:
        this.at += 8
        return this.bytes.readDoubleBE(this.at - 8)
    }
  }
}

const plainProperty = { enumerable: true, writable: true, configurable: true }

/** RFC 8949, appendix D. */
const halfFloat = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = bits >> 10 & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent < 31) return sign * (mantissa + 1024) * 2 ** (exponent - 25)
  return mantissa === 0 ? sign * Infinity : NaN
}

/** Whether a text of ASCII stands at `at`. */
const stands = (text: string, bytes: Uint8Array, at: number): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
