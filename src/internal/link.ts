/**
 * A link: a connection whose handshake is done, on which messages travel. It holds no fiber; bytes that come in become
 * messages in the same call, and all messages of one tick leave in one write.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { type DecoderOptions, type Encoder, type Framing, FramingError, type Packet } from "./framing.ts"
import { framings } from "./framings.ts"
import { type Greeting, ownKindKey } from "./greeting.ts"
import * as Handshake from "./handshake.ts"
import { LinkError } from "./linkError.ts"
import { type Culprit, culprit } from "./plainData.ts"
import type { Wire, WireEvents } from "./wire.ts"

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

/** Bytes that wait for a write are collected in pieces of this size. */
const slabSize = 64 * 1024
/** How long a link that is closed in order may take to deliver what it still holds. */
const lingerTimeout = "2 seconds"
/** Beyond this many unsent bytes a sender is asked to wait. */
const highWater = 1024 * 1024

export class Link {
  readonly nodeId: string
  /** Random for every process of our own kind; undefined for others. */
  readonly incarnation: string | undefined
  readonly address: string
  /** What the link can carry. */
  readonly framing: Framing
  private readonly wire: Wire
  private readonly encode: Encoder
  private events: LinkEvents | undefined = undefined
  private slab: Buffer = Buffer.alloc(0)
  private from = 0
  private to = 0
  private flushing = false
  private over = false

  constructor(wire: Wire, greeting: Greeting, framing: Framing) {
    this.wire = wire
    this.nodeId = greeting.nodeId
    this.incarnation = greeting.keys.get(ownKindKey)
    this.address = wire.remote
    this.framing = framing
    this.encode = framing.makeEncoder()
  }

  /** Bytes that have not left this process. */
  get buffered(): number {
    return this.wire.buffered + this.to - this.from
  }

  /** Whether there is room: a sender that can wait should, until `drained`. */
  get hasRoom(): boolean {
    return this.wire.buffered < highWater
  }

  /** Sends a packet that is known to be plain data. */
  send(packet: Packet): void {
    if (this.over) return
    const bytes = this.encode(packet)
    if (this.slab.length - this.to < bytes.length) this.newSlab(bytes.length)
    this.slab.set(bytes, this.to)
    this.to += bytes.length
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(() => this.flush())
  }

  private newSlab(atLeast: number): void {
    this.write()
    this.slab = Buffer.allocUnsafeSlow(Math.max(slabSize, atLeast))
    this.from = this.to = 0
  }

  private write(): void {
    if (this.to > this.from) this.wire.write(this.slab.subarray(this.from, this.to))
    this.from = this.to
  }

  private flush(): void {
    this.flushing = false
    if (!this.over) this.write()
  }

  /** Ends the link in order: what was sent still leaves, within bounds. Nobody is told. */
  get close(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.over) return resume(Effect.void)
      this.write()
      this.over = true
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

  receive(packets: ReadonlyArray<Packet>): void {
    for (let i = 0; i < packets.length && !this.over; i++) this.events?.packet(packets[i]!)
  }

  drained(): void {
    if (!this.over) this.events?.drained()
  }

  /** Ends the link with an error: at once, and nothing that it still holds is delivered. */
  lose(error: LinkError): void {
    if (this.over) return
    this.over = true
    this.wire.destroy()
    this.events?.lost(error)
  }
}

/** What makes a link of a wire. */
export interface Establish {
  readonly identity: Handshake.Identity
  /** 66 random bytes in base64, fresh for every connection. */
  readonly nonce: string
  /** Asked before our auth line goes out. A failure closes the connection. */
  readonly admit: (greeting: Greeting) => Effect.Effect<void, LinkError>
  /** Called when both sides are who they say, before the first packet: attaches to the link, or answers false. */
  readonly accept: (link: Link) => boolean
  readonly maxMessageSize: number
}

/**
 * Runs the handshake on a wire. Succeeds when the link stands; fails, with the wire closed, when it does not come to
 * that. The time limit is the caller's.
 */
export const establish = (wire: Wire, options: Establish): Effect.Effect<Link, LinkError> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.callback<Link, LinkError>((resume) => {
      const shell = new HandshakeShell(wire, options, Effect.runForkWith(context), resume)
      shell.begin()
      return Effect.sync(() => shell.abandon())
    })
  )

/** Carries out what the handshake says, until it is over; then feeds the link. */
class HandshakeShell implements WireEvents {
  private state: Handshake.Handshake
  private link: Link | undefined = undefined
  private decode: ((chunk: Uint8Array) => ReadonlyArray<Packet>) | undefined = undefined
  private over = false
  private readonly opening: ReadonlyArray<Handshake.Action>
  private readonly wire: Wire
  private readonly options: Establish
  private readonly fork: ReturnType<typeof Effect.runForkWith<never>>
  private readonly resume: (result: Effect.Effect<Link, LinkError>) => void
  private admission: Fiber.Fiber<void, LinkError> | undefined = undefined

  constructor(
    wire: Wire,
    options: Establish,
    fork: ReturnType<typeof Effect.runForkWith<never>>,
    resume: (result: Effect.Effect<Link, LinkError>) => void
  ) {
    this.wire = wire
    this.options = options
    this.fork = fork
    this.resume = resume
    const [state, actions] = Handshake.start(options.identity, options.nonce, wire.remote)
    this.state = state
    this.opening = actions
  }

  begin(): void {
    this.wire.start(this)
    this.carryOut(this.opening)
  }

  /** The caller does not wait any more. */
  abandon(): void {
    if (this.link === undefined && !this.over) this.stop()
  }

  private stop(): void {
    this.over = true
    this.wire.destroy()
    this.admission?.interruptUnsafe()
  }

  data(chunk: Uint8Array): void {
    if (this.over) return
    if (this.link !== undefined) this.packets(chunk)
    else this.step(Handshake.receive(this.state, chunk))
  }

  drained(): void {
    this.link?.drained()
  }

  closed(why: string): void {
    const { link, state } = this
    if (link !== undefined) link.lose(new LinkError({ reason: "link_lost", peer: link.nodeId, detail: why }))
    else this.refuse(new LinkError({ reason: "handshake_closed", peer: state.peer, detail: why }))
  }

  private step([state, actions]: readonly [Handshake.Handshake, ReadonlyArray<Handshake.Action>]): void {
    this.state = state
    this.carryOut(actions)
  }

  private carryOut(actions: ReadonlyArray<Handshake.Action>): void {
    for (const action of actions) {
      if (this.over) return
      switch (action._tag) {
        case "Send":
          this.wire.write(action.bytes)
          break
        case "Admit":
          this.askAdmission(action.greeting)
          break
        case "Up":
          this.up(action)
          break
        case "Refuse":
          this.refuse(action.error)
      }
    }
  }

  private askAdmission(greeting: Greeting): void {
    this.admission = this.fork(this.options.admit(greeting))
    this.admission.addObserver((exit) => {
      if (this.over) return
      if (exit._tag === "Success") return this.step(Handshake.admitted(this.state))
      for (const reason of exit.cause.reasons) {
        if (reason._tag === "Fail") return this.refuse(reason.error)
      }
      this.refuse(new LinkError({ reason: "node_stopped", peer: this.state.peer }))
    })
  }

  private up(action: Extract<Handshake.Action, { readonly _tag: "Up" }>): void {
    const receives = framings.get(action.receives)!
    const link = new Link(this.wire, action.greeting, framings.get(action.sends)!)
    if (!this.options.accept(link)) {
      return this.refuse(new LinkError({ reason: "already_connected", peer: this.state.peer }))
    }
    this.link = link
    const options: DecoderOptions = {
      maxMessageSize: this.options.maxMessageSize,
      byteStrings: link.incarnation === undefined ? "text" : "bytes"
    }
    this.decode = receives.makeDecoder(options)
    this.resume(Effect.succeed(link))
    if (action.rest.length > 0) this.packets(action.rest)
  }

  private packets(chunk: Uint8Array): void {
    const link = this.link!
    try {
      link.receive(this.decode!(chunk))
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      link.lose(new LinkError({ reason: error.reason, peer: link.nodeId, detail: error.message }))
    }
  }

  private refuse(error: LinkError): void {
    if (this.over) return
    this.stop()
    this.resume(Effect.fail(error))
  }
}

/** Throws an `UnsendableMessage` if a codec of the kind cannot carry the message. */
export const assertSendable = (port: string, message: Packet, carries: Framing["carries"]): void => {
  const found = culprit(message, carries)
  if (found !== undefined) throw new UnsendableMessage(port, found)
}
