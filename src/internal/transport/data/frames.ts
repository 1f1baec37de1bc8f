/**
 * What travels on a data connection: frames, of five octets each and what follows them. The first octet says what it is, the other four are
 * a number, the highest octet first.
 *
 * @internal
 */

export const frames = {
  /** From the sender: so many bytes of the stream follow. */
  bytes: 0,
  /** From the sender: all of the stream has been sent. */
  end: 1,
  /** From the sender: there will be no end; why follows, in so many octets of UTF-8. */
  failed: 2,
  /** From the receiver: there is room for so many bytes more. */
  room: 3,
  /** From the receiver: it has taken all. */
  taken: 4,
  /** From the receiver: it takes no more; why follows, as for `failed`. */
  stopped: 5,
  /** From both: a sign of life; with the number `beatWanted`, one that asks for another. */
  beat: 6
} as const

export const beatWanted = 1

const headLength = 5
/** So many octets a text has at most. */
const longestText = 1000

/** The head of a frame, or all of it, where nothing follows. */
export const head = (kind: number, value: number): Uint8Array => {
  const bytes = new Uint8Array(headLength)
  bytes[0] = kind
  new DataView(bytes.buffer).setUint32(1, value)
  return bytes
}

/** A frame with what follows it in one piece. */
export const whole = (kind: number, content: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(headLength + content.length)
  bytes.set(head(kind, content.length))
  bytes.set(content, headLength)
  return bytes
}

/** A frame that says why. */
export const textFrame = (kind: number, text: string): Uint8Array =>
  whole(kind, new TextEncoder().encode(text).subarray(0, longestText))

/** Told what comes. Each answers what is wrong with it, if anything is. */
export interface FrameEvents {
  /** Bytes of the stream have come. They are only good until the call returns. */
  bytes(piece: Uint8Array): string | undefined
  /** A frame has come, with its number or its text. */
  frame(kind: number, value: number, text: string): string | undefined
}

/** Finds the frames in what comes in pieces of any size. It keeps no more than a head and a text. */
export class FrameReader {
  private readonly head = new Uint8Array(headLength)
  private headFilled = 0
  private text: Uint8Array | undefined = undefined
  /** What is to come of what follows a head. */
  private left = 0
  private readonly events: FrameEvents

  constructor(events: FrameEvents) {
    this.events = events
  }

  /** Answers what is wrong, if anything is: then nothing of sense comes any more. */
  read(chunk: Uint8Array): string | undefined {
    let at = 0
    while (at < chunk.length) {
      const piece = chunk.subarray(at, at + (this.left > 0 ? this.left : headLength - this.headFilled))
      at += piece.length
      const wrong = this.left > 0 ? this.content(piece) : this.ofHead(piece)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  private ofHead(piece: Uint8Array): string | undefined {
    this.head.set(piece, this.headFilled)
    this.headFilled += piece.length
    if (this.headFilled < headLength) return undefined
    const [kind = 0] = this.head
    const value = new DataView(this.head.buffer).getUint32(1)
    this.headFilled = 0
    const hasText = kind === frames.failed || kind === frames.stopped
    if (hasText && value > longestText) return `a text of ${value} bytes`
    if (kind !== frames.bytes && !(hasText && value > 0)) return this.events.frame(kind, value, "")
    this.head[0] = kind
    this.text = hasText ? new Uint8Array(value) : undefined
    this.left = value
    return undefined
  }

  private content(piece: Uint8Array): string | undefined {
    const { text } = this
    const before = this.left
    this.left -= piece.length
    if (text === undefined) return this.events.bytes(piece)
    text.set(piece, text.length - before)
    return this.left > 0
      ? undefined
      : this.events.frame(this.head[0] ?? 0, text.length, new TextDecoder().decode(text))
  }
}
