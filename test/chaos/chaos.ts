/**
 * The processes of the chaos, and what is done to them.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { check, type Violation } from "../simulation/checkers.ts"
import { SeededRandom } from "../simulation/random.ts"
import type { Event, Stamped, Trace } from "../simulation/trace.ts"
import { merge, now } from "./events.ts"
import type { WorkerOptions } from "./worker.ts"

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly processes: number
  readonly keep: boolean
}

export interface Summary {
  readonly kills: number
  readonly stops: number
  readonly ends: number
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

const worker = fileURLToPath(new URL("worker.ts", import.meta.url))
const monitorTimeout = 2000
/** How long an order may take, and how long it takes until all is quiet again. */
const orderLimit = 20_000
const quiet = 12_000

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** What the promise answers, or `undefined` when that takes too long. Leaves no timer behind, which would hold up the end. */
const inTime = async <A>(promise: Promise<A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), orderLimit)
  })
  return await Promise.race([promise, tooLong]).finally(() => clearTimeout(timer))
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A place for one process after the other, under one node ID. */
interface Place {
  readonly nodeId: string
  readonly address: string
  lives: number
  process: Worker | undefined
  /** Something is being done to it. */
  isBusy: boolean
}

class Worker {
  readonly life: string
  readonly child: ChildProcess
  readonly ended: Promise<void>
  private output = ""
  private look: () => void = () => {}

  constructor(options: WorkerOptions) {
    this.life = options.life
    this.child = spawn(process.execPath, [worker, JSON.stringify(options)], { stdio: ["pipe", "pipe", "ignore"] })
    this.child.stdin!.on("error", () => {})
    this.child.stdout!.on("data", (chunk: Buffer) => {
      this.output += chunk.toString()
      this.look()
    })
    this.ended = new Promise((resolve) => this.child.once("exit", () => resolve()))
  }
  /** Waits until it has said a word; answers false if it takes too long, or ends before. */
  async says(word: string): Promise<boolean> {
    const said = new Promise<boolean>((resolve) => {
      this.look = () => {
        if (this.output.includes(`${word}\n`)) resolve(true)
      }
      this.look()
    })
    return await inTime(Promise.race([said, this.ended.then(() => false)])) ?? false
  }
  order(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }
}

export class Chaos {
  private readonly options: ChaosOptions
  private readonly random: SeededRandom
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "chaos-"))
  private readonly files: Array<string> = []
  private readonly events: Array<Stamped> = []
  private places: ReadonlyArray<Place> = []
  private seeds: ReadonlyArray<string> = []
  private readonly counts = { kills: 0, stops: 0, ends: 0 }
  /** When a process was killed or stopped for long, and which node that was. */
  private readonly deaths: Array<{ readonly nodeId: string; readonly at: number; readonly how: "kill" | "stop" }> = []
  private isOver = false

  constructor(options: ChaosOptions) {
    this.options = options
    this.random = new SeededRandom(`chaos ${options.seed}`)
  }

  async run(): Promise<Result> {
    const ports = await Promise.all(Array.from({ length: this.options.processes }, freePort))
    this.places = ports.map((port, i) => ({
      nodeId: i < 2 ? `seed${i}` : `node${i}`,
      address: `127.0.0.1:${port}`,
      lives: 0,
      process: undefined,
      isBusy: false
    }))
    this.seeds = this.places.slice(0, 2).map(({ address }) => address)
    await Promise.all(this.places.map((place) => this.start(place)))
    const until = now() + this.options.minutes * 60_000
    const doings: Array<Promise<void>> = []
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
    place.process = new Worker({
      life,
      nodeId: place.nodeId,
      address: place.address,
      seeds: this.seeds,
      log,
      monitorTimeout,
      pace: 40
    })
    if (!await place.process.says("ready")) throw new Error(`${life} did not start`)
  }

  /** Does something to a process, and leaves one in its place. */
  private async harm(place: Place): Promise<void> {
    const { nodeId, process: victim } = place
    if (victim === undefined) return
    place.isBusy = true
    const how = this.random.weighted({ kill: 4, stop: 3, end: 1 })
    const pause = this.random.chance(0.5) ? this.random.between(0, 300) : this.random.between(0, 2 * monitorTimeout)
    this.emit({ _tag: "Fault", what: `${how} ${victim.life}`, nodes: [nodeId] })
    switch (how) {
      case "kill":
        this.counts.kills++
        this.deaths.push({ nodeId, at: now(), how })
        victim.child.kill("SIGKILL")
        await victim.ended
        this.emit({ _tag: "Crashed", life: victim.life })
        await sleep(pause)
        await this.start(place)
        break
      case "stop":
        this.counts.stops++
        if (pause > 1.2 * monitorTimeout) this.deaths.push({ nodeId, at: now(), how })
        victim.child.kill("SIGSTOP")
        await sleep(pause)
        victim.child.kill("SIGCONT")
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

  /** Lets all come to rest, hears what they see, ends them, and checks. */
  private async settle(): Promise<Result> {
    const workers = this.places.map(({ process }) => process!)
    this.emit({ _tag: "Healed", lives: workers.map(({ life }) => life) })
    for (const one of workers) one.order("heal")
    await Promise.all(workers.map((one) => one.says("healed")))
    await sleep(quiet)
    for (const one of workers) one.order("look")
    for (const one of workers) {
      if (!await one.says("looked")) this.emit({ _tag: "Leaked", what: `${one.life} does not answer any more` })
    }
    this.emit({ _tag: "Quiet", lives: workers.map(({ life }) => life) })
    for (const one of workers) one.order("stop")
    await inTime(Promise.all(workers.map((one) => one.ended)))
    for (const one of workers) {
      if (one.child.exitCode === null) this.emit({ _tag: "Leaked", what: `${one.life} does not stop` })
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
    for (const { process: one } of this.places) {
      if (one?.child.exitCode === null && one.child.signalCode === null) one.child.kill("SIGKILL")
    }
    await Promise.all(this.places.map(({ process: one }) => one?.ended))
    if (!this.options.keep && process.exitCode !== 1) fs.rmSync(this.folder, { recursive: true })
  }
}
