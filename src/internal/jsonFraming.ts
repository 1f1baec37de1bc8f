/**
 * The `json` framing: JSON texts, UTF-8, one after the other.
 *
 * @internal
 */
import { isUtf8 } from "node:buffer"
import { type Decoder, type DecoderOptions, type Encoder, FramingError, type Packet, Partial } from "./framing.ts"
import { maxDepth } from "./plainData.ts"

export const makeJsonEncoder = (): Encoder => (packet) => Buffer.from(JSON.stringify(packet), "utf8")

const quote = 0x22
const backslash = 0x5c
const open = (byte: number): boolean => byte === 0x5b || byte === 0x7b // [ {
const close = (byte: number): boolean => byte === 0x5d || byte === 0x7d // ] }
const space = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

export const makeJsonDecoder = (options: DecoderOptions): Decoder => {
  const partial = new Partial(options.maxMessageSize)
  let depth = 0
  let inString = false
  let escaped = false

  /** The index behind the array that began before or at `from`, or -1 if it does not end in this chunk. */
  const endOfArray = (chunk: Uint8Array, from: number): number => {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) inString = false
      } else if (byte === quote) inString = true
      else if (open(byte)) {
        if (++depth > maxDepth) throw new FramingError("bad_packet", `nested deeper than ${maxDepth} levels`)
      } else if (close(byte) && --depth === 0) return i + 1
    }
    return -1
  }

  return (chunk) => {
    const packets: Array<Packet> = []
    let start = 0
    for (let i = 0; i < chunk.length;) {
      if (depth === 0) {
        if (space(chunk[i]!)) {
          i++
          continue
        }
        if (chunk[i] !== 0x5b) throw new FramingError("bad_packet", "JSON that is not an array")
        start = i
      }
      const end = endOfArray(chunk, i)
      if (end < 0) {
        partial.keep(chunk.subarray(start))
        break
      }
      packets.push(parse(partial.take(chunk.subarray(start, end)), options.maxMessageSize))
      start = i = end
    }
    return packets
  }
}

const parse = (bytes: Uint8Array, limit: number): Packet => {
  if (bytes.length > limit) throw new FramingError("packet_too_large", `${bytes.length} of ${limit} bytes`)
  if (!isUtf8(bytes)) throw new FramingError("bad_packet", "JSON that is not UTF-8")
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")) as Packet
  } catch (cause) {
    throw new FramingError("bad_packet", cause instanceof Error ? cause.message : String(cause))
  }
}
