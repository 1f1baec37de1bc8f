/**
 * The owner's side over ports: a desk at each voter, again and again while it cannot be had, and the questions and answers of those who wait.
 * `owner.ts` decides what to ask and what to believe; this carries out.
 *
 * @internal
 */
import * as Context from "effect/Context"
import { spawnRequest } from "../node/fullRequests.ts"
import type { NodeListener, Router } from "../node/router.ts"
import { Cell } from "../port/cell.ts"
import { usual } from "../port/settings.ts"
import { printableInLine } from "../values/printable.ts"
import { type Action, type Grant, type Moment, Owner } from "./owner.ts"
import { type Rules, said } from "./rules.ts"
import { deskFunction, questionMessage, readAnswer } from "./wire.ts"

/** How an owner stands with a voter: it grants keys, it answers and does not grant any yet, it will not grant this node any, or it does not answer. */
export type Standing = "votes" | "starts" | "refuses" | "away"

interface Desk {
  id: string | undefined
  standing: Standing
  /** Why the voter has refused this one. */
  refusal: string | undefined
  /** What was logged of that. */
  toldRefusal: string | undefined
  /** How long to wait before the voter is tried again. */
  delayMillis: number
}

/** Told when it is known. */
type Waiting<A> = (value: A) => void

const shortestDelay = 50
const longestDelay = 2_000
const longestWhy = 500

const newDesk = (): Desk => ({
  id: undefined,
  standing: "away",
  refusal: undefined,
  toldRefusal: undefined,
  delayMillis: 0
})

export class Polls implements NodeListener {
  readonly port: Cell
  private readonly router: Router
  private readonly rules: Rules
  private readonly owner: Owner
  private readonly desks: Map<string, Desk>
  private readonly decisions = new Map<string, Set<Waiting<Grant | undefined>>>()
  private readonly rounds = new Map<number, Waiting<ReadonlyArray<Grant> | undefined>>()
  private readonly releases = new Map<number, Waiting<void>>()
  private readonly losses = new Set<(key: string) => void>()
  private readonly standings = new Set<() => void>()
  private readonly toDo: Array<Action> = []
  private isActing = false
  private lastNumber = 0
  private isOver = false
  private waking: { readonly at: number; readonly cancel: () => void } | undefined = undefined

  constructor(router: Router, rules: Rules) {
    this.router = router
    this.rules = rules
    this.owner = new Owner(rules)
    this.port = new Cell(router, router.names.localId(), usual, Context.empty())
    this.desks = new Map(rules.voters.map((voter) => [voter, newDesk()]))
    router.add(this.port)
    router.observed.role(this.port.id, { kind: "owner of locks", what: `in ${rules.name}` })
    this.port.on("open", (desk, isVoting) => this.opened(desk, isVoting === true))
    this.port.on("refused", (desk, why) => this.refused(desk, why))
    this.port.on("answer", (desk, id, numbers) => this.answered(desk, id, numbers))
    // What is no message of a voter is none of the owner's business.
    this.port.onDefault(() => {})
    this.port.watch(() => this.end())
    router.drain.lasting.add(this.port)
    router.listeners.add(this)
    for (const voter of rules.voters) this.reach(voter)
  }

  // ---- what programs ask

  /** Nothing is held by an owner whose port ends: voters hear of that, and give its keys to others. */
  private get isEnding(): boolean {
    return this.isOver || this.port.doomed !== undefined
  }

  grant(key: string): Grant | undefined {
    return this.isEnding ? undefined : this.owner.grant(key, this.now)
  }

  held(): ReadonlyArray<Grant> {
    return this.isEnding ? [] : this.owner.held(this.now)
  }

  /** Tells of each key what was decided. The result gives up on those that are not. */
  acquire(keys: ReadonlyArray<string>, decided: (key: string, grant: Grant | undefined) => void): () => void {
    if (this.isEnding) {
      for (const key of keys) decided(key, undefined)
      return () => {}
    }
    const open = new Map(keys.map((key) => [key, (grant: Grant | undefined) => {
      open.delete(key)
      decided(key, grant)
    }]))
    for (const [key, waiting] of open) {
      const all = this.decisions.get(key)
      if (all === undefined) this.decisions.set(key, new Set([waiting]))
      else all.add(waiting)
    }
    this.carryOut(this.owner.acquire(keys, this.now))
    return () => {
      const alone = Array.from(open).flatMap(([key, waiting]) => {
        const all = this.decisions.get(key)
        all?.delete(waiting)
        if (all?.size === 0) this.decisions.delete(key)
        return this.decisions.has(key) ? [] : [key]
      })
      open.clear()
      this.carryOut(this.owner.giveUp(alone, this.now))
    }
  }

  /** Tells what is left of the keys, or `undefined` if that was not known before it is given up. The result gives up. */
  refresh(keys: ReadonlyArray<string>, refreshed: Waiting<ReadonlyArray<Grant> | undefined>): () => void {
    if (this.isEnding) {
      refreshed([])
      return () => {}
    }
    const round = ++this.lastNumber
    this.rounds.set(round, refreshed)
    this.carryOut(this.owner.refresh(round, keys, this.now))
    return () => this.carryOut(this.owner.giveUpRound(round))
  }

  /** Tells when others may have the keys, or that it is not waited for that any longer. The result gives up. */
  release(keys: ReadonlyArray<string>, released: Waiting<void>): () => void {
    if (this.isEnding) {
      released()
      return () => {}
    }
    const release = ++this.lastNumber
    this.releases.set(release, released)
    this.carryOut(this.owner.release(release, keys, this.now))
    return () => this.carryOut(this.owner.giveUpRelease(release))
  }

  /** Tells of each key that is held no more, though it was not released. The result ends that. */
  onLoss(lost: (key: string) => void): () => void {
    this.losses.add(lost)
    return () => void this.losses.delete(lost)
  }

  /** Tells when a voter stands otherwise. The result ends that. */
  onStanding(changed: () => void): () => void {
    this.standings.add(changed)
    return () => void this.standings.delete(changed)
  }

  standing(voter: string): Standing {
    return this.desks.get(voter)?.standing ?? "away"
  }

  get isReady(): boolean {
    return this.rules.voters.filter((voter) => this.standing(voter) === "votes").length >= this.rules.majority
  }

  // ---- desks

  up(nodeId: string): void {
    if (this.desks.has(nodeId)) this.reach(nodeId)
  }

  down(): void {}

  /** Spawns a desk, unless there is one, or one on its way. */
  private reach(voter: string): void {
    const desk = this.desks.get(voter)
    if (desk === undefined || desk.id !== undefined || this.isEnding) return
    desk.refusal = undefined
    const name = this.router.names.spawned()
    const id = desk.id = `${voter}#${name}`
    this.router.request(voter, spawnRequest, name, deskFunction(this.rules.name), this.port.id, ...said(this.rules))
    // In the port's turn: what has come from the desk before its end is heard before it.
    this.router.monitor(id, () => this.port.enter(() => this.closed(voter, id)))
  }

  private closed(voter: string, id: string): void {
    const desk = this.desks.get(voter)
    if (desk === undefined || desk.id !== id) return
    desk.id = undefined
    this.stand(desk, desk.refusal === undefined ? "away" : "refuses")
    this.carryOut(this.owner.down(voter))
    if (this.isEnding) return
    const { delayMillis } = desk
    desk.delayMillis = Math.min(longestDelay, Math.max(shortestDelay, 2 * delayMillis))
    this.router.after(delayMillis, () => this.reach(voter))
  }

  private stand(desk: Desk, standing: Standing): void {
    if (desk.standing === standing) return
    desk.standing = standing
    for (const changed of Array.from(this.standings)) changed()
  }

  private voterAt(desk: unknown): string | undefined {
    return this.rules.voters.find((voter) => this.desks.get(voter)?.id === desk)
  }

  private opened(id: unknown, isVoting: boolean): void {
    const voter = this.voterAt(id)
    const desk = voter === undefined ? undefined : this.desks.get(voter)
    if (voter === undefined || desk === undefined) return
    const isNew = desk.standing !== "votes" && desk.standing !== "starts"
    desk.delayMillis = 0
    desk.toldRefusal = undefined
    this.stand(desk, isVoting ? "votes" : "starts")
    // What it has only noted when it started counts as soon as it is asked again.
    this.carryOut(isNew ? this.owner.up(voter, this.now) : this.owner.votes(voter, this.now))
  }

  private refused(id: unknown, why: unknown): void {
    const voter = this.voterAt(id)
    const desk = voter === undefined ? undefined : this.desks.get(voter)
    if (desk === undefined || typeof why !== "string") return
    desk.refusal = printableInLine(why.slice(0, longestWhy))
    // It is asked again and again, and says the same.
    if (desk.refusal === desk.toldRefusal) return
    desk.toldRefusal = desk.refusal
    this.router.log.of("Global").warnSome(
      `locks ${this.rules.name} at ${voter}`,
      `locks ${JSON.stringify(this.rules.name)}: voter ${voter} refuses this node: ${desk.refusal}`
    )
  }

  private answered(desk: unknown, id: unknown, numbers: unknown): void {
    const voter = this.voterAt(desk)
    const answer = readAnswer(id, numbers)
    if (voter === undefined || answer === undefined) return
    this.carryOut(this.owner.answer(voter, answer.id, answer.numbers, this.now))
  }

  // ---- what the owner says

  private get now(): Moment {
    return { monotonic: this.router.monotonic(), wall: this.router.now() }
  }

  /** One after the other, whoever is told of them: what a program does then comes behind what is to be done before that. */
  private carryOut(actions: ReadonlyArray<Action>): void {
    this.toDo.push(...actions)
    if (this.isActing) return
    this.isActing = true
    for (const action of this.next()) this.act(action)
    this.isActing = false
    this.wakeInTime()
  }

  private *next(): Generator<Action> {
    // There may be as many as there are keys: none is taken from the front, and more may come meanwhile.
    for (let at = 0; at < this.toDo.length; at++) yield this.toDo[at]!
    this.toDo.length = 0
  }

  private act(action: Action): void {
    if (action._tag === "Ask") {
      const desk = this.desks.get(action.voter)?.id
      if (desk !== undefined) this.router.send(desk, questionMessage(action.question))
    } else if (action._tag === "Decided") {
      const waiting = this.decisions.get(action.key)
      this.decisions.delete(action.key)
      for (const tell of waiting ?? []) tell(action.grant)
    } else if (action._tag === "Refreshed") {
      const tell = this.rounds.get(action.round)
      this.rounds.delete(action.round)
      tell?.(action.grants)
    } else if (action._tag === "Released") {
      const tell = this.releases.get(action.release)
      this.releases.delete(action.release)
      tell?.()
    } else for (const lost of this.losses) lost(action.key)
  }

  /** Looks again when the first key will be lost. */
  private wakeInTime(): void {
    const at = this.isEnding ? undefined : this.owner.nextLoss
    // One that is too early looks and waits again: a key that is refreshed all the time costs no timer each time.
    if (at === undefined || this.waking !== undefined && this.waking.at <= at) return
    this.waking?.cancel()
    const cancel = this.router.after(Math.max(1, Math.ceil(at - this.router.monotonic())), () => {
      this.waking = undefined
      this.carryOut(this.owner.pass(this.now))
    })
    this.waking = { at, cancel }
  }

  /** The port has ended: with the scope of the locks, with its node, or since somebody has killed it. */
  private end(): void {
    if (this.isOver) return
    this.isOver = true
    this.router.listeners.delete(this)
    this.router.drain.lasting.delete(this.port)
    this.waking?.cancel()
    for (const { key } of this.owner.held(this.now)) for (const lost of this.losses) lost(key)
    for (const waiting of Array.from(this.decisions.values())) for (const tell of waiting) tell(undefined)
    for (const tell of Array.from(this.rounds.values())) tell([])
    for (const tell of Array.from(this.releases.values())) tell()
    this.decisions.clear()
    this.rounds.clear()
    this.releases.clear()
  }
}
