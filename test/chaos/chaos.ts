/**
 * The nodes of the chaos, each in a process or a thread, and what is done to them.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { check, type Violation } from "../simulation/checkers.ts"
import { SeededRandom } from "../simulation/random.ts"
import type { Event, Stamped, Trace } from "../simulation/trace.ts"
import { merge, now } from "./events.ts"
import { inTime, type Life } from "./lives.ts"
import { type Between, type WireName, wires } from "./wires.ts"
import type { WorkerOptions } from "./worker.ts"

export interface ChaosOptions {
  readonly wire: WireName
  readonly minutes: number
  readonly seed: number
  readonly processes: number
  readonly keep: boolean
}

export interface Summary {
  readonly kills: number
  readonly stops: number
  readonly ends: number
  /** How often that was harmed which is between them. */
  readonly between: number
  readonly messages: number
  readonly channels: number
  /** How many children supervisors had on other nodes, one after the other. */
  readonly children: number
  /** How often monitors fired, by the tag of the reason; `normal` for none. */
  readonly fired: Readonly<Record<string, number>>
  /** Milliseconds until the others took a killed process, or one that was stopped for long, for down. */
  readonly killNoticed: Noticed
  readonly stopNoticed: Noticed
  readonly violation: Violation | undefined
  readonly folder: string
}

export interface Noticed {
  readonly count: number
  readonly median: number
  readonly max: number
}

export interface Result {
  readonly summary: Summary
  readonly trace: Trace
}

const monitorTimeout = 2000
/** How long it takes until all is quiet again. */
const quiet = 12_000

/** The first two nodes. */
const isSeed = (index: number): boolean => index < 2

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** A place for one life after the other, under one node ID. */
interface Place extends Pick<WorkerOptions, "nodeId" | "bind" | "seeds" | "global"> {
  lives: number
  life: Life | undefined
  /** Something is being done to it. */
  isBusy: boolean
}

export class Chaos {
  private readonly options: ChaosOptions
  private readonly random: SeededRandom
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "chaos-"))
  private readonly files: Array<string> = []
  private readonly events: Array<Stamped> = []
  private places: ReadonlyArray<Place> = []
  private leave: () => Promise<void> = () => Promise.resolve()
  private readonly counts = { kills: 0, stops: 0, ends: 0, between: 0 }
  /** When a process was killed or stopped for long, and which node that was. */
  private readonly deaths: Array<{ readonly nodeId: string; readonly at: number; readonly how: "kill" | "stop" }> = []
  private isOver = false

  constructor(options: ChaosOptions) {
    this.options = options
    this.random = new SeededRandom(`chaos ${options.seed}`)
  }

  async run(): Promise<Result> {
    const nodeIds = Array.from({ length: this.options.processes }, (_, i) => isSeed(i) ? `seed${i}` : `node${i}`)
    const seedIds = nodeIds.filter((_, i) => isSeed(i))
    const ground = await wires[this.options.wire].prepare(seedIds, nodeIds, this.folder)
    this.leave = ground.leave
    this.places = nodeIds.map((nodeId, i) => ({
      nodeId,
      bind: ground.bindOf(nodeId),
      seeds: ground.seeds,
      global: isSeed(i),
      lives: 0,
      life: undefined,
      isBusy: false
    }))
    await Promise.all(this.places.map((place) => this.start(place)))
    const until = now() + this.options.minutes * 60_000
    const doings: Array<Promise<void>> = []
    if (ground.between !== undefined) doings.push(this.harmBetween(ground.between, until))
    while (now() < until && !this.isOver) {
      await sleep(this.random.between(200, 1200))
      const place = this.random.pick(this.places.filter(({ isBusy }) => !isBusy))
      if (place !== undefined) doings.push(this.harm(place))
      this.progress(until)
    }
    await Promise.all(doings)
    return await this.settle()
  }

  private emit(event: Event): void {
    this.events.push({ ...event, at: now() })
  }

  private progress(until: number): void {
    const { ends, kills, stops } = this.counts
    if (process.stderr.isTTY) {
      const left = Math.max(0, Math.round((until - now()) / 1000))
      process.stderr.write(`\r${kills} killed, ${stops} stopped, ${ends} ended in order, ${left} s left  `)
    }
  }

  private async start(place: Place): Promise<void> {
    const life = `${place.nodeId}/${++place.lives}`
    const log = path.join(this.folder, `${life.replace("/", "-")}.jsonl`)
    this.files.push(log)
    fs.writeFileSync(log, "")
    const { bind, global, nodeId, seeds } = place
    const { wire } = this.options
    place.life = wires[wire].start({ wire, life, nodeId, bind, seeds, global, log, monitorTimeout, pace: 40 })
    if (!await place.life.says("ready")) throw new Error(`${life} did not start`)
  }

  /** Does something to a process, and leaves one in its place. */
  private async harm(place: Place): Promise<void> {
    const { life: victim, nodeId } = place
    if (victim === undefined) return
    place.isBusy = true
    const how = this.random.weighted({ kill: 4, stop: 3, end: 1 })
    const pause = this.random.chance(0.5) ? this.random.between(0, 300) : this.random.between(0, 2 * monitorTimeout)
    this.emit({ _tag: "Fault", what: `${how} ${victim.name}`, nodes: [nodeId] })
    switch (how) {
      case "kill":
        this.counts.kills++
        this.deaths.push({ nodeId, at: now(), how })
        victim.kill()
        await victim.ended
        this.emit({ _tag: "Crashed", life: victim.name })
        await sleep(pause)
        await this.start(place)
        break
      case "stop":
        this.counts.stops++
        if (pause > 1.2 * monitorTimeout) this.deaths.push({ nodeId, at: now(), how })
        victim.stop()
        await sleep(pause)
        victim.goOn()
        break
      case "end":
        this.counts.ends++
        victim.order("stop")
        await victim.ended
        await sleep(pause)
        await this.start(place)
    }
    place.isBusy = false
  }

  /** Does something to what is between the nodes, again and again. */
  private async harmBetween(between: Between, until: number): Promise<void> {
    const random = new SeededRandom(`between ${this.options.seed}`)
    for (;;) {
      await sleep(random.between(1000, 5000))
      if (now() > until || this.isOver) return
      const how = random.weighted({ kill: 2, stop: 1 })
      const pause = random.between(0, 1.5 * monitorTimeout)
      this.emit({ _tag: "Fault", what: `${how} what is between`, nodes: this.places.map(({ nodeId }) => nodeId) })
      this.counts.between++
      if (how === "kill") {
        await between.kill()
        await sleep(pause)
        await between.start()
      } else {
        between.stop()
        await sleep(pause)
        between.goOn()
      }
    }
  }

  /** Lets all come to rest, hears what they see, ends them, and checks. */
  private async settle(): Promise<Result> {
    const lives = this.places.map(({ life }) => life!)
    this.emit({ _tag: "Healed", lives: lives.map(({ name }) => name) })
    for (const one of lives) one.order("heal")
    await Promise.all(lives.map((one) => one.says("healed")))
    await sleep(quiet)
    for (const one of lives) one.order("look")
    for (const one of lives) {
      if (!await one.says("looked")) this.emit({ _tag: "Leaked", what: `${one.name} does not answer any more` })
    }
    this.emit({ _tag: "Quiet", lives: lives.map(({ name }) => name) })
    for (const one of lives) one.order("stop")
    await inTime(Promise.all(lives.map((one) => one.ended)))
    for (const one of lives) {
      if (!one.hasEnded) this.emit({ _tag: "Leaked", what: `${one.name} does not stop` })
    }
    const trace = merge(this.files, this.events)
    return { trace, summary: this.summarise(trace) }
  }

  private summarise(trace: Trace): Summary {
    const fired: Record<string, number> = {}
    let messages = 0
    let channels = 0
    let children = 0
    for (const event of trace.events) {
      if (event._tag === "Got") messages++
      else if (event._tag === "Monitored") channels++
      else if (event._tag === "ChildUp") children++
      else if (event._tag === "Fired") {
        const tag = String(event.reason[0] ?? "normal")
        fired[tag] = (fired[tag] ?? 0) + 1
      }
    }
    return {
      ...this.counts,
      messages,
      channels,
      children,
      fired,
      killNoticed: this.noticed(trace, "kill"),
      stopNoticed: this.noticed(trace, "stop"),
      violation: check(trace),
      folder: this.folder
    }
  }

  /** How long it took until those that had a link to it, and to which nothing was done meanwhile, saw a node go down. */
  private noticed(trace: Trace, how: "kill" | "stop"): Noticed {
    const times: Array<number> = []
    const harmed = new Map<string, number>()
    const up = new Set<string>()
    let open: Array<{ readonly nodeId: string; readonly at: number; readonly observers: Set<string> }> = []
    const deaths = this.deaths.filter((death) => death.how === how)
    for (const event of trace.events) {
      while (deaths[0] !== undefined && deaths[0].at <= event.at) {
        const { at, nodeId } = deaths.shift()!
        const awake = Array.from(up).filter((link) => link.endsWith(` ${nodeId}`)).map((link) => link.split(" ")[0]!)
        open.push({
          nodeId,
          at,
          observers: new Set(awake.filter((life) => at - (harmed.get(life) ?? 0) > 3 * monitorTimeout))
        })
      }
      if (event._tag === "Fault") {
        for (const life of Array.from(up, (link) => link.split(" ")[0]!)) {
          if (event.nodes.includes(life.split("/")[0]!)) harmed.set(life, event.at)
        }
        for (const { observers } of open) {
          for (const life of observers) if (event.nodes.includes(life.split("/")[0]!)) observers.delete(life)
        }
      } else if (event._tag === "Up") up.add(`${event.life} ${event.peer}`)
      else if (event._tag === "Down") {
        up.delete(`${event.life} ${event.peer}`)
        for (const { at, nodeId, observers } of open) {
          if (nodeId === event.peer && observers.delete(event.life)) times.push(event.at - at)
        }
        open = open.filter(({ observers }) => observers.size > 0)
      }
    }
    times.sort((left, right) => left - right)
    return { count: times.length, median: times[times.length >> 1] ?? 0, max: times.at(-1) ?? 0 }
  }

  /** Ends what is left, and tidies up. */
  async end(): Promise<void> {
    this.isOver = true
    for (const { life } of this.places) life?.kill()
    await Promise.all(this.places.map(({ life }) => life?.ended))
    await this.leave()
    if (!this.options.keep && process.exitCode !== 1) fs.rmSync(this.folder, { recursive: true })
  }
}
