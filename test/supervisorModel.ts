/**
 * A small model of OTP's `supervisor`, without ports, fibers or clocks: what happens to which child, in which order. It shares
 * no code with the sources. Where ours is to differ from OTP, the model says so.
 */

export interface ModelChild {
  readonly id: string
  readonly restart: "permanent" | "transient" | "temporary"
  readonly significant: boolean
}

export interface ModelOptions {
  readonly strategy: "one_for_one" | "one_for_all" | "rest_for_one"
  readonly autoShutdown: "never" | "any_significant" | "all_significant"
  readonly intensity: number
  /** Milliseconds. */
  readonly period: number
}

export type Reason = ReadonlyArray<string>

/** What becomes of a start that does not just succeed: it fails, has nothing to supervise, or answers a port that has ended so. */
export type Outcome = "fails" | "ignores" | { readonly ends: Reason }

interface Plan {
  readonly outcome: Outcome | undefined
  /** It does not answer before somebody says so. */
  readonly hangs: boolean
}

/** Something that the supervisor is asked for. */
export interface Asked {
  /** `ok` or why not, once that is known. */
  answer: string | undefined
  /** Whoever asked waits no longer. */
  isWithdrawn: boolean
}

interface State extends ModelChild {
  running: boolean
  /** It has ended, and the supervisor has not heard of that yet. */
  dying: boolean
  /** Counts its starts. */
  life: number
  /** The attempt that it waits for. */
  again: object | undefined
  /** How many want it terminated, and have not been heard yet. */
  unwanted: number
  isCalledOff: boolean
}

/** What the supervisor does: it pauses where a start is in flight. */
type Doing<A = void> = Generator<void, A>

export class Model {
  /** `+id` for a start that began, `-id` for an end. */
  readonly log: Array<string> = []
  now = 0
  /** The reason that the supervisor ended with. */
  over: Reason | undefined = undefined
  private readonly plans = new Map<string, Array<Plan>>()
  private children: Array<State> = []
  private restarts: Array<number> = []
  private readonly options: ModelOptions
  /** What waits: ends of children, requests, and its own wish to try a restart again. */
  private readonly mailbox: Array<(model: Model) => Doing> = []
  private doing: Doing | undefined = undefined
  /** The child whose start is in flight. */
  private starting: State | undefined = undefined
  private serving: Asked | undefined = undefined
  private readonly asked = new Set<Asked>()

  constructor(options: ModelOptions, children: ReadonlyArray<ModelChild>) {
    this.options = options
    for (const child of children) {
      this.children.push({ ...newChild(child), running: true, life: 1 })
      this.log.push(`+${child.id}`)
    }
  }

  /** A start is in flight: the supervisor hears of nothing else. */
  get isBusy(): boolean {
    return this.starting !== undefined
  }

  get states(): string {
    return this.children.map(({ id, running }) => `${id}: ${running ? "running" : "stopped"}`).join(", ")
  }

  isRunning(id: string): boolean {
    const child = this.find(id)
    return this.over === undefined && child?.running === true && !child.dying
  }

  /** What becomes of one of the next starts of a child. */
  plan(id: string, outcome: Outcome | undefined, hangs = false): void {
    this.plans.set(id, [...this.plans.get(id) ?? [], { outcome, hangs }])
  }

  private find(id: string): State | undefined {
    return this.children.find((child) => child.id === id)
  }

  private remove(child: State): void {
    this.children = this.children.filter((other) => other !== child)
  }

  // ---- one thing after the other

  private run(): void {
    while (this.over === undefined && this.starting === undefined) {
      this.doing ??= this.mailbox.shift()?.(this)
      if (this.doing === undefined) return
      if (this.doing.next().done === true) this.doing = undefined
    }
  }

  /** The start that is in flight answers. */
  answer(): void {
    this.starting = undefined
    this.run()
  }

  // ---- starts and stops

  private *start(child: State, isRestart: boolean): Doing<"up" | "failed" | "called off"> {
    // OTP's supervisor would be deaf for as long as a start hangs. Ours lets a child be terminated meanwhile.
    if (isRestart && child.unwanted > 0) return "called off"
    this.log.push(`+${child.id}`)
    const plan = this.plans.get(child.id)?.shift()
    if (plan?.hangs === true) {
      this.starting = child
      yield
    }
    const { isCalledOff } = child
    child.isCalledOff = false
    if (isCalledOff || plan?.outcome === "fails") {
      this.log.push(`-${child.id}`)
      return isCalledOff ? "called off" : "failed"
    }
    child.again = undefined
    if (plan?.outcome === "ignores") {
      this.log.push(`-${child.id}`)
      return "up"
    }
    child.running = true
    child.dying = false
    child.life++
    if (typeof plan?.outcome === "object") this.dies(child, plan.outcome.ends)
    return "up"
  }

  private stop(child: State): void {
    if (!child.running) return
    child.running = false
    this.log.push(`-${child.id}`)
  }

  private end(...reason: Reason): void {
    for (const child of this.children.toReversed()) {
      // What is being started is undone in its place.
      if (child === this.starting) this.log.push(`-${child.id}`)
      this.stop(child)
    }
    this.starting = undefined
    this.over = reason
    for (const asked of this.asked) asked.answer = "Killed"
  }

  /** Somebody ends the supervisor, whatever it is doing. */
  kill(...reason: Reason): void {
    if (this.over === undefined) this.end(...reason)
  }

  // ---- children that end by themselves

  /** Some end in the same moment. The supervisor hears of one after the other. */
  ends(all: ReadonlyArray<readonly [id: string, reason: Reason]>): void {
    for (const [id, reason] of all) this.dies(this.find(id)!, reason)
    this.run()
  }

  private dies(child: State, reason: Reason): void {
    const { life } = child
    child.dying = true
    // Whoever was stopped meanwhile, because it shares the fate of another, has nothing to tell any more.
    this.mailbox.push(function*(model) {
      if (child.running && child.life === life) yield* model.ended(child, reason)
    })
  }

  private *ended(child: State, reason: Reason): Doing {
    this.stop(child)
    const orderly = reason.length === 0 || reason[0] === "shutdown"
    if (child.restart === "permanent" || (child.restart === "transient" && !orderly)) {
      return yield* this.restart(child, reason)
    }
    if (child.restart === "temporary") this.remove(child)
    const { autoShutdown } = this.options
    if (!child.significant || autoShutdown === "never") return
    const others = this.children.some((other) => other !== child && other.significant && (other.running || other.again))
    if (autoShutdown === "any_significant" || !others) this.end("shutdown")
  }

  private group(child: State): ReadonlyArray<State> {
    if (this.options.strategy === "one_for_one") return [child]
    return this.options.strategy === "one_for_all" ? this.children : this.children.slice(this.children.indexOf(child))
  }

  /** All of the group are started, those that had ended or were terminated before too, as OTP does; temporary ones are not. */
  private *restart(child: State, reason: Reason): Doing {
    const group = this.group(child)
    for (const other of group.toReversed()) {
      other.again = undefined
      this.stop(other)
    }
    for (const other of group) if (other !== child && other.restart === "temporary") this.remove(other)
    yield* this.tryToStart(this.children.filter((other) => group.includes(other)), child, reason)
  }

  private *tryToStart(members: ReadonlyArray<State>, cause: State, reason: Reason): Doing {
    const { intensity, period } = this.options
    this.restarts = [...this.restarts.filter((time) => this.now - time < period), this.now]
    if (this.restarts.length > intensity) return this.end("restart_limit", cause.id, ...reason)
    const wanted = [...members]
    for (const member of members) {
      const came = yield* this.start(member, true)
      if (came === "failed") return this.retry(wanted, member)
      if (came === "called off") {
        member.again = undefined
        wanted.splice(wanted.indexOf(member), 1)
      }
    }
  }

  /** `one_for_all` begins anew; the others go on from the child that failed. That is one more restart. */
  private retry(members: ReadonlyArray<State>, failed: State): void {
    const at = this.options.strategy === "one_for_all" ? 0 : members.indexOf(failed)
    const next = members.slice(at)
    for (const other of next.toReversed()) this.stop(other)
    const again = {}
    for (const other of next) other.again = again
    this.mailbox.push(function*(model) {
      // Those who have become part of a larger group meanwhile, or were terminated, have left.
      const left = next.filter((other) => other.again === again)
      if (left.length > 0) yield* model.tryToStart(left, failed, ["fail"])
    })
  }

  // ---- what it is asked for

  /** `unwanted`: somebody wants this child terminated, and need not wait for its start. */
  private ask(request: (model: Model) => Doing<string>, unwanted?: State): Asked {
    const asked: Asked = { answer: this.over === undefined ? undefined : "Killed", isWithdrawn: false }
    if (this.over !== undefined) return asked
    this.asked.add(asked)
    if (unwanted !== undefined) unwanted.unwanted++
    this.mailbox.push(function*(model) {
      if (asked.isWithdrawn) return
      model.serving = asked
      const answer = yield* request(model)
      model.serving = undefined
      model.asked.delete(asked)
      if (unwanted !== undefined) unwanted.unwanted--
      if (!asked.isWithdrawn) asked.answer = answer
    })
    if (unwanted !== undefined && this.starting === unwanted) this.callOff()
    this.run()
    return asked
  }

  /** Whoever asked for a start waits no longer: if it is in flight, it is ended. */
  withdraw(asked: Asked): void {
    if (asked.answer !== undefined || this.over !== undefined) return
    asked.isWithdrawn = true
    this.asked.delete(asked)
    if (this.serving === asked) this.callOff()
  }

  private callOff(): void {
    if (this.starting === undefined) return
    this.starting.isCalledOff = true
    this.answer()
  }

  startChild(spec: ModelChild): Asked {
    return this.ask(function*(model) {
      const known = model.find(spec.id)
      if (known !== undefined) return known.running && !known.dying ? "already_started" : "already_present"
      const child = newChild(spec)
      model.children.push(child)
      const came = yield* model.start(child, false)
      if (came !== "up" || !child.running && child.restart === "temporary") model.remove(child)
      return came === "up" ? "ok" : "StartError"
    })
  }

  terminateChild(id: string): Asked {
    const known = this.find(id)
    return this.ask(function*(model) {
      const child = model.find(id)
      if (child === undefined) return known === undefined ? "not_found" : "ok"
      child.again = undefined
      model.stop(child)
      if (child.restart === "temporary") model.remove(child)
      return "ok"
    }, known)
  }

  restartChild(id: string): Asked {
    return this.ask(function*(model) {
      const child = model.find(id)
      const refused = whyNotStopped(child)
      if (child === undefined || refused !== undefined) return refused ?? "not_found"
      const came = yield* model.start(child, false)
      return came === "up" ? "ok" : "StartError"
    })
  }

  deleteChild(id: string): Asked {
    return this.ask(function*(model) {
      const child = model.find(id)
      const refused = whyNotStopped(child)
      if (child === undefined || refused !== undefined) return refused ?? "not_found"
      model.remove(child)
      return "ok"
    })
  }
}

const newChild = (spec: ModelChild): State => ({
  ...spec,
  running: false,
  dying: false,
  life: 0,
  again: undefined,
  unwanted: 0,
  isCalledOff: false
})

const whyNotStopped = (child: State | undefined): string | undefined => {
  if (child === undefined) return "not_found"
  if (child.running) return "running"
  return child.again === undefined ? undefined : "restarting"
}
