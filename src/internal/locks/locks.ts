/**
 * Locks as programs have them: what `Global.locks` answers.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { type Node, NodeRouter, type Router } from "../node/router.ts"
import { quoted } from "../values/describe.ts"
import { vote } from "./desks.ts"
import { Majority } from "./majority.ts"
import type { Grant } from "./owner.ts"
import { Polls } from "./polls.ts"
import { InvalidLocks, isKey, type LocksOptions, longestKey, NoMajority, readRules, type Rules } from "./rules.ts"

export type { Grant } from "./owner.ts"

/** Documented as `Global.Lease`. */
export interface Lease {
  /** The key that is held. */
  readonly key: string
  /** A whole number, larger than that of every grant of the key before. What the owner changes elsewhere may be told it. */
  readonly token: number
  /** Whether it is held in this moment: by this node's clocks, also after the process or the machine has stood still. */
  readonly isHeld: Effect.Effect<boolean>
  /** Ends when it is held no more: it could not be refreshed in time, or it was released. */
  readonly lost: Effect.Effect<void>
}

/** Documented as `Global.Locks`. */
export interface Locks {
  /** The name of the table. */
  readonly name: string
  /** The nodes that vote, in the order of their IDs. */
  readonly voters: ReadonlyArray<string>
  /** How long a voter keeps a key for an owner that it hears nothing of. */
  readonly lease: Duration.Duration
  /** How long it does so when the link with the owner has broken. */
  readonly grace: Duration.Duration
  /** For how long a grant is good, from when it was asked for: 95 % of the grace. `hold` refreshes four times in that; whoever refreshes by hand does so twice at least. */
  readonly term: Duration.Duration
  /** Waits until more than half of the voters answer this node and grant keys; on a voter until it grants keys itself, too. */
  readonly ready: Effect.Effect<void>
  /** Asks for keys, and answers those that were granted. It does not fail: where no majority answers within half a term, that is none. */
  readonly acquire: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>>
  /** Keeps keys for another term, and answers those that this owner still holds. What it does not hold any more has to be acquired anew. */
  readonly refresh: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Grant>, NoMajority>
  /** Gives keys back. Others may have them when it is done; keys that are not held do no harm. */
  readonly release: (keys: ReadonlyArray<string>) => Effect.Effect<void>
  /** Gives all keys back that this owner holds. */
  readonly releaseAll: Effect.Effect<void>
  /** What this owner holds in this moment. */
  readonly held: Effect.Effect<ReadonlyArray<Grant>>
  /**
   * Waits until the key is this owner's, refreshes it by itself, and releases it when the scope closes. Of several that hold one key at one owner
   * each waits for the one before.
   */
  readonly hold: (key: string) => Effect.Effect<Lease, never, Scope.Scope>
}

/** A term has so many refreshes: one may fail, or be late, and the next one is in time. */
const refreshesPerTerm = 4

/** Voters that are silent are waited for so long, of a term. */
const patiencePerTerm = 0.5

/** Who waits for a key that somebody else has asks again after this at the latest. */
const longestPause = 1_000

/** So much is shown of what is no key. */
const shownOfKey = 100

/** Locks, and what stands behind them. */
export interface Table {
  readonly rules: Rules
  readonly locks: Locks
  readonly polls: Polls
}

/** Takes part in a table of locks until the scope closes: as an owner, and as a voter if this node is one. */
export const make = (options: LocksOptions): Effect.Effect<Locks, InvalidLocks, Node | Scope.Scope> =>
  Effect.flatMap(makeTable(options), (table) => Effect.as(sayIfMissed(table), table.locks))

/** The same, for rooms that want to know how this node stands with the voters. */
export const makeTable = (options: LocksOptions): Effect.Effect<Table, InvalidLocks, Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const rules = readRules(options)
    if (rules instanceof InvalidLocks) return yield* rules
    const desks = rules.voters.includes(router.nodeId) ? yield* vote(router, rules) : undefined
    const polls = new Polls(router, rules)
    polls.port.tie(yield* Effect.scope)
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        router.observed.locks(() => ({
          name: rules.name,
          voters: rules.voters.map((node) => ({ node, standing: polls.standing(node) })),
          held: polls.held().map(({ key }) => key),
          kept: desks && { ...desks.kept, isVoting: desks.isVoting }
        }))
      ),
      (takeBack) => Effect.sync(takeBack)
    )
    return { rules, locks: new OwnLocks(router, rules, polls), polls }
  })

/** Whoever waits for a key would not know why. */
const sayIfMissed = ({ polls, rules }: Table): Effect.Effect<unknown, never, Node | Scope.Scope> =>
  Effect.flatMap(NodeRouter, (router) => {
    const log = router.log.of("Global")
    const table = `locks ${JSON.stringify(rules.name)}`
    const watch = (): Majority => {
      const majority: Majority = new Majority(router, rules, polls, () => {
        if (majority.isMissed) {
          log.warnSome(`${table} without a majority`, `${table}: ${majority.lack}. No key can be had`)
        } else log.life(`${table} with a majority`, `${table}: a majority of the voters answers again`)
      })
      return majority
    }
    return Effect.acquireRelease(Effect.sync(watch), (majority) => Effect.sync(() => majority.close()))
  })

/** A key that `hold` has, and its end. */
interface Held {
  readonly token: number
  readonly lost: Deferred.Deferred<void>
  /** Done when another `hold` of the key may try. */
  readonly over: Deferred.Deferred<void>
}

class OwnLocks extends Inspectable.Class implements Locks {
  readonly name: string
  readonly voters: ReadonlyArray<string>
  readonly lease: Duration.Duration
  readonly grace: Duration.Duration
  readonly term: Duration.Duration
  private readonly router: Router
  private readonly polls: Polls
  private readonly termMillis: number
  /** What `hold` has, by key. */
  private readonly leases = new Map<string, Held>()
  private isRefreshing = false

  constructor(router: Router, rules: Rules, polls: Polls) {
    super()
    this.router = router
    this.polls = polls
    this.name = rules.name
    this.voters = rules.voters
    this.termMillis = rules.termMillis
    this.lease = Duration.millis(rules.leaseMillis)
    this.grace = Duration.millis(rules.graceMillis)
    this.term = Duration.millis(rules.termMillis)
    polls.onLoss((key) => this.tellIfLost(key))
  }

  /** What a log or a debugger shows of it. */
  toJSON() {
    return { _id: "Locks", name: this.name, voters: this.voters, held: this.polls.held() }
  }

  get ready(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isReady) return resume(Effect.void)
      const stop = this.polls.onStanding(() => {
        if (!this.isReady) return
        stop()
        resume(Effect.void)
      })
      return Effect.sync(stop)
    })
  }

  /** While a voter that has just started grants nothing, the next one must not be restarted: a majority would be silent. */
  private get isReady(): boolean {
    const { nodeId } = this.router
    return this.polls.isReady && (!this.voters.includes(nodeId) || this.polls.standing(nodeId) === "votes")
  }

  get held(): Effect.Effect<ReadonlyArray<Grant>> {
    return Effect.sync(() => this.polls.held())
  }

  readonly acquire = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Grant>> =>
    this.withKeys("acquire", keys, (all) =>
      Effect.suspend(() => {
        const before = new Set(all.filter((key) => this.polls.grant(key) !== undefined))
        const grants = new Map<string, Grant>()
        const asked = this.ask<ReadonlyArray<Grant>>((answer) => {
          const open = new Set(all)
          const tell = (): void => answer(Effect.succeed(all.flatMap((key) => grants.get(key) ?? [])))
          const giveUp = this.polls.acquire(all, (key, grant) => {
            open.delete(key)
            if (grant !== undefined) grants.set(key, grant)
            if (open.size === 0) tell()
          })
          return () => {
            giveUp()
            tell()
          }
        })
        // Nobody gets to know what was granted.
        const giveBack = Effect.sync(() => {
          this.polls.release(Array.from(grants.keys()).filter((key) => !before.has(key)), () => {})
        })
        return all.length === 0 ? Effect.succeed([]) : Effect.onInterrupt(asked, () => giveBack)
      }))

  readonly refresh = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Grant>, NoMajority> =>
    this.withKeys("refresh", keys, (all) =>
      this.ask<ReadonlyArray<Grant>, NoMajority>((answer) =>
        this.polls.refresh(
          all,
          (grants) => answer(grants === undefined ? Effect.fail(this.noMajority) : Effect.succeed(grants))
        )
      ))

  readonly release = (keys: ReadonlyArray<string>): Effect.Effect<void> =>
    this.withKeys(
      "release",
      keys,
      (all) =>
        this.ask<void>((answer) => {
          const giveUp = this.polls.release(all, () => answer(Effect.void))
          for (const key of all) this.tellIfLost(key)
          return giveUp
        })
    )

  get releaseAll(): Effect.Effect<void> {
    return Effect.suspend(() => this.release(this.polls.held().map(({ key }) => key)))
  }

  readonly hold = (key: string): Effect.Effect<Lease, never, Scope.Scope> =>
    this.withKeys("hold", [key], () =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen({ self: this }, function*() {
          const grant = yield* restore(this.waitFor(key))
          const held = this.keep(grant)
          yield* Effect.addFinalizer(() => this.giveBack(key, held))
          return {
            key,
            token: grant.token,
            isHeld: Effect.sync(() => this.leases.get(key) === held && this.polls.grant(key)?.token === held.token),
            lost: Deferred.await(held.lost)
          }
        })
      ))

  // ---- what hold does

  /** Waits until no other `hold` of this owner has the key, and until it is granted. */
  private waitFor(key: string): Effect.Effect<Grant> {
    return Effect.gen({ self: this }, function*() {
      for (;;) {
        const other = this.leases.get(key)
        if (other !== undefined) {
          yield* Deferred.await(other.over)
          continue
        }
        const [grant] = yield* this.acquire([key])
        // Another one may have been as fast.
        if (grant !== undefined && !this.leases.has(key)) return grant
        if (grant !== undefined) continue
        const pause = Math.min(longestPause, this.termMillis / refreshesPerTerm)
        yield* Effect.sleep(yield* Random.nextBetween(pause / 2, pause))
      }
    })
  }

  private keep({ key, token }: Grant): Held {
    const held: Held = { token, lost: Deferred.makeUnsafe(), over: Deferred.makeUnsafe() }
    this.leases.set(key, held)
    this.tellIfLost(key)
    this.refreshSoon()
    return held
  }

  private tellIfLost(key: string): void {
    const held = this.leases.get(key)
    if (held !== undefined && this.polls.grant(key)?.token !== held.token) Deferred.doneUnsafe(held.lost, Effect.void)
  }

  private giveBack(key: string, held: Held): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.leases.delete(key)
      Deferred.doneUnsafe(held.lost, Effect.void)
      const isOurs = this.polls.grant(key)?.token === held.token
      const released = isOurs ? this.release([key]) : Effect.void
      return Effect.ensuring(released, Effect.sync(() => Deferred.doneUnsafe(held.over, Effect.void)))
    })
  }

  /** Refreshes all that `hold` has, again and again while there is something. */
  private refreshSoon(): void {
    if (this.isRefreshing || this.leases.size === 0) return
    this.isRefreshing = true
    this.router.after(this.termMillis / refreshesPerTerm, () => {
      this.isRefreshing = false
      const keys = Array.from(this.leases.keys()).filter((key) => this.polls.grant(key) !== undefined)
      // What is lost stays lost.
      if (keys.length === 0) return
      this.inTime(this.polls.refresh(keys, () => {}))
      this.refreshSoon()
    })
  }

  // ---- what all of them do

  /** Asks voters, and gives up on the silent ones when it is time. `begin` answers how to give up, which then is the answer. */
  private ask<A, E = never>(
    begin: (answer: (effect: Effect.Effect<A, E>) => void) => () => void
  ): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      let isOver = false
      let cancel = (): void => {}
      const giveUp = begin((effect) => {
        isOver = true
        cancel()
        resume(effect)
      })
      if (!isOver) cancel = this.inTime(giveUp)
      return Effect.sync(() => {
        cancel()
        giveUp()
      })
    })
  }

  /** Voters that have not answered by then are not waited for. The result takes that back. */
  private inTime(giveUp: () => void): () => void {
    return this.router.after(this.termMillis * patiencePerTerm, giveUp)
  }

  private get noMajority(): NoMajority {
    const silent = this.voters.filter((voter) => this.polls.standing(voter) === "away")
    return new NoMajority({ locks: this.name, voters: this.voters, silent })
  }

  /** Each key once. What can be no key is a mistake of the program. */
  private withKeys<A, E, R>(
    verb: string,
    keys: ReadonlyArray<string>,
    use: (keys: ReadonlyArray<string>) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const wrong = keys.find((key) => !isKey(key))
      if (wrong === undefined) return use(Array.from(new Set(keys)))
      const what = `a key is text of 1 to ${longestKey} characters; this one is ${quoted(wrong).slice(0, shownOfKey)}`
      return Effect.die(new RangeError(`Locks.${verb}: ${what}`))
    })
  }
}
