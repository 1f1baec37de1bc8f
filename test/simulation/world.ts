/**
 * The world of a run: its processes, the network between them, the time, and what they told.
 */
import { ProcessClock, SimulatedClock } from "./clock.ts"
import type { Directory } from "./member.ts"
import { Network } from "./network.ts"
import { isUnexpected } from "./onPurpose.ts"
import type { NodePlan, Plan } from "./plan.ts"
import { Process, type ProcessOptions } from "./process.ts"
import { Progress } from "./progress.ts"
import { SeededRandom } from "./random.ts"
import type { Event, Stamped } from "./trace.ts"

/** How many dead ports others still find. */
const remembered = 6

export interface WorldOptions {
  /** Called with every line that a process logs. */
  readonly log?: ((line: string) => void) | undefined
  /** Called with every process when its node is there, before anything runs on it. */
  readonly prepare?: ProcessOptions["prepare"]
}

export class World {
  readonly plan: Plan
  readonly clock = new SimulatedClock()
  readonly events: Array<Stamped> = []
  readonly progress = new Progress()
  /** All that there ever were, but for those that were forgotten. */
  processes: Array<Process> = []
  private readonly random: SeededRandom
  private readonly options: WorldOptions
  readonly network: Network
  /** What is to be done, and when. */
  private agenda: Array<{ readonly at: number; readonly act: () => void }> = []
  /** Processes that are to start as soon as another one has stopped. */
  private awaited = 0
  private readonly lives = new Map<string, number>()
  private ports: Array<{ readonly port: string; readonly life: string }> = []
  private deadPorts: Array<string> = []

  constructor(plan: Plan, options: WorldOptions) {
    this.plan = plan
    this.options = options
    this.random = new SeededRandom(`world ${plan.seed}`)
    this.network = new Network(new ProcessClock(this.clock), this.random.derive("network"))
    this.network.shape({ from: "*", to: "*" }, plan.shape)
  }

  /** Does something at a time that has not come yet. */
  later(at: number, act: () => void): void {
    this.agenda.push({ at: Math.round(at), act })
    this.agenda.sort((a, b) => a.at - b.at)
  }

  /** Lets time pass, and does what is on the agenda. */
  async advanceTo(time: number): Promise<void> {
    for (let next = this.agenda[0]; next !== undefined && next.at <= time; next = this.agenda[0]) {
      await this.clock.advanceTo(next.at)
      this.agenda.shift()
      next.act()
    }
    await this.clock.advanceTo(time)
  }

  /** Writes down what happened. */
  readonly emit = (event: Event): void => {
    this.events.push({ ...event, at: this.clock.now })
    this.progress.see(event)
    switch (event._tag) {
      case "Ended":
        this.bury((known) => known.port === event.port)
        break
      case "Stopped":
      case "Crashed":
        this.bury((known) => known.life === event.life)
        break
      case "Made":
        this.ports.push({ port: event.port, life: event.life })
    }
  }

  private bury(isDead: (known: { readonly port: string; readonly life: string }) => boolean): void {
    const dead = this.ports.filter(isDead).map(({ port }) => port)
    if (dead.length === 0) return
    this.ports = this.ports.filter((known) => !isDead(known))
    this.deadPorts = [...this.deadPorts, ...dead].slice(-remembered)
  }

  private readonly directory: Directory = {
    ports: () => [...this.ports.map(({ port }) => port), ...this.deadPorts],
    nodes: () => this.plan.nodes.map(({ id }) => id),
    add: () => {}
  }

  /** The process of a node that runs now, if one does. */
  live(node: number): Process | undefined {
    const { id } = this.plan.nodes[node]!
    return this.processes.find((process) => process.node.id === id && process.state === "runs" && !process.isTwin)
  }

  /** Those that run, if no other one was there before them. */
  get core(): ReadonlyArray<Process> {
    return this.processes.filter((process) => process.state === "runs" && !process.isTwin)
  }

  /** Whether nothing is on its way: all that are to start have started, and all that are to stop have stopped. */
  get isSteady(): boolean {
    return this.awaited === 0 &&
      this.processes.every((process) =>
        process.state === "crashed" || process.state === "stopped" || process.isLive && !process.isTwin
      )
  }

  /** Nobody asks any more for the processes that are over: a world that lives for long would not have room for them. Answers them. */
  forget(): ReadonlyArray<Process> {
    const isOver = ({ state }: Process): boolean => state === "stopped" || state === "crashed"
    const over = this.processes.filter(isOver)
    this.processes = this.processes.filter((process) => !isOver(process))
    return over
  }

  /** Starts the next process of a node as soon as this one has stopped. */
  startAfter(node: number, process: Process): void {
    if (process.state === "stopped") return void this.start(node)
    this.awaited++
    process.whenStopped = () => {
      this.awaited--
      this.start(node)
    }
  }

  /** Ends a process on the spot. Its connections break, unless it goes `silently`: then nobody is told. */
  crash(process: Process, silently: boolean): void {
    const { life } = process
    process.crash()
    if (!silently) {
      this.network.reset({ from: life, to: "*" })
      this.network.reset({ from: "*", to: life })
    }
    this.network.vanish(life)
  }

  /** Starts a process of a node: its first life, the next one, or a second one beside the one that runs. */
  start(node: number, twin = false): Process {
    const planned = this.plan.nodes[node]!
    const number = (this.lives.get(planned.id) ?? 0) + 1
    this.lives.set(planned.id, number)
    const life = `${planned.id}/${number}`
    const own: NodePlan = twin ? { ...planned, address: `memory:${100 + this.processes.length}` } : planned
    const process = new Process({
      life,
      node: own,
      isTwin: twin,
      seeds: this.plan.nodes.filter(({ isSeed }) => isSeed).map(({ address }) => address),
      clock: this.clock,
      random: this.random.derive(life),
      carrier: this.network.carrier,
      directory: this.directory,
      emit: this.emit,
      log: (line) => {
        this.options.log?.(`${String(Math.round(this.clock.now)).padStart(7)} ${life} ${line}`)
        if (isUnexpected(line)) this.emit({ _tag: "Leaked", what: `${life} logged ${line}` })
      },
      pace: this.plan.pace,
      isSupervised: this.plan.isSupervised,
      hasCluster: this.plan.hasCluster,
      leisure: this.plan.leisure,
      rpc: this.plan.rpc,
      voters: this.plan.voters,
      prepare: this.options.prepare
    })
    this.processes.push(process)
    process.start()
    return process
  }
}
