/**
 * A link: a connection whose handshake is done, on which messages travel. It holds no fiber; bytes that come in become
 * messages in the same call, and all messages of one tick leave in one write.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { describe } from "../values/describe.ts"
import { type Carries, copy, type Culprit, culprit, type Message, type PeerKind } from "../values/plainData.ts"
import { type Framing, leastMessageSize, type Limits, limitsOf } from "./framing/framing.ts"
import type { SendBuffer } from "./framing/sendBuffer.ts"
import {
  asideKey,
  type Greeting,
  guestSizeKey,
  guestUntil,
  ownKindKey,
  sizeKey,
  timeoutKey
} from "./handshake/greeting.ts"
import { LinkError, transportErrorText } from "./linkError.ts"
import { isForPort, ownRequests, readAside } from "./ownRequests.ts"
import { RoundTrip } from "./roundTrip.ts"
import type { Security } from "./security.ts"
import { untold, type Wire } from "./wire.ts"

/** Told what happens on a link. Called by the event loop: must not throw. */
export interface LinkEvents {
  message(name: unknown, message: Message): void
  /** All messages of what came last have been told. */
  read(): void
  /** Text has come that is not UTF-8. What of it is no character stands in the message as U+FFFD. */
  damaged(): void
  /** The send buffer is empty again. */
  drained(): void
  /** Called once. Nothing comes after it. */
  lost(error: LinkError): void
}

/** A message that is larger than the other side takes. */
export interface Oversize {
  readonly size: number
  readonly most: number
  readonly unit: "bytes" | "values"
}

/** A message that cannot travel, with the place in it that cannot. Re-exported by `Port`, where it is documented. */
export class UnsendableMessage extends Error {
  override readonly name = "UnsendableMessage"
  readonly _tag = "UnsendableMessage"
  readonly port: string
  readonly path: string
  /** Whether it is larger than the other node takes, and nothing else is wrong with it. */
  readonly isTooLarge: boolean
  constructor(port: string, found: Culprit | Oversize) {
    super(`cannot send to ${port}: ${whatIsWrong(found)}`)
    this.port = port
    this.path = "path" in found ? found.path : ""
    this.isTooLarge = !("path" in found)
  }
}

const whatIsWrong = (found: Culprit | Oversize): string =>
  "path" in found
    ? `message${found.path} is ${found.what}, which no link can carry`
    : `the message has ${found.size} ${found.unit}, and the other node takes no more than ${found.most}`

/** How long a link that is closed in order may take to deliver what it still holds. */
const lingerTimeout = "2 seconds"
/** Beyond this many unsent bytes a sender that can wait has to. */
const highWater = 1024 * 1024
/** Beyond this many the link is given up: those that cannot wait have sent them. */
const bufferLimit = 256 * 1024 * 1024
/** The same to a guest, of whom there may be many: whoever can wait has waited long before. */
const guestBufferLimit = 8 * 1024 * 1024

/** No port has this name: those that are made are letters and digits. */
const noPort = "emp_probe"

/** So much is said of why a link ends. */
const longestDetail = 300

/** What a link needs of the node that it is made on. */
export interface LinkHome {
  readonly nodeId: string
  /** Whether this node is of our own kind: another one that says the same of itself is then known as such. */
  readonly isOwnKind: boolean
  /** Whether this node is a guest: then it goes by what others take of guests. */
  readonly isGuest: boolean
  /** Runs what is still to be done when the link has ended. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

export class Link {
  readonly nodeId: string
  /** Random for every process, if both sides are of our kind; undefined otherwise. */
  readonly incarnation: string | undefined
  /** When the ticket of the other side ends, in seconds since 1970, if it is a guest of this node. */
  readonly guestUntil: number | undefined
  /** How long the other side, if it is of our kind, waits for a sign of life: milliseconds. */
  readonly peerTimeoutMillis: number | undefined
  /** How large a message the other side takes, if it is of our kind. Nobody knows it of others. */
  readonly peerLimits: Limits | undefined
  /** Whether the other side knows what goes beside messages. */
  readonly takesAsides: boolean
  readonly address: string
  /** The software of the other side, as it calls itself. */
  readonly provider: string | undefined
  /** What the link can carry. */
  readonly carries: Carries
  /** What protects the link, and what both sides have proven. */
  readonly security: Security
  private readonly wire: Wire
  private readonly buffer: SendBuffer
  private readonly emptyPacket: Uint8Array
  private readonly home: LinkHome
  /** Messages of so many bytes need no further look. */
  private readonly harmlessSize: number
  private events: LinkEvents | undefined = undefined
  /** What the data of a message that is being written has sent: it leaves behind that. */
  private behind: ReadonlyArray<readonly [name: string, message: Message]> = []
  private flushing = false
  private over = false
  private whenOver: ReadonlyArray<() => void> = []
  /** Told of each message that is sent. */
  private trace: ((to: string, message: Message) => void) | undefined = undefined
  /** How long a message and its answer take, if somebody has asked for it. */
  readonly roundTrip = new RoundTrip()
  /** Bytes that have come. */
  received = 0
  /** Bytes that were sent. */
  sent = 0
  /** Messages for ports, and requests to the node port, that have come. */
  messagesReceived = 0
  requestsReceived = 0
  /** The same that were sent. */
  messagesSent = 0
  requestsSent = 0

  constructor(wire: Wire, greeting: Greeting, framing: Framing, security: Security, home: LinkHome) {
    this.wire = wire
    this.security = security
    this.home = home
    this.nodeId = greeting.nodeId
    this.incarnation = home.isOwnKind ? greeting.keys.get(ownKindKey) : undefined
    this.guestUntil = guestUntil(greeting)
    const least = this.guestUntil === undefined ? leastPatience : leastPatienceOfGuest
    this.peerTimeoutMillis = this.incarnation === undefined
      ? undefined
      : readTimeout(greeting.keys.get(timeoutKey), least)
    const size = greeting.keys.get(home.isGuest ? guestSizeKey : sizeKey)
    this.peerLimits = this.incarnation === undefined ? undefined : readLimits(size)
    this.takesAsides = this.incarnation !== undefined && greeting.keys.has(asideKey)
    this.harmlessSize = this.peerLimits === undefined
      ? Infinity
      : Math.min(this.peerLimits.bytes, this.peerLimits.items)
    this.address = wire.remote
    this.provider = greeting.keys.get("provider")
    this.carries = framing.carries[this.kind]
    this.emptyPacket = framing.emptyPacket
    this.buffer = framing.makeBuffer(this.kind, wire)
  }

  /** Who is at the other end. */
  get kind(): PeerKind {
    return this.incarnation === undefined ? "perl" : "own"
  }

  /** Bytes that have not left this process. */
  get buffered(): number {
    return this.wire.buffered + this.buffer.held
  }

  /** Whether there is room: a sender that can wait should, until `drained`. */
  get hasRoom(): boolean {
    return this.buffered < highWater
  }

  get isOver(): boolean {
    return this.over
  }

  /** Sends a message. Throws an `UnsendableMessage` if it cannot travel, or the other side does not take so much. */
  send(name: string, message: Message): void {
    if (this.over) return
    if (this.buffer.isWriting) return this.sendBehind(name, message)
    try {
      this.write(name, message)
    } finally {
      if (this.behind.length > 0) this.sendWhatIsBehind()
    }
  }

  private write(name: string, message: Message): void {
    this.sent += this.sizeWhenWritten(name, message)
    if (isForPort(name, message)) this.messagesSent++
    else this.requestsSent++
    if (this.trace !== undefined) this.show(this.trace, name, message)
    this.flushSoon()
  }

  /** Writes a message, if it can travel and the other side takes it. */
  private sizeWhenWritten(name: string, message: Message): number {
    let size: number
    try {
      size = this.buffer.write(name, message)
    } catch (error) {
      throw new UnsendableMessage(this.portOf(name), culprit(message, this.carries) ?? unreadable(error))
    }
    if (size > this.harmlessSize) this.assertTaken(name, message, size)
    return size
  }

  private show(trace: (to: string, message: Message) => void, name: string, message: Message): void {
    const held = name === "" ? readAside(message) : undefined
    if (held === undefined) trace(this.portOf(name), message)
    else trace(this.portOf(String(held.to)), held.message)
  }

  private sendBehind(name: string, message: Message): void {
    const copied = copy(message, this.carries)
    if ("path" in copied) throw new UnsendableMessage(this.portOf(name), copied)
    this.behind = [...this.behind, [name, copied.copy]]
  }

  private sendWhatIsBehind(): void {
    const { behind } = this
    this.behind = []
    for (const [name, message] of behind) this.send(name, message)
  }

  /** Throws an `UnsendableMessage` if the message is larger than what the other side takes. */
  assertFits(name: string, message: Message): void {
    // While another one is being written, by whose data this is asked, nobody can say: it is refused when it is sent.
    if (this.peerLimits === undefined || this.buffer.isWriting) return
    this.sizeWhenWritten(name, message)
    this.buffer.undo()
  }

  private assertTaken(name: string, message: Message, size: number): void {
    const limits = this.peerLimits
    if (limits === undefined) return
    const values = size > limits.bytes ? 0 : countItems([name, ...message])
    if (size <= limits.bytes && values <= limits.items) return
    this.buffer.undo()
    throw new UnsendableMessage(
      this.portOf(name),
      size > limits.bytes
        ? { size, most: limits.bytes, unit: "bytes" }
        : { size: values, most: limits.items, unit: "values" }
    )
  }

  private portOf(name: string): string {
    return name === "" ? this.nodeId : `${this.nodeId}#${name}`
  }

  /** Shows what is sent from now on: all that is a message. */
  traceWith(trace: ((to: string, message: Message) => void) | undefined): void {
    this.trace = trace
  }

  /** Tells the other side that there is another node with its ID. */
  duplicate(address: string): void {
    this.send("", [ownRequests.duplicate, address])
  }

  private flushSoon(): void {
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(() => this.flush())
  }

  private flush(): void {
    this.flushing = false
    if (this.over) return
    this.buffer.flush()
    const limit = this.guestUntil === undefined ? bufferLimit : guestBufferLimit
    if (this.wire.buffered > limit) this.lose(new LinkError({ reason: "buffer_overflow", peer: this.nodeId }))
    // Where the system has taken it at once, the wire has nothing to say of it.
    else if (this.wire.buffered <= untold) this.drained()
  }

  /** A sign of life. */
  beat(): void {
    if (this.over) return
    this.buffer.append(this.emptyPacket)
    this.sent += this.emptyPacket.length
    this.flushSoon()
  }

  /** Asks for one: a node of another kind for the time, which it tells to a port that nobody has. */
  probe(): void {
    this.send("", this.incarnation === undefined ? ["time", `${this.home.nodeId}#${noPort}`] : [ownRequests.probe])
  }

  /** How long a message and its answer take, as far as that is known. Asks for it, if that was long ago: our own kind alone answers. */
  measure(now: number): number | undefined {
    const question = this.incarnation === undefined ? undefined : this.roundTrip.ask(now)
    if (question !== undefined) this.send("", [ownRequests.probe, question])
    return this.roundTrip.millis
  }

  /** Answers who measures. */
  answerProbe(question: unknown): void {
    if (typeof question === "number") this.send("", [ownRequests.probed, question])
    else this.beat()
  }

  /** Ends the link in order: what was sent still leaves, within bounds. Nobody is told. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.over) return Effect.void
      this.last([ownRequests.bye])
      return linger(this.wire)
    })
  }

  /** Sends a last request, if the other side is of our kind. */
  private last(request: Message): void {
    if (this.incarnation !== undefined) this.send("", request)
    this.buffer.flush()
    this.finish()
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

  /** A message has come. Answers whether the next one is wanted. */
  deliver(name: unknown, message: Message): boolean {
    if (this.over) return false
    if (isForPort(name, message)) this.messagesReceived++
    else this.requestsReceived++
    this.events?.message(name, message)
    return !this.over
  }

  /** What has come has been read: messages, a part of one, or signs of life. */
  read(): void {
    if (!this.over) this.events?.read()
  }

  damaged(): void {
    if (!this.over) this.events?.damaged()
  }

  drained(): void {
    if (!this.over) this.events?.drained()
  }

  /**
   * Ends the link with an error that the other side is to know of, if it is of our kind: what was sent still leaves, with the
   * error behind it. From now on nothing that comes is heard.
   */
  giveUp(error: LinkError): void {
    if (this.over) return
    if (this.incarnation === undefined) return this.lose(error)
    this.last([ownRequests.end, error.reason, transportErrorText(error).slice(0, longestDetail).toWellFormed()])
    this.home.fork(linger(this.wire))
    this.events?.lost(error)
  }

  /** Ends the link with an error: at once, and nothing that it still holds is delivered. */
  lose(error: LinkError): void {
    if (this.over) return
    this.finish()
    this.wire.destroy()
    this.events?.lost(error)
  }
}

/** Closes a connection when all that was written has left, or, within bounds, without that. */
export const linger = (wire: Wire): Effect.Effect<void> =>
  Effect.callback<void>((resume) => wire.end(() => resume(Effect.void))).pipe(
    Effect.timeoutOption(lingerTimeout),
    Effect.ensuring(Effect.sync(() => wire.destroy())),
    Effect.asVoid
  )

/** A peer gets a beat as often as it likes, within reason: milliseconds. */
const leastPatience = 60
/** There may be many guests, and all of them want them often. One of our own that has less patience asks. */
const leastPatienceOfGuest = 6_000

/** What a peer says of its patience. */
const readTimeout = (value: string | undefined, least: number): number => {
  const millis = Number(value)
  return millis > 0 ? Math.max(millis, least) : 30_000
}

/** What a peer says of the messages that it takes. An older node of our kind says nothing. */
const readLimits = (value: string | undefined): Limits | undefined => {
  const size = Number(value)
  return size > 0 ? limitsOf(Math.max(size, leastMessageSize)) : undefined
}

/** How many values and keys a packet has: no decoder counts more. */
const countItems = (value: unknown): number => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 1
  let count = 1
  if (Array.isArray(value)) { for (const inner of value) count += countItems(inner) }
  else for (const inner of Object.values(value)) count += 1 + countItems(inner)
  return count
}

/** Where the data has changed since it was refused. */
const unreadable = (error: unknown): Culprit => ({
  path: "",
  what: `data that changes while it is read: ${describe(error)}`
})
