/**
 * One world that lives for hours, through waves of faults. After each of them all has to be well again, within a time, and nothing to have
 * gathered. A process of it is restarted every minute or so, and another one lives as long as the world.
 */
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { readTimeFrom } from "../../src/internal/port/readyQueue.ts"
import { type Violation, watch } from "./checkers.ts"
import { patienceMillis } from "./clusters.ts"
import { inflict, lasts } from "./faults.ts"
import { type Census, leftoversOf } from "./leftovers.ts"
import { type Looked, Ownership } from "./ownership.ts"
import type { Process } from "./process.ts"
import { SeededRandom } from "./random.ts"
import { end, haveService } from "./run.ts"
import type { Outcome } from "./seedRun.ts"
import { longPlan, makeWave, type Wave, witness } from "./waves.ts"
import { World, type WorldOptions } from "./world.ts"

export interface ChurnOptions extends WorldOptions {
  /** How long the world lives, in its own time. */
  readonly millis: number
  /** Told after each wave how far the world is. */
  readonly told?: ((state: ChurnState) => void) | undefined
}

export interface ChurnState {
  readonly now: number
  readonly waves: number
  /** Of the whole world, after what nobody needs was thrown away. */
  readonly heapMegabytes: number
  /** The longest that a shard was without an owner while there was a majority. */
  readonly longestFree: number
  /** The longest that it took until all was well after a wave, and what was waited for last then. */
  readonly slowest: { readonly millis: number; readonly what: string }
  /** What the process that lives for ever holds. */
  readonly census: Census
}

/** How often to look. */
const glance = 250
/** Processes that are to stop take so long at most. */
const stopLimit = 20_000
/** How long all stays whole after a wave, at least. */
const rest = 3000
/**
 * A shard is without an owner for so long at most: until the owner is given up, the shard is assigned to another one, and that has acquired it; and
 * where another fault comes into that, once more.
 */
const freeLimit = 12_000
/** So many events are shown, if something is wrong. */
const remembered = 4000
/** A process holds so much more after hours than at first, at most: what is under way is more than that. */
const slack = 50
/** A world that lives for long repeats what it does: it needs no more room than in the beginning, but for what is being done. */
const heapSlackMegabytes = 80

const checkers = ["leaks", "life", "locks", "services"]

class Churn {
  readonly world: World
  readonly faults: Record<string, number> = {}
  readonly ownership = new Ownership(freeLimit)
  private readonly random: SeededRandom
  private readonly see = watch(checkers)
  private seen = 0
  private first: ChurnState | undefined = undefined
  waves = 0
  slowest = { millis: 0, what: "nothing" }
  violation: Violation | undefined = undefined

  constructor(world: World) {
    this.world = world
    this.random = new SeededRandom(`waves ${world.plan.seed}`)
  }

  private get now(): number {
    return this.world.clock.now
  }

  /** All start, and have to be well. */
  async begin(): Promise<void> {
    const { nodes, startWithin } = this.world.plan
    for (const [index] of nodes.entries()) {
      this.world.later(startWithin * index / nodes.length, () => this.world.start(index))
    }
    await this.pass(startWithin, false)
    await this.becomeWell(0, false)
  }

  async wave(): Promise<void> {
    const wave = makeWave(this.random)
    const undos = new Set<() => void>()
    const begun = this.now
    for (const fault of wave.faults) {
      this.world.later(begun + fault.at, () => {
        const done = inflict(this.world, { ...fault, at: this.now })
        if (done === undefined) return
        this.faults[fault.kind] = (this.faults[fault.kind] ?? 0) + 1
        const { undo } = done
        if (undo === undefined) return
        undos.add(undo)
        this.world.later(this.now + lasts(fault), () => {
          if (undos.delete(undo)) undo()
        })
      })
    }
    await this.pass(wave.millis + 1, wave.isMinor)
    for (const undo of undos) undo()
    undos.clear()
    await this.settle(wave)
    this.waves++
  }

  private async settle({ isMinor }: Wave): Promise<void> {
    const healed = this.now
    this.world.emit({ _tag: "Fault", what: "none any more", nodes: [] })
    while (!this.world.isSteady && this.now < healed + stopLimit && this.isFine) await this.pass(glance, isMinor)
    await this.becomeWell(healed, true)
    await this.pass(rest, true)
    for (const process of this.world.forget()) {
      for (const what of leftoversOf(process)) this.blame("leaks", what)
    }
  }

  private async becomeWell(healed: number, hasMajority: boolean): Promise<void> {
    const since = this.now
    this.ownership.restart(since)
    let missing = this.missing(healed)
    let last = "nothing"
    while (missing !== undefined && this.isFine) {
      last = missing
      if (this.now >= since + this.world.plan.bound) return this.blame("agreement", `waited in vain for ${missing}`)
      await this.pass(glance, hasMajority)
      missing = this.missing(healed)
    }
    if (this.now - since > this.slowest.millis) this.slowest = { millis: this.now - since, what: last }
  }

  /** What is not well yet. */
  private missing(healed: number): string | undefined {
    const { core, isSteady, plan } = this.world
    if (!isSteady || core.length < plan.nodes.length) return "all processes"
    for (const { life, workload } of core) {
      if (!hasLocks(workload?.locks?.table?.ready)) return `a majority of voters, as ${life} sees it`
      const silent = workload?.cluster?.silentSince(healed) ?? []
      if (silent.length > 0) return `answers to ${life} of ${silent.join(", ")}`
      const lost = workload?.cluster?.waitingSince(this.now - patienceMillis - glance) ?? []
      if (lost.length > 0) return `the end of calls of ${life} to ${lost.join(", ")}`
    }
    return haveService(this.world) ? undefined : "that the service runs, and all know where"
  }

  /** Lets time pass, and looks on. */
  private async pass(millis: number, hasMajority: boolean): Promise<void> {
    const until = this.now + millis
    while (this.now < until && this.isFine) {
      await this.world.advanceTo(Math.min(until, this.now + glance))
      const wrong = this.ownership.look(
        this.now,
        this.world.processes.filter(({ isLive }) => isLive).map(seen),
        hasMajority
      )
      this.check()
      if (wrong !== undefined) this.blame("ownership", wrong)
    }
  }

  /** What has happened since it looked last. Only the last events are kept. */
  check(): void {
    const { events } = this.world
    for (; this.seen < events.length && this.isFine; this.seen++) {
      this.violation = this.see(events[this.seen]!, this.seen)
    }
    if (!this.isFine || events.length <= 2 * remembered) return
    events.splice(0, events.length - remembered)
    this.seen = events.length
  }

  get isFine(): boolean {
    return this.violation === undefined
  }

  private blame(checker: string, message: string): void {
    this.violation ??= { checker, message, at: this.world.events.length - 1 }
  }

  /** What there is, held against what there was at first. */
  state(): ChurnState {
    collectGarbage()
    const eternal = this.world.processes.find(({ node }) => node === this.world.plan.nodes[witness])
    const state = {
      now: this.now,
      waves: this.waves,
      heapMegabytes: Math.round(process.memoryUsage().heapUsed / 1e6),
      longestFree: this.ownership.longest,
      slowest: this.slowest,
      census: heldBy(eternal!)
    }
    this.first ??= state
    const { census, heapMegabytes } = this.first
    for (const [what, count] of Object.entries(state.census)) {
      const before = census[what] ?? 0
      if (count > 2 * before + slack) {
        this.blame("growth", `${eternal!.life} has ${count} ${what}, of ${before} at first`)
      }
    }
    if (state.heapMegabytes > heapMegabytes + heapSlackMegabytes) {
      this.blame("growth", `the world takes ${state.heapMegabytes} MB, of ${heapMegabytes} MB at first`)
    }
    return state
  }
}

/** Waves until the tables of those who live for long are as large as they are to be; and how often they are counted after that. */
const warmUp = 10

/** Runs one world for a time of its own, or until something is wrong. */
export const churn = async (
  seed: number,
  { millis, told = () => {}, ...options }: ChurnOptions
): Promise<Outcome> => {
  const world = new World(longPlan(seed), options)
  const run = new Churn(world)
  let looks = 0
  const readRealTime = readTimeFrom(() => looks++ / 20)
  try {
    await run.begin()
    while (run.isFine && world.clock.now < millis) {
      await run.wave()
      if (run.isFine && run.waves % warmUp === 0) told(run.state())
    }
    if (run.isFine) await end(world)
    run.check()
  } finally {
    readRealTime()
  }
  const result = {
    trace: { events: world.events },
    faults: run.faults,
    missing: undefined,
    messages: world.progress.messages,
    simulated: world.clock.now,
    turns: world.clock.turns,
    agreedAfter: run.slowest.millis,
    isBroken: !run.isFine
  }
  return { plan: world.plan, result, violation: run.violation }
}

const hasLocks = (ready: Effect.Effect<void> | undefined): boolean => {
  const fiber = Effect.runFork(ready ?? Effect.never)
  const isReady = fiber.pollUnsafe() !== undefined
  fiber.interruptUnsafe()
  return isReady
}

const seen = ({ isStalled, life, workload }: Process): Looked => ({
  life,
  isStalled,
  held: workload?.cluster?.held ?? []
})

const heldBy = ({ census, clock, fibers }: Process): Census => ({
  ...census,
  "fibers": fibers,
  "sleeping fibers": clock.sleeping
})

const collectGarbage = ((): () => void => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()
