/**
 * The lease of a failover service with voters: while a node has it, no other one starts the service. This keeps it, knows how much time is
 * left of it, and gives it back when nothing of the service runs here any more.
 *
 * A lease that cannot be refreshed runs out. The last quarter of its term is the time to stop: the service has the first half of that for
 * the message that it has in hand, is then interrupted, and has the rest for what it releases.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import { Node } from "../../Node.ts"
import * as tables from "../locks/locks.ts"
import { Majority } from "../locks/majority.ts"
import type { Polls } from "../locks/polls.ts"
import type { InvalidLocks } from "../locks/rules.ts"
import type { Router } from "../node/router.ts"
import { InvalidSpec } from "./spec.ts"

/** Re-exported as `Supervisor.FencingToken`, where it is documented. */
export const FencingToken = Context.Reference<number | undefined>("effect-mp/Supervisor/FencingToken", {
  defaultValue: () => undefined
})

/** What a service says about its lease. */
export interface LeaseOptions {
  readonly name: string
  readonly voters: ReadonlyArray<string>
  readonly lease?: Duration.Input | undefined
  readonly grace?: Duration.Input | undefined
}

/** What of a term is left when the service has to begin to stop, and when what it has in hand is interrupted. */
const stopPerTerm = 1 / 4
const interruptPerTerm = 1 / 8

/** Who waits for its lease for so much of a term says so. */
const silencePerTerm = 1 / 4

/** All keys of a service's table. */
const key = "service"

/** An attempt to have the lease, and what has come of it. */
interface Claim {
  readonly scope: Scope.Closeable
  lease: tables.Lease | undefined
  /** It cannot be refreshed, and is as good as lost. */
  isRunningOut: boolean
}

/** Who hears of the lease. */
interface LeaseListener {
  /** It was granted, or runs out; or this node has lost a majority of the voters for a while, or has found one. */
  readonly changed: () => void
  /** The service has no more time for the message that it has in hand: what has slept for long may not even have begun to stop it. */
  readonly hurry: () => void
}

export class ServiceLease {
  /** What nodes must agree on, to be compared. */
  readonly rules: string
  /** How long voters keep it for a node that is silent. */
  readonly leaseMillis: number
  private listener: LeaseListener | undefined = undefined
  private readonly router: Router
  private readonly service: string
  private readonly locks: tables.Locks
  private readonly polls: Polls
  private readonly majority: Majority
  private readonly scope: Scope.Closeable
  private readonly termMillis: number
  private claim: Claim | undefined = undefined
  /** Runs of the service that have begun, and have not released all that they acquired. */
  private present = 0
  private readonly vacated = Latch.makeUnsafe(true)

  constructor(router: Router, service: string, { locks, polls, rules }: tables.Table, scope: Scope.Closeable) {
    this.router = router
    this.service = service
    this.locks = locks
    this.polls = polls
    this.scope = scope
    this.leaseMillis = rules.leaseMillis
    this.termMillis = rules.termMillis
    this.rules = `${locks.voters.join(", ")}, for ${Duration.format(locks.lease)} and ${Duration.format(locks.grace)}`
    this.majority = new Majority(router, rules, polls, () => this.listener?.changed())
  }

  hear(listener: LeaseListener): void {
    this.listener = listener
  }

  /** For some time this node has not reached a majority of the voters. */
  get isCutOff(): boolean {
    return this.majority.isMissed
  }

  // ---- having it

  /** How long the lease is this node's for certain. */
  private leftOf({ lease }: Claim): number {
    const grant = this.polls.grant(key)
    return grant === undefined || grant.token !== lease?.token ? -Infinity : grant.until - this.router.monotonic()
  }

  /** The token of the lease, if the service may be started in this moment. */
  get token(): number | undefined {
    const { claim } = this
    if (claim === undefined || claim.isRunningOut) return undefined
    return this.leftOf(claim) > this.termMillis * stopPerTerm ? claim.lease?.token : undefined
  }

  get isRunningOut(): boolean {
    return this.claim?.isRunningOut === true
  }

  /** Tries to have the lease from now on, unless it does that already. */
  seek(): void {
    if (this.claim !== undefined) return
    const claim: Claim = { scope: Scope.makeUnsafe(), lease: undefined, isRunningOut: false }
    this.claim = claim
    const tried = Effect.andThen(Effect.forkScoped(this.sayWhy(claim)), this.keep(claim))
    this.router.fork(Effect.forkIn(Scope.provide(tried, claim.scope), claim.scope))
  }

  private keep(claim: Claim): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const lease = yield* this.locks.hold(key)
      claim.lease = lease
      this.listener?.changed()
      yield* this.untilLeft(claim, lease, stopPerTerm)
      claim.isRunningOut = true
      this.log.warnSome(
        `the lease of ${this.service} runs out`,
        `failover ${this.service}: stops here, on ${this.router.nodeId}: its lease could not be refreshed at more than half of its voters ${
          this.locks.voters.join(", ")
        }`
      )
      this.listener?.changed()
      yield* this.untilLeft(claim, lease, interruptPerTerm)
      this.listener?.hurry()
      yield* this.untilLeft(claim, lease, 0)
      // A process that has slept for longer than that has only now heard of it.
      yield* Effect.timeoutOption(this.vacated.await, this.termMillis * interruptPerTerm)
      if (this.present > 0) this.overrun()
    })
  }

  /** Waits until no more than this part of a term is left. */
  private untilLeft(claim: Claim, { lost }: tables.Lease, partOfTerm: number): Effect.Effect<void> {
    const left = (): number => this.leftOf(claim) - this.termMillis * partOfTerm
    return Effect.whileLoop({
      while: () => left() > 0,
      body: () => Effect.raceFirst(Effect.sleep(Math.ceil(left())), lost),
      step: () => {}
    })
  }

  /** Gives the lease back, or no longer waits for it. Voters are not waited for if that would be in vain. */
  get giveBack(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { claim } = this
      if (claim === undefined) return Effect.void
      this.claim = undefined
      const released = Scope.close(claim.scope, Exit.void)
      return claim.isRunningOut ? Effect.sync(() => this.router.fork(released)) : released
    })
  }

  /** Ends all of this. The lease is kept as long as anything of the service runs, even if its supervisor has given it up. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { listener } = this
      // What is still being stopped has no more time than the lease.
      this.listener = listener && { changed: () => {}, hurry: listener.hurry }
      this.majority.close()
      const closed = Effect.andThen(this.giveBack, Scope.close(this.scope, Exit.void))
      if (this.present === 0) return closed
      return Effect.sync(() => this.router.fork(Effect.andThen(this.vacated.await, closed)))
    })
  }

  // ---- the service

  /**
   * A start of the service, which waits until nothing of an earlier run is left: that one may have been killed, or longer than its time to stop.
   * Without the lease it waits for ever: it is stopped then.
   */
  guard<A, E, R>(start: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> {
    const enter = Effect.sync(() => {
      this.present++
      this.vacated.closeUnsafe()
    })
    const leave = Effect.sync(() => {
      if (--this.present === 0) this.vacated.openUnsafe()
    })
    const begin = Effect.suspend(() => {
      const { token } = this
      if (token === undefined) return Effect.never
      // Its finalizer is the first of the start's scope, and so the last that runs.
      return Effect.andThen(
        Effect.acquireRelease(enter, () => leave),
        Effect.provideService(start, FencingToken, token)
      )
    })
    return Effect.andThen(this.vacated.await, begin)
  }

  /** Waits until nothing of the service runs here. */
  get left(): Effect.Effect<void> {
    return this.vacated.await
  }

  // ---- what is said

  private get log() {
    return this.router.log.of("Supervisor")
  }

  private sayWhy(claim: Claim): Effect.Effect<void> {
    const say = Effect.sync(() => {
      if (claim.lease !== undefined) return
      this.log.warnSome(
        `the lease of ${this.service} is waited for`,
        `failover ${this.service}: is to run here, on ${this.router.nodeId}, and waits for its lease: ${this.majority.lack}`
      )
    })
    return Effect.delay(say, this.termMillis * silencePerTerm)
  }

  private overrun(): void {
    this.log.alarm(
      `the lease of ${this.service} is over`,
      `failover ${this.service}: still runs here, on ${this.router.nodeId}, though its lease is over: it has not stopped when it was interrupted, ` +
        "and may run on another node as well"
    )
  }
}

/** Takes part in the votes on who runs a service, until `close`. */
export const makeLease = (router: Router, options: LeaseOptions): Effect.Effect<ServiceLease, InvalidSpec> =>
  Effect.suspend(() => {
    const { grace, lease, name, voters } = options
    const scope = Scope.makeUnsafe()
    return tables.makeTable({ name: `failover ${name}`, voters, lease, grace }).pipe(
      Scope.provide(scope),
      Effect.provideService(Node, router),
      Effect.map((table) => new ServiceLease(router, name, table, scope)),
      Effect.mapError((error) => refused(error, options))
    )
  })

const refused = ({ option, problem }: InvalidLocks, options: LeaseOptions): InvalidSpec => {
  const value = Object.entries(options).find(([name]) => name === option)?.[1]
  return new InvalidSpec({ child: options.name, field: option, value, problem: `is refused: ${problem}` })
}
