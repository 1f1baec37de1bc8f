/**
 * Framings turn messages into bytes and back. Every packet is one array; there is no length prefix and no delimiter.
 * Follows protocol section 7.
 *
 * @internal
 */
import type { Carries } from "./plainData.ts"

/** One array: a port name, then the message. */
export type Packet = ReadonlyArray<unknown>

/** Encodes one packet. The bytes are only good until the next call. */
export type Encoder = (packet: Packet) => Uint8Array

/** Takes what came, in any chunks, and answers the packets that are complete. Throws a `FramingError`. */
export type Decoder = (chunk: Uint8Array) => ReadonlyArray<Packet>

/** Bytes that are no packet, or too many of them. The link ends with it. */
export class FramingError extends Error {
  readonly reason: "bad_packet" | "packet_too_large"
  constructor(reason: "bad_packet" | "packet_too_large", message: string) {
    super(message)
    this.reason = reason
  }
}

/** What a link needs to know of its peer to read its packets. */
export interface DecoderOptions {
  /** Bytes of one packet beyond which the link ends. */
  readonly maxMessageSize: number
  /**
   * What a CBOR byte string in a value means: bytes between our own nodes, characters U+0000 to U+00FF from Perl,
   * which sends nearly all text that way.
   */
  readonly byteStrings: "bytes" | "text"
}

/** One framing by its name on the wire. */
export interface Framing {
  readonly carries: Carries
  readonly makeEncoder: () => Encoder
  readonly makeDecoder: (options: DecoderOptions) => Decoder
}

/**
 * Collects the bytes of an item that did not come whole. Joined once, when the item ends: a large message in many
 * chunks costs no more than its length. What ends an item can bring others along, so their sizes are for the decoder
 * to judge.
 */
export class Partial {
  private chunks: Array<Uint8Array> = []
  private length = 0
  private readonly limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  get isEmpty(): boolean {
    return this.length === 0
  }
  /** Keeps a copy, not to pin the socket's buffer. */
  keep(bytes: Uint8Array): void {
    this.length += bytes.length
    if (this.length > this.limit) throw new FramingError("packet_too_large", `more than ${this.limit} bytes`)
    if (bytes.length > 0) this.chunks.push(Buffer.from(bytes))
  }
  /** What was kept, followed by `tail`. */
  take(tail: Uint8Array): Uint8Array {
    if (this.length === 0) return tail
    const whole = Buffer.concat([...this.chunks, tail])
    this.chunks = []
    this.length = 0
    return whole
  }
}
