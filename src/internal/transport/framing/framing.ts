/**
 * Framings turn messages into bytes and back. Every packet is one array; there is no length prefix and no delimiter.
 * Follows protocol section 7.
 *
 * @internal
 */
import { allocate, longestText } from "#platform"
import type { Carries, Message, PeerKind } from "../../values/plainData.ts"
import type { Wire } from "../wire.ts"
import type { SendBuffer } from "./sendBuffer.ts"

/**
 * Takes a packet: the name of a port, which may be anything, and the message, which is the taker's from now on. Answers whether it
 * takes more.
 */
export type Deliver = (name: unknown, message: Message) => boolean

/**
 * Takes what came, in any chunks, and hands over the packets that are complete, but for empty ones: signs of life. Throws a
 * `FramingError`.
 */
export type Decoder = (chunk: Uint8Array) => void

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
   * Who sends them. A CBOR byte string means bytes from our own kind, and characters U+0000 to U+00FF from Perl, which sends nearly
   * all text that way. Our own kind tells bigints from numbers; Perl does not.
   */
  readonly kind: PeerKind
  /** Called for text that is not UTF-8. What of it is no character arrives as U+FFFD. */
  readonly damaged?: (() => void) | undefined
}

/** One framing by its name on the wire. */
export interface Framing {
  /** What it carries to whom. */
  readonly carries: Readonly<Record<PeerKind, Carries>>
  /** Collects packets for a peer of this kind. */
  readonly makeBuffer: (kind: PeerKind, wire: Pick<Wire, "write">) => SendBuffer
  readonly makeDecoder: (options: DecoderOptions, deliver: Deliver) => Decoder
  /** A sign of life. */
  readonly emptyPacket: Uint8Array
}

/** Every node of our kind takes messages of so many bytes: its `maxMessageSize` is no less. */
export const leastMessageSize = 32 * 1024

/** How much one packet may be. */
export interface Limits {
  readonly bytes: number
  /** Values and keys, however small: each of them takes memory. */
  readonly items: number
}

/**
 * One byte on the wire can be an empty map, which takes 64 in memory: 64 MiB of them would take all that there is. So items
 * are counted: a million are always welcome, and more in packets that may be large. No packet is larger than what
 * one text can be.
 */
export const limitsOf = (maxMessageSize: number): Limits => {
  const bytes = Math.min(maxMessageSize, longestText)
  return { bytes, items: Math.max(1_000_000, Math.floor(bytes / 16)) }
}

export const tooManyBytes = (limits: Limits): FramingError =>
  new FramingError("packet_too_large", `more than ${limits.bytes} bytes`)

export const tooManyItems = (limits: Limits): FramingError =>
  new FramingError("packet_too_large", `more than ${limits.items} items`)

const nothing = new Uint8Array(0)

/**
 * Collects the bytes of an item that did not come whole: a copy, not to pin the socket's buffer, in one piece that
 * doubles. So a message costs no more than its length, in time and in memory, in chunks of any size. How long it may get
 * is for the decoder to judge.
 */
export class Partial {
  private bytes: Uint8Array = nothing
  private kept = 0
  get length(): number {
    return this.kept
  }
  keep(chunk: Uint8Array): void {
    this.append(chunk, 2 * (this.kept + chunk.length))
  }
  /** What was kept, followed by `tail`. */
  take(tail: Uint8Array): Uint8Array {
    if (this.kept === 0) return tail
    this.append(tail, this.kept + tail.length)
    const whole = this.bytes.subarray(0, this.kept)
    this.bytes = nothing
    this.kept = 0
    return whole
  }
  /** Without room for the chunk, makes room for so many bytes in all. */
  private append(chunk: Uint8Array, room: number): void {
    if (this.kept + chunk.length > this.bytes.length) {
      const bytes = allocate(room)
      bytes.set(this.bytes.subarray(0, this.kept))
      this.bytes = bytes
    }
    this.bytes.set(chunk, this.kept)
    this.kept += chunk.length
  }
}
