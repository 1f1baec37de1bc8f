/**
 * Frames of WebSockets (RFC 6455), as far as a stream of bytes needs them: binary ones, whose messages begin and end where they like, ping,
 * pong and close. What comes in is passed on as it comes: nothing is kept of a frame but its header, and what a ping or a close says.
 *
 * @internal
 */

const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

/** Codes with which a connection is closed. */
export const closeCodes = { normal: 1000, protocolError: 1002, notBinary: 1003, tooLarge: 1009 } as const

/** So much a ping, a pong or a close may say. */
const mostOfControl = 125

/** Told what comes in. */
export interface FrameEvents {
  /** Bytes of messages, in the memory of the chunk that they came in. */
  data(bytes: Uint8Array): void
  /** To be answered with the same payload. */
  ping(payload: Uint8Array): void
  /** The other side has closed the connection. Nothing comes after it. */
  close(): void
  /** What came is none of that: with what code the connection is to be closed, and why in words. Nothing comes after it. */
  wrong(code: number, why: string): void
}

/** Reads frames from chunks that end anywhere. */
export class FrameReader {
  private readonly events: FrameEvents
  /** Those who dial mask what they send, and those who accept do not. */
  private readonly isMasked: boolean
  private readonly header = new Uint8Array(longestHeader)
  /** How much of the header is there; 0 within a payload that is data. */
  private have = 0
  private isInPayload = false
  private opcode = 0
  /** Bytes of the payload that are still to come. */
  private remaining = 0
  private readonly mask = new Uint8Array(4)
  /** Which byte of the mask is next. */
  private turn = 0
  /** What a ping, a pong or a close has said so far. */
  private control = new Uint8Array(0)
  /** A message is under way: its last frame has not come yet. */
  private isWithinMessage = false
  private isOver = false

  constructor(isMasked: boolean, events: FrameEvents) {
    this.isMasked = isMasked
    this.events = events
  }

  /** Nothing more is passed on. */
  stop(): void {
    this.isOver = true
  }

  /** Takes what has come. Its bytes may change. */
  take(chunk: Uint8Array): void {
    let at = 0
    while (!this.isOver && at < chunk.length) {
      at = this.isInPayload ? this.takePayload(chunk, at) : this.takeHeader(chunk, at)
    }
  }

  private fail(code: number, why: string): void {
    this.isOver = true
    this.events.wrong(code, why)
  }

  // ---- headers

  private takeHeader(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length) {
      this.header[this.have++] = chunk[at++]!
      if (this.have === 2) this.checkStart()
      if (this.isOver) return at
      if (this.have >= 2 && this.have === this.headerLength) {
        this.begin()
        return at
      }
    }
    return at
  }

  private get headerLength(): number {
    const length = this.header[1]! & 0x7f
    return 2 + (length < 126 ? 0 : length === 126 ? 2 : 8) + (this.isMasked ? 4 : 0)
  }

  /** The first two bytes say what kind of frame it is. */
  private checkStart(): void {
    const [first = 0, second = 0] = this.header
    const opcode = first & 0x0f
    const isFinal = (first & 0x80) !== 0
    if ((first & 0x70) !== 0) return this.fail(closeCodes.protocolError, "an extension that was not agreed on")
    const hasMask = (second & 0x80) !== 0
    if (hasMask !== this.isMasked) {
      return this.fail(closeCodes.protocolError, this.isMasked ? "a frame without a mask" : "a frame with a mask")
    }
    if (opcode >= opcodes.close) {
      if (opcode > opcodes.pong) return this.fail(closeCodes.protocolError, "an unknown kind of frame")
      if (!isFinal || (second & 0x7f) > mostOfControl) {
        return this.fail(closeCodes.protocolError, "a ping, pong or close that is too large")
      }
    } else {
      if (opcode > opcodes.binary) return this.fail(closeCodes.protocolError, "an unknown kind of frame")
      if (opcode === opcodes.text) return this.fail(closeCodes.notBinary, "text")
      if ((opcode === opcodes.continuation) !== this.isWithinMessage) {
        return this.fail(closeCodes.protocolError, "a message within another one, or the rest of none")
      }
      this.isWithinMessage = !isFinal
    }
    this.opcode = opcode
  }

  /** The header is there. */
  private begin(): void {
    const { header, headerLength } = this
    const view = new DataView(header.buffer)
    const short = header[1]! & 0x7f
    const length = short < 126 ? short : short === 126 ? view.getUint16(2) : Number(view.getBigUint64(2))
    if (length > Number.MAX_SAFE_INTEGER) return this.fail(closeCodes.tooLarge, "a frame of an impossible size")
    if (this.isMasked) this.mask.set(header.subarray(headerLength - 4, headerLength))
    this.have = 0
    this.turn = 0
    this.remaining = length
    this.control = new Uint8Array(this.opcode >= opcodes.close ? length : 0)
    this.isInPayload = length > 0
    if (!this.isInPayload) this.endControl()
  }

  // ---- payloads

  private takePayload(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.remaining)
    const bytes = chunk.subarray(at, end)
    if (this.isMasked) {
      unmask(bytes, this.mask, this.turn)
      this.turn = this.turn + bytes.length & 3
    }
    if (this.opcode >= opcodes.close) this.control.set(bytes, this.control.length - this.remaining)
    this.remaining -= bytes.length
    this.isInPayload = this.remaining > 0
    if (this.opcode < opcodes.close) this.events.data(bytes)
    else if (!this.isInPayload) this.endControl()
    return end
  }

  private endControl(): void {
    if (this.opcode === opcodes.ping) this.events.ping(this.control)
    if (this.opcode !== opcodes.close) return
    if (this.control.length === 1) return this.fail(closeCodes.protocolError, "half a code")
    this.isOver = true
    this.events.close()
  }
}

/** Puts the mask on bytes, or takes it off again; `turn` is which byte of it is the first. */
export const unmask = (bytes: Uint8Array, mask: Uint8Array, turn: number): void => {
  const { length } = bytes
  let at = 0
  if (length >= worthWords) {
    for (const before = -bytes.byteOffset & 3; at < before; at++) bytes[at]! ^= mask[turn + at & 3]!
    for (let n = 0; n < 4; n++) keyBytes[n] = mask[turn + at + n & 3]!
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, length - at >> 2)
    for (let n = 0; n < words.length; n++) words[n]! ^= key[0]!
    at += words.length * 4
  }
  for (; at < length; at++) bytes[at]! ^= mask[turn + at & 3]!
}

/** From so many bytes on four are done at once. */
const worthWords = 64
const key = new Uint32Array(1)
const keyBytes = new Uint8Array(key.buffer)

// ---- what is sent

const frameHeader = (opcode: number, length: number, mask: Uint8Array | undefined): Uint8Array<ArrayBuffer> => {
  const size = (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (mask === undefined ? 0 : 4)
  const header = new Uint8Array(size)
  header[0] = 0x80 | opcode
  header[1] = (mask === undefined ? 0 : 0x80) | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (length >= 126) {
    const view = new DataView(header.buffer)
    if (length < 65_536) view.setUint16(2, length)
    else view.setBigUint64(2, BigInt(length))
  }
  if (mask !== undefined) header.set(mask, size - 4)
  return header
}

/** What goes before a binary message of so many bytes. */
export const binaryHeader = (length: number): Uint8Array => frameHeader(opcodes.binary, length, undefined)

/** So much goes before a payload at most. */
export const longestHeader = 14

/** `memory` is what it is written into, if it is given. */
const whole = (
  opcode: number,
  payload: Uint8Array,
  mask: Uint8Array | undefined,
  memory = new Uint8Array(payload.length + longestHeader)
): Uint8Array => {
  const header = frameHeader(opcode, payload.length, mask)
  const frame = memory.subarray(0, header.length + payload.length)
  frame.set(header)
  frame.set(payload, header.length)
  if (mask !== undefined) unmask(frame.subarray(header.length), mask, 0)
  return frame
}

/** A binary message as those send it who have dialled. */
export const maskedBinary = (payload: Uint8Array, mask: Uint8Array, memory?: Uint8Array<ArrayBuffer>): Uint8Array =>
  whole(opcodes.binary, payload, mask, memory)

export const pongFrame = (payload: Uint8Array, mask: Uint8Array | undefined): Uint8Array =>
  whole(opcodes.pong, payload, mask)

export const closeFrame = (code: number, mask: Uint8Array | undefined): Uint8Array =>
  whole(opcodes.close, Uint8Array.of(code >> 8, code & 0xff), mask)
