/**
 * Packets as whole arrays, for tests of what travels.
 */
import type { DecoderOptions, Framing } from "../src/internal/transport/framing/framing.ts"
import type { PeerKind } from "../src/internal/values/plainData.ts"

export type Packet = ReadonlyArray<unknown>

/** Encodes packets, each by itself. */
export const encoder = (framing: Framing, kind: PeerKind): (packet: Packet) => Buffer => {
  const pieces: Array<Uint8Array> = []
  const buffer = framing.makeBuffer(kind, { write: (bytes) => void pieces.push(bytes) })
  const write = (name: string, message: Packet): Buffer => {
    buffer.write(name, message)
    buffer.flush()
    return Buffer.concat(pieces.splice(0))
  }
  return (packet) => {
    const [name, ...message] = packet
    if (packet.length === 0) return Buffer.from(framing.emptyPacket)
    return typeof name === "string" ? write(name, message) : withoutName(write("", packet), packet.length)
  }
}

/** A packet of ours always begins with a name: takes the empty one out. */
const withoutName = (bytes: Buffer, length: number): Buffer => {
  if (bytes[0] === 0x5b) return Buffer.concat([bytes.subarray(0, 1), bytes.subarray("[\"\",".length)])
  return Buffer.concat([arrayHeader(length), bytes.subarray(arrayHeader(length + 1).length + 1)])
}

const arrayHeader = (length: number): Buffer => {
  if (length < 24) return Buffer.of(0x80 | length)
  if (length < 0x100) return Buffer.of(0x98, length)
  if (length < 0x10000) return Buffer.of(0x99, length >> 8, length & 0xff)
  const header = Buffer.of(0x9a, 0, 0, 0, 0)
  header.writeUInt32BE(length, 1)
  return header
}

/** Decodes chunks. Answers the packets that they complete, but for empty ones. */
export const decoder = (framing: Framing, options: DecoderOptions): (chunk: Uint8Array) => Array<Packet> => {
  const packets: Array<Packet> = []
  const decode = framing.makeDecoder(options, (name, message) => {
    packets.push([name, ...message])
    return true
  })
  return (chunk) => {
    decode(chunk)
    return packets.splice(0)
  }
}
