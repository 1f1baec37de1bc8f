/**
 * What an owner may believe: which keys it holds, by what the voters have answered. Pure: it is told what happens and what time it is, and
 * says what is to be done (`Action`).
 *
 * An owner holds a key while more than half of the voters have said so in answer to questions that left less than a term ago. An answer
 * counts from when its question left, however late it comes: no voter has given the key to anybody else before that. Whoever has once
 * ceased to hold a key does not hold it again by an answer to an older question: it has to acquire it anew, with a new token.
 *
 * @internal
 */
import type { Rules } from "./rules.ts"
import { votes } from "./voter.ts"

/** By the clock that never jumps, but stands still while a machine sleeps; and by the one that people set. Both must agree that it is not too late. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** Documented as `Global.Grant`. */
export interface Grant {
  /** The key, as it was asked for. */
  readonly key: string
  /** A whole number, larger than that of every grant of the key before. */
  readonly token: number
  /** Until when it is held unless it is refreshed, in milliseconds of the node's monotonic clock (`Clock.monotonicTimeNanosUnsafe`). */
  readonly until: number
}

/** What a voter is asked. The answer has a number for each of the keys. */
export type Question =
  & { readonly id: number; readonly keys: ReadonlyArray<string> }
  & (
    | { readonly kind: "acquire"; readonly proposal: number }
    | { readonly kind: "refresh"; readonly tokens: ReadonlyArray<number> }
    | { readonly kind: "release" }
  )

/** What is to be done. */
export type Action =
  | { readonly _tag: "Ask"; readonly voter: string; readonly question: Question }
  /** A key that was to be acquired is held, or will not be. */
  | { readonly _tag: "Decided"; readonly key: string; readonly grant: Grant | undefined }
  /** What is left of the keys of a round; nothing is known where there is no list. */
  | { readonly _tag: "Refreshed"; readonly round: number; readonly grants: ReadonlyArray<Grant> | undefined }
  /** Enough voters know that keys are free. */
  | { readonly _tag: "Released"; readonly release: number }
  /** A key is held no more, though it was not released. */
  | { readonly _tag: "Lost"; readonly key: string }

/** A key that the owner holds, or is about to acquire. */
interface Claim {
  readonly key: string
  /** 0 until more than half of the voters have granted the key. */
  token: number
  isHeld: boolean
  /** Since when it is certain that more than half of the voters keep it. */
  since: Moment
  /** Voters that keep the key for this owner: since when that is certain, and the largest token that they know of. */
  readonly yes: Map<string, { readonly since: Moment; readonly token: number }>
  /** Voters that keep it for somebody else. */
  readonly no: Set<string>
  /** Voters that were asked to take note of the token. */
  readonly told: Set<string>
}

interface Asked {
  readonly kind: Question["kind"]
  readonly claims: ReadonlyArray<Claim>
  readonly at: Moment
  readonly release: number
}

interface Round {
  readonly began: Moment
  readonly open: Map<Claim, { readonly yes: Set<string>; readonly no: Set<string> }>
  readonly grants: Array<Grant>
}

/** A message has so many keys, of so many characters in all, at most: any link takes that. */
const chunk = { keys: 200, characters: 12_000 } as const

const claimOf = (key: string): Claim => ({
  key,
  token: 0,
  isHeld: false,
  since: never,
  yes: new Map(),
  no: new Set(),
  told: new Set()
})

const never: Moment = { monotonic: -Infinity, wall: -Infinity }

/** A voter that owes so many answers is not asked anything more. What there is to ask meanwhile, it is asked together when it has answered. */
const mostOpen = 64

/** What there is to ask a voter when it has answered. */
interface Owed {
  /** Keys that were given back. */
  readonly release: Set<string>
  readonly acquire: Set<Claim>
  readonly refresh: Set<Claim>
}

export class Owner {
  private readonly rules: Rules
  private readonly claims = new Map<string, Claim>()
  /** What voters have been asked and not answered yet, for each that can be asked. */
  private readonly asked = new Map<string, Map<number, Asked>>()
  private readonly owed = new Map<string, Owed>()
  private readonly rounds = new Map<number, Round>()
  /** Releases that are not certain yet: by how many voters they have been heard. */
  private readonly releases = new Map<number, number>()
  private lastId = 0
  private lastToken = 0
  private actions: Array<Action> = []

  constructor(rules: Rules) {
    this.rules = rules
  }

  // ---- what is believed

  grant(key: string, now: Moment): Grant | undefined {
    const claim = this.claims.get(key)
    if (claim === undefined || !claim.isHeld || !this.isRecent(claim.since, now)) return undefined
    return { key, token: claim.token, until: this.untilOf(claim) }
  }

  /** All keys that are held. */
  held(now: Moment): ReadonlyArray<Grant> {
    return Array.from(this.claims.keys()).flatMap((key) => this.grant(key, now) ?? [])
  }

  /** When the first of the keys will be lost, unless voters answer. */
  get nextLoss(): number | undefined {
    let first: number | undefined = undefined
    for (const claim of this.claims.values()) {
      if (claim.isHeld && (first === undefined || this.untilOf(claim) < first)) first = this.untilOf(claim)
    }
    return first
  }

  private untilOf({ since }: Claim): number {
    return since.monotonic + this.rules.termMillis
  }

  private isRecent(since: Moment, now: Moment): boolean {
    const { termMillis } = this.rules
    return now.monotonic < since.monotonic + termMillis && now.wall < since.wall + termMillis
  }

  /** The votes have changed: counts those that have been certain for the shortest time. */
  private count(claim: Claim): void {
    const since = Array.from(claim.yes.values(), (vote) => vote.since)
    const latest = since.toSorted((a, b) => b.monotonic - a.monotonic).slice(0, this.rules.majority)
    claim.since = latest.length < this.rules.majority ? never : {
      monotonic: Math.min(...latest.map(({ monotonic }) => monotonic)),
      wall: Math.min(...latest.map(({ wall }) => wall))
    }
  }

  // ---- what the program wants

  acquire(keys: ReadonlyArray<string>, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    const fresh: Array<Claim> = []
    for (const key of keys) {
      const grant = this.grant(key, now)
      if (grant !== undefined) this.actions.push({ _tag: "Decided", key, grant })
      else if (!this.claims.has(key)) fresh.push(this.claim(key))
    }
    for (const voter of this.asked.keys()) this.askToGrant(voter, fresh, now)
    return this.take()
  }

  /** Nobody waits any longer for the rest of the answers about these keys. */
  giveUp(keys: ReadonlyArray<string>, now: Moment): ReadonlyArray<Action> {
    const open = keys.flatMap((key) => this.claims.get(key) ?? []).filter(({ isHeld }) => !isHeld)
    this.drop(open, now)
    return this.take()
  }

  refresh(round: number, keys: ReadonlyArray<string>, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    const claims = keys.flatMap((key) => this.claims.get(key) ?? []).filter(({ isHeld }) => isHeld)
    const open = new Map(claims.map((claim) => [claim, { yes: new Set<string>(), no: new Set<string>() }]))
    this.rounds.set(round, { began: now, open, grants: [] })
    for (const voter of this.asked.keys()) this.askToKeep(voter, claims, now)
    this.closeRounds()
    return this.take()
  }

  /** Nobody waits any longer for the end of the round. */
  giveUpRound(round: number): ReadonlyArray<Action> {
    if (this.rounds.delete(round)) this.actions.push({ _tag: "Refreshed", round, grants: undefined })
    return this.take()
  }

  release(release: number, keys: ReadonlyArray<string>, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    const claims = keys.flatMap((key) => this.claims.get(key) ?? [])
    this.releases.set(release, 0)
    this.forget(claims)
    for (const { isHeld, key } of claims) if (!isHeld) this.actions.push({ _tag: "Decided", key, grant: undefined })
    for (const voter of this.asked.keys()) this.ask(voter, "release", claims, now, release)
    this.closeReleases()
    return this.take()
  }

  giveUpRelease(release: number): ReadonlyArray<Action> {
    if (this.releases.delete(release)) this.actions.push({ _tag: "Released", release })
    return this.take()
  }

  // ---- what happens

  /** A voter can be asked: it, or this owner, has just begun, or there is a new link between them. */
  up(voter: string, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    this.owed.delete(voter)
    this.asked.set(voter, new Map())
    const all = Array.from(this.claims.values())
    this.askToKeep(voter, all.filter(({ isHeld }) => isHeld), now)
    this.askToGrant(voter, all.filter(({ isHeld }) => !isHeld), now)
    return this.take()
  }

  /** Nothing that a voter was asked before is answered any more. What it has said counts for as long as before, if a key is held by it. */
  down(voter: string): ReadonlyArray<Action> {
    this.asked.delete(voter)
    this.owed.delete(voter)
    // It may have been another life of the voter: it must not be told to take note of a token for a key that it has never granted.
    for (const claim of this.claims.values()) {
      if (claim.isHeld) continue
      claim.yes.delete(voter)
      claim.no.delete(voter)
      claim.told.delete(voter)
    }
    this.closeReleases()
    return this.take()
  }

  /** A voter that had just started grants keys from now on, and what it has only noted counts as soon as it says so. */
  votes(voter: string, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    const all = Array.from(this.claims.values())
    const refused = all.filter(({ isHeld, no }) => !isHeld && no.delete(voter))
    this.askToKeep(voter, all.filter(({ isHeld }) => isHeld), now)
    this.askToGrant(voter, refused, now)
    return this.take()
  }

  /** A voter has answered. What is no answer to a question of this owner changes nothing. */
  answer(voter: string, id: number, values: ReadonlyArray<number>, now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    const asked = this.asked.get(voter)?.get(id)
    if (asked === undefined || values.length !== asked.claims.length) return this.take()
    this.asked.get(voter)?.delete(id)
    this.payBack(voter, now)
    if (asked.kind === "release") this.heardOf(asked.release)
    else {
      const claims = asked.claims.filter((claim) => this.claims.get(claim.key) === claim)
      const value = new Map(asked.claims.map((claim, at) => [claim, values[at] ?? 0]))
      for (const claim of claims) {
        if (asked.kind === "acquire") this.granted(claim, voter, value.get(claim) ?? 0, asked.at)
        else this.confirmed(claim, voter, value.get(claim) ?? 0, asked.at)
      }
      this.weigh(claims, now)
    }
    this.closeRounds()
    this.closeReleases()
    return this.take()
  }

  /** Time has passed: what is held no more is lost. */
  pass(now: Moment): ReadonlyArray<Action> {
    this.lapse(now)
    return this.take()
  }

  // ---- how it is decided

  private take(): ReadonlyArray<Action> {
    const { actions } = this
    this.actions = []
    return actions
  }

  private claim(key: string): Claim {
    const claim = claimOf(key)
    this.claims.set(key, claim)
    return claim
  }

  private granted(claim: Claim, voter: string, token: number, since: Moment): void {
    if (token > 0) claim.yes.set(voter, { since, token })
    else claim.no.add(voter)
    this.count(claim)
  }

  private confirmed(claim: Claim, voter: string, value: number, since: Moment): void {
    if (value === votes.yes) {
      claim.yes.set(voter, { since, token: claim.token })
      claim.no.delete(voter)
    } else if (value === votes.no) {
      claim.yes.delete(voter)
      claim.no.add(voter)
    }
    this.count(claim)
    for (const { began, open } of this.rounds.values()) {
      const said = open.get(claim)
      if (said === undefined || since.monotonic < began.monotonic) continue
      if (value === votes.yes) said.yes.add(voter)
      else if (value === votes.no) said.no.add(voter)
    }
  }

  /** Whether so many have said no that the others are no majority. */
  private isRefused(no: ReadonlySet<string>): boolean {
    return no.size > this.rules.voters.length - this.rules.majority
  }

  private weigh(claims: ReadonlyArray<Claim>, now: Moment): void {
    const untold = new Map<string, Array<Claim>>()
    const refused: Array<Claim> = []
    for (const claim of claims.filter(({ isHeld }) => !isHeld)) {
      const { no, yes } = claim
      const recent = Array.from(yes).filter(([, { since }]) => this.isRecent(since, now))
      if (this.isRefused(no) || (recent.length < this.rules.majority && this.isAnswered(claim))) refused.push(claim)
      if (recent.length < this.rules.majority) continue
      if (claim.token === 0) claim.token = recent.reduce((most, [, { token }]) => Math.max(most, token), 0)
      const knowing = recent.filter(([, { token }]) => token >= claim.token)
      if (knowing.length >= this.rules.majority) this.isNowHeld(claim)
      else {
        for (const [voter, { token }] of recent) {
          if (token >= claim.token || claim.told.has(voter)) continue
          claim.told.add(voter)
          const all = untold.get(voter)
          if (all === undefined) untold.set(voter, [claim])
          else all.push(claim)
        }
      }
    }
    this.drop(refused, now)
    for (const [voter, all] of untold) this.askToKeep(voter, all, now)
  }

  /** Whether nothing more is to come, since all voters that can be asked have answered. */
  private isAnswered({ no, yes }: Claim): boolean {
    for (const voter of this.asked.keys()) if (!yes.has(voter) && !no.has(voter)) return false
    return true
  }

  private isNowHeld(claim: Claim): void {
    const { key, token } = claim
    claim.isHeld = true
    this.lastToken = Math.max(this.lastToken, token)
    this.actions.push({ _tag: "Decided", key, grant: { key, token, until: this.untilOf(claim) } })
  }

  /** What was to be acquired and was not is given back, wherever it may have been granted. */
  private drop(claims: ReadonlyArray<Claim>, now: Moment): void {
    if (claims.length === 0) return
    this.forget(claims)
    for (const { key } of claims) this.actions.push({ _tag: "Decided", key, grant: undefined })
    for (const voter of this.asked.keys()) this.ask(voter, "release", claims, now)
  }

  private forget(claims: ReadonlyArray<Claim>): void {
    for (const claim of claims) this.claims.delete(claim.key)
    this.closeRounds()
  }

  private lapse(now: Moment): void {
    for (const claim of this.claims.values()) if (claim.isHeld && !this.isRecent(claim.since, now)) this.lose(claim)
  }

  private lose(claim: Claim): void {
    this.claims.delete(claim.key)
    this.actions.push({ _tag: "Lost", key: claim.key })
  }

  private closeRounds(): void {
    for (const [round, { grants, open }] of this.rounds) {
      for (const [claim, { no, yes }] of open) {
        const isOurs = this.claims.get(claim.key) === claim
        if (isOurs && !this.isRefused(no) && yes.size < this.rules.majority) continue
        open.delete(claim)
        if (isOurs && this.isRefused(no)) this.lose(claim)
        else if (isOurs) grants.push({ key: claim.key, token: claim.token, until: this.untilOf(claim) })
      }
      if (open.size > 0) continue
      this.rounds.delete(round)
      this.actions.push({ _tag: "Refreshed", round, grants })
    }
  }

  private heardOf(release: number): void {
    const heard = this.releases.get(release)
    if (heard !== undefined) this.releases.set(release, heard + 1)
  }

  /** Those that could be told by now have been, or so many that others may have the keys. */
  private closeReleases(): void {
    for (const [release, heard] of this.releases) {
      const isOpen = Array.from(this.asked.values()).some((all) =>
        Array.from(all.values()).some((asked) => asked.kind === "release" && asked.release === release)
      )
      if (heard < this.rules.majority && isOpen) continue
      this.releases.delete(release)
      this.actions.push({ _tag: "Released", release })
    }
  }

  // ---- questions

  private askToGrant(voter: string, claims: ReadonlyArray<Claim>, now: Moment): void {
    this.ask(voter, "acquire", claims, now)
  }

  private askToKeep(voter: string, claims: ReadonlyArray<Claim>, now: Moment): void {
    this.ask(voter, "refresh", claims, now)
  }

  private ask(voter: string, kind: Question["kind"], claims: ReadonlyArray<Claim>, at: Moment, release = 0): void {
    const open = this.asked.get(voter)
    if (open === undefined) return
    let asked = 0
    for (const some of chunksOf(claims)) {
      if (open.size >= mostOpen) return this.owe(voter, kind, claims.slice(asked))
      asked += some.length
      const id = ++this.lastId
      open.set(id, { kind, claims: some, at, release })
      const question = { id, keys: some.map(({ key }) => key) }
      this.actions.push({ _tag: "Ask", voter, question: { ...question, ...this.details(kind, some, at) } })
    }
  }

  private owe(voter: string, kind: Question["kind"], claims: ReadonlyArray<Claim>): void {
    const owed = this.owed.get(voter) ?? { release: new Set(), acquire: new Set(), refresh: new Set() }
    for (const claim of claims) {
      if (kind === "release") owed.release.add(claim.key)
      else owed[kind].add(claim)
    }
    this.owed.set(voter, owed)
  }

  /**
   * Asks a voter what there was to ask while it owed too many answers. What was claimed anew since it was given back is not given back,
   * and what was given up since then is not asked for.
   */
  private payBack(voter: string, now: Moment): void {
    const owed = this.owed.get(voter)
    if (owed === undefined) return
    this.owed.delete(voter)
    const isWanted = (claim: Claim): boolean => this.claims.get(claim.key) === claim
    const free = Array.from(owed.release).filter((key) => !this.claims.has(key))
    this.ask(voter, "release", free.map(claimOf), now)
    this.ask(voter, "refresh", Array.from(owed.refresh).filter(isWanted), now)
    this.ask(voter, "acquire", Array.from(owed.acquire).filter((claim) => isWanted(claim) && !claim.isHeld), now)
  }

  private details(kind: Question["kind"], claims: ReadonlyArray<Claim>, { wall }: Moment) {
    if (kind === "acquire") return { kind, proposal: Math.max(Math.floor(wall), this.lastToken + 1) }
    if (kind === "refresh") return { kind, tokens: claims.map(({ token }) => token) }
    return { kind }
  }
}

/** In parts that a message may have. */
const chunksOf = (claims: ReadonlyArray<Claim>): ReadonlyArray<ReadonlyArray<Claim>> => {
  const chunks: Array<Array<Claim>> = []
  let characters = Infinity
  for (const claim of claims) {
    characters += claim.key.length
    const last = chunks.at(-1)
    if (last === undefined || last.length >= chunk.keys || characters > chunk.characters) {
      chunks.push([claim])
      characters = claim.key.length
    } else last.push(claim)
  }
  return chunks
}
