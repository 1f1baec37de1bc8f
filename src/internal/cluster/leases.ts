/**
 * The locks of a runner, as Effect's sharding asks for them.
 *
 * Sharding refreshes all of them again and again. Those that it is not told of any more it releases, when their entities have finished what
 * they have in hand; when a refresh has no answer, it interrupts all entities at once. A majority that is slow for once is no reason for
 * that: by its own clock, a runner knows what it holds, and for how long. What is about to be lost is: another runner will have it soon.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Times } from "./settings.ts"

/** A lock that was granted: until when it is held, by the clock of the node that never jumps. */
interface Grant {
  readonly key: string
  readonly until: number
}

/** What of `Global.locks` is needed here. */
export interface Locks {
  readonly acquire: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>>
  readonly refresh: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>, unknown>
  readonly release: (keys: ReadonlyArray<string>) => Effect.Effect<void>
  /** What this node holds by its own clock. */
  readonly held: Effect.Effect<ReadonlyArray<Grant>>
}

/** So often locks are asked for that somebody else has yet. */
const retryMillis = 100

/** When some are granted the others are waited for so long: Sharding asks for what is missing a second later. */
const gatherMillis = 200

/** What Sharding has not come back for after this time, it does not want any more. */
const unclaimedMillis = 2000

/** What Sharding logs: where in here that was found out says nothing to those who read it. */
const unhealthy = (text: string): Error => {
  const error = new Error(text)
  error.stack = `${error.name}: ${text}`
  return error
}

export class Leases {
  private readonly locks: Locks
  private readonly times: Times
  private readonly now: () => number
  private readonly scope: Scope.Scope
  /** A key that nobody else wants: who gets it has a majority. */
  private readonly probe: string
  /** What was granted and not given back, whether it is still held or not. */
  private readonly taken = new Set<string>()
  /** What was granted, and Sharding has not been told of: since when. */
  private readonly unclaimed = new Map<string, number>()
  /** What was given back, and has not been granted again: since when. */
  private readonly gaveAt = new Map<string, number>()
  private asking: Fiber.Fiber<void> | undefined = undefined
  private releasing: { readonly keys: Set<string>; readonly done: Deferred.Deferred<void> } | undefined = undefined

  /** `now` is the clock of the locks, and the scope theirs. */
  constructor(locks: Locks, times: Times, now: () => number, scope: Scope.Scope, probe: string) {
    this.locks = locks
    this.times = times
    this.now = now
    this.scope = scope
    this.probe = probe
  }

  /**
   * Waits until at least one of them is granted, and a moment for the others; answers those that are. Sharding interrupts it when it has
   * waited for its interval, and asks again at once: what was granted meanwhile is kept for that.
   */
  acquire(keys: ReadonlyArray<string>): Effect.Effect<Array<string>> {
    return Effect.gen({ self: this }, function*() {
      // Sharding may give back what it has just acquired, and want it again at once, for as long as it closes.
      const old = this.now() - retryMillis
      if (keys.some((key) => (this.gaveAt.get(key) ?? -Infinity) > old)) yield* Effect.sleep(retryMillis)
      const wanted = new Set(keys)
      yield* this.giveBack(Array.from(this.unclaimed.keys()).filter((key) => !wanted.has(key)))
      let since: number | undefined = undefined
      for (;;) {
        const missing = keys.filter((key) => !this.unclaimed.has(key))
        if (missing.length > 0) yield* this.askFor(missing)
        const granted = keys.filter((key) => this.unclaimed.has(key))
        if (granted.length > 0) since ??= this.now()
        if (granted.length === keys.length || (since !== undefined && this.now() - since >= gatherMillis)) {
          // What an earlier question was granted since is not Sharding's: it is given back.
          for (const key of granted) this.unclaimed.delete(key)
          return granted
        }
        yield* Effect.sleep(retryMillis)
      }
    })
  }

  /** In a fiber of its own: whoever waits for it may be interrupted. */
  private askFor(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.asking !== undefined) return Fiber.join(this.asking)
      const question = Effect.map(this.tryAcquire(keys), (granted) => {
        const now = this.now()
        for (const key of granted) this.unclaimed.set(key, now)
      })
      return Effect.flatMap(Effect.forkIn(question, this.scope), (fiber) => {
        this.asking = fiber
        fiber.addObserver(() => {
          this.asking = undefined
        })
        return Fiber.join(fiber)
      })
    })
  }

  /** Asks once. */
  tryAcquire(keys: ReadonlyArray<string>): Effect.Effect<Array<string>> {
    return Effect.map(this.locks.acquire(keys), (grants) => {
      for (const { key } of grants) {
        this.taken.add(key)
        this.gaveAt.delete(key)
      }
      return grants.map(({ key }) => key)
    })
  }

  /**
   * Those of the keys that are held. A defect where one of them is lost, or where nobody says that there is a majority: Sharding tries
   * again after a failure, and the time that this takes is needed for entities to stop.
   */
  refresh(keys: ReadonlyArray<string>): Effect.Effect<Array<string>> {
    return Effect.gen({ self: this }, function*() {
      const old = this.now() - unclaimedMillis
      yield* this.giveBack(Array.from(this.unclaimed).flatMap(([key, since]) => since < old ? [key] : []))
      const before = yield* this.untilBy
      const first = Math.min(...keys.map((key) => before.get(key) ?? Infinity))
      const patience = Math.min(this.times.patienceMillis, first - this.times.stoppingMillis - this.now())
      if (patience > 0) yield* Effect.timeoutOption(Effect.ignore(this.locks.refresh(Array.from(this.taken))), patience)
      const until = yield* this.untilBy
      const limit = this.now() + this.times.stoppingMillis
      const isHeld = (key: string): boolean => (until.get(key) ?? 0) > limit
      const lost = keys.filter((key) => this.taken.has(key) && !isHeld(key))
      if (lost.length > 0) {
        return yield* Effect.die(unhealthy(`lost ${lost.length} of its leases, ${lost[0]} among them`))
      }
      // Whoever holds anything has had a majority.
      if (!Array.from(this.taken).some(isHeld)) yield* this.askForMajority
      return keys.filter(isHeld)
    })
  }

  /** Whether it is held. */
  has(key: string): Effect.Effect<boolean> {
    return Effect.map(this.untilBy, (until) => until.has(key))
  }

  private get untilBy(): Effect.Effect<ReadonlyMap<string, number>> {
    return Effect.map(this.locks.held, (held) => new Map(held.map(({ key, until }) => [key, until])))
  }

  private get askForMajority(): Effect.Effect<void> {
    return Effect.flatMap(this.locks.acquire([this.probe]), (granted) =>
      granted.length === 0
        ? Effect.die(unhealthy("no majority of the voters answers"))
        : this.locks.release([this.probe]))
  }

  /** Sharding releases shard by shard: what it releases at once is one message. */
  release(key: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { releasing } = this
      if (releasing !== undefined) {
        releasing.keys.add(key)
        return Deferred.await(releasing.done)
      }
      const begun = this.releasing = { keys: new Set([key]), done: Deferred.makeUnsafe<void>() }
      const send = Effect.suspend(() => {
        this.releasing = undefined
        return Effect.onExit(this.giveBack(Array.from(begun.keys)), (exit) => Deferred.done(begun.done, exit))
      })
      return Effect.andThen(
        Effect.forkIn(Effect.andThen(Effect.yieldNow, send), this.scope),
        Deferred.await(begun.done)
      )
    })
  }

  /** All that was taken, but for one. */
  releaseAllBut(kept: string | undefined): Effect.Effect<void> {
    return Effect.suspend(() => this.giveBack(Array.from(this.taken).filter((key) => key !== kept)))
  }

  private giveBack(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const now = this.now()
      for (const key of keys) {
        this.gaveAt.set(key, now)
        this.taken.delete(key)
        this.unclaimed.delete(key)
      }
      return keys.length === 0 ? Effect.void : this.locks.release(keys)
    })
  }
}
