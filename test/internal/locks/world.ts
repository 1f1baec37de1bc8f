/**
 * Owners and voters in a world of their own, drawn from a seed: clocks that run at different rates, messages that take their time, links that
 * break on one side before the other one notices, processes and machines that stand still, end and come again. There is nothing of nodes in it:
 * what is tried are the decisions alone, and what they make an owner believe.
 */
import { type Action, type Moment, Owner, type Question } from "../../../src/internal/locks/owner.ts"
import { clockRates, type Rules } from "../../../src/internal/locks/rules.ts"
import { Voter } from "../../../src/internal/locks/voter.ts"
import { SeededRandom } from "../../simulation/random.ts"

/** What may be wrong with owners and voters: each is a bug that the world has to find. */
export interface Bugs {
  readonly owner: (rules: Rules) => Owner
  readonly voter: (rules: Rules, now: number, wall: number) => Voter
  /** What an owner takes for the time that a question left. */
  readonly wall: (wall: number) => number
}

export const noBugs: Bugs = {
  owner: (rules) => new Owner(rules),
  voter: (rules, now, wall) => new Voter(rules, now, wall),
  wall: (wall) => wall
}

export interface Outcome {
  readonly violations: ReadonlyArray<string>
  /** How many keys were granted, lost, and noticed to be held after a while. */
  readonly grants: number
  readonly losses: number
  readonly refreshes: number
}

const keys = ["k1", "k2", "k3"]
const lease = 6_000
const lasts = 90_000

class Machine {
  readonly rate: number
  private offset: number
  private readonly wallOffset: number
  /** It does nothing before that time. */
  frozenUntil = 0
  /** What waits for that. */
  readonly waiting: Array<() => void> = []
  /** The whole of it stands still, its clock that never jumps too. */
  isAsleep = false

  constructor(random: SeededRandom) {
    // The largest difference that is allowed, often.
    const widest = clockRates / 2 * 0.98
    this.rate = 1 + (random.chance(0.5) ? random.pick([-widest, widest])! : random.between(-widest, widest))
    this.offset = random.between(0, 1e6)
    this.wallOffset = random.between(-lease / 2, lease / 2) * 0.99
  }

  monotonic(time: number): number {
    return this.offset + time * this.rate
  }

  wall(time: number): number {
    return 1e9 + time + this.wallOffset
  }

  /** It slept for so long. */
  slept(millis: number): void {
    this.offset -= millis * this.rate
  }
}

interface VoterProcess {
  readonly id: string
  readonly machine: Machine
  life: number
  voter: Voter | undefined
  /** The session that each owner has here. */
  readonly sessions: Map<string, Session>
}

interface OwnerProcess {
  readonly id: string
  readonly machine: Machine
  readonly owner: Owner
  isAlive: boolean
  readonly desks: Map<string, Session>
}

interface Session {
  readonly owner: OwnerProcess
  readonly voter: VoterProcess
  life: number
  /** When the last message arrives, either way: none overtakes another. */
  toVoter: number
  toOwner: number
}

interface Happening {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

export class World {
  private time = 0
  private order = 0
  private readonly random: SeededRandom
  private readonly rules: Rules
  private readonly bugs: Bugs
  private readonly happenings: Array<Happening> = []
  private readonly voters: ReadonlyArray<VoterProcess>
  private owners: Array<OwnerProcess> = []
  private lastOwner = 0
  private lastNumber = 0
  private readonly tokens = new Map<string, number>()
  private readonly violations: Array<string> = []
  private grants = 0
  private losses = 0
  private refreshes = 0
  /** How long messages take in this world, at most, most of the time. */
  private readonly pace: number

  constructor(seed: string, bugs: Bugs) {
    this.random = new SeededRandom(seed)
    this.bugs = bugs
    const voters = Array.from({ length: this.random.pick([1, 3, 3, 3, 5])! }, (_, at) => `v${at}`)
    const grace = this.random.pick([lease, lease / 3])!
    this.rules = {
      name: "locks",
      voters,
      majority: (voters.length + 1) / 2,
      leaseMillis: lease,
      graceMillis: grace,
      termMillis: grace * (1 - clockRates)
    }
    this.pace = this.random.pick([5, 50, 400])!
    this.voters = voters.map((id) => {
      const machine = new Machine(this.random)
      return { id, machine, life: 0, voter: this.makeVoter(machine), sessions: new Map() }
    })
    for (const voter of this.voters) this.greetLater(voter)
    for (let n = 0; n < 3; n++) this.addOwner()
    this.disturbLater()
  }

  run(): Outcome {
    while (this.time < lasts && this.violations.length === 0) {
      const next = this.take()
      if (next === undefined) break
      this.time = next.at
      next.act()
    }
    const { grants, losses, refreshes, violations } = this
    return { violations, grants, losses, refreshes }
  }

  // ---- what happens, one after the other

  private take(): Happening | undefined {
    let first = 0
    for (let at = 1; at < this.happenings.length; at++) {
      const [a, b] = [this.happenings[at]!, this.happenings[first]!]
      if (a.at < b.at || a.at === b.at && a.order < b.order) first = at
    }
    const [next] = this.happenings.splice(first, 1)
    return next
  }

  private later(millis: number, act: () => void): void {
    this.at(this.time + Math.max(0, millis), act)
  }

  /** What is to happen at the same time happens in this order. */
  private at(at: number, act: () => void): void {
    this.happenings.push({ at, order: this.order++, act })
  }

  /** Something that a machine does. If it stands still, it does that when it goes on, in the order that it came. */
  private does(machine: Machine, act: () => void): void {
    if (machine.frozenUntil <= this.time && machine.waiting.length === 0) return act()
    if (machine.waiting.push(act) === 1) this.at(machine.frozenUntil, () => this.goOn(machine))
  }

  private goOn(machine: Machine): void {
    if (machine.frozenUntil > this.time) return this.at(machine.frozenUntil, () => this.goOn(machine))
    for (let act = machine.waiting[0]; act !== undefined; act = machine.waiting[0]) {
      act()
      machine.waiting.shift()
    }
  }

  private delay(): number {
    return this.random.chance(0.03) ? this.random.between(0, 5_000) : this.random.between(0.1, this.pace)
  }

  // ---- voters

  private makeVoter(machine: Machine): Voter {
    return this.bugs.voter(this.rules, machine.monotonic(this.time), machine.wall(this.time))
  }

  private greetLater(process: VoterProcess): void {
    const { life, machine, voter } = process
    if (voter === undefined) return
    const left = (voter.votesFrom - machine.monotonic(this.time)) / machine.rate
    this.later(left + 0.01, () =>
      this.does(machine, () => {
        if (process.life !== life) return
        if (!voter.isVoting(machine.monotonic(this.time))) return this.greetLater(process)
        for (const session of process.sessions.values()) this.greet(session)
      }))
  }

  private greet(session: Session): void {
    const { owner, voter: { id } } = session
    this.toOwner(session, (now) => {
      const isNew = !this.open.has(session)
      this.open.add(session)
      return isNew ? owner.owner.up(id, now) : owner.owner.votes(id, now)
    })
  }

  /** Sessions that their owner knows to be open. */
  private readonly open = new WeakSet<Session>()

  private restart(process: VoterProcess): void {
    const sessions = Array.from(process.sessions.values())
    process.life++
    process.voter = undefined
    process.sessions.clear()
    for (const session of sessions) this.noticeLater(session)
    this.later(this.random.chance(0.7) ? this.random.between(1, 300) : this.random.between(1, 8_000), () => {
      process.voter = this.makeVoter(process.machine)
      this.greetLater(process)
    })
  }

  // ---- owners

  private addOwner(): void {
    const process: OwnerProcess = {
      id: `o${++this.lastOwner}`,
      machine: new Machine(this.random),
      owner: this.bugs.owner(this.rules),
      isAlive: true,
      desks: new Map()
    }
    this.owners.push(process)
    for (const voter of this.voters) this.reach(process, voter)
    this.workLater(process)
  }

  private moment({ machine }: OwnerProcess): Moment {
    return { monotonic: machine.monotonic(this.time), wall: this.bugs.wall(machine.wall(this.time)) }
  }

  private workLater(process: OwnerProcess): void {
    this.later(this.random.between(20, this.rules.termMillis / 3), () =>
      this.does(process.machine, () => {
        if (!process.isAlive) return
        this.work(process)
        this.workLater(process)
      }))
  }

  private work(process: OwnerProcess): void {
    const { owner } = process
    const now = this.moment(process)
    const held = owner.held(now).map(({ key }) => key)
    const some = this.random.shuffle(keys).slice(0, this.random.int(1, keys.length))
    this.carryOut(process, owner.pass(now))
    if (held.length > 0) {
      const round = ++this.lastNumber
      this.carryOut(process, owner.refresh(round, held, now))
      this.later(
        this.rules.termMillis / 2,
        () => this.does(process.machine, () => this.carryOut(process, owner.giveUpRound(round)))
      )
    }
    if (held.length > 0 && this.random.chance(0.15)) {
      this.carryOut(process, owner.release(++this.lastNumber, held.slice(this.random.int(0, 1)), now))
    }
    if (!this.random.chance(0.6)) return
    this.carryOut(process, owner.acquire(some, now))
    this.later(
      this.rules.termMillis / 2,
      () => this.does(process.machine, () => this.carryOut(process, owner.giveUp(some, this.moment(process))))
    )
  }

  private carryOut(process: OwnerProcess, actions: ReadonlyArray<Action>): void {
    if (!process.isAlive) return
    for (const action of actions) {
      if (action._tag === "Ask") this.ask(process, action.voter, action.question)
      else if (action._tag === "Decided" && action.grant !== undefined) this.granted(process, action.grant)
      else if (action._tag === "Lost") this.losses++
      else if (action._tag === "Refreshed" && action.grants !== undefined) this.refreshes += action.grants.length
    }
    this.check()
  }

  private granted(process: OwnerProcess, { key, token }: { readonly key: string; readonly token: number }): void {
    const before = this.tokens.get(`${process.id} ${key}`)
    // What it holds already it is granted with the token that it has.
    if (before === token) return
    this.grants++
    const largest = this.tokens.get(key) ?? 0
    if (token <= largest) this.violations.push(`${key} was granted with the token ${token} after ${largest}`)
    this.tokens.set(key, token)
    this.tokens.set(`${process.id} ${key}`, token)
  }

  /** No two believe that they hold one key. A machine that sleeps believes nothing, and one that is frozen all that its clocks say. */
  private check(): void {
    for (const key of keys) {
      const believers = this.owners.filter((process) =>
        process.isAlive && !process.machine.isAsleep && process.owner.grant(key, this.moment(process)) !== undefined
      )
      if (believers.length > 1) {
        this.violations.push(`${key} is held by ${believers.map(({ id }) => id).join(" and ")} at ${this.time}`)
      }
    }
  }

  // ---- between them

  private reach(owner: OwnerProcess, voter: VoterProcess): void {
    if (!owner.isAlive) return
    const session: Session = { owner, voter, life: -1, toVoter: this.time, toOwner: this.time }
    owner.desks.set(voter.id, session)
    this.toVoter(session, () => {
      if (voter.voter === undefined) return this.noticeLater(session)
      session.life = voter.life
      voter.sessions.set(owner.id, session)
      this.greet(session)
    })
  }

  private ask(process: OwnerProcess, voterId: string, question: Question): void {
    const session = process.desks.get(voterId)
    if (session === undefined) return
    const { voter } = session
    this.toVoter(session, () => {
      const table = voter.voter
      if (table === undefined || session.life !== voter.life || voter.sessions.get(process.id) !== session) return
      const now = voter.machine.monotonic(this.time)
      const numbers = answerOf(table, process.id, question, now)
      this.toOwner(session, (moment) => process.owner.answer(voter.id, question.id, numbers, moment))
    })
  }

  private toVoter(session: Session, act: () => void): void {
    session.toVoter = Math.max(session.toVoter, this.time + this.delay())
    this.at(session.toVoter, () => this.does(session.voter.machine, act))
  }

  private toOwner(session: Session, act: (now: Moment) => ReadonlyArray<Action>): void {
    session.toOwner = Math.max(session.toOwner, this.time + this.delay())
    const { owner, voter } = session
    this.at(session.toOwner, () =>
      this.does(owner.machine, () => {
        if (!owner.isAlive || owner.desks.get(voter.id) !== session) return
        this.carryOut(owner, act(this.moment(owner)))
      }))
  }

  /** The owner gets to know that a session is over: soon, or much later. */
  private noticeLater(session: Session): void {
    const { owner, voter } = session
    this.later(
      this.random.chance(0.7) ? this.random.between(0, 50) : this.random.between(0, 10_000),
      () =>
        this.does(owner.machine, () => {
          if (!owner.isAlive || owner.desks.get(voter.id) !== session) return
          owner.desks.delete(voter.id)
          this.carryOut(owner, owner.owner.down(voter.id))
          this.later(this.random.between(0, 500), () => this.does(owner.machine, () => this.reach(owner, voter)))
        })
    )
  }

  /** The voter gets to know that a session is over. */
  private breakAtVoter(session: Session, how: "ended" | "broke" | "silent"): void {
    const { owner, voter } = session
    this.does(voter.machine, () => {
      if (voter.sessions.get(owner.id) !== session || session.life !== voter.life) return
      voter.sessions.delete(owner.id)
      if (how === "ended") voter.voter?.ended(owner.id)
      else if (how === "broke") voter.voter?.broke(owner.id, voter.machine.monotonic(this.time))
    })
  }

  // ---- disturbances

  private disturbLater(): void {
    this.later(this.random.between(50, 2_500), () => {
      this.disturb()
      this.disturbLater()
    })
  }

  private disturb(): void {
    const voter = this.random.pick(this.voters)!
    const owner = this.random.pick(this.owners.filter(({ isAlive }) => isAlive))
    if (owner === undefined) return this.addOwner()
    const session = owner.desks.get(voter.id)
    const what = this.random.weighted({ cut: 6, freeze: 3, freezeVoter: 2, sleep: 1, restart: 2, kill: 1, end: 1 })
    if (what === "cut" && session !== undefined) {
      const how = this.random.chance(0.7) ? "broke" : "silent"
      this.later(this.random.chance(0.7) ? 0 : this.random.between(0, 5_000), () => this.breakAtVoter(session, how))
      this.noticeLater(session)
    } else if (what === "freeze") this.freeze(owner.machine, this.random.between(0, 2 * lease))
    else if (what === "freezeVoter") this.freeze(voter.machine, this.random.between(0, lease))
    else if (what === "sleep") this.sleep(owner)
    else if (what === "restart" && voter.voter !== undefined) this.restart(voter)
    else if (what === "kill" || what === "end") this.endOwner(owner, what)
  }

  /** For so long at least: what waits for the end of it keeps its order. */
  private freeze(machine: Machine, millis: number): void {
    machine.frozenUntil = Math.max(machine.frozenUntil, this.time + millis)
  }

  private sleep({ machine }: OwnerProcess): void {
    if (machine.isAsleep) return
    const millis = this.random.between(0, 2 * lease)
    machine.isAsleep = true
    this.freeze(machine, millis)
    this.later(millis, () => {
      machine.isAsleep = false
      machine.slept(millis)
      this.check()
    })
  }

  private endOwner(owner: OwnerProcess, how: "kill" | "end"): void {
    owner.isAlive = false
    for (const session of owner.desks.values()) {
      // What it has sent before arrives before its end does.
      if (how === "end") this.toVoter(session, () => this.breakAtVoter(session, "ended"))
      else if (this.random.chance(0.8)) this.toVoter(session, () => this.breakAtVoter(session, "broke"))
    }
    this.owners = this.owners.filter((other) => other !== owner)
    this.later(this.random.between(10, 3_000), () => this.addOwner())
  }
}

export const answerOf = (table: Voter, owner: string, question: Question, now: number): ReadonlyArray<number> => {
  if (question.kind === "acquire") return table.acquire(owner, question.keys, question.proposal, now)
  if (question.kind === "refresh") return table.refresh(owner, question.keys, question.tokens, now)
  table.release(owner, question.keys)
  return question.keys.map(() => 0)
}
