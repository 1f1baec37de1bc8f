/**
 * Writes CBOR for the few messages that hold what `cbor-x` does not keep: -0, integers that it rounds for Perl, bigints that are
 * numbers too, and objects of another realm. RFC 8949, with definite and shortest lengths.
 *
 * @internal
 */
import { isUint8Array } from "node:util/types"
import { isSafe, type PeerKind } from "../../values/plainData.ts"
import { bignum, major } from "./cborScanner.ts"
import type { Encoder } from "./framing.ts"

/** Whether a message is one of these. It is asked of every message, and so it stops at the first such value. */
export const isExacting = (value: unknown, kind: PeerKind): boolean => {
  switch (typeof value) {
    case "number":
      return value === 0 ? Object.is(value, -0) : isLong(value)
    case "bigint":
      return kind === "own" && isSafe(value)
    case "object":
      return value !== null && isExactingObject(value, kind)
    default:
      return false
  }
}

/** As a double, Perl shows no more than 15 digits of it. */
const isLong = (value: number): boolean => (value >= 1e15 || value <= -1e15) && Number.isSafeInteger(value)

const isExactingObject = (value: object, kind: PeerKind): boolean => {
  if (Array.isArray(value)) {
    if (value.constructor !== Array) return true
    for (let i = 0; i < value.length; i++) if (isExacting(value[i], kind)) return true
    return false
  }
  if (value.constructor !== Object && isUint8Array(value)) return !(value instanceof Uint8Array)
  for (const key in value) if (isExacting((value as Readonly<Record<string, unknown>>)[key], kind)) return true
  return false
}

export const makeExactEncoder = (kind: PeerKind): Encoder => {
  const writer = new CborWriter(kind)
  return (packet) => writer.write(packet)
}

/** So much room is kept from one message to the next. */
const room = 64 * 1024
const longestHeader = 9

class CborWriter {
  private readonly kind: PeerKind
  private bytes = Buffer.allocUnsafe(1024)
  private at = 0

  constructor(kind: PeerKind) {
    this.kind = kind
  }

  write(packet: unknown): Uint8Array {
    if (this.bytes.length > room) this.bytes = Buffer.allocUnsafe(room)
    this.at = 0
    this.item(packet)
    return this.bytes.subarray(0, this.at)
  }

  private item(value: unknown): void {
    this.reserve(longestHeader)
    switch (typeof value) {
      case "string":
        return this.text(value)
      case "number":
        return this.number(value)
      case "bigint":
        return this.bigint(value)
      case "boolean":
        return this.header(major.simple, value ? 21 : 20)
      case "object":
        return value === null ? this.header(major.simple, 22) : this.object(value)
      default:
        return this.header(major.simple, 23)
    }
  }

  /** Makes room for so many bytes. */
  private reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.at + length))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
  }

  private header(type: number, argument: number): void {
    const { at, bytes } = this
    const first = type << 5
    if (argument < 24) {
      bytes[at] = first | argument
      this.at = at + 1
    } else if (argument < 0x100) {
      bytes[at] = first | 24
      bytes[at + 1] = argument
      this.at = at + 2
    } else if (argument < 0x10000) {
      bytes[at] = first | 25
      this.at = bytes.writeUInt16BE(argument, at + 1)
    } else if (argument < 0x1_0000_0000) {
      bytes[at] = first | 26
      this.at = bytes.writeUInt32BE(argument, at + 1)
    } else this.wide(type, BigInt(argument))
  }

  private wide(type: number, argument: bigint): void {
    this.bytes[this.at] = type << 5 | 27
    this.at = this.bytes.writeBigUInt64BE(argument, this.at + 1)
  }

  private text(text: string): void {
    const length = Buffer.byteLength(text)
    this.reserve(longestHeader + length)
    this.header(major.text, length)
    this.at += this.bytes.write(text, this.at, "utf8")
  }

  private number(value: number): void {
    if (Object.is(value, -0)) {
      this.bytes[this.at] = major.simple << 5 | 25
      this.at = this.bytes.writeUInt16BE(0x8000, this.at + 1)
    } else if (Number.isSafeInteger(value)) {
      if (value >= 0) this.header(major.positive, value)
      else this.header(major.negative, -1 - value)
    } else {
      this.bytes[this.at] = major.simple << 5 | 27
      this.at = this.bytes.writeDoubleBE(value, this.at + 1)
    }
  }

  /** Of a bigint that is a number too, our own kind reads by the tag what it is; Perl reads a plain integer. */
  private bigint(value: bigint): void {
    const argument = value < 0n ? -1n - value : value
    if (this.kind === "perl" || !isSafe(value)) return this.wide(value < 0n ? major.negative : major.positive, argument)
    this.header(major.tag, value < 0n ? bignum.negative : bignum.positive)
    const octets = argument === 0n ? "" : argument.toString(16)
    this.byteString(Buffer.from(octets.padStart(octets.length + octets.length % 2, "0"), "hex"))
  }

  private object(value: object): void {
    if (isUint8Array(value)) return this.byteString(value)
    if (Array.isArray(value)) {
      this.header(major.array, value.length)
      for (let i = 0; i < value.length; i++) this.item(value[i])
      return
    }
    const entries: ReadonlyArray<[string, unknown]> = Object.entries(value)
    this.header(major.map, entries.length)
    for (const [key, inner] of entries) {
      this.text(key)
      this.item(inner)
    }
  }

  private byteString(bytes: Uint8Array): void {
    this.reserve(longestHeader + bytes.length)
    this.header(major.bytes, bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }
}
