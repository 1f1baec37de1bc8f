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

interface State extends ModelChild {
  running: boolean
  /** Counts its starts. */
  life: number
  /** The attempt that it waits for. */
  again: object | undefined
}

export type Reason = ReadonlyArray<string>

export class Model {
  /** `+id` for a start that began, `-id` for an end. */
  readonly log: Array<string> = []
  now = 0
  /** The reason that the supervisor ended with. */
  over: Reason | undefined = undefined
  /** How many of the next starts of a child fail. */
  readonly failing = new Map<string, number>()
  private children: Array<State> = []
  private restarts: Array<number> = []
  private readonly options: ModelOptions

  constructor(options: ModelOptions, children: ReadonlyArray<ModelChild>) {
    this.options = options
    for (const child of children) {
      this.children.push({ ...child, running: true, life: 1, again: undefined })
      this.log.push(`+${child.id}`)
    }
  }

  get states(): string {
    return this.children.map(({ id, running }) => `${id}: ${running ? "running" : "stopped"}`).join(", ")
  }

  isRunning(id: string): boolean {
    return this.over === undefined && this.find(id)?.running === true
  }

  private find(id: string): State | undefined {
    return this.children.find((child) => child.id === id)
  }

  private remove(child: State): void {
    this.children = this.children.filter((other) => other !== child)
  }

  private start(child: State): boolean {
    this.log.push(`+${child.id}`)
    const failing = this.failing.get(child.id) ?? 0
    if (failing > 0) {
      this.failing.set(child.id, failing - 1)
      this.log.push(`-${child.id}`)
      return false
    }
    child.running = true
    child.again = undefined
    child.life++
    return true
  }

  private stop(child: State): void {
    if (!child.running) return
    child.running = false
    this.log.push(`-${child.id}`)
  }

  private end(...reason: Reason): void {
    for (const child of this.children.toReversed()) this.stop(child)
    this.over = reason
  }

  // ---- children that end by themselves

  /** What the supervisor hears of, in this order: ends of children, and its own wish to try a restart again. */
  private readonly mailbox: Array<() => void> = []

  /** Some end in the same moment. The supervisor hears of one after the other. */
  ends(all: ReadonlyArray<readonly [id: string, reason: Reason]>): void {
    for (const [id, reason] of all) {
      const child = this.find(id)!
      const { life } = child
      // Whoever was stopped meanwhile, because it shares the fate of another, has nothing to tell any more.
      this.mailbox.push(() => child.running && child.life === life && this.ended(child, reason))
    }
    while (this.mailbox.length > 0 && this.over === undefined) this.mailbox.shift()!()
  }

  private ended(child: State, reason: Reason): void {
    this.stop(child)
    const orderly = reason.length === 0 || reason[0] === "shutdown"
    if (child.restart === "permanent" || (child.restart === "transient" && !orderly)) {
      return this.restart(child, reason)
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
  private restart(child: State, reason: Reason): void {
    const group = this.group(child)
    for (const other of group.toReversed()) {
      other.again = undefined
      this.stop(other)
    }
    for (const other of group) if (other !== child && other.restart === "temporary") this.remove(other)
    this.tryToStart(this.children.filter((other) => group.includes(other)), child, reason)
  }

  private tryToStart(members: ReadonlyArray<State>, cause: State, reason: Reason): void {
    const { intensity, period } = this.options
    this.restarts = [...this.restarts.filter((time) => this.now - time < period), this.now]
    if (this.restarts.length > intensity) return this.end("restart_limit", cause.id, ...reason)
    const started: Array<State> = []
    for (const member of members) {
      if (!this.start(member)) {
        for (const other of started.toReversed()) this.stop(other)
        const again = {}
        for (const other of members) other.again = again
        // Unless it has become part of a larger group meanwhile.
        this.mailbox.push(() => member.again === again && this.tryToStart(members, member, ["fail"]))
        return
      }
      started.push(member)
    }
  }

  // ---- what it is asked for: answers `ok` or why not

  startChild(spec: ModelChild): string {
    const known = this.find(spec.id)
    if (known !== undefined) return known.running ? "already_started" : "already_present"
    const child = { ...spec, running: false, life: 0, again: undefined }
    this.children.push(child)
    if (this.start(child)) return "ok"
    this.remove(child)
    return "StartError"
  }

  terminateChild(id: string): string {
    const child = this.find(id)
    if (child === undefined) return "not_found"
    this.stop(child)
    if (child.restart === "temporary") this.remove(child)
    return "ok"
  }

  restartChild(id: string): string {
    const child = this.find(id)
    if (child === undefined) return "not_found"
    if (child.running) return "running"
    return this.start(child) ? "ok" : "StartError"
  }

  deleteChild(id: string): string {
    const child = this.find(id)
    if (child === undefined) return "not_found"
    if (child.running) return "running"
    this.remove(child)
    return "ok"
  }
}
