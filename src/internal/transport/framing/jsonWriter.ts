/**
 * Writes messages as JSON whose numbers are what they were: `exactJson.ts` says how. It refuses what `culprit` refuses, in the same walk.
 *
 * @internal
 */
import { utf8Length, writeUtf8 } from "#platform"
import { exactNumber } from "../../values/exactJson.ts"
import { fits64Bits, isPlain, isSafe, maxDepth, type Message } from "../../values/plainData.ts"
import { refused, SendBuffer } from "./sendBuffer.ts"

/** Text that is no longer is looked at here, character by character: most is ASCII, and means itself. */
const shortText = 64

const sign = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d
} as const

export class JsonWriter extends SendBuffer {
  protected override packet(name: string, message: Message): void {
    this.byte(sign.openArray)
    if (!this.plainText(name)) this.encoded(JSON.stringify(name))
    const { length } = message
    for (let i = 0; i < length; i++) {
      this.byte(sign.comma)
      this.item(message[i], 1)
    }
    this.byte(sign.closeArray)
  }

  private item(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        return this.text(value)
      case "number":
        return this.number(value)
      case "boolean":
        return this.ascii(value ? "true" : "false")
      case "undefined":
        // Our own kind would read null.
        if (this.kind === "own") throw refused
        return this.ascii("null")
      case "bigint":
        return this.bigint(value)
      case "object":
        return value === null ? this.ascii("null") : this.object(value, depth)
      default:
        throw refused
    }
  }

  private byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.at++] = byte
  }

  private ascii(text: string): void {
    const { length } = text
    this.reserve(length)
    const { at, bytes } = this
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
    this.at = at + length
  }

  private encoded(text: string): void {
    this.reserve(utf8Length(text))
    this.at += writeUtf8(this.bytes, text, this.at)
  }

  private text(text: string): void {
    if (this.plainText(text)) return
    if (!text.isWellFormed()) throw refused
    this.encoded(JSON.stringify(text))
  }

  /** Writes a short text, if it is ASCII without an escape. */
  private plainText(text: string): boolean {
    const { length } = text
    if (length > shortText) return false
    this.reserve(length + 2)
    const { bytes } = this
    let { at } = this
    bytes[at++] = sign.quote
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code < 0x20 || code > 0x7e || code === sign.quote || code === sign.backslash) return false
      bytes[at++] = code
    }
    bytes[at++] = sign.quote
    this.at = at
    return true
  }

  private number(value: number): void {
    if (!Number.isFinite(value)) throw refused
    this.ascii(this.kind === "own" ? exactNumber(value) : String(value))
  }

  private bigint(value: bigint): void {
    if (!fits64Bits(value) || this.kind === "own" && isSafe(value)) throw refused
    this.ascii(String(value))
  }

  private object(value: object, depth: number): void {
    if (depth >= maxDepth) throw refused
    if (Array.isArray(value)) {
      const { length } = value
      this.byte(sign.openArray)
      for (let i = 0; i < length; i++) {
        if (i > 0) this.byte(sign.comma)
        this.item(value[i], depth + 1)
      }
      this.byte(sign.closeArray)
    } else if (isPlain(value)) this.record(value, depth)
    else throw refused
  }

  /** As JSON does, it leaves out what is undefined. */
  private record(record: Readonly<Record<string, unknown>>, depth: number): void {
    this.byte(sign.openObject)
    let isFirst = true
    for (const key of Object.keys(record)) {
      const value = record[key]
      if (value === undefined && this.kind === "perl" && key.isWellFormed()) continue
      if (!isFirst) this.byte(sign.comma)
      isFirst = false
      this.text(key)
      this.byte(sign.colon)
      this.item(value, depth + 1)
    }
    this.byte(sign.closeObject)
  }
}
