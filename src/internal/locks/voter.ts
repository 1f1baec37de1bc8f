/**
 * A voter's table: for whom it keeps which key, and until when. Pure: whoever asks says what time it is, by a clock that never jumps.
 *
 * A voter answers for itself alone. What makes a lock is that more than half of the voters keep the key for one owner.
 *
 * @internal
 */
import { largestProposal, largestToken, mostCounted, mostKeys, mostKeysOfOwner, type Rules } from "./rules.ts"

/** What a voter says of a key that an owner says it holds: it is the owner's, it is somebody else's, or `noted` (see `refresh`). */
export const votes = { yes: 1, no: 0, noted: -1 } as const

export type Vote = typeof votes[keyof typeof votes]

interface Entry {
  /** Whose it is, as long as `until` has not come. */
  owner: string | undefined
  until: number
  /** The largest token that was given for the key, as far as this voter knows. */
  token: number
}

/** A full table is not searched for room for each key that it is asked for. */
const sweepMillis = 1000

/** What a voter keeps, in numbers. */
export interface Kept {
  readonly owners: number
  readonly keys: number
}

export class Voter {
  private readonly rules: Rules
  /** Until then it grants nothing: before it began it may have granted what it does not know of any more. */
  readonly votesFrom: number
  /** No key that is not in the table had a larger token. */
  private floor: number
  /** Looks for keys that are nobody's any more from then on, if it is full. */
  private sweepsFrom = 0
  private readonly entries = new Map<string, Entry>()
  private readonly owned = new Map<string, Set<string>>()

  /** `wall` is the time in milliseconds since 1970, which tokens follow where nobody remembers them. */
  constructor(rules: Rules, now: number, wall: number) {
    this.rules = rules
    this.votesFrom = now + rules.leaseMillis
    this.floor = Math.floor(wall + rules.leaseMillis)
  }

  isVoting(now: number): boolean {
    return now >= this.votesFrom
  }

  /** The tokens of the keys that the owner gets, in their order; 0 for those that it does not get. */
  acquire(owner: string, keys: ReadonlyArray<string>, proposal: number, now: number): ReadonlyArray<number> {
    if (!this.isVoting(now)) return keys.map(() => 0)
    return keys.map((key) => {
      const entry = this.take(owner, key, now)
      if (entry === undefined) return 0
      return entry.token = Math.max(isBelieved(proposal, largestProposal, entry.token) ? proposal : 0, entry.token + 1)
    })
  }

  /**
   * An owner says that it holds keys with these tokens. It is believed where nobody else is known. A voter that has just started keeps such
   * a key for it too, and says that with `noted`: the owner must not count on that, since somebody else may have been granted the key before.
   * The only voter of all may: whoever holds a key then had it from this one.
   */
  refresh(
    owner: string,
    keys: ReadonlyArray<string>,
    tokens: ReadonlyArray<number>,
    now: number
  ): ReadonlyArray<Vote> {
    const yes = this.isVoting(now) || this.rules.voters.length === 1 ? votes.yes : votes.noted
    return keys.map((key, at) => {
      const token = tokens[at] ?? 0
      if (!isBelieved(token, largestToken, this.entries.get(key)?.token ?? this.floor)) return votes.no
      const entry = this.take(owner, key, now)
      if (entry === undefined) return votes.no
      entry.token = Math.max(entry.token, token)
      return yes
    })
  }

  release(owner: string, keys: ReadonlyArray<string>): void {
    const all = this.owned.get(owner)
    for (const key of keys) if (all?.delete(key) === true) this.free(key)
    if (all?.size === 0) this.owned.delete(owner)
  }

  /** The owner has ended, and knows it: nothing is its own any more. */
  ended(owner: string): void {
    for (const key of this.owned.get(owner) ?? []) this.free(key)
    this.owned.delete(owner)
  }

  /** The link with the owner has broken: if it lives, it goes by what it was answered before for the grace at most. */
  broke(owner: string, now: number): void {
    const until = now + this.rules.graceMillis
    for (const key of this.owned.get(owner) ?? []) {
      const entry = this.entries.get(key)
      if (entry !== undefined) entry.until = Math.min(entry.until, until)
    }
  }

  kept(now: number): Kept {
    const all = Array.from(this.entries.values()).filter((entry) => isKept(entry, now))
    return { keys: all.length, owners: new Set(all.map(({ owner }) => owner)).size }
  }

  /** Keeps a key for an owner from now on, if it is free or the owner's, and there is room. */
  private take(owner: string, key: string, now: number): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined && isKept(entry, now) && entry.owner !== owner) return undefined
    if (entry?.owner !== owner && !this.hasRoom(owner, entry === undefined, now)) return undefined
    if (entry?.owner !== undefined && entry.owner !== owner) this.release(entry.owner, [key])
    const taken = entry ?? { owner, until: 0, token: this.floor }
    taken.owner = owner
    taken.until = now + this.rules.leaseMillis
    this.entries.set(key, taken)
    const own = this.owned.get(owner)
    if (own === undefined) this.owned.set(owner, new Set([key]))
    else own.add(key)
    return taken
  }

  private free(key: string): void {
    const entry = this.entries.get(key)
    if (entry !== undefined) entry.owner = undefined
  }

  private hasRoom(owner: string, isNew: boolean, now: number): boolean {
    const isFull = (): boolean =>
      (this.owned.get(owner)?.size ?? 0) >= mostKeysOfOwner || isNew && this.entries.size >= mostKeys
    if (isFull() && now >= this.sweepsFrom) {
      this.sweep(now)
      this.sweepsFrom = now + sweepMillis
    }
    return !isFull()
  }

  /** Forgets all keys that are nobody's. Their tokens go into the floor, so that none comes again. */
  private sweep(now: number): void {
    for (const [key, entry] of this.entries) {
      if (isKept(entry, now)) continue
      if (entry.owner !== undefined) this.release(entry.owner, [key])
      this.floor = Math.max(this.floor, entry.token)
      this.entries.delete(key)
    }
  }
}

/** Whether a token can be one that somebody was given: after the largest number there is there would be none. */
const isBelieved = (token: number, largest: number, known: number): boolean =>
  token <= Math.max(largest, known + mostCounted)

const isKept = ({ owner, until }: Entry, now: number): boolean => owner !== undefined && until > now
