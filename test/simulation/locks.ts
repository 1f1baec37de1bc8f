/**
 * What a process does with locks: it acquires keys, keeps some, gives them back, and tells what it believes to hold and until when. Of no key
 * two processes may believe that at once.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Global from "../../src/Global.ts"
import type { Checker } from "./checker.ts"
import type { LockPart, Member, Services } from "./member.ts"
import type { Life } from "./trace.ts"

const keys = ["x", "y", "z"]

export class LockUser {
  private readonly member: Member
  private readonly part: LockPart
  private readonly scope = Scope.makeUnsafe()
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private locks: Global.Locks | undefined = undefined
  private readonly over = Deferred.makeUnsafe<void>()
  private isActing = true
  /** Its node is about to stop, which gives all keys back. */
  private isLeaving = false
  /** Whether it can have keys: more than half of the voters answer it. */
  isReady = false

  constructor(member: Member, part: LockPart, run: LockUser["run"]) {
    this.member = member
    this.part = part
    this.run = run
  }

  /** Whoever waits for a key when all is over waits no longer. */
  get act(): Effect.Effect<void, never, Services> {
    return Effect.raceFirst(this.work, Deferred.await(this.over))
  }

  private get work(): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function*() {
      const { leisure, random, voters } = this.part
      this.locks = yield* Effect.orDie(
        Scope.provide(Global.locks({ voters, lease: "2 seconds", grace: "800 millis" }), this.scope)
      )
      this.run(Effect.raceFirst(this.hold, Deferred.await(this.over)))
      while (this.isActing) {
        yield* Effect.sleep(leisure * random.between(5, 250))
        yield* this.step(this.locks)
      }
      yield* this.locks.ready
      this.isReady = true
    })
  }

  /** The table of locks, once the process takes part in it. */
  get table(): Global.Locks | undefined {
    return this.locks
  }

  private step(locks: Global.Locks): Effect.Effect<unknown> {
    const { random } = this.part
    const some = random.shuffle(keys).slice(0, random.int(1, keys.length))
    const what = random.weighted({ acquire: 5, refresh: 5, release: 2 })
    if (what === "release") return Effect.andThen(Effect.sync(() => this.free(some)), locks.release(some))
    if (what === "acquire") return Effect.flatMap(locks.acquire(some), (grants) => this.tell(grants))
    return Effect.matchEffect(locks.refresh(some), {
      onFailure: () => Effect.void,
      onSuccess: (grants) => this.tell(grants)
    })
  }

  /** One key is held by itself, in turns. */
  private get hold(): Effect.Effect<void, never, Services> {
    const { leisure, random } = this.part
    const turn = Effect.gen({ self: this }, function*() {
      const { locks } = this
      if (locks === undefined) return
      yield* locks.hold("held")
      for (let looks = random.int(1, 20); looks > 0 && this.isActing; looks--) {
        yield* this.tell((yield* locks.held).filter(({ key }) => key === "held"))
        yield* Effect.sleep(leisure * random.between(20, 200))
      }
      this.free(["held"])
    })
    return Effect.gen({ self: this }, function*() {
      while (this.isActing) {
        yield* Effect.scoped(turn)
        yield* Effect.sleep(leisure * random.between(10, 500))
      }
    })
  }

  private tell(grants: ReadonlyArray<Global.Grant>): Effect.Effect<void> {
    const { emit, life } = this.member
    return Effect.map(Clock.monotonicTimeNanos, (nanos) => {
      if (this.isLeaving) return
      const now = Number(nanos) / 1e6
      for (const { key, token, until } of grants) emit({ _tag: "Holds", life, key, token, now, until })
    })
  }

  private free(some: ReadonlyArray<string>): void {
    const { emit, life } = this.member
    for (const key of some) emit({ _tag: "Frees", life, key })
  }

  rest(): void {
    this.isActing = false
  }

  leave(): void {
    this.rest()
    this.isLeaving = true
    this.free([...keys, "held"])
  }

  /** All that it has to do with locks ends. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.leave()
      Deferred.doneUnsafe(this.over, Effect.void)
      return Scope.close(this.scope, Exit.void)
    })
  }
}

interface Belief {
  readonly token: number
  readonly until: number
}

/** No two lives believe in one key at once; and its tokens count up, where no clock was set. */
export const locks = (): Checker => {
  const beliefs = new Map<string, Map<Life, Belief>>()
  const largest = new Map<string, number>()
  let isClockSet = false
  return (event) => {
    if (event._tag === "Fault" && event.what.startsWith("jump")) isClockSet = true
    if (event._tag === "Crashed" || event._tag === "Stopped") {
      for (const all of beliefs.values()) all.delete(event.life)
    }
    if (event._tag === "Frees") beliefs.get(event.key)?.delete(event.life)
    if (event._tag !== "Holds") return undefined
    const { key, life, now, token, until } = event
    // It has slept meanwhile, and knows that.
    if (until <= now) return undefined
    const all = beliefs.get(key) ?? new Map<Life, Belief>()
    const before = all.get(life)
    all.set(life, { token, until })
    beliefs.set(key, all)
    const other = Array.from(all).find(([holder, belief]) => holder !== life && belief.until > now)
    if (other !== undefined) return `${life} holds ${key}, which ${other[0]} holds until ${other[1].until}`
    if (before?.token === token) return undefined
    const last = largest.get(key) ?? 0
    largest.set(key, Math.max(last, token))
    return token <= last && !isClockSet ? `${life} holds ${key} with the token ${token}, after ${last}` : undefined
  }
}
