/**
 * A link: a connection whose handshake is done, on which messages travel. It holds no fiber; bytes that come in become
 * messages in the same call, and all messages of one tick leave in one write.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { type Carries, type Culprit, culprit, type PeerKind } from "../values/plainData.ts"
import type { Encoder, Framing, Packet } from "./framing/framing.ts"
import { type Greeting, ownKindKey, timeoutKey } from "./handshake/greeting.ts"
import { LinkError } from "./linkError.ts"
import type { Wire } from "./wire.ts"

/** Told what happens on a link. Called by the event loop: must not throw. */
export interface LinkEvents {
  packet(packet: Packet): void
  /** The send buffer is empty again. */
  drained(): void
  /** Called once. Nothing comes after it. */
  lost(error: LinkError): void
}

/** A message that cannot travel, with the place in it that cannot. Re-exported by `Port`, where it is documented. */
export class UnsendableMessage extends Error {
  override readonly name = "UnsendableMessage"
  readonly _tag = "UnsendableMessage"
  readonly port: string
  readonly path: string
  constructor(port: string, found: Culprit) {
    super(`cannot send to ${port}: message${found.path} is ${found.what}, which no link can carry`)
    this.port = port
    this.path = found.path
  }
}

/** Bytes that wait for a write are collected in pieces, small ones on a link that has little to send. */
const smallestSlab = 1024
const largestSlab = 64 * 1024
/** How long a link that is closed in order may take to deliver what it still holds. */
const lingerTimeout = "2 seconds"
/** Beyond this many unsent bytes a sender that can wait has to. */
const highWater = 1024 * 1024
/** Beyond this many the link is given up: those that cannot wait have sent them. */
const bufferLimit = 256 * 1024 * 1024

/** Requests among our own kind, beside those of the protocol. */
export const ownRequests = {
  /** Asks for a sign of life on this very link. */
  probe: "emp_probe",
  /** The sender stops, in order. */
  bye: "emp_bye",
  /** Another live node, at this address, has the node ID of the receiver. */
  duplicate: "emp_duplicate"
} as const

export class Link {
  readonly nodeId: string
  /** Random for every process, if both sides are of our kind; undefined otherwise. */
  readonly incarnation: string | undefined
  /** How long the other side, if it is of our kind, waits for a sign of life: milliseconds. */
  readonly peerTimeoutMillis: number | undefined
  readonly address: string
  /** What the link can carry. */
  readonly carries: Carries
  private readonly wire: Wire
  private readonly encode: Encoder
  private events: LinkEvents | undefined = undefined
  private slab: Buffer = Buffer.alloc(0)
  private from = 0
  private to = 0
  private flushing = false
  private over = false
  private whenOver: ReadonlyArray<() => void> = []
  /** Told of each message that is sent. */
  private trace: ((to: string, message: Packet) => void) | undefined = undefined
  /** Bytes that have come. */
  received = 0
  /** Bytes that were sent. */
  sent = 0

  /** `sameKind`: we are of our own kind, so that a greeting which says the same makes two. */
  constructor(wire: Wire, greeting: Greeting, framing: Framing, sameKind: boolean) {
    this.wire = wire
    this.nodeId = greeting.nodeId
    this.incarnation = sameKind ? greeting.keys.get(ownKindKey) : undefined
    this.peerTimeoutMillis = this.incarnation === undefined ? undefined : readTimeout(greeting.keys.get(timeoutKey))
    this.address = wire.remote
    this.carries = framing.carries[this.kind]
    this.encode = framing.makeEncoder(this.kind)
  }

  /** Who is at the other end. */
  get kind(): PeerKind {
    return this.incarnation === undefined ? "perl" : "own"
  }

  /** Bytes that have not left this process. */
  get buffered(): number {
    return this.wire.buffered + this.to - this.from
  }

  /** Whether there is room: a sender that can wait should, until `drained`. */
  get hasRoom(): boolean {
    return this.buffered < highWater
  }

  get isOver(): boolean {
    return this.over
  }

  /** Sends a packet that is known to be plain data. */
  send(packet: Packet): void {
    if (this.over) return
    if (this.trace !== undefined) this.traced(this.trace, packet)
    const bytes = this.encode(packet)
    if (this.slab.length - this.to < bytes.length) this.newSlab(bytes.length)
    this.slab.set(bytes, this.to)
    this.to += bytes.length
    this.sent += bytes.length
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(() => this.flush())
  }

  /** Shows what is sent from now on: all that is a message. */
  traceWith(trace: ((to: string, message: Packet) => void) | undefined): void {
    this.trace = trace
  }

  private traced(trace: (to: string, message: Packet) => void, [name, ...message]: Packet): void {
    if (name === "") trace(this.nodeId, message)
    else if (name !== undefined) trace(`${this.nodeId}#${String(name)}`, message)
  }

  /** Tells the other side that there is another node with its ID. */
  duplicate(address: string): void {
    this.send(["", ownRequests.duplicate, address])
  }

  private newSlab(atLeast: number): void {
    this.write()
    const size = Math.min(largestSlab, Math.max(smallestSlab, 2 * this.slab.length))
    this.slab = Buffer.allocUnsafeSlow(Math.max(size, atLeast))
    this.from = this.to = 0
  }

  private write(): void {
    if (this.to > this.from) this.wire.write(this.slab.subarray(this.from, this.to))
    this.from = this.to
  }

  private flush(): void {
    this.flushing = false
    if (this.over) return
    this.write()
    if (this.wire.buffered > bufferLimit) this.lose(new LinkError({ reason: "buffer_overflow", peer: this.nodeId }))
  }

  /** A sign of life. */
  beat(): void {
    this.send([])
  }

  /** Asks for one. */
  probe(): void {
    this.send(["", ownRequests.probe])
  }

  /** Ends the link in order: what was sent still leaves, within bounds. Nobody is told. */
  get close(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.over) return resume(Effect.void)
      if (this.incarnation !== undefined) this.send(["", ownRequests.bye])
      this.write()
      this.finish()
      this.wire.end(() => resume(Effect.void))
    }).pipe(
      Effect.timeoutOption(lingerTimeout),
      Effect.andThen(Effect.sync(() => this.wire.destroy()))
    )
  }

  /** Passes on what comes in, beginning with `events`. */
  attach(events: LinkEvents): void {
    this.events = events
  }

  /** Calls back when the link ends, for whatever reason. */
  onOver(callback: () => void): void {
    if (this.over) callback()
    else this.whenOver = [...this.whenOver, callback]
  }

  private finish(): void {
    this.over = true
    for (const callback of this.whenOver) callback()
  }

  receive(packets: ReadonlyArray<Packet>): void {
    for (let i = 0; i < packets.length && !this.over; i++) this.events?.packet(packets[i]!)
  }

  drained(): void {
    if (!this.over) this.events?.drained()
  }

  /** Ends the link with an error: at once, and nothing that it still holds is delivered. */
  lose(error: LinkError): void {
    if (this.over) return
    this.finish()
    this.wire.destroy()
    this.events?.lost(error)
  }
}

/** What a peer says of its patience. It gets a beat as often as it likes, within reason. */
const readTimeout = (value: string | undefined): number => {
  const millis = Number(value)
  return millis > 0 ? Math.max(millis, 60) : 30_000
}

/** Throws an `UnsendableMessage` if a codec of the kind cannot carry the message. */
export const assertSendable = (port: string, message: Packet, carries: Carries): void => {
  const found = culprit(message, carries)
  if (found !== undefined) throw new UnsendableMessage(port, found)
}
