/**
 * A wire over a channel that carries messages: a message port, a subject of a broker. Frames are numbered, so that a lost one ends the
 * wire on both sides, and acknowledged, so that whoever sends waits for whoever does not read.
 *
 * @internal
 */
import type { Wire, WireEvents } from "./wire.ts"

/** Documented as `Transport.Frame`. */
export type Frame =
  | {
    readonly kind: "data"
    readonly number: number
    readonly bytes: Uint8Array
    /** Of a frame that is sent: nobody uses the bytes any more, nor what else is in their buffer, if they are all of it. */
    readonly isGiven?: boolean | undefined
  }
  | { readonly kind: "ack"; readonly number: number; readonly taken: number }
  | { readonly kind: "fin"; readonly number: number }
  | { readonly kind: "rst" }

/** Documented as `Transport.ChannelEvents`. */
export interface ChannelEvents {
  /** A frame has come. Its bytes are only good until the call returns. */
  frame(frame: Frame): void
  /** The channel is gone; why, in words for people. */
  closed(why: string): void
}

/** Documented as `Transport.Channel`. */
export interface Channel {
  /** The address of the other side. */
  readonly remote: string
  /** How many bytes may be on their way to the other side, or wait there to be read; the same at both ends. Default: 1 MiB. */
  readonly window?: number | undefined
  /** How many bytes a frame may hold. Default: no limit but the window. */
  readonly largest?: number | undefined
  /** Called once, before anything else. From then on the channel tells what comes, and keeps nothing back. */
  open(events: ChannelEvents): void
  /**
   * Sends a frame, or loses it without a word. Its bytes are only good until the call returns, and may be a view of a larger buffer. A channel that
   * answers `true` has taken them for good: it may do so with bytes that are given (`isGiven`), and all of their buffer.
   */
  send(frame: Frame): boolean | void
  /** Gives the channel up. What was sent before still arrives, as far as anything does. */
  close(): void
}

/** What is on its way to the other side, or waits there to be read, where the channel says nothing else. */
const usualWindow = 1024 * 1024

const eof = "Unexpected end-of-file"
const resetByPeer = "Connection reset by peer"

/** Bytes that wait for the window to open. */
interface Waiting {
  readonly bytes: Uint8Array
  readonly left: (() => void) | undefined
}

export class FramedWire implements Wire {
  readonly remote: string
  private readonly channel: Channel
  private readonly window: number
  private readonly largest: number
  private events: WireEvents | undefined = undefined
  /** `ended`: our fin has left, or will behind all that waits. */
  private state: "open" | "ended" | "closed" = "open"
  /** Why it is closed, until its owner was told. */
  private why: string | undefined = undefined
  private whenClosed: Array<() => void> = []
  // What leaves.
  private waiting: Array<Waiting> = []
  private waitingBytes = 0
  private sentFrames = 0
  private sentBytes = 0
  /** So many of them the other side has taken. */
  private takenThere = 0
  private isDrainedDue = false
  private hasFinLeft = false
  // What comes.
  private arrivedFrames = 0
  private arrivedBytes = 0
  private takenHere = 0
  /** So many of them the other side knows of. */
  private acknowledged = 0
  /** What came before `start`, in order: no more than the window. */
  private early: Array<Uint8Array> | undefined = []

  constructor(channel: Channel) {
    this.channel = channel
    this.remote = channel.remote
    this.window = channel.window ?? usualWindow
    this.largest = channel.largest ?? Infinity
    channel.open({ frame: (frame) => this.receive(frame), closed: (why) => this.close(why) })
  }

  // ---- for its owner

  get buffered(): number {
    return this.waitingBytes
  }

  start(events: WireEvents): void {
    this.events = events
    queueMicrotask(() => {
      // Whoever hears of the first may end the wire: then there are no others.
      for (let n = 0; n < (this.early?.length ?? 0); n++) this.take(this.early![n]!)
      this.early = undefined
      this.tell()
    })
  }

  write(bytes: Uint8Array, left?: () => void): void {
    if (this.state !== "open" || bytes.length === 0) return
    this.waiting.push({ bytes, left })
    this.waitingBytes += bytes.length
    this.pump()
    this.drainedSoon()
  }

  end(closed: () => void): void {
    this.forgetEarly()
    if (this.state === "closed") return queueMicrotask(closed)
    this.whenClosed.push(closed)
    if (this.state === "ended") return
    this.state = "ended"
    if (this.waitingBytes === 0) this.fin()
  }

  destroy(): void {
    this.forgetEarly()
    if (this.state === "closed") return
    this.fin()
    this.close(eof)
  }

  // ---- what leaves

  /** Sends what the window lets through. */
  private pump(): void {
    let whole = 0
    const done: Array<() => void> = []
    while (whole < this.waiting.length) {
      const room = Math.min(this.largest, this.window - (this.sentBytes - this.takenThere))
      if (room <= 0) break
      const { bytes, left } = this.waiting[whole]!
      // Counted before: a buffer that the channel hands over is empty behind that.
      const { length } = bytes
      if (length > room) {
        this.waiting[whole] = { bytes: bytes.subarray(room), left }
        this.data(bytes.subarray(0, room), room, false)
      } else {
        whole++
        if (!this.data(bytes, length, left === undefined) && left !== undefined) done.push(left)
      }
    }
    this.waiting.splice(0, whole)
    // Whoever hears of it may write again.
    for (const left of done) left()
  }

  /** Answers whether the channel keeps the bytes. */
  private data(bytes: Uint8Array, length: number, isGiven: boolean): boolean {
    this.sentBytes += length
    this.waitingBytes -= length
    return this.channel.send({ kind: "data", number: this.sentFrames++, bytes, isGiven }) === true
  }

  private fin(): void {
    if (this.hasFinLeft) return
    this.hasFinLeft = true
    this.channel.send({ kind: "fin", number: this.sentFrames++ })
  }

  /** Nobody is told within a call. */
  private drainedSoon(): void {
    if (this.isDrainedDue || this.waitingBytes > 0) return
    this.isDrainedDue = true
    queueMicrotask(() => {
      this.isDrainedDue = false
      if (this.waitingBytes === 0 && this.state === "open") this.events?.drained()
    })
  }

  private taken(bytes: number): void {
    const known = Math.min(bytes, this.sentBytes)
    if (!(known > this.takenThere)) return
    this.takenThere = known
    if (this.waitingBytes === 0) return
    this.pump()
    if (this.state === "open") this.drainedSoon()
    else if (this.waitingBytes === 0) this.fin()
  }

  // ---- what comes

  private receive(frame: Frame): void {
    if (this.state === "closed") return
    if (frame.kind === "rst") return this.close(resetByPeer)
    if (frame.number !== this.arrivedFrames++) return this.lost()
    switch (frame.kind) {
      case "data":
        this.arrivedBytes += frame.bytes.length
        // Nobody sends that much who waits as is agreed: it would have to be kept.
        if (this.arrivedBytes - this.acknowledged > this.window) return this.lost()
        if (this.early === undefined || this.state === "ended") this.take(frame.bytes)
        else if (frame.bytes.length > 0) this.early.push(frame.bytes.slice())
        break
      case "ack":
        this.taken(frame.taken)
        break
      case "fin":
        this.fin()
        this.close(eof)
    }
  }

  private take(chunk: Uint8Array): void {
    this.takenHere += chunk.length
    // What comes behind our own end is of no interest; the other side's end comes after it.
    if (this.state !== "ended") this.events?.data(chunk)
    if (this.state === "closed") return
    // Soon enough that whoever sends need not stop. And where we wait for the other side, at once: if it waits too, since the last frames of a
    // window were lost, the number of this one shows it.
    if (this.waitingBytes === 0 && this.takenHere - this.acknowledged < this.window / 4) return
    this.ack()
  }

  private ack(): void {
    this.acknowledged = this.takenHere
    this.channel.send({ kind: "ack", number: this.sentFrames++, taken: this.takenHere })
  }

  /** A frame is missing: no byte behind the hole may be seen, and the other side has to give the wire up as well. */
  private lost(): void {
    this.channel.send({ kind: "rst" })
    this.close(resetByPeer)
  }

  private forgetEarly(): void {
    if (this.early !== undefined) this.early = []
  }

  private close(why: string): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.why = why
    this.waiting = []
    this.waitingBytes = 0
    this.channel.close()
    queueMicrotask(() => this.tell())
  }

  private tell(): void {
    const { events, whenClosed, why } = this
    if (why === undefined) return
    this.whenClosed = []
    for (const closed of whenClosed) closed()
    // What came before `start` is heard first.
    if (events === undefined || this.early !== undefined) return
    this.why = undefined
    events.closed(why)
  }
}

/** Documented as `Transport.framed`. */
export const framed = (channel: Channel): Wire => new FramedWire(channel)
