/**
 * Frames as they travel in messages of NATS: a header that says between which two connections of which two processes, and bytes.
 *
 *     kind 1 | number 6 | to 4 | from 4 | the sender's inbox 12 | bytes
 *
 * @internal
 */
import type { Frame } from "../framed.ts"

/** Bytes of a header. */
export const headerSize = 27

/** Bytes of the name of an inbox, which no stranger guesses. */
export const inboxSize = 12

/**
 * `open` begins a connection, and has the name of the node that dials. `ask` asks whether somebody listens. Both are answered with `accept`; the
 * others are of connections.
 */
const kinds = ["open", "ask", "accept", "data", "ack", "fin", "rst"] as const
type Kind = (typeof kinds)[number]

/** A frame that has come, from wherever. Its bytes are a view. */
export interface Letter {
  readonly kind: Kind
  /** Counts the frames of a connection in one direction. */
  readonly number: number
  /** The receiver's number of the connection. */
  readonly to: number
  /** The sender's number of it. */
  readonly from: number
  readonly inbox: Uint8Array
  readonly bytes: Uint8Array
}

const nothing = new Uint8Array(0)
const size48 = 2 ** 32

export const encode = ({ bytes, from, inbox, kind, number, to }: Letter): Uint8Array => {
  const whole = new Uint8Array(headerSize + bytes.length)
  const view = new DataView(whole.buffer)
  view.setUint8(0, kinds.indexOf(kind) + 1)
  view.setUint16(1, Math.floor(number / size48))
  view.setUint32(3, number % size48)
  view.setUint32(7, to)
  view.setUint32(11, from)
  whole.set(inbox, 15)
  whole.set(bytes, headerSize)
  return whole
}

/** Answers `undefined` of what is no frame. */
export const decode = (whole: Uint8Array): Letter | undefined => {
  const kind = kinds[(whole[0] ?? 0) - 1]
  if (kind === undefined || whole.length < headerSize) return undefined
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength)
  return {
    kind,
    number: view.getUint16(1) * size48 + view.getUint32(3),
    to: view.getUint32(7),
    from: view.getUint32(11),
    inbox: whole.subarray(15, headerSize),
    bytes: whole.subarray(headerSize)
  }
}

/** What a frame of a wire is in a letter. */
export const contentOf = (frame: Frame): Pick<Letter, "kind" | "number" | "bytes"> => {
  switch (frame.kind) {
    case "data":
      return frame
    case "fin":
      return { ...frame, bytes: nothing }
    case "rst":
      return { kind: "rst", number: 0, bytes: nothing }
    case "ack": {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, frame.taken)
      return { kind: "ack", number: frame.number, bytes }
    }
  }
}

/** The frame of a wire in a letter, `undefined` if it is none. */
export const frameOf = ({ bytes, kind, number }: Letter): Frame | undefined => {
  switch (kind) {
    case "data":
      return { kind, number, bytes }
    case "fin":
      return { kind, number }
    case "rst":
      return { kind }
    case "ack":
      return bytes.length === 8
        ? { kind, number, taken: new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0) }
        : undefined
    default:
      return undefined
  }
}
