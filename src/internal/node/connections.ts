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
import type { Identity } from "../transport/handshake/handshake.ts"
import { probe, watch } from "../transport/heartbeat.ts"
import type { Link } from "../transport/link.ts"
import { isConnectedAlready, LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { Credentials } from "../transport/tls.ts"
import type { Carrier, Wire } from "../transport/wire.ts"
import { parseAddress } from "../values/address.ts"
import type { FindAddresses, Network } from "./network.ts"
import type { Peer } from "./peer.ts"
import type { Router } from "./router.ts"

/** What a node's connections are made with. */
export interface ConnectionSettings {
  readonly identity: Identity
  readonly credentials: Credentials | undefined
  /** How long a handshake may take. */
  readonly monitorTimeoutMillis: number
  /** How long finding and dialling a node may take. */
  readonly connectIntervalMillis: number
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
/** How long a handshake may hold up another one with the same node, once the other one has authenticated. */
const rivalGraceMillis = 1000
/** How long a link may take, at most, to prove that it lives when its node seems to have come back. */
const probeLimitMillis = 1000

export class Connections implements Network {
  /** The one that came last is asked. */
  private addressBooks: ReadonlyArray<FindAddresses> = []
  private bound: ReadonlyArray<string> = []
  private isStopped = false
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

  listen(binds: ReadonlyArray<string>): Effect.Effect<void, LinkError, Scope.Scope> {
    const accept = (wire: Wire): void => void this.fork(this.incoming(wire))
    return Effect.forEach(binds, (bind) => this.carrier.listen(bind, accept, this.router.nodeId)).pipe(
      Effect.map((bound) => {
        this.bound = bound.flat()
      })
    )
  }

  get addresses(): ReadonlyArray<string> {
    return this.bound
  }

  get handshaking(): number {
    return this.handshakes.size
  }

  get monitorTimeoutMillis(): number {
    return this.settings.monitorTimeoutMillis
  }

  addressBook(find: FindAddresses): () => void {
    this.addressBooks = [...this.addressBooks, find]
    return () => {
      this.addressBooks = this.addressBooks.filter((other) => other !== find)
    }
  }

  private findAddresses(nodeId: string): Effect.Effect<ReadonlyArray<string>> {
    return this.addressBooks.at(-1)?.(nodeId) ?? Effect.succeed([])
  }

  search(peer: Peer): void {
    if (this.isStopped) peer.lost(new LinkError({ reason: "node_stopped", peer: peer.nodeId }))
    else this.fork(this.connect(peer))
  }

  stop(): void {
    this.isStopped = true
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
        unremarkable.has(error.reason)
          ? Effect.logDebug(error.message)
          : Effect.logWarning(`refused a connection from ${error.message}`)
      ),
      Effect.ensuring(Effect.sync(() => this.handshakes.delete(wire)))
    )
  }

  dial(address: string, greeted: (nodeId: string) => void = () => {}): Effect.Effect<Link, LinkError> {
    return this.carrier.dial(address, this.router.nodeId).pipe(
      // A host that does not answer at all: the system would wait for minutes, and whoever dials again waits for that.
      Effect.timeoutOrElse({
        duration: this.settings.monitorTimeoutMillis,
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
          duration: settings.monitorTimeoutMillis,
          orElse: () => Effect.fail(new LinkError({ reason: "handshake_timeout", peer: wire.remote }))
        }),
        Effect.onError(() => Effect.sync(() => wire.destroy())),
        // Of two connections with one node the other side closes one, without a word.
        Effect.catch((error) =>
          error.reason === "handshake_closed" && attempt !== undefined && this.hasAnother(attempt)
            ? refuse(attempt, "crossing_connection")
            : Effect.fail(error)
        ),
        Effect.tapError((error) =>
          Effect.sync(() => {
            if (error.reason === "node_id_taken") this.router.log.alarm(error.message)
          })
        ),
        Effect.ensuring(Effect.sync(() => {
          if (attempt === undefined) return
          const { greeting: { nodeId }, pending } = attempt
          if (this.pending.get(nodeId) === pending) this.pending.delete(nodeId)
          Deferred.doneUnsafe(pending.over, Effect.void)
        }))
      )
  }

  /** Whether another connection with the same node stands, or is about to. */
  private hasAnother({ greeting: { nodeId }, pending }: Attempt): boolean {
    const other = this.pending.get(nodeId)
    return this.router.isUp(nodeId) || other !== undefined && other !== pending
  }

  /** A link stands, unless its node has another one. From now on it is watched over. */
  private accept(link: Link, replaces: Link | undefined): boolean {
    if (!this.router.linked(link, replaces)) return false
    const settings = { timeout: this.settings.monitorTimeoutMillis, peerTimeout: link.peerTimeout }
    const watching = this.fork(watch(link, settings, (late) => this.stalled(late)))
    link.onOver(() => watching.interruptUnsafe())
    return true
  }

  /** This process stood still: said once, not for every link. */
  private stalled(late: number): void {
    const now = this.router.monotonic()
    if (now - this.stalledAt < late) return
    this.stalledAt = now
    this.router.log.warn(`this process stood still for ${Math.round(late)} ms: silent nodes get that time once more`)
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
      const fresh = this.router.monotonic() - rival.since < rivalGraceMillis
      if (!dialled && fresh && rival.dialler < pending.dialler) return refuse(attempt, "crossing_connection")
      // Whoever has not authenticated must not keep out those who have, nor take the next turn. Of two connections that
      // both sides have begun, the one that both prefer does not wait for the other; the other side, which may wait for
      // the very same, is slower to give it up, or each would give up what the other one keeps.
      const preferred = pending.dialler < rival.dialler
      const grace = !preferred ? 2 * rivalGraceMillis : greeting.keys.has(ownKindKey) ? 0 : rivalGraceMillis
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
      return refuse(attempt, isSameHost ? "second_connection" : "already_connected", first.address)
    }
    const answers = probe(first, Math.min(this.settings.monitorTimeoutMillis / 4, probeLimitMillis))
    // Strangers must not make us probe. Where we dialled ourselves the other side may wait just as we do.
    const asked = attempt.dialled ? answers : Effect.andThen(attempt.verified, answers)
    return Effect.flatMap(asked, (alive) => {
      if (!alive) {
        attempt.replaces = first
        return this.admit(attempt)
      }
      if (incarnation === first.incarnation) return refuse(attempt, "crossing_connection")
      // Strangers must not make us raise an alarm, either.
      return Effect.flatMap(
        Effect.timeoutOption(attempt.verified, rivalGraceMillis),
        (verified) =>
          verified._tag === "Some"
            ? this.duplicate(attempt, first)
            : refuse(attempt, "already_connected", first.address)
      )
    })
  }

  /** Two live nodes share one ID. All three get to know. */
  private duplicate(attempt: Attempt, first: Link): Effect.Effect<never, LinkError> {
    const { greeting: { nodeId }, wire } = attempt
    first.duplicate(wire.remote)
    this.router.log.alarm(
      `two live nodes have the node ID ${nodeId}: at ${first.address}, and at ${wire.remote}, which is refused`
    )
    return Effect.fail(new LinkError({ reason: "duplicate_node", peer: `${wire.remote} (node ${nodeId})` }))
  }

  /** Finds a peer and dials its addresses, until it is up or the time is over. */
  private connect(peer: Peer): Effect.Effect<void> {
    const { connectIntervalMillis } = this.settings
    const failed = (error: LinkError) =>
      Effect.sync(() => {
        if (peer.state === "connecting") peer.lost(error)
      })
    return Effect.flatMap(Effect.suspend(() => this.findAddresses(peer.nodeId)), (addresses) =>
      addresses.length === 0
        ? Effect.fail(new LinkError({ reason: "no_known_address", peer: peer.nodeId }))
        : this.dialAll(peer, addresses)).pipe(
        Effect.timeoutOrElse({
          duration: connectIntervalMillis,
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
    const { connectIntervalMillis, monitorTimeoutMillis } = this.settings
    const paceMillis = Math.max(
      400,
      Math.min(connectIntervalMillis, (monitorTimeoutMillis - connectIntervalMillis) / addresses.length)
    )
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
        if (address !== addresses.at(-1)) yield* Effect.timeoutOption(Deferred.await(over), paceMillis * jitter)
      }
      if (last !== undefined && refused === addresses.length) return yield* last
      yield* Deferred.await(done)
    })
  }
}

const refuse = ({ greeting, wire }: Attempt, reason: LinkErrorReason, through?: string) =>
  Effect.fail(
    new LinkError({
      reason,
      peer: `${wire.remote} (node ${greeting.nodeId})`,
      detail: through && `the first one is through ${through}`
    })
  )

/**
 * Why an incoming connection is refused though all is well: both sides dial at once; a seed finds itself; a Perl node whose seed
 * we are dials us even when it has a link to us. Or when everybody was told already: two nodes with one ID.
 */
const unremarkable: ReadonlySet<LinkErrorReason> = new Set([
  "crossing_connection",
  "second_connection",
  "self_connect",
  "duplicate_node",
  "node_id_taken"
])

/** Why a connection that we dialled fails when all is well. */
const usual: ReadonlySet<LinkErrorReason> = new Set([
  ...isConnectedAlready,
  "handshake_closed",
  "duplicate_node",
  "same_node_id",
  "node_id_taken"
])

const hostOf = (address: string): string | undefined => parseAddress(address, "")?.host
