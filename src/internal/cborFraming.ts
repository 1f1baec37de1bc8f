/**
 * The `cbor` framing: CBOR data items (RFC 8949), one after the other. `cbor-x` encodes and decodes; before it sees a
 * byte, `CborScanner` has found where each item ends and refused what must not get in.
 *
 * @internal
 */
import { Decoder as CborDecoder, Encoder as CborEncoder } from "cbor-x"
import { CborScanner } from "./cborScanner.ts"
import { type Decoder, type DecoderOptions, type Encoder, FramingError, type Packet, Partial } from "./framing.ts"

/** Plain RFC 8949: without cbor-x's own record tags, long map headers and private tags. */
const plain = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false }

export const makeCborEncoder = (): Encoder => {
  const encoder = new CborEncoder({ ...plain, mapsAsObjects: true })
  return (packet) => encoder.encode(packet)
}

export const makeCborDecoder = (options: DecoderOptions): Decoder => {
  const scanner = new CborScanner(options.maxMessageSize)
  const partial = new Partial(options.maxMessageSize)
  const toObjects = new CborDecoder({ ...plain, mapsAsObjects: true })
  // Perl's map keys are byte strings, which only a Map can hold until `normalise` has read them as text.
  const toMaps = new CborDecoder({ ...plain, mapsAsObjects: false })

  /** Decodes items that are known to be whole. */
  const decode = (bytes: Uint8Array, simple: boolean): ReadonlyArray<Packet> => {
    try {
      const decoder = simple ? toObjects : toMaps
      const items = decoder.decodeMultiple(bytes) as ReadonlyArray<Packet>
      return simple ? items : items.map((item) => normalise(item, options.byteStrings) as Packet)
    } catch (cause) {
      if (cause instanceof FramingError) throw cause
      throw new FramingError("bad_packet", cause instanceof Error ? cause.message : String(cause))
    }
  }

  return (chunk) => {
    const end = scanner.scan(chunk)
    if (end === 0) {
      partial.keep(chunk)
      return []
    }
    const simple = scanner.takeSimple()
    const packets = decode(partial.take(chunk.subarray(0, end)), simple)
    if (end < chunk.length) partial.keep(chunk.subarray(end))
    return packets
  }
}

/** From what `cbor-x` makes of Perl's CBOR to plain data: text for byte strings, objects for maps. */
const normalise = (value: unknown, byteStrings: "bytes" | "text"): unknown => {
  if (typeof value === "bigint") return inSafeRange(value) ? Number(value) : value
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item) => normalise(item, byteStrings))
  // The copy unpins the chunk that the bytes came in.
  if (value instanceof Uint8Array) return byteStrings === "text" ? latin1(value) : Uint8Array.from(value)
  if (!(value instanceof Map)) return value
  const object: Record<string, unknown> = {}
  for (const [key, inner] of value) {
    const name = key instanceof Uint8Array ? latin1(key) : keyText(key)
    // Not an assignment, which would set the prototype for a key of "__proto__".
    Object.defineProperty(object, name, {
      value: normalise(inner, byteStrings),
      enumerable: true,
      writable: true,
      configurable: true
    })
  }
  return object
}

/** As `cbor-x` has it for objects. */
const keyText = (key: unknown): string => {
  if (typeof key === "object" && key !== null) throw new FramingError("bad_packet", "CBOR with a container as a key")
  return String(key)
}

const inSafeRange = (value: bigint): boolean =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
