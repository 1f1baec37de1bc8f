/**
 * The `cbor` framing: CBOR data items (RFC 8949), one after the other. `cbor-x` encodes, and
 * `cborExact.ts` what it does not keep as it is. What comes in, `CborScanner` has
 * looked at before `CborDecoder` sees a byte: it finds where each packet ends and refuses what must not get in.
 *
 * @internal
 */
import { Encoder as CborEncoder } from "cbor-x/encode"
import type { PeerKind } from "../../values/plainData.ts"
import { CborDecoder } from "./cborDecoder.ts"
import { isExacting, makeExactEncoder } from "./cborExact.ts"
import { CborScanner } from "./cborScanner.ts"
import { type Decoder, type DecoderOptions, type Encoder, limitsOf, Partial } from "./framing.ts"

/** Plain RFC 8949: without cbor-x's own record tags, long map headers and private tags. */
const plain = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false }

export const makeCborEncoder = (kind: PeerKind): Encoder => {
  const encoder = new CborEncoder({ ...plain, mapsAsObjects: true })
  const encodeExactly = makeExactEncoder(kind)
  return (packet) => isExacting(packet, kind) ? encodeExactly(packet) : encoder.encode(packet)
}

export const makeCborDecoder = (options: DecoderOptions): Decoder => {
  const scanner = new CborScanner(limitsOf(options.maxMessageSize))
  const partial = new Partial()
  const decoder = new CborDecoder(options.kind)
  return (chunk) => {
    const end = scanner.scan(chunk)
    const packets = end === 0 ? [] : decoder.decode(partial.take(end === chunk.length ? chunk : chunk.subarray(0, end)))
    if (end < chunk.length) partial.keep(end === 0 ? chunk : chunk.subarray(end))
    return packets
  }
}
