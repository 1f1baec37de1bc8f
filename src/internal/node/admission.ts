/**
 * Which of several connections with one node stays. Asked when the other node's greeting has come, before our auth line goes
 * out: a connection that is refused here never completes. Follows protocol section 12.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type Greeting, guestKey, ownKindKey } from "../transport/handshake/greeting.ts"
import { probe } from "../transport/heartbeat.ts"
import type { Link } from "../transport/link.ts"
import { LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { Wire } from "../transport/wire.ts"
import { hostOf } from "../values/address.ts"
import type { Router } from "./router.ts"

/** One connection on its way to be a link. */
export class Attempt {
  readonly wire: Wire
  /** Whether we dialled it. */
  readonly dialled: boolean
  readonly greeting: Greeting
  /** The node ID of the side that dialled. */
  readonly dialler: string
  readonly since: number
  /** Waits until the other side has authenticated. */
  readonly verified: Effect.Effect<void>
  readonly over = Deferred.makeUnsafe<void>()
  /** The dead link that this connection is to replace. */
  replaces: Link | undefined = undefined

  constructor(router: Router, wire: Wire, dialled: boolean, greeting: Greeting, verified: Effect.Effect<void>) {
    this.wire = wire
    this.dialled = dialled
    this.greeting = greeting
    this.dialler = dialled ? router.nodeId : greeting.nodeId
    this.since = router.monotonic()
    this.verified = verified
  }

  /** Whether the other side says that it is a guest, which its ticket has to prove. */
  get isGuest(): boolean {
    return this.greeting.keys.has(guestKey)
  }

  /** Whom it is with: a guest is nobody's rival but its own. */
  get rivalry(): string {
    return this.isGuest ? `${this.greeting.nodeId};guest` : this.greeting.nodeId
  }

  refuse(reason: LinkErrorReason, first?: Link): Effect.Effect<never, LinkError> {
    const peer = `${this.wire.remote} (node ${this.greeting.nodeId})`
    return Effect.fail(new LinkError({ reason, peer, detail: first && `the first one is through ${first.address}` }))
  }
}

/** How long an attempt may hold up a rival with the same node, once the rival has authenticated. */
const rivalGraceMillis = 1000
/** Of two connections with one node, one may be closed by so much before the other is seen: so many times this. */
const crossingStepMillis = 50
const crossingSteps = 10
/** A second connection that comes so soon behind a link may have been dialled before that stood. */
const crossingMillis = 2000
/** How long a node of another kind may take to authenticate on a connection beside a link with it. */
const proofLimitMillis = 1000
/** How long a link may take, at most, to prove that it lives when its node seems to have come back. */
const probeLimitMillis = 1000
/** The same for a node of another kind, whose program may hold up its event loop for seconds. A Perl node waits three times as long. */
const longProbeLimitMillis = 10_000

export class Admission {
  /** By node ID: at most one connection with each node may be about to become a link. */
  private readonly pending = new Map<string, Attempt>()
  /** When a link came up. */
  private readonly since = new WeakMap<Link, number>()
  private readonly router: Router
  private readonly monitorTimeoutMillis: number

  constructor(router: Router, monitorTimeoutMillis: number) {
    this.router = router
    this.monitorTimeoutMillis = monitorTimeoutMillis
  }

  /** A connection has become this link. */
  stands(link: Link): void {
    this.since.set(link, this.router.monotonic())
  }

  /** The attempt is over: it has become a link, or has failed. */
  leave(attempt: Attempt): void {
    const { over, rivalry } = attempt
    if (this.pending.get(rivalry) === attempt) this.pending.delete(rivalry)
    Deferred.doneUnsafe(over, Effect.void)
  }

  /**
   * Whether another connection with the node of one that was closed stands, or is about to. A node of another kind says nothing of why
   * it closes, and its other connection may be a moment behind.
   */
  isCrossed(attempt: Attempt): Effect.Effect<boolean> {
    const hasAnother = (): boolean => this.hasAnother(attempt)
    if (hasAnother() || attempt.greeting.keys.has(ownKindKey)) return Effect.sync(hasAnother)
    return Effect.suspend(() => {
      let left = crossingSteps
      const isOpen = (): boolean => left-- > 0 && !hasAnother()
      const wait = (): Effect.Effect<void> => Effect.sleep(crossingStepMillis)
      return Effect.map(Effect.whileLoop({ while: isOpen, body: wait, step: () => {} }), hasAnother)
    })
  }

  /** Whether another connection with the same node stands, or is about to. */
  private hasAnother(attempt: Attempt): boolean {
    const { greeting: { nodeId }, rivalry } = attempt
    const other = this.pending.get(rivalry)
    return this.router.isUp(nodeId) || other !== undefined && other !== attempt
  }

  /**
   * Succeeds when our auth line may go out on the connection. A second handshake with a Perl node must never complete, and
   * two nodes of our kind that both see to that must choose the same connection: the one dialled by the node with the
   * smaller ID.
   */
  admit(attempt: Attempt): Effect.Effect<void, LinkError> {
    return Effect.suspend(() => {
      const { greeting: { nodeId }, rivalry } = attempt
      const peer = this.router.peers.get(nodeId)
      const first = peer?.state === "up" ? peer.link : undefined
      if (first !== undefined && first !== attempt.replaces) return this.besideLink(attempt, first)
      const rival = this.pending.get(rivalry)
      if (rival !== undefined) return this.besideRival(attempt, rival)
      this.pending.set(rivalry, attempt)
      return Effect.void
    })
  }

  /** Another connection with the node, the rival, is in its handshake too. */
  private besideRival(attempt: Attempt, rival: Attempt): Effect.Effect<void, LinkError> {
    const { dialled, dialler, greeting } = attempt
    // The other node dialled this attempt and prefers the rival, as we do: it waits for nothing but our refusal. But if the
    // rival does not get on within the time, it leads to a stranger, and not to the node.
    const rivalIsFresh = this.router.monotonic() - rival.since < rivalGraceMillis
    if (!dialled && rivalIsFresh && rival.dialler < dialler) return attempt.refuse("crossing_connection")
    // A rival that has not authenticated must not keep out an attempt that has. If both sides prefer the attempt, it need
    // not wait for the rival at all (a Perl node on the other side may still prefer it). If both prefer the rival, the
    // side that is asked here waits twice as long, since the other side may be waiting for the very same connection:
    // otherwise each would give up the one that the other keeps.
    const isPreferred = dialler < rival.dialler
    const graceMillis = !isPreferred ? 2 * rivalGraceMillis : greeting.keys.has(ownKindKey) ? 0 : rivalGraceMillis
    const evictRival = Effect.andThen(attempt.verified, Effect.sleep(graceMillis)).pipe(
      Effect.andThen(Effect.sync(() => rival.wire.destroy())),
      Effect.andThen(Deferred.await(rival.over))
    )
    // The next turn is not for a stranger either: an incoming attempt has to authenticate first, unless there is a link by
    // then, which decides by itself.
    const mayEnter = Effect.suspend(() => dialled || this.router.isUp(greeting.nodeId) ? Effect.void : attempt.verified)
    return Effect.raceFirst(Deferred.await(rival.over), evictRival).pipe(
      Effect.andThen(mayEnter),
      Effect.andThen(this.admit(attempt))
    )
  }

  /**
   * The node is up by another link, the first one. Among our own kind: if the first link turns out to be dead, the node came
   * back, and the attempt replaces it. Otherwise the first link stays, as with all nodes of other kinds.
   */
  private besideLink(attempt: Attempt, first: Link): Effect.Effect<void, LinkError> {
    if (attempt.isGuest !== (first.guestUntil !== undefined)) return this.besideGuest(attempt, first)
    const incarnation = attempt.greeting.keys.get(ownKindKey)
    if (incarnation === undefined || first.incarnation === undefined) return this.besideOtherKind(attempt, first)
    const { received } = first
    // Who dialled us to learn who we are has asked on the first link whether it stands, since it had our greeting.
    const answers = Effect.suspend(() =>
      incarnation === first.incarnation && first.received !== received && !first.isOver
        ? Effect.succeed(true)
        : probe(first, Math.min(this.monitorTimeoutMillis / 4, probeLimitMillis))
    )
    // A stranger who dials us must not make us probe. Where we dialled, the other side may wait for us to authenticate
    // first, just as we would.
    const asked = attempt.dialled ? answers : Effect.andThen(attempt.verified, answers)
    return Effect.flatMap(asked, (alive) => {
      if (!alive) {
        attempt.replaces = first
        return this.admit(attempt)
      }
      if (incarnation === first.incarnation) {
        return attempt.dialled ? this.learnWhoItIs(attempt, first) : attempt.refuse("crossing_connection")
      }
      // A stranger must not make us raise an alarm, either.
      return Effect.flatMap(
        Effect.timeoutOption(attempt.verified, rivalGraceMillis),
        (verified) =>
          verified._tag === "Some" ? this.duplicate(attempt, first) : attempt.refuse("already_connected", first)
      )
    })
  }

  /** A guest and a node of the network have one ID, which is the node's. */
  private besideGuest(attempt: Attempt, first: Link): Effect.Effect<void, LinkError> {
    if (attempt.isGuest) return attempt.refuse("guest_not_taken", first)
    const replace = Effect.suspend(() => {
      attempt.replaces = first
      return this.admit(attempt)
    })
    return attempt.dialled ? replace : Effect.andThen(attempt.verified, replace)
  }

  /**
   * We dialled a node that is up, to learn who stands at the address: it says so when we have authenticated, and refuses the
   * attempt. It holds the first link, on which it has just answered. If it lets us in all the same, it has lost that meanwhile.
   * Until then it may be a stranger, and keeps nobody out: other attempts do not wait for this one.
   */
  private learnWhoItIs(attempt: Attempt, first: Link): Effect.Effect<void> {
    attempt.replaces = first
    return Effect.void
  }

  /**
   * A second connection with a process of another kind never completes. But it may be that of another process, whose predecessor hangs,
   * or vanished without a word. A node of another kind authenticates without waiting for us: one that has, in a moment, and then hears
   * nothing on the first link takes its place. Strangers make nobody ask.
   */
  private besideOtherKind(attempt: Attempt, first: Link): Effect.Effect<void, LinkError> {
    // A host may have several addresses: where it is dialled, and where it dials from.
    const host = hostOf(attempt.wire.remote)
    const isSameHost = host !== undefined && host === hostOf(first.address)
    const isCrossing = attempt.since - (this.since.get(first) ?? -Infinity) < crossingMillis
    const refuse = attempt.refuse(isSameHost || isCrossing ? "second_connection" : "already_connected", first)
    const limit = Math.min(this.monitorTimeoutMillis / 3, longProbeLimitMillis)
    return Effect.flatMap(Effect.timeoutOption(attempt.verified, proofLimitMillis), (verified) => {
      if (verified._tag === "None") return refuse
      return Effect.flatMap(probe(first, limit), (alive) => {
        if (alive) return refuse
        attempt.replaces = first
        return this.admit(attempt)
      })
    })
  }

  /** Two live nodes share one ID: the node of the first link and that of the attempt. All three get to know. */
  private duplicate(attempt: Attempt, first: Link): Effect.Effect<never, LinkError> {
    const { greeting: { nodeId }, wire } = attempt
    // Whoever has given a ticket to two of them knows it.
    if (attempt.isGuest) return attempt.refuse("duplicate_node")
    first.duplicate(wire.remote)
    this.router.log.about({ error: "duplicate_node" }).alarm(
      `two nodes with the ID ${nodeId}`,
      `two live nodes have the node ID ${nodeId}: at ${first.address}, and at ${wire.remote}, which is refused`
    )
    return attempt.refuse("duplicate_node")
  }
}
