/**
 * The `cbor` framing: CBOR data items (RFC 8949), one after the other. `cbor-x` encodes. What comes in, `CborScanner` has
 * looked at before `CborDecoder` sees a byte: it finds where each packet ends and refuses what must not get in.
 *
 * @internal
 */
import { Encoder as CborEncoder } from "cbor-x/encode"
import { CborDecoder } from "./cborDecoder.ts"
import { CborScanner } from "./cborScanner.ts"
import { type Decoder, type DecoderOptions, type Encoder, limitsOf, Partial } from "./framing.ts"

/** Plain RFC 8949: without cbor-x's own record tags, long map headers and private tags. */
const plain = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false }

export const makeCborEncoder = (): Encoder => {
  const encoder = new CborEncoder({ ...plain, mapsAsObjects: true })
  return (packet) => {
    const bytes = encoder.encode(packet)
    // Looking for them among the bytes costs less than looking at all values.
    return mayHoldLargeDouble(bytes) ? encoder.encode(withLargeIntegers(packet)) : bytes
  }
}

/** Whether a double from 1e15 on may be there: this is how it begins. No text holds the first byte. */
const mayHoldLargeDouble = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(0xfb); at >= 0; at = bytes.indexOf(0xfb, at + 1)) {
    if (bytes[at + 1] === 0x43 || bytes[at + 1] === 0xc3) return true
  }
  return false
}

/** cbor-x writes integers of more than 32 bits as doubles, of which Perl shows no more than 15 digits. Bigints stay integers. */
const withLargeIntegers = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isSafeInteger(value) && Math.abs(value) >= 1e15 ? BigInt(value) : value
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(withLargeIntegers)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withLargeIntegers(inner)]))
}

export const makeCborDecoder = (options: DecoderOptions): Decoder => {
  const scanner = new CborScanner(limitsOf(options.maxMessageSize))
  const partial = new Partial()
  const decoder = new CborDecoder(options.byteStrings)
  return (chunk) => {
    const end = scanner.scan(chunk)
    const packets = end === 0 ? [] : decoder.decode(partial.take(end === chunk.length ? chunk : chunk.subarray(0, end)))
    if (end < chunk.length) partial.keep(end === 0 ? chunk : chunk.subarray(end))
    return packets
  }
}
