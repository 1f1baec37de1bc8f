/**
 * Writes messages as CBOR: RFC 8949 with definite and shortest lengths, in the forms that Perl reads as what they are. It refuses what
 * `culprit` refuses, in the same walk.
 *
 * @internal
 */
import { isUint8Array, utf8Length, writeUtf8 } from "#platform"
import { fits64Bits, isPlain, isSafe, maxDepth, type Message } from "../../values/plainData.ts"
import { bignum, major } from "./cborScanner.ts"
import { writeDouble, writeUint32, writeUint64 } from "./numbers.ts"
import { refused, SendBuffer } from "./sendBuffer.ts"

/** Text that is no longer is looked at here, character by character: most is ASCII. */
const shortText = 40
const longestHeader = 9

/** Integers of more digits are rounded by Perl where they come as doubles. */
const exactInPerl = 1e15

const simple = {
  false: 0xf4,
  true: 0xf5,
  null: 0xf6,
  undefined: 0xf7,
  half: 0xf9,
  double: 0xfb
} as const

export class CborWriter extends SendBuffer {
  protected override packet(name: string, message: Message): void {
    // Read once: to look at an item may run code that changes it.
    const { length } = message
    this.header(major.array, length + 1)
    this.text(name)
    for (let i = 0; i < length; i++) this.item(message[i], 1)
  }

  private item(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        return this.text(value)
      case "number":
        return this.number(value)
      case "boolean":
        return this.byte(value ? simple.true : simple.false)
      case "undefined":
        return this.byte(simple.undefined)
      case "bigint":
        return this.bigint(value)
      case "object":
        return value === null ? this.byte(simple.null) : this.object(value, depth)
      default:
        throw refused
    }
  }

  private byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.at++] = byte
  }

  private header(type: number, argument: number): void {
    this.reserve(longestHeader)
    const { bytes } = this
    let { at } = this
    const first = type << 5
    if (argument < 24) bytes[at++] = first | argument
    else if (argument < 0x100) {
      bytes[at++] = first | 24
      bytes[at++] = argument
    } else if (argument < 0x10000) {
      bytes[at++] = first | 25
      bytes[at++] = argument >> 8
      bytes[at++] = argument
    } else if (argument < 0x1_0000_0000) {
      bytes[at++] = first | 26
      at = writeUint32(bytes, argument, at)
    } else {
      bytes[at++] = first | 27
      at = writeUint64(bytes, BigInt(argument), at)
    }
    this.at = at
  }

  private text(text: string): void {
    if (text.length <= shortText && this.ascii(text)) return
    if (!text.isWellFormed()) throw refused
    const length = utf8Length(text)
    this.header(major.text, length)
    this.reserve(length)
    this.at += writeUtf8(this.bytes, text, this.at)
  }

  /** Writes a short text, if it is ASCII. */
  private ascii(text: string): boolean {
    const { length } = text
    this.reserve(2 + length)
    const { bytes } = this
    let { at } = this
    if (length < 24) bytes[at++] = major.text << 5 | length
    else {
      bytes[at++] = major.text << 5 | 24
      bytes[at++] = length
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[at++] = code
    }
    this.at = at
    return true
  }

  /** Integers whose argument has 32 bits as such, and those that are too long to be a double for Perl. All others are doubles. */
  private number(value: number): void {
    if (value >>> 0 === value) {
      if (value === 0 && Object.is(value, -0)) return this.minusZero()
      return this.header(major.positive, value)
    }
    if (-1 - value >>> 0 === -1 - value) return this.header(major.negative, -1 - value)
    if ((value >= exactInPerl || value <= -exactInPerl) && Number.isSafeInteger(value)) {
      return value < 0 ? this.header(major.negative, -1 - value) : this.header(major.positive, value)
    }
    this.reserve(longestHeader)
    this.bytes[this.at] = simple.double
    this.at = writeDouble(this.bytes, value, this.at + 1)
  }

  private minusZero(): void {
    this.byte(simple.half)
    this.byte(0x80)
    this.byte(0)
  }

  /** Of a bigint that is a number too, our own kind reads by the tag what it is; Perl reads a plain integer. */
  private bigint(value: bigint): void {
    if (!fits64Bits(value)) throw refused
    const argument = value < 0n ? -1n - value : value
    if (this.kind === "own" && isSafe(value)) {
      this.header(major.tag, value < 0n ? bignum.negative : bignum.positive)
      const octets: Array<number> = []
      for (let rest = Number(argument); rest > 0; rest = Math.floor(rest / 0x100)) octets.unshift(rest % 0x100)
      return this.byteString(Uint8Array.from(octets))
    }
    this.reserve(longestHeader)
    this.bytes[this.at] = (value < 0n ? major.negative : major.positive) << 5 | 27
    this.at = writeUint64(this.bytes, argument, this.at + 1)
  }

  private object(value: object, depth: number): void {
    if (depth >= maxDepth) throw refused
    if (Array.isArray(value)) {
      const { length } = value
      this.header(major.array, length)
      for (let i = 0; i < length; i++) this.item(value[i], depth + 1)
    } else if (isPlain(value)) this.map(value, depth)
    else if (isUint8Array(value)) this.byteString(value)
    else throw refused
  }

  private map(record: Readonly<Record<string, unknown>>, depth: number): void {
    const keys = Object.keys(record)
    this.header(major.map, keys.length)
    for (let i = 0; i < keys.length; i++) {
      this.text(keys[i]!)
      this.item(record[keys[i]!], depth + 1)
    }
  }

  private byteString(bytes: Uint8Array): void {
    this.header(major.bytes, bytes.length)
    this.put(bytes)
  }
}
