/**
 * How links come about: incoming connections, dialling, handshakes. `admission.ts` says which of several connections with one
 * node stays. Follows protocol sections 12 and 13.
 *
 * @internal
 */
import { holdsTimersBack } from "#platform"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { isOf, schemesOf } from "../transport/carriers.ts"
import type { Channel } from "../transport/data/channel.ts"
import { equalData } from "../transport/handshake/auth.ts"
import { type Establish, establish } from "../transport/handshake/establish.ts"
import { dataOf, type Greeting, guestKey, guestUntil, ownKindKey } from "../transport/handshake/greeting.ts"
import { renewalProof, ticketKey, writeTicket } from "../transport/handshake/ticket.ts"
import { watch } from "../transport/heartbeat.ts"
import type { Link } from "../transport/link.ts"
import { LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { Carrier, Wire } from "../transport/wire.ts"
import { inScopes, isOwnSeed, readLabel, wrongSeed } from "../values/address.ts"
import { Admission, Attempt } from "./admission.ts"
import { ticketRequest } from "./fullRequests.ts"
import type { GuestLimits } from "./guestLimits.ts"
import { Listeners } from "./listeners.ts"
import type { FindAddresses, Network } from "./network.ts"
import type { NodeLog } from "./nodeLog.ts"
import type { InvalidOption } from "./options.ts"
import type { OwnProof, Renewal } from "./ownProof.ts"
import type { Peer } from "./peer.ts"
import type { Router } from "./router.ts"
import { resolveEach, search } from "./search.ts"

/** What a node's connections are made with. */
export interface ConnectionSettings {
  /** What the node proves itself with. */
  readonly proof: OwnProof
  /** How long a handshake may take. */
  readonly monitorTimeoutMillis: number
  /** How long finding and dialling a node may take. */
  readonly connectIntervalMillis: number
  readonly maxMessageSize: number
  /** What guests may take of this node; `undefined`: none are let in. */
  readonly guestLimits: GuestLimits | undefined
  /** What others are told in the place of the binds' addresses. */
  readonly advertise: ReadonlyArray<string> | undefined
  /** The labels of addresses that this node dials, the best first. */
  readonly scopes: ReadonlyArray<string>
  /** Random text for the nonce: from a cryptographic source. */
  readonly makeNonce: Effect.Effect<string>
}

/** How many incoming connections may be in their handshakes at once; beyond it the oldest one has to go. */
const maxHandshakes = 1000

/** What a dialled connection tells of the node behind its address. */
interface DialListener {
  /** It says who it is: nobody has authenticated yet. */
  readonly greeted?: ((greeting: Greeting) => void) | undefined
  /** It has proven who it is. */
  readonly authenticated?: ((nodeId: string) => void) | undefined
}

/** What a connection is dialled for, if not for a link: a data connection with the node of this link. */
interface DataDial {
  readonly link: Link
  readonly number: string
}

/** One handshake of ours that is open. */
interface OpenHandshake {
  readonly dialled: boolean
  /** Its other end is another open handshake of ours, which has heard our nonce. */
  leadsBack: boolean
}

export class Connections implements Network {
  /** The one that came last is asked. */
  private addressBooks: ReadonlyArray<FindAddresses> = []
  private isStopped = false
  /** Incoming connections in their handshakes, oldest first. */
  private readonly handshakes = new Set<Wire>()
  /** All handshakes, by the nonces that we sent in them. */
  private readonly openHandshakes = new Map<string, OpenHandshake>()
  private readonly router: Router
  /** Of connections. */
  private readonly log: NodeLog
  private readonly carrier: Carrier
  private readonly admission: Admission
  private readonly listeners: Listeners
  readonly settings: ConnectionSettings
  private readonly scope: Scope.Scope
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private stalledAt = -Infinity
  /** Where the links lead that this node has dialled. */
  private readonly dialledAt = new WeakMap<Link, string>()

  constructor(router: Router, carrier: Carrier, settings: ConnectionSettings, context: Context.Context<Scope.Scope>) {
    this.router = router
    this.log = router.log.of("Transport")
    this.carrier = carrier
    this.admission = new Admission(router, settings.monitorTimeoutMillis)
    this.listeners = new Listeners(settings.advertise, this.log)
    this.settings = settings
    this.scope = Context.get(context, Scope.Scope)
    const fork = Effect.runForkWith(context)
    this.fork = (effect) => {
      const fiber = fork(Effect.annotateLogs(effect, { node: router.nodeId, module: "Transport" }))
      return Fiber.runIn(fiber, this.scope)
    }
  }

  listen(binds: ReadonlyArray<string>): Effect.Effect<void, LinkError, Scope.Scope> {
    const accept = (wire: Wire): void => void this.fork(this.incoming(wire))
    return this.listeners.listen(this.carrier, binds, accept, this.router.nodeId)
  }

  get addresses(): ReadonlyArray<string> {
    return this.listeners.addresses
  }

  get away(): string | undefined {
    const { carrier, listeners } = this
    // Who listens nowhere dials, by whatever there is.
    const places = listeners.bound.length > 0 ? listeners.bound : schemesOf(carrier).map((scheme) => `${scheme}:`)
    const whys = places.map((address) => carrier.away?.(address))
    return whys.includes(undefined) ? undefined : whys[0]
  }

  onMoved(watcher: () => void): () => void {
    return this.listeners.onMoved(watcher)
  }

  wrongSeed(text: string): string | undefined {
    const { carrier } = this
    if (isOwnSeed(text)) return undefined
    return wrongSeed(text, schemesOf(carrier)) ?? carrier.wrong?.(readLabel(text).address)
  }

  dialable(addresses: ReadonlyArray<string>): ReadonlyArray<string> {
    return inScopes(addresses, this.settings.scopes).filter((address) => isOf(this.carrier, address))
  }

  get handshaking(): number {
    return this.handshakes.size
  }

  renew(renewal: Renewal): Effect.Effect<void, InvalidOption> {
    return Effect.tap(this.settings.proof.renew(renewal), () => Effect.sync(() => this.tellTicket()))
  }

  get guestLimits(): GuestLimits | undefined {
    return this.settings.guestLimits
  }

  private get identity(): Establish["identity"] {
    return this.settings.proof.current.identity
  }

  get isGuest(): boolean {
    return this.identity.keys.has(guestKey)
  }

  ticketFor(nodeId: string, expires: number): string | undefined {
    const [secret] = this.isGuest ? [] : this.identity.secrets
    return secret === undefined ? undefined : writeTicket({ nodeId, expires, key: ticketKey(secret, nodeId, expires) })
  }

  /** A guest tells its hosts of its ticket. */
  private tellTicket(): void {
    const { identity: { keys, nodeId, secrets: [key = ""] }, router } = this
    if (!this.isGuest) return
    for (const host of router.upNodes()) {
      const ends = { guest: keys.get(ownKindKey), host: router.linkTo(host)?.incarnation }
      const expires = Number(keys.get(guestKey))
      router.request(host, ticketRequest, expires, renewalProof({ expires, key, nodeId }, ends))
    }
  }

  isNewTicket(link: Link, expires: number, proof: string): boolean {
    const { identity: { keys, secrets } } = this
    const { incarnation, nodeId } = link
    const ends = { guest: incarnation, host: keys.get(ownKindKey) }
    const expected = secrets.map((secret) =>
      renewalProof({ expires, nodeId, key: ticketKey(secret, nodeId, expires) }, ends)
    )
    return expected.filter((each) => equalData(each, proof)).length > 0
  }

  get monitorTimeoutMillis(): number {
    return this.settings.monitorTimeoutMillis
  }

  get maxMessageSize(): number {
    return this.settings.maxMessageSize
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
    return this.handshake(wire, undefined, {}).pipe(
      Effect.catch((error) =>
        Effect.sync(() => {
          if (unremarkable.has(error.reason)) return this.log.debug(error.message)
          this.router.traffic.refusedHandshakes++
          this.log.about({ error: error.reason }).warnSome(
            "refused strangers",
            `refused a connection from ${error.message}`
          )
        })
      ),
      Effect.ensuring(Effect.sync(() => this.handshakes.delete(wire)))
    )
  }

  resolve(address: string): Effect.Effect<ReadonlyArray<string>, LinkError> {
    return this.carrier.resolve(address)
  }

  dial(address: string, authenticated?: (nodeId: string) => void): Effect.Effect<Link, LinkError> {
    return this.dialWith(address, { authenticated })
  }

  private dialWith(address: string, listener: DialListener): Effect.Effect<Link, LinkError> {
    return Effect.flatMap(
      this.dialAny(address, listener),
      (link) =>
        link === undefined
          ? Effect.fail(new LinkError({ reason: "data_not_expected", peer: address }))
          : Effect.succeed(link)
    )
  }

  private dialAny(
    address: string,
    listener: DialListener,
    data?: DataDial
  ): Effect.Effect<Link | undefined, LinkError> {
    return this.carrier.dial(address, this.router.nodeId).pipe(
      // A host that does not answer at all: the system would wait for minutes, and whoever dials again waits for that.
      Effect.timeoutOrElse({
        duration: this.settings.monitorTimeoutMillis,
        orElse: () => Effect.fail(new LinkError({ reason: "connect_timeout", peer: address }))
      }),
      Effect.flatMap((wire) => this.handshake(wire, address, listener, data))
    )
  }

  hasDialled(link: Link): boolean {
    return this.dialledAt.has(link)
  }

  /** Dials for a data connection, first where the link leads, then wherever else its node is known to be. */
  dialData(link: Link, number: string): Effect.Effect<void, LinkError> {
    const { nodeId } = link
    const limit = this.settings.connectIntervalMillis
    const dial = (address: string) =>
      Effect.timeoutOrElse(this.dialAny(address, {}, { link, number }), {
        duration: limit,
        orElse: () => Effect.fail(new LinkError({ reason: "connect_timeout", peer: address }))
      })
    const known = this.dialledAt.get(link)
    const elsewhere = (why: LinkError) =>
      Effect.suspend(() => this.findAddresses(nodeId)).pipe(
        Effect.timeoutOrElse({ duration: limit, orElse: () => Effect.succeed([]) }),
        Effect.flatMap((found) =>
          this.dialable(found).filter((address) => address !== known).reduce<Effect.Effect<unknown, LinkError>>(
            (before, address) => Effect.catch(before, () => dial(address)),
            Effect.fail(why)
          )
        )
      )
    return Effect.asVoid(
      known === undefined
        ? elsewhere(new LinkError({ reason: "no_known_address", peer: nodeId }))
        : Effect.catch(dial(known), elsewhere)
    )
  }

  /**
   * Whether the other side's nonce is that of another handshake of ours, so that the connection leads back to us: of one that we
   * accepted where we dialled this one, and the other way round. What one of them finds out the other one knows too: it may hear
   * of it when the first is over.
   */
  private meetsItself(open: OpenHandshake, nonce: string): boolean {
    const other = this.openHandshakes.get(nonce)
    if (other === undefined || other.dialled === open.dialled) return open.leadsBack
    other.leadsBack = true
    return true
  }

  /** `address` is what was dialled; `undefined`: it came in. `data` is what it was dialled for, if not for a link. */
  private handshake(
    wire: Wire,
    address: string | undefined,
    listener: DialListener,
    data?: DataDial
  ): Effect.Effect<Link | undefined, LinkError> {
    const { router, settings } = this
    const dialled = address !== undefined
    let attempt: Attempt | undefined
    const admit = (greeting: Greeting, verified: Effect.Effect<void>) => {
      listener.greeted?.(greeting)
      const refusal = this.guestRefusal(wire, greeting)
      if (refusal !== undefined) return Effect.fail(refusal)
      const number = dataOf(greeting)
      if (data !== undefined || number !== undefined) {
        return this.admitData(wire, greeting, verified, dialled ? data?.number : number, dialled)
      }
      attempt = new Attempt(router, wire, dialled, greeting, verified)
      const admitted = this.admission.admit(attempt)
      // Many guests may be in their handshakes at once: when they have authenticated they are counted one by one.
      return attempt.isGuest
        ? Effect.andThen(Effect.andThen(admitted, verified), this.takeGuest(wire, greeting))
        : admitted
    }
    const greet = (nonce: string): Effect.Effect<Link | undefined, LinkError> => {
      const open: OpenHandshake = { dialled, leadsBack: false }
      this.openHandshakes.set(nonce, open)
      const options: Establish = {
        ...settings.proof.current,
        nonce,
        isOurs: (other) => this.meetsItself(open, other),
        authenticated: ({ nodeId }) => listener.authenticated?.(nodeId),
        admit,
        accept: (link) => this.accept(link, address, attempt?.replaces),
        data: data?.number,
        attach: (number, greeting, inner) => router.data.attach(number, greeting, inner),
        maxMessageSize: settings.maxMessageSize,
        guestMessageSize: Math.min(settings.maxMessageSize, settings.guestLimits?.maxMessageSize ?? 0),
        fork: (effect) => void this.fork(effect)
      }
      return Effect.ensuring(establish(wire, options), Effect.sync(() => this.openHandshakes.delete(nonce)))
    }
    return Effect.flatMap(settings.makeNonce, greet).pipe(
      Effect.timeoutOrElse({
        duration: settings.monitorTimeoutMillis,
        orElse: () => Effect.fail(new LinkError({ reason: "handshake_timeout", peer: wire.remote }))
      }),
      Effect.onError(() => Effect.sync(() => wire.destroy())),
      Effect.catch((error) =>
        attempt !== undefined && closings.has(error.reason) ? this.closed(attempt, error) : Effect.fail(error)
      ),
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error.reason === "node_id_taken") {
            this.log.about({ error: error.reason }).alarm("node ID taken", error.message)
          }
        })
      ),
      Effect.ensuring(Effect.sync(() => {
        if (attempt !== undefined) this.admission.leave(attempt)
      }))
    )
  }

  private takeGuest(wire: Wire, greeting: Greeting): Effect.Effect<void, LinkError> {
    return Effect.suspend(() => {
      const refusal = this.guestRefusal(wire, greeting)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  }

  /** Why this guest is not let in, if it is one. Nobody but the log hears of it. */
  private guestRefusal({ remote }: Wire, greeting: Greeting): LinkError | undefined {
    if (!greeting.keys.has(guestKey)) return undefined
    const [reason, detail] = this.router.guests.refusalOf(greeting.nodeId, guestUntil(greeting), remote) ?? []
    return reason && new LinkError({ reason, peer: `${remote} (node ${greeting.nodeId})`, detail })
  }

  /**
   * A data connection is admitted beside the link, if both nodes have agreed on it there. Who dials has to authenticate first: a stranger
   * learns nothing of what is expected. Where we dial, the node at the address may be another one.
   */
  private admitData(
    wire: Wire,
    greeting: Greeting,
    verified: Effect.Effect<void>,
    number: string | undefined,
    dialled: boolean
  ): Effect.Effect<void, LinkError> {
    const isExpected = Effect.suspend(() =>
      number !== undefined && dialled === (dataOf(greeting) === undefined) &&
        this.router.data.isExpected(number, greeting)
        ? Effect.void
        : Effect.fail(
          new LinkError({ reason: "data_not_expected", peer: `${wire.remote} (node ${greeting.nodeId})` })
        )
    )
    return dialled ? isExpected : Effect.andThen(verified, isExpected)
  }

  /** The other side has closed the connection: of two with one node it closes one, without a word. */
  private closed(attempt: Attempt, error: LinkError): Effect.Effect<never, LinkError> {
    // While the other connection is awaited, this one holds up nobody.
    this.admission.leave(attempt)
    return Effect.flatMap(
      this.admission.isCrossed(attempt),
      (isCrossed) => isCrossed ? attempt.refuse("crossing_connection") : Effect.fail(error)
    )
  }

  /** A link stands, unless its node has another one. From now on it is watched over. */
  private accept(link: Link, address: string | undefined, replaces: Link | undefined): boolean {
    if (address !== undefined) this.dialledAt.set(link, address)
    if (!this.router.linked(link, replaces)) return false
    this.admission.stands(link)
    const patience = {
      timeoutMillis: this.settings.monitorTimeoutMillis,
      peerTimeoutMillis: link.peerTimeoutMillis
    }
    const watching = this.fork(watch(link, patience, (late) => this.stalled(late)))
    link.onOver(() => watching.interruptUnsafe())
    return true
  }

  /** Watches over a data connection as over the link that it is beside. The result ends that. */
  watch(channel: Channel, { peerTimeoutMillis }: Link): () => void {
    const patience = { timeoutMillis: this.settings.monitorTimeoutMillis, peerTimeoutMillis }
    const watching = this.fork(watch(channel, patience, (late) => this.stalled(late)))
    return () => watching.interruptUnsafe()
  }

  /** This process stood still: said once, not for every link. */
  private stalled(late: number): void {
    if (holdsTimersBack) return
    const now = this.router.monotonic()
    if (now - this.stalledAt < late) return
    this.stalledAt = now
    this.router.log.warn(`this process stood still for ${Math.round(late)} ms: silent nodes get that time once more`)
  }

  /** All addresses of a peer that this node dials, with those of names in the place of the names. */
  private addressesFor(peer: Peer, found: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, LinkError> {
    const addresses = this.dialable(found)
    if (addresses.length > 0) return resolveEach(addresses, (address) => this.resolve(address))
    const whose = inScopes(found, this.settings.scopes).length === 0 ? "in the scopes" : "for the transport"
    const detail = found.length === 0 ? undefined : `no known address ${whose} of this node, but ${found.join(", ")}`
    return Effect.fail(new LinkError({ reason: "no_known_address", peer: peer.nodeId, detail }))
  }

  /** Finds a peer and dials its addresses, until it is up or the time is over. */
  private connect(peer: Peer): Effect.Effect<void> {
    const { settings: { connectIntervalMillis, monitorTimeoutMillis } } = this
    const { nodeId } = peer
    const failed = (error: LinkError) =>
      Effect.sync(() => {
        if (peer.state === "connecting") peer.lost(error)
      })
    const dialAll = (addresses: ReadonlyArray<string>) =>
      search({
        nodeId,
        addresses,
        dial: (address, greeted) =>
          this.dialWith(address, { greeted: (greeting) => greeted(greeting.keys.has(ownKindKey)) }),
        isWanted: () => peer.state === "connecting",
        connectIntervalMillis,
        monitorTimeoutMillis,
        log: this.log,
        scope: this.scope
      })
    return Effect.suspend(() => this.findAddresses(nodeId)).pipe(
      Effect.flatMap((found) => this.addressesFor(peer, found)),
      Effect.flatMap(dialAll),
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
        this.log.crash(error.message, "address book", Cause.die(defect))
        return Effect.fail(error)
      }),
      Effect.catch(failed)
    )
  }
}

/** The other side has closed the connection, and has not said why. */
const closings: ReadonlySet<LinkErrorReason> = new Set(["handshake_closed", "tls_closed"])

/**
 * Why an incoming connection is refused though all is well: both sides dial at once; a seed finds itself; a Perl node whose seed
 * we are dials us even when it has a link to us; a health check connects and leaves; whoever expected bytes has given up. Or when everybody was told already: two nodes
 * with one ID.
 */
const unremarkable: ReadonlySet<LinkErrorReason> = new Set([
  "crossing_connection",
  "second_connection",
  "self_connect",
  "left_in_silence",
  "duplicate_node",
  "node_id_taken",
  "data_not_expected"
])
