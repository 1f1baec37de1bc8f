/**
 * The locks of a runner, as Effect's sharding asks for them: leases at a majority of the voters.
 *
 * Sharding gives up all shards, and interrupts all entities, when a refresh has failed or takes longer than its interval. A majority that is
 * slow for once is no reason for that: as long as the leases last, and no link to a voter was lost, they are known to be held.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** A lock that was granted: until when it is held, by the node's own clock that never jumps. */
interface Grant {
  readonly key: string
  readonly until: number
}

/** What of `Global.locks` is needed here. */
export interface Locks {
  readonly acquire: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>>
  /** What is still held. Fails where no majority says so. */
  readonly refresh: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>, unknown>
  readonly release: (keys: ReadonlyArray<string>) => Effect.Effect<void>
}

/** How often Sharding refreshes, and how long it waits for that. */
export const refreshMillis = 500

/** So long a refresh waits for the voters: then there is time left to answer what is known. */
const patienceMillis = 300

/** What is held for less than this is given up: so long entities have to stop. */
const marginMillis = 2 * refreshMillis

/** So often locks are asked for that somebody else has yet. */
const retryMillis = 100

export class Leases {
  private readonly locks: Locks
  private readonly leaseMillis: number
  private readonly now: () => number
  private readonly scope: Scope.Scope
  /** By key, until when. */
  private readonly held = new Map<string, number>()
  /** Until when what is held was held when a majority said so for the last time. */
  private assuredUntil = 0
  /** Links to voters that were lost, and how many of these before the last answer was asked for. */
  private losses = 0
  private lossesAnswered = 0
  private asking: Fiber.Fiber<boolean> | undefined = undefined
  private releasing: { readonly keys: Set<string>; readonly done: Deferred.Deferred<void> } | undefined = undefined

  /** `now` is the clock of the leases; the scope is that of the locks. */
  constructor(locks: Locks, leaseMillis: number, now: () => number, scope: Scope.Scope) {
    this.locks = locks
    this.leaseMillis = leaseMillis
    this.now = now
    this.scope = scope
  }

  /** The link to a voter is lost: it may soon grant to others what it has granted to this node. */
  voterLost(): void {
    this.losses++
  }

  /** Whether it is held, as far as a majority has said. */
  has(key: string): boolean {
    return this.held.has(key)
  }

  /** Waits until at least one of them is granted, and answers those that are. */
  acquire(keys: ReadonlyArray<string>): Effect.Effect<Array<string>> {
    return Effect.flatMap(this.tryAcquire(keys), (granted) =>
      granted.length > 0 ? Effect.succeed(granted) : Effect.delay(this.acquire(keys), retryMillis))
  }

  /** Asks once. Whoever is interrupted meanwhile has nothing of it: what may be granted yet is given back. */
  tryAcquire(keys: ReadonlyArray<string>): Effect.Effect<Array<string>> {
    return this.locks.acquire(keys).pipe(
      Effect.map((grants) => {
        for (const { key, until } of grants) this.held.set(key, until)
        return grants.map(({ key }) => key)
      }),
      Effect.onInterrupt(() => Effect.forkIn(this.locks.release(keys), this.scope))
    )
  }

  /** Which of them are still held. Fails where nobody knows. */
  refresh(keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, string> {
    return Effect.flatMap(Effect.timeoutOption(this.ask, patienceMillis), (answered) => {
      const limit = this.now() + marginMillis
      const isKnown = Option.getOrElse(answered, () => false) || this.isAssured(limit)
      return isKnown
        ? Effect.succeed(keys.filter((key) => (this.held.get(key) ?? 0) > limit))
        : Effect.fail("no majority of the voters says which shards are held")
    })
  }

  private isAssured(limit: number): boolean {
    return this.assuredUntil > limit && this.losses === this.lossesAnswered
  }

  /** Asks the voters for all that is held, and answers whether a majority has answered. Who asks meanwhile waits for the same answer. */
  private readonly ask: Effect.Effect<boolean> = Effect.suspend(() => {
    if (this.asking !== undefined) return Fiber.join(this.asking)
    return Effect.flatMap(Effect.forkIn(this.question, this.scope), (fiber) => {
      this.asking = fiber
      fiber.addObserver(() => {
        this.asking = undefined
      })
      return Fiber.join(fiber)
    })
  })

  private readonly question: Effect.Effect<boolean> = Effect.suspend(() => {
    const { losses } = this
    const askedAt = this.now()
    const keys = Array.from(this.held.keys())
    return Effect.match(this.locks.refresh(keys), {
      onFailure: () => false,
      onSuccess: (grants) => {
        const still = new Map(grants.map(({ key, until }) => [key, until]))
        for (const key of keys) {
          const until = still.get(key)
          if (until === undefined) this.held.delete(key)
          // What was released meanwhile stays so.
          else if (this.held.has(key)) this.held.set(key, until)
        }
        this.assuredUntil = askedAt + this.leaseMillis
        this.lossesAnswered = losses
        return true
      }
    })
  })

  /** Sharding releases shard by shard: what it releases at once is one message. */
  release(key: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.held.delete(key)
      const { releasing } = this
      if (releasing !== undefined) {
        releasing.keys.add(key)
        return Deferred.await(releasing.done)
      }
      const begun = this.releasing = { keys: new Set([key]), done: Deferred.makeUnsafe<void>() }
      const send = Effect.suspend(() => {
        this.releasing = undefined
        return Effect.onExit(
          this.locks.release(Array.from(begun.keys)),
          (exit) => Deferred.done(begun.done, exit)
        )
      })
      return Effect.andThen(Effect.forkIn(Effect.andThen(Effect.yieldNow, send), this.scope), Deferred.await(begun.done))
    })
  }

  /** All that are held, but for one. */
  releaseAllBut(kept: string | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      const keys = Array.from(this.held.keys()).filter((key) => key !== kept)
      for (const key of keys) this.held.delete(key)
      return keys.length === 0 ? Effect.void : this.locks.release(keys)
    })
  }
}
