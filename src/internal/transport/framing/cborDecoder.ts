/**
 * Turns CBOR into plain data, in one pass from what came to who takes it. It reads what is usual and whole, and leaves all else to
 * `CborScanner`: what that has let pass it reads whatever it is, as our own kind sends it, and as Perl may. Follows RFC 8949;
 * protocol section 7.
 *
 * @internal
 */
import { isUtf8, latin1Text, utf8Text } from "#platform"
import { isSafe, maxDepth, type PeerKind } from "../../values/plainData.ts"
import { bignum, indefinite, major } from "./cborScanner.ts"
import type { Deliver, Limits } from "./framing.ts"
import { knownText, longestKnown } from "./knownTexts.ts"
import { readBignum, readDouble, readFloat, readUint32, readUint64 } from "./numbers.ts"
import { longBytes, uninitialized } from "./receivedBytes.ts"

const nothing = new Uint8Array(0)

/** Thrown at what is not for one pass: the packet goes on behind the chunk, or holds something unusual or wrong. */
const left = new Error("this packet is left to the scanner")

export class CborDecoder {
  private readonly kind: PeerKind
  /** A packet of so many bytes is within all limits. */
  private readonly harmlessSize: number
  private readonly deliver: Deliver
  private readonly damaged: () => void
  private bytes: Uint8Array = nothing
  private at = 0
  /** Behind the last byte that may be read. */
  private end = 0
  /** Items that the containers of the packet say that they have, each of which takes a byte: so many at most. */
  private room = 0
  /** The scanner has let it pass. */
  private isVetted = false
  /** Byte strings that were gathered apart, in their order. */
  private apart: Array<Uint8Array> = []

  constructor(kind: PeerKind, limits: Limits, deliver: Deliver, damaged: () => void) {
    this.kind = kind
    this.harmlessSize = Math.min(limits.bytes, limits.items)
    this.deliver = deliver
    this.damaged = damaged
  }

  /**
   * Hands over packets from `at` on, as long as they are wanted. Answers where the first one begins that it leaves; the end of the chunk,
   * if none is left.
   */
  pass(bytes: Uint8Array, at: number): number {
    this.begin(bytes, at)
    try {
      while (at < bytes.length) {
        this.end = Math.min(bytes.length, at + this.harmlessSize)
        this.room = this.end - at
        const isWanted = this.packet()
        at = this.at
        if (!isWanted) return bytes.length
      }
    } catch (error) {
      if (error !== left) throw error
    } finally {
      this.bytes = nothing
    }
    return at
  }

  /** Hands over one packet that the scanner has let pass. Answers whether more is wanted. */
  vetted(bytes: Uint8Array, apart: Array<Uint8Array>): boolean {
    this.begin(bytes, 0)
    this.end = this.room = bytes.length
    this.isVetted = true
    this.apart = apart
    try {
      return this.packet()
    } finally {
      this.isVetted = false
      this.bytes = nothing
    }
  }

  private begin(bytes: Uint8Array, at: number): void {
    this.bytes = bytes
    this.at = at
  }

  private packet(): boolean {
    const first = this.next()
    if (first >> 5 !== major.array) return this.taggedPacket(first)
    const info = first & 0x1f
    if (info === indefinite) {
      const items = this.items(1)
      return items.length === 0 || this.deliver(items.shift(), items)
    }
    const length = this.length(info, 1)
    if (length === 0) return true
    const name = this.item(1)
    return this.deliver(name, this.message(length - 1))
  }

  /** Tags say nothing here. */
  private taggedPacket(first: number): boolean {
    if (!this.isVetted) throw left
    this.argument(first & 0x1f)
    return this.packet()
  }

  private next(): number {
    if (this.at >= this.end) throw left
    return this.bytes[this.at++]!
  }

  /** Spelled out for the shortest ones, which most are: such arrays are made faster. */
  private message(length: number): Array<unknown> {
    switch (length) {
      case 1:
        return [this.item(1)]
      case 2:
        return [this.item(1), this.item(1)]
      case 3:
        return [this.item(1), this.item(1), this.item(1)]
      case 4:
        return [this.item(1), this.item(1), this.item(1), this.item(1)]
      default:
        return this.itemsOf(length, 1)
    }
  }

  private item(depth: number): unknown {
    const first = this.next()
    const info = first & 0x1f
    switch (first >> 5) {
      case major.positive:
        return info < 24 ? info : this.positive(info)
      case major.negative:
        return info < 24 ? -1 - info : this.negative(info)
      case major.bytes:
        return this.kind === "perl" ? this.string(major.bytes, info) : this.byteString(info)
      case major.text:
        return this.string(major.text, info)
      case major.array:
        return this.array(info, depth)
      case major.map:
        return this.map(info, depth)
      case major.tag:
        return this.tagged(info, depth)
      default:
        return this.simple(info)
    }
  }

  /** What follows a header: a number, or a length. Of 64 bits it may be rounded. */
  private argument(info: number): number {
    if (info < 24) return info
    if (info > 27) throw left
    const { at, bytes } = this
    this.take(1 << info - 24)
    switch (info) {
      case 24:
        return bytes[at]!
      case 25:
        return bytes[at]! << 8 | bytes[at + 1]!
      case 26:
        return readUint32(bytes, at)
      default:
        return readUint32(bytes, at) * 2 ** 32 + readUint32(bytes, at + 4)
    }
  }

  /** Passes over so many bytes. Answers where they begin. */
  private take(length: number): number {
    const { at } = this
    if (length > this.end - at) throw left
    this.at = at + length
    return at
  }

  /** How many items a container has. Nothing is allocated for what cannot stand there. */
  private length(info: number, itemsEach: 1 | 2): number {
    const length = this.argument(info)
    this.room -= length * itemsEach
    if (this.room < 0) throw left
    return length
  }

  private positive(info: number): number | bigint {
    const value = this.argument(info)
    return Number.isSafeInteger(value) ? value : readUint64(this.bytes, this.at - 8)
  }

  private negative(info: number): number | bigint {
    const value = -1 - this.argument(info)
    return Number.isSafeInteger(value) ? value : -1n - readUint64(this.bytes, this.at - 8)
  }

  /** A copy, not to pin the chunk. */
  private byteString(info: number): Uint8Array {
    if (info === indefinite) return this.joined()
    const length = this.argument(info)
    if (this.isVetted && length >= longBytes) return this.apart.shift()!
    const at = this.take(length)
    const copy = uninitialized(length)
    copy.set(this.bytes.subarray(at, at + length))
    return copy
  }

  /** A text string; or a byte string, whose octets are the characters U+0000 to U+00FF. */
  private string(type: number, info: number): string {
    if (info === indefinite) {
      const joined = this.joined()
      const { length } = joined
      return type === major.text ? this.text(joined, 0, length) : latin1Text(joined, 0, length)
    }
    const length = this.argument(info)
    const at = this.take(length)
    const end = at + length
    const { bytes } = this
    if (length <= longestKnown) {
      const known = length === 0 ? "" : knownText(bytes, at, end)
      if (known !== undefined) return known
    }
    return type === major.bytes ? latin1Text(bytes, at, end) : this.text(bytes, at, end)
  }

  /** What is no UTF-8 costs its place in the text, and no more. */
  private text(bytes: Uint8Array, from: number, to: number): string {
    if (!isUtf8(bytes.subarray(from, to))) {
      // Told once, though the scanner may want the packet.
      if (!this.isVetted) throw left
      this.damaged()
    }
    return utf8Text(bytes, from, to)
  }

  /** What stands in the chunks of a string of indefinite length. */
  private joined(): Uint8Array {
    if (!this.isVetted) throw left
    const { at, bytes } = this
    let length = 0
    for (let chunk = this.chunk(); chunk >= 0; chunk = this.chunk()) length += chunk
    const joined = new Uint8Array(length)
    this.at = at
    let to = 0
    for (let chunk = this.chunk(); chunk >= 0; chunk = this.chunk()) {
      joined.set(bytes.subarray(this.at - chunk, this.at), to)
      to += chunk
    }
    return joined
  }

  /** Passes over a chunk, and answers its length; or over the break, and answers -1. */
  private chunk(): number {
    if (this.isBreak()) return -1
    const length = this.argument(this.next() & 0x1f)
    this.take(length)
    return length
  }

  private array(info: number, depth: number): Array<unknown> {
    if (depth >= maxDepth) throw left
    if (info === indefinite) return this.items(depth + 1)
    return this.itemsOf(this.length(info, 1), depth + 1)
  }

  private itemsOf(length: number, depth: number): Array<unknown> {
    const items = Array<unknown>(length)
    for (let i = 0; i < length; i++) items[i] = this.item(depth)
    return items
  }

  /** Those of an array of indefinite length. */
  private items(depth: number): Array<unknown> {
    if (!this.isVetted) throw left
    const items: Array<unknown> = []
    while (!this.isBreak()) items.push(this.item(depth))
    return items
  }

  private map(info: number, depth: number): Record<string, unknown> {
    if (depth >= maxDepth) throw left
    const object: Record<string, unknown> = {}
    if (info !== indefinite) { for (let more = this.length(info, 2); more > 0; more--) this.entry(object, depth + 1) }
    else if (!this.isVetted) throw left
    else while (!this.isBreak()) this.entry(object, depth + 1)
    return object
  }

  private isBreak(): boolean {
    if (this.bytes[this.at] !== 0xff) return false
    this.at++
    return true
  }

  private entry(object: Record<string, unknown>, depth: number): void {
    const key = this.key(depth)
    const value = this.item(depth)
    // Assigned, it would be the prototype.
    if (key === "__proto__") Object.defineProperty(object, key, { value, ...plainProperty })
    else object[key] = value
  }

  /** Byte strings are text here, whatever they are elsewhere; numbers and the like are written out. */
  private key(depth: number): string {
    const key = this.item(depth)
    if (typeof key === "string") return key
    if (!this.isVetted) throw left
    return key instanceof Uint8Array ? latin1Text(key, 0, key.length) : String(key)
  }

  /** Drops all tags but those of a bignum: a bigint for our own kind, and for Perl a number where it is one. */
  private tagged(info: number, depth: number): unknown {
    if (!this.isVetted) throw left
    let tag = this.argument(info)
    while (this.bytes[this.at]! >> 5 === major.tag) tag = this.argument(this.bytes[this.at++]! & 0x1f)
    if (tag !== bignum.positive && tag !== bignum.negative) return this.item(depth)
    const length = this.argument(this.bytes[this.at++]! & 0x1f)
    this.at += length
    const argument = readBignum(this.bytes, this.at - length, this.at)
    const value = tag === bignum.positive ? argument : -1n - argument
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
        return readFloat(this.bytes, this.take(4))
      case 27:
        return readDouble(this.bytes, this.take(8))
      default:
        throw left
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
