/**
 * A supervisor without ports, fibers and clocks: its machine alone, with children that exist in a log only. What the machine says is
 * carried out at once; what would wait in the queue of a real supervisor waits here.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { AutoShutdown } from "../src/internal/supervisor/decisions.ts"
import * as machine from "../src/internal/supervisor/machine.ts"
import {
  checkChild,
  type CheckedChild,
  checkSupervisor,
  type ChildOptions,
  type SupervisorOptions
} from "../src/internal/supervisor/spec.ts"
import {
  type Action,
  find,
  inOrder,
  make,
  type Report,
  type Result as Next,
  type Shape,
  type State
} from "../src/internal/supervisor/state.ts"
import { exitFromReason } from "../src/internal/values/reason.ts"

/** A child that a test has no start for: the machine looks at none. */
export interface BareChild extends ChildOptions {
  readonly id: string
}

export const checked = (child: BareChild, autoShutdown: AutoShutdown = "never"): CheckedChild =>
  Result.getOrThrow(checkChild({ ...child, start: Effect.never }, autoShutdown))

/**
 * What becomes of a start: it fails, it has nothing to supervise, somebody ends it who wants the child terminated, or it answers a port
 * that has ended.
 */
export type Outcome = "fails" | "ignores" | "is called off" | "succeeds" | { readonly ends: ReadonlyArray<unknown> }

export class BareSupervisor {
  /** `+id` for a start, `-id` when what it acquired is released. Emptied by `took`. */
  readonly log: Array<string> = []
  readonly reports: Array<Report> = []
  now = 0
  state: State
  /** The reason that it ended with. */
  over: ReadonlyArray<unknown> | undefined = undefined
  /** What becomes of the next starts of a child that do not succeed: each is used once. */
  readonly outcomes = new Map<string, Array<Outcome>>()
  /** What the schedules of children say. */
  readonly delays = new Map<string, number | undefined>()
  /** Called with the present state before and after each event. */
  watch: (before: State, event: (state: State) => Next) => void = () => {}
  /** Faults that are planted: what the machine makes of an event. */
  decide: (before: State, event: (state: State) => Next) => Next = (before, event) => event(before)
  private readonly autoShutdown: AutoShutdown
  /** Children that hold what they acquired, and their ports. */
  private readonly held = new Map<string, string>()
  private readonly queue: Array<(state: State) => Next> = []
  private readonly timers = new Map<number, number>()
  private todo: Array<Action> = []
  private answer = "ok"
  private starts = 0

  /** `before` some starts of its first children, what becomes of them. */
  constructor(
    children: ReadonlyArray<BareChild>,
    options: SupervisorOptions = {},
    shape: Shape = "fixed",
    before: Readonly<Record<string, ReadonlyArray<Outcome>>> = {}
  ) {
    for (const [id, outcomes] of Object.entries(before)) this.outcomes.set(id, [...outcomes])
    const limits = Result.getOrThrow(checkSupervisor({ intensity: 100, ...options }, false))
    this.autoShutdown = limits.autoShutdown
    this.state = make(shape, "n#supervisor", limits, children.map((child) => checked(child, this.autoShutdown)))
    this.say(machine.start)
  }

  // ---- what happens

  /** Children end by themselves, in the same moment. The supervisor hears of one after the other. */
  end(...ends: ReadonlyArray<readonly [id: string, ...reason: ReadonlyArray<unknown>]>): void {
    for (const [id, ...reason] of ends) {
      const port = this.held.get(id) ?? "n#none"
      this.queue.push((state) => machine.ended(state, { id, port, exit: exitFromReason(port, reason) }))
    }
    this.drain()
  }

  sleep(millis: number): void {
    this.now += millis
    for (const [group, at] of this.timers) {
      if (at > this.now) continue
      this.timers.delete(group)
      this.queue.push((state) => machine.due(state, group, this.now))
    }
    this.drain()
  }

  startChild(child: BareChild): string {
    return this.ask((state) =>
      machine.startChild(state, checked(child, this.autoShutdown), find(state, child.id)?.status === "running")
    )
  }

  terminateChild(id: string): string {
    return this.ask((state) => machine.terminateChild(state, id, find(state, id)?.spec.id, false))
  }

  restartChild(id: string): string {
    return this.ask((state) => machine.restartChild(state, id))
  }

  deleteChild(id: string): string {
    return this.ask((state) => machine.deleteChild(state, id))
  }

  renew(id: string): string {
    return this.ask((state) => machine.renew(state, id))
  }

  /** `ok`, or why not. */
  private ask(request: (state: State) => Next): string {
    this.answer = "ok"
    this.say(request)
    this.drain()
    return this.answer
  }

  // ---- what can be seen

  /** The log since the last time. */
  took(): string {
    return this.log.splice(0).join(" ")
  }

  get states(): string {
    return inOrder(this.state).map(({ spec, status }) => `${spec.id}: ${status}`).join(", ")
  }

  /** How many groups wait for a delay to pass. */
  get waits(): number {
    return this.timers.size
  }

  /** As `TAG child`. */
  get told(): ReadonlyArray<string> {
    return this.reports.map(({ _tag, child }) => `${_tag} ${child}`)
  }

  // ---- the shell

  /** From outside: whatever it waits for. */
  stop(): void {
    this.say(machine.stop)
  }

  private drain(): void {
    while (this.queue.length > 0 && this.over === undefined) this.say(this.queue.shift()!)
  }

  private say(event: (state: State) => Next): void {
    this.step(event)
    while (this.todo.length > 0) this.carryOut(this.todo.shift()!)
  }

  private step(event: (state: State) => Next): void {
    this.watch(this.state, event)
    const [state, actions] = this.decide(this.state, event)
    this.state = state
    this.todo.push(...actions)
  }

  private carryOut(action: Action): void {
    switch (action._tag) {
      case "Start":
        return this.start(action.id)
      case "Stop":
        this.release(action.id)
        return this.step((state) => machine.stopped(state, this.now))
      case "StopTogether":
        for (const id of action.ids) this.release(id)
        return this.step((state) => machine.stopped(state, this.now))
      case "CleanUp":
        this.release(action.cause.id)
        this.reports.push({ _tag: "Ended", child: action.cause.id, port: "", exit: action.cause.exit })
        return this.step((state) => machine.cleanedUp(state, this.now))
      case "Pace":
        return this.step((state) => machine.paced(state, this.delays.get(action.cause.id)))
      case "Wait":
        if (action.delayMillis > 0) this.timers.set(action.group, this.now + action.delayMillis)
        else this.queue.push((state) => machine.due(state, action.group, this.now))
        return
      case "CancelWait":
        return void this.timers.delete(action.group)
      case "Report":
        return void this.reports.push(action.report)
      case "Refuse":
        this.answer = action.reason
        return
      case "FailStart":
        this.answer = "StartError"
        return
      case "End":
        this.over = action.reason
        this.todo = []
        return this.step(machine.stop)
      case "StaysDown":
      case "Forget":
    }
  }

  private start(id: string): void {
    const outcome = this.outcomes.get(id)?.shift()
    if (outcome === "is called off") {
      return this.step((state) => machine.startFailed(state, Exit.interrupt(), true))
    }
    const port = `n#${id}${++this.starts}`
    this.log.push(`+${id}`)
    this.held.set(id, port)
    if (outcome === undefined || outcome === "succeeds") return this.step((state) => machine.started(state, id, port))
    if (typeof outcome === "object") {
      this.step((state) => machine.started(state, id, port))
      this.queue.push((state) => machine.ended(state, { id, port, exit: exitFromReason(port, outcome.ends) }))
      return
    }
    this.release(id)
    this.step((state) =>
      outcome === "ignores" ? machine.ignored(state) : machine.startFailed(state, Exit.fail("no"), false)
    )
  }

  private release(id: string): void {
    if (this.held.delete(id)) this.log.push(`-${id}`)
  }
}
