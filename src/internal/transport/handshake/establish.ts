/**
 * Makes a link of a wire: carries out what the handshake says, then feeds the link with what comes in.
 *
 * @internal
 */
import { framings } from "#framings"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Credentials, Secured, TlsEvents } from "../credentials.ts"
import { type Decoder, FramingError } from "../framing/framing.ts"
import { linger, Link } from "../link.ts"
import { LinkError } from "../linkError.ts"
import type { Wire, WireEvents } from "../wire.ts"
import { dataOf, type Greeting, guestKey, ownKindKey } from "./greeting.ts"
import * as Handshake from "./handshake.ts"

/** What makes a link of a wire. */
export interface Establish {
  readonly identity: Handshake.Identity
  /** What TLS needs, if the identity says that we have it. */
  readonly credentials: Credentials | undefined
  /** 66 random bytes in base64, fresh for every connection. */
  readonly nonce: string
  /** Whether this nonce is that of another handshake of ours which is open. */
  readonly isOurs: (nonce: string) => boolean
  /** Called when the other side has proven who it is; if a link comes of it, before that. */
  readonly authenticated: (greeting: Greeting) => void
  /**
   * Asked before our auth line goes out; may wait until the other side is `verified`. A failure closes the connection.
   */
  readonly admit: (greeting: Greeting, verified: Effect.Effect<void>) => Effect.Effect<void, LinkError>
  /** Called when both sides are who they say, before the first packet: attaches to the link, or answers false. */
  readonly accept: (link: Link) => boolean
  /** The number of the data connection that this is to be, if we dial it as one. */
  readonly data: string | undefined
  /** Called in the place of `accept` where it is one: answers what goes on with the wire, or nothing. */
  readonly attach: (number: string, greeting: Greeting, wire: Wire) => WireEvents | undefined
  readonly maxMessageSize: number
  /** The same of a guest. */
  readonly guestMessageSize: number
  /** Runs what a link still has to do when it has ended. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/**
 * Runs the handshake on a wire. Succeeds when the link stands, or, with nothing, when a data connection does; fails, with the wire closed, when it does not come to
 * that. The time limit is the caller's.
 */
export const establish = (wire: Wire, options: Establish): Effect.Effect<Link | undefined, LinkError> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.callback<Link | undefined, LinkError>((resume) => {
      const shell = new HandshakeShell(wire, options, Effect.runForkWith(context), resume)
      shell.begin()
      return Effect.sync(() => shell.abandon())
    })
  )

/** Passes on what happens on a wire, first to one listener, later to another. */
class Relay implements WireEvents {
  target: WireEvents
  constructor(target: WireEvents) {
    this.target = target
  }
  data(chunk: Uint8Array): void {
    this.target.data(chunk)
  }
  drained(): void {
    this.target.drained()
  }
  closed(why: string): void {
    this.target.closed(why)
  }
}

/** Carries out what the handshake says, until it is over; then feeds the link. */
class HandshakeShell implements TlsEvents {
  private state: Handshake.Handshake
  private link: Link | undefined = undefined
  private decode: Decoder | undefined = undefined
  /** What the wire serves, if it is a data connection. */
  private attached: WireEvents | undefined = undefined
  private over = false
  private readonly opening: ReadonlyArray<Handshake.Action>
  private wire: Wire
  private readonly relay: Relay
  private readonly options: Establish
  private readonly fork: ReturnType<typeof Effect.runForkWith<never>>
  private readonly resume: (result: Effect.Effect<Link | undefined, LinkError>) => void
  private admission: Fiber.Fiber<void, LinkError> | undefined = undefined
  private readonly verified = Deferred.makeUnsafe<void>()

  constructor(
    wire: Wire,
    options: Establish,
    fork: ReturnType<typeof Effect.runForkWith<never>>,
    resume: (result: Effect.Effect<Link | undefined, LinkError>) => void
  ) {
    this.wire = wire
    this.relay = new Relay(this)
    this.options = options
    this.fork = fork
    this.resume = resume
    const [state, actions] = Handshake.start(options.identity, options.nonce, wire.remote, options.isOurs, options.data)
    this.state = state
    this.opening = actions
  }

  begin(): void {
    this.wire.start(this.relay)
    this.carryOut(this.opening)
  }

  /** The caller does not wait any more. */
  abandon(): void {
    if (this.link === undefined && this.attached === undefined && !this.over) this.stop()
  }

  private stop(): void {
    this.over = true
    this.wire.destroy()
    this.admission?.interruptUnsafe()
  }

  data(chunk: Uint8Array): void {
    if (this.over) return
    if (this.attached !== undefined) this.attached.data(chunk)
    else if (this.link !== undefined) this.packets(chunk)
    else this.step(Handshake.receive(this.state, chunk))
  }

  drained(): void {
    this.attached?.drained()
    this.link?.drained()
  }

  closed(why: string): void {
    const { attached, link, state } = this
    if (attached !== undefined) return attached.closed(why)
    if (link !== undefined) return link.lose(new LinkError({ reason: "link_lost", peer: link.nodeId, detail: why }))
    const reason = state.phase === "greeting" ? "left_in_silence" : state.secure ? "tls_closed" : "handshake_closed"
    this.refuse(new LinkError({ reason, peer: state.peer, detail: why }))
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
        case "StartTls":
          this.startTls(action.role, action.rest)
          break
        case "Verified":
          // First: whoever waits for it may end the handshake in the same call.
          this.authenticated()
          Deferred.doneUnsafe(this.verified, Effect.void)
          break
        case "Up":
          this.up(action)
          break
        case "Refuse":
          this.refuse(action.error, action.isTold)
      }
    }
  }

  /** From here on the wire's bytes are those of TLS, and ours are inside of it. */
  private startTls(role: "client" | "server", rest: Uint8Array): void {
    const { credentials } = this.options
    if (credentials === undefined) return this.refuse(new LinkError({ reason: "tls_failed", peer: this.state.peer }))
    const inside = credentials.secure(this.wire, role, this)
    this.relay.target = inside
    this.wire = inside
    if (rest.length > 0) inside.data(rest)
  }

  secured(secured: Secured): void {
    if (!this.over) this.step(Handshake.secured(this.state, secured))
  }

  broken(why: string): void {
    if (this.link !== undefined || this.attached !== undefined) this.closed(why)
    else this.refuse(new LinkError({ reason: "tls_failed", peer: this.state.peer, detail: why }))
  }

  notAccepted(why: string): void {
    if (this.link !== undefined || this.attached !== undefined) this.closed(why)
    else this.refuse(new LinkError({ reason: "tls_refused", peer: this.state.peer, detail: why }))
  }

  private askAdmission(greeting: Greeting): void {
    this.admission = this.fork(this.options.admit(greeting, Deferred.await(this.verified)))
    this.admission.addObserver((exit) => {
      if (this.over) return
      if (exit._tag === "Success") return this.step(Handshake.admitted(this.state))
      for (const reason of exit.cause.reasons) {
        if (reason._tag === "Fail") return this.step(Handshake.rejected(this.state, reason.error))
      }
      this.refuse(new LinkError({ reason: "node_stopped", peer: this.state.peer }))
    })
  }

  private authenticated(): void {
    const { greeting } = this.state
    if (greeting !== undefined) this.options.authenticated(greeting)
  }

  private up(action: Extract<Handshake.Action, { readonly _tag: "Up" }>): void {
    this.authenticated()
    const number = this.options.data ?? dataOf(action.greeting)
    if (number !== undefined) return this.attach(number, action)
    const receives = framings.get(action.receives)!
    const { fork, identity } = this.options
    const { keys, nodeId } = identity
    const home = { nodeId, isOwnKind: keys.has(ownKindKey), isGuest: keys.has(guestKey), fork }
    const link = new Link(this.wire, action.greeting, framings.get(action.sends)!, action.security, home)
    if (!this.options.accept(link)) {
      return this.refuse(new LinkError({ reason: "already_connected", peer: this.state.peer }))
    }
    this.link = link
    this.decode = receives.makeDecoder(
      { maxMessageSize: this.mostOf(link), kind: link.kind, damaged: () => link.damaged() },
      (name, message) => link.deliver(name, message)
    )
    this.resume(Effect.succeed(link))
    if (action.rest.length > 0) this.packets(action.rest)
  }

  private mostOf({ guestUntil }: Link): number {
    const { guestMessageSize, maxMessageSize } = this.options
    return guestUntil === undefined ? maxMessageSize : guestMessageSize
  }

  private attach(number: string, { greeting, rest }: Extract<Handshake.Action, { readonly _tag: "Up" }>): void {
    const attached = this.options.attach(number, greeting, this.wire)
    if (attached === undefined) {
      return this.refuse(new LinkError({ reason: "data_not_expected", peer: this.state.peer }))
    }
    this.attached = attached
    this.resume(Effect.succeed(undefined))
    if (rest.length > 0) attached.data(rest)
  }

  private packets(chunk: Uint8Array): void {
    const link = this.link!
    if (link.isOver) return
    link.received += chunk.length
    try {
      this.decode!(chunk)
      link.read()
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      link.giveUp(new LinkError({ reason: error.reason, peer: link.nodeId, detail: error.message }))
    }
  }

  private refuse(error: LinkError, isTold = false): void {
    if (this.over) return
    if (!isTold || !this.state.secure) {
      this.stop()
      return this.resume(Effect.fail(error))
    }
    // What a socket was given leaves though it is closed; what TLS was given is not encrypted yet.
    this.over = true
    this.admission?.interruptUnsafe()
    this.resume(Effect.andThen(linger(this.wire), Effect.fail(error)))
  }
}
