/**
 * How links come about: incoming connections, dialling, and which of two connections between one pair of nodes stays.
 * Follows protocol sections 12 and 13.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { establish } from "../transport/handshake/establish.ts"
import { type Greeting, ownKindKey } from "../transport/handshake/greeting.ts"
import { type Identity, sameId } from "../transport/handshake/handshake.ts"
import { probe, watch } from "../transport/heartbeat.ts"
import type { Link } from "../transport/link.ts"
import { LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { Credentials } from "../transport/tls.ts"
import type { Carrier, Wire } from "../transport/wire.ts"
import { parseAddress } from "../values/address.ts"
import type { Peer } from "./peer.ts"
import type { Router } from "./router.ts"

/** Where a node lives: its addresses, none if it is not known. What fills it stands above the node. */
export type FindAddresses = (nodeId: string) => Effect.Effect<ReadonlyArray<string>>

/** Settings of a node's connections. Times are in milliseconds. */
export interface ConnectionSettings {
  readonly identity: Identity
  readonly credentials: Credentials | undefined
  /** How long a handshake may take. */
  readonly monitorTimeout: number
  /** How long finding and dialling a node may take. */
  readonly connectInterval: number
  readonly maxMessageSize: number
  /** Random text for the nonce: from a cryptographic source. */
  readonly makeNonce: Effect.Effect<string>
}

/** A handshake for which our auth line has gone out, or is about to. */
interface Pending {
  /** The node ID of the side that dialled. */
  readonly dialler: string
  readonly since: number
  readonly over: Deferred.Deferred<void>
  /** Gives it up. */
  readonly evict: () => void
}

/** One connection on its way to be a link. */
interface Attempt {
  readonly wire: Wire
  readonly dialled: boolean
  readonly greeting: Greeting
  /** Waits until the other side has authenticated. */
  readonly verified: Effect.Effect<void>
  readonly pending: Pending
  /** The dead link that this one is to replace. */
  replaces: Link | undefined
}

/** How many incoming connections may be in their handshakes at once; beyond it the oldest one has to go. */
const maxHandshakes = 1000
/** How long a handshake may hold up another one with the same node, once the other one has authenticated: milliseconds. */
const rivalGrace = 1000
/** How long a link may take to prove that it lives when its node seems to have come back: milliseconds, at most. */
const probeLimit = 1000

export class Connections {
  /** Set by whoever knows more nodes. */
  findAddresses: FindAddresses = () => Effect.succeed([])
  /** By node ID: at most one connection with each node may be about to become a link. */
  private readonly pending = new Map<string, Pending>()
  /** Incoming connections in their handshakes, oldest first. */
  private readonly handshakes = new Set<Wire>()
  private readonly router: Router
  private readonly carrier: Carrier
  readonly settings: ConnectionSettings
  private readonly scope: Scope.Scope
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private stalledAt = -Infinity

  constructor(router: Router, carrier: Carrier, settings: ConnectionSettings, context: Context.Context<Scope.Scope>) {
    this.router = router
    this.carrier = carrier
    this.settings = settings
    this.scope = Context.get(context, Scope.Scope)
    const fork = Effect.runForkWith(context)
    this.fork = (effect) => {
      const fiber = fork(Effect.annotateLogs(effect, "node", router.nodeId))
      return Fiber.runIn(fiber, this.scope)
    }
  }

  /** Listens on an address, as long as the scope is open. Answers the addresses that others can dial. */
  listen(bind: string): Effect.Effect<ReadonlyArray<string>, LinkError, Scope.Scope> {
    return this.carrier.listen(bind, (wire) => void this.fork(this.incoming(wire)), this.router.nodeId)
  }

  /** Looks for a peer, in the background. */
  search(peer: Peer): void {
    this.fork(this.connect(peer))
  }

  /** How many incoming connections are in their handshakes. */
  get handshaking(): number {
    return this.handshakes.size
  }

  /** An incoming connection: becomes a link, or is closed and logged. */
  private incoming(wire: Wire): Effect.Effect<void> {
    this.handshakes.add(wire)
    const [oldest] = this.handshakes
    if (oldest !== undefined && this.handshakes.size > maxHandshakes) {
      // It hears of its end later; until then many more may come.
      this.handshakes.delete(oldest)
      oldest.destroy()
    }
    return this.handshake(wire, false).pipe(
      Effect.catch((error) =>
        // Both sides dialling at once is nothing to worry about, nor is a seed that finds itself. Two nodes with one ID are,
        // and everybody was told.
        // A Perl node whose seed we are dials us even when it has a link to us.
        error.detail === crossing || error.detail?.startsWith(another) || error.reason === "self_connect" ||
          error.reason === "duplicate_node" && error.detail !== sameId
          ? Effect.logDebug(error.message)
          : Effect.logWarning(`refused a connection from ${error.message}`)
      ),
      Effect.ensuring(Effect.sync(() => this.handshakes.delete(wire)))
    )
  }

  /**
   * Dials one address. `greeted` is told the node ID behind it as soon as it is known, which is before anybody has
   * authenticated.
   */
  dial(address: string, greeted: (nodeId: string) => void = () => {}): Effect.Effect<Link, LinkError> {
    return this.carrier.dial(address, this.router.nodeId).pipe(
      // A host that does not answer at all: the system would wait for minutes, and whoever dials again waits for that.
      Effect.timeoutOrElse({
        duration: this.settings.monitorTimeout,
        orElse: () => Effect.fail(new LinkError({ reason: "connect_timeout", peer: address }))
      }),
      Effect.flatMap((wire) => this.handshake(wire, true, greeted))
    )
  }

  private handshake(
    wire: Wire,
    dialled: boolean,
    greeted: (nodeId: string) => void = () => {}
  ): Effect.Effect<Link, LinkError> {
    const { settings } = this
    let attempt: Attempt | undefined
    const admit = (greeting: Greeting, verified: Effect.Effect<void>) => {
      greeted(greeting.nodeId)
      const dialler = dialled ? this.router.nodeId : greeting.nodeId
      const since = this.router.monotonic()
      const pending: Pending = { dialler, since, over: Deferred.makeUnsafe(), evict: () => wire.destroy() }
      attempt = { wire, dialled, greeting, verified, pending, replaces: undefined }
      return this.admit(attempt)
    }
    return Effect.flatMap(settings.makeNonce, (nonce) =>
      establish(wire, {
        identity: settings.identity,
        credentials: settings.credentials,
        nonce,
        admit,
        accept: (link) => this.accept(link, attempt?.replaces),
        maxMessageSize: settings.maxMessageSize
      })).pipe(
        Effect.timeoutOrElse({
          duration: settings.monitorTimeout,
          orElse: () => Effect.fail(new LinkError({ reason: "handshake_timeout", peer: wire.remote }))
        }),
        Effect.onError(() => Effect.sync(() => wire.destroy())),
        // The other side closes one of two connections without a word.
        Effect.catch((error) =>
          error.reason === "handshake_closed" && attempt !== undefined && this.hasAnother(attempt)
            ? refuse(attempt, crossing)
            : Effect.fail(error)
        ),
        Effect.tapError((error) => Effect.sync(() => this.toldOfTwin(error))),
        Effect.ensuring(Effect.sync(() => {
          if (attempt === undefined) return
          const { greeting: { nodeId }, pending } = attempt
          if (this.pending.get(nodeId) === pending) this.pending.delete(nodeId)
          Deferred.doneUnsafe(pending.over, Effect.void)
        }))
      )
  }

  /** The other side says, with a detail, that our ID is taken; what we say of others' is said already. */
  private toldOfTwin({ detail, message, reason }: LinkError): void {
    if (reason === "duplicate_node" && detail !== undefined && detail !== sameId) this.router.alarm(message)
  }

  /** Whether another connection with the same node stands, or is about to. */
  private hasAnother({ greeting: { nodeId }, pending }: Attempt): boolean {
    const other = this.pending.get(nodeId)
    return this.router.isUp(nodeId) || other !== undefined && other !== pending
  }

  /** A link stands, unless its node has another one. From now on it is watched over. */
  private accept(link: Link, replaces: Link | undefined): boolean {
    if (!this.router.linked(link, replaces)) return false
    const settings = { timeout: this.settings.monitorTimeout, peerTimeout: link.peerTimeout }
    const watching = this.fork(watch(link, settings, (late) => this.stalled(late)))
    link.onOver(() => watching.interruptUnsafe())
    return true
  }

  /** This process stood still: said once, not for every link. */
  private stalled(late: number): void {
    const now = this.router.monotonic()
    if (now - this.stalledAt < late) return
    this.stalledAt = now
    this.router.warn(`this process stood still for ${Math.round(late)} ms: silent nodes get that time once more`)
  }

  /**
   * Whether our auth line may go out on a connection. A second handshake with a Perl node must never complete, and two
   * nodes that both see to that must choose the same one: it is the one dialled by the node with the smaller ID.
   */
  private admit(attempt: Attempt): Effect.Effect<void, LinkError> {
    return Effect.suspend(() => {
      const { dialled, greeting, pending } = attempt
      const { nodeId } = greeting
      const peer = this.router.peers.get(nodeId)
      const first = peer?.state === "up" ? peer.link : undefined
      if (first !== undefined && first !== attempt.replaces) return this.second(attempt, first)
      const rival = this.pending.get(nodeId)
      if (rival === undefined) {
        this.pending.set(nodeId, pending)
        return Effect.void
      }
      // The other side prefers the same one, and waits for nothing but this answer. Unless that one leads to a stranger:
      // the node itself would have answered by now.
      const fresh = this.router.monotonic() - rival.since < rivalGrace
      if (!dialled && fresh && rival.dialler < pending.dialler) return refuse(attempt, crossing)
      // Whoever has not authenticated must not keep out those who have, nor take the next turn. Of two connections that
      // both sides have begun, the one that both prefer does not wait for the other; the other side, which may wait for
      // the very same, is slower to give it up, or each would give up what the other one keeps.
      const preferred = pending.dialler < rival.dialler
      const grace = !preferred ? 2 * rivalGrace : greeting.keys.has(ownKindKey) ? 0 : rivalGrace
      const impatient = Effect.andThen(attempt.verified, Effect.sleep(grace)).pipe(
        Effect.andThen(Effect.sync(() => rival.evict())),
        Effect.andThen(Deferred.await(rival.over))
      )
      return Effect.raceFirst(Deferred.await(rival.over), impatient).pipe(
        Effect.andThen(Effect.suspend(() => dialled || this.router.isUp(nodeId) ? Effect.void : attempt.verified)),
        Effect.andThen(this.admit(attempt))
      )
    })
  }

  /**
   * A second connection with a node that is up. Among our own kind: if the first one turns out to be dead, the node came
   * back, and the new one replaces it. Otherwise the first one stays, as with all others.
   */
  private second(attempt: Attempt, first: Link): Effect.Effect<void, LinkError> {
    const incarnation = attempt.greeting.keys.get(ownKindKey)
    if (incarnation === undefined || first.incarnation === undefined) {
      const isSameHost = hostOf(attempt.wire.remote) === hostOf(first.address)
      const what = isSameHost ? another : "the other one is connected"
      return refuse(attempt, `${what} through ${first.address}`)
    }
    const answers = probe(first, Math.min(this.settings.monitorTimeout / 4, probeLimit))
    // Strangers must not make us probe. Where we dialled ourselves the other side may wait just as we do.
    const asked = attempt.dialled ? answers : Effect.andThen(attempt.verified, answers)
    return Effect.flatMap(asked, (alive) => {
      if (!alive) {
        attempt.replaces = first
        return this.admit(attempt)
      }
      if (incarnation === first.incarnation) return refuse(attempt, crossing)
      // Strangers must not make us raise an alarm, either.
      return Effect.flatMap(Effect.timeoutOption(attempt.verified, rivalGrace), (verified) =>
        verified._tag === "Some"
          ? this.duplicate(attempt, first)
          : refuse(attempt, `the other one is connected through ${first.address}`))
    })
  }

  /** Two live nodes share one ID. All three get to know. */
  private duplicate(attempt: Attempt, first: Link): Effect.Effect<never, LinkError> {
    const { greeting: { nodeId }, wire } = attempt
    first.duplicate(wire.remote)
    this.router.alarm(
      `two live nodes have the node ID ${nodeId}: at ${first.address}, and at ${wire.remote}, which is refused`
    )
    return Effect.fail(new LinkError({ reason: "duplicate_node", peer: `${wire.remote} (node ${nodeId})` }))
  }

  /** Finds a peer and dials its addresses, until it is up or the time is over. */
  private connect(peer: Peer): Effect.Effect<void> {
    const { connectInterval } = this.settings
    const failed = (error: LinkError) =>
      Effect.sync(() => {
        if (peer.state === "connecting") peer.lost(error)
      })
    return Effect.flatMap(Effect.suspend(() => this.findAddresses(peer.nodeId)), (addresses) =>
      addresses.length === 0
        ? Effect.fail(new LinkError({ reason: "no_known_address", peer: peer.nodeId }))
        : this.dialAll(peer, addresses)).pipe(
        Effect.timeoutOrElse({
          duration: connectInterval,
          orElse: () => Effect.fail(new LinkError({ reason: "connect_timeout", peer: peer.nodeId }))
        }),
        // An address book of somebody else's making: its defect must not leave the peer connecting for ever.
        Effect.catchDefect((defect) => {
          const error = new LinkError({
            reason: "no_known_address",
            peer: peer.nodeId,
            detail: "the address book failed"
          })
          return Effect.andThen(Effect.logWarning(error.message, defect), Effect.fail(error))
        }),
        Effect.catch(failed)
      )
  }

  /**
   * Dials a list of addresses, each a while after the one before it, or when that one has failed; earlier attempts go
   * on. Only a link to the peer itself ends the search: an address may lead to another node by now.
   */
  private dialAll(peer: Peer, addresses: ReadonlyArray<string>): Effect.Effect<void, LinkError> {
    const { connectInterval, monitorTimeout } = this.settings
    const pace = Math.max(400, Math.min(connectInterval, (monitorTimeout - connectInterval) / addresses.length))
    const up = (): boolean => peer.state !== "connecting"
    return Effect.gen({ self: this }, function*() {
      let refused = 0
      let last: LinkError | undefined
      const done = yield* Deferred.make<void, LinkError>()
      for (const address of addresses) {
        if (up()) return
        const over = yield* Deferred.make<void>()
        // In the node's scope: an attempt that takes longer than this search may still bring the node up.
        yield* Effect.forkIn(
          Effect.matchEffect(this.dial(address), {
            onSuccess: (link) => link.nodeId === peer.nodeId ? Deferred.succeed(done, undefined) : Effect.void,
            onFailure: (error) => {
              // Somebody is there; a connection that it opened itself may be on its way.
              if (error.reason !== "connect_failed") {
                return usual.has(error.reason) ? Effect.logDebug(error.message) : Effect.logWarning(error.message)
              }
              last = error
              return ++refused === addresses.length ? Deferred.fail(done, error) : Effect.void
            }
          }).pipe(Effect.ensuring(Deferred.succeed(over, undefined))),
          this.scope
        )
        const jitter = yield* Random.nextBetween(0.9, 1)
        if (address !== addresses.at(-1)) yield* Effect.timeoutOption(Deferred.await(over), pace * jitter)
      }
      if (last !== undefined && refused === addresses.length) return yield* last
      yield* Deferred.await(done)
    })
  }
}

const refuse = ({ greeting, wire }: Attempt, detail: string) =>
  Effect.fail(
    new LinkError({ reason: "already_connected", peer: `${wire.remote} (node ${greeting.nodeId})`, detail })
  )

/** Why a dialled connection fails when all is well: both sides dial at once. */
const usual: ReadonlySet<LinkErrorReason> = new Set(["already_connected", "handshake_closed", "duplicate_node"])

const another = "it opened one more connection, beside the one"

const hostOf = (address: string): string | undefined => parseAddress(address, "")?.host

const crossing = "both sides opened a connection at once; the other one stays"
