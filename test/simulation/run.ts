/**
 * One run: faults first, then everything is made whole and must come to an agreement, then everything stops and must
 * leave nothing behind.
 */
import * as Effect from "effect/Effect"
import { readTimeFrom } from "../../src/internal/port/readyQueue.ts"
import { families } from "./database.ts"
import { inflict, lasts } from "./faults.ts"
import { disagreements, leftovers } from "./leftovers.ts"
import type { Plan } from "./plan.ts"
import type { Process } from "./process.ts"
import { hashText } from "./random.ts"
import type { Stamped, Trace } from "./trace.ts"
import { World, type WorldOptions } from "./world.ts"

export interface Result {
  readonly trace: Trace
  /** How many of each kind were inflicted. */
  readonly faults: Readonly<Record<string, number>>
  /** What had not come about when the time was over. */
  readonly missing: string | undefined
  readonly messages: number
  /** How long the run took in its own time. */
  readonly simulated: number
  readonly turns: number
  /** How long it took until all agreed, from when everything was whole. */
  readonly agreedAfter: number
  /** It was given up in the middle. */
  readonly isBroken: boolean
}

/** How often to look whether all is done, and how long an orderly end may take. */
const glance = 200
const endLimit = 20_000
/** How long until what was ended is gone everywhere: clients first, then their servers. */
const settling = 3000

export const run = async (plan: Plan, options: WorldOptions = {}): Promise<Result> => {
  const world = new World(plan, options)
  let faults: Record<string, number> = {}
  let missing: string | undefined = undefined
  let agreedAfter = 0
  let isBroken = false
  const uncaught = (error: unknown): void => world.emit({ _tag: "Leaked", what: `nobody caught ${describe(error)}` })
  process.on("uncaughtException", uncaught).on("unhandledRejection", uncaught)
  // The run queue passes through the event loop by real time, which no run could repeat: it is told one that its looks make pass.
  let looks = 0
  const readRealTime = readTimeFrom(() => looks++ / 20)
  try {
    faults = await chaos(world)
    const healed = world.clock.now
    missing = await agreement(world)
    agreedAfter = world.clock.now - healed
    if (missing === undefined) await finish(world)
    await end(world)
  } catch (error) {
    isBroken = true
    world.emit({ _tag: "Leaked", what: describe(error) })
  } finally {
    readRealTime()
    process.off("uncaughtException", uncaught).off("unhandledRejection", uncaught)
  }
  return {
    trace: { events: world.events },
    faults,
    missing,
    messages: world.progress.messages,
    simulated: world.clock.now,
    turns: world.clock.turns,
    agreedAfter,
    isBroken
  }
}

const describe = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

/** Faults, and what the processes do meanwhile. */
const chaos = async (world: World): Promise<Record<string, number>> => {
  const { faults, healAt, nodes, startWithin } = world.plan
  const undos = new Set<() => void>()
  const counts: Record<string, number> = {}
  for (const [index] of nodes.entries()) world.later(startWithin * index / nodes.length, () => world.start(index))
  for (const fault of faults) {
    world.later(fault.at, () => {
      const done = inflict(world, fault)
      if (done === undefined) return
      counts[fault.kind] = (counts[fault.kind] ?? 0) + 1
      const { undo, what } = done
      if (undo === undefined) return
      undos.add(undo)
      world.later(fault.at + lasts(fault), () => {
        if (!undos.delete(undo)) return
        world.emit({ _tag: "Fault", what: `end of ${what}`, nodes: [] })
        undo()
      })
    })
  }
  await world.advanceTo(healAt)
  for (const undo of undos) undo()
  undos.clear()
  const deadline = world.clock.now + endLimit
  while (!world.isSteady && world.clock.now < deadline) await world.advanceTo(world.clock.now + glance)
  return counts
}

/** Answers what is missing when the time is over. */
const agreement = async (world: World): Promise<string | undefined> => {
  const { core } = world
  for (const process of core) process.workload!.rest()
  world.emit({ _tag: "Healed", lives: core.map(({ life }) => life) })
  // A port on each, which nobody else knows, and a channel to it from all others.
  for (const target of core) {
    const { workload } = target
    workload!.run(Effect.map(workload!.makeQuietPort, (port) => {
      for (const other of core) if (other !== target) other.workload!.probe(port)
    }))
  }
  const deadline = world.clock.now + world.plan.bound
  let seen: ReadonlyArray<Stamped> = []
  let missing: string | undefined = undefined
  while (world.clock.now < deadline) {
    await world.advanceTo(world.clock.now + glance)
    if (world.progress.missing(core.map(({ life }) => life)) !== undefined) continue
    seen = await look(world, core)
    if (
      seen.length === 2 * core.length * families.length && seen.every((event) => isRight(world, event)) &&
      agreeOnWorkers(core) && haveLocks(world) && haveService(world) && haveEntities(world)
    ) break
  }
  if (world.clock.now >= deadline) {
    seen = await look(world, core)
    const wrong = seen.find((event) => !isRight(world, event))
    missing = world.progress.missing(core.map(({ life }) => life)) ??
      (wrong && `that the database agrees: ${JSON.stringify(wrong)}`) ??
      (haveLocks(world) ? undefined : "a majority of voters") ??
      (haveEntities(world) ? undefined : "answers of all entities") ??
      (haveService(world) ? undefined : "that the service runs, and all know where") ??
      (agreeOnWorkers(core) ? "every family of every process" : "that all see the workers that there are")
  }
  for (const event of seen) world.emit(event)
  for (const { life, workload } of core) {
    const members = workload!.rpcs?.seen.members
    if (members !== undefined) world.emit({ _tag: "Viewed", life, members })
  }
  if (world.plan.isSupervised) {
    await world.advanceTo(world.clock.now + settling)
    world.emit({ _tag: "Quiet", lives: core.map(({ life }) => life) })
    const present = core.map(({ node }) => node.id)
    for (const what of await lasting(world, () => core.flatMap(({ workload }) => workload!.wrong(present)))) {
      world.emit({ _tag: "Leaked", what })
    }
  }
  if (missing === undefined) {
    for (const what of await lasting(world, () => disagreements(core))) world.emit({ _tag: "Leaked", what })
  }
  return missing
}

/** Whether there are enough voters, where there are any. */
const haveMajority = ({ core, plan: { voters = [] } }: World): boolean =>
  2 * voters.filter((voter) => core.some(({ node }) => node.id === voter)).length > voters.length

/** Whether all may have keys, if there are enough voters for that. */
const haveLocks = (world: World): boolean =>
  !haveMajority(world) || world.core.every(({ workload }) => workload!.locks?.isReady !== false)

/** Whether all entities have answered everybody, if there are enough voters for that. */
const haveEntities = (world: World): boolean =>
  !haveMajority(world) || world.core.every(({ workload }) => workload!.cluster?.isReady !== false)

/** Whether the service runs once and all know where, if there are enough voters for that. */
export const haveService = (world: World): boolean => {
  if (!haveMajority(world)) return true
  const seen = world.core.map(({ node, workload }) => ({ id: node.id, ...workload!.service!.seen }))
  const where = seen.find(({ present }) => present > 0)?.id
  return where !== undefined && seen.every((one) => one.where === where && one.present === (one.id === where ? 1 : 0))
}

/** Whether all see the workers that there are, where they look. */
const agreeOnWorkers = (core: ReadonlyArray<Process>): boolean => {
  const views = core.flatMap(({ workload }) => workload!.rpcs?.seen ?? [])
  const workers = views.flatMap(({ own }) => own).toSorted().join()
  return views.every(({ members }) => members?.join() === workers)
}

/** What is wrong, and is not put right in a while: supervisors may have something on its way whenever somebody looks. */
const lasting = async (world: World, wrong: () => ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const first = wrong()
  if (first.length === 0 || !world.plan.isSupervised) return first
  await world.advanceTo(world.clock.now + settling)
  const now = wrong()
  return first.filter((what) => now.includes(what))
}

/** What all processes see of all families, in a moment: by following them, and by asking. */
const look = async (world: World, core: ReadonlyArray<Process>): Promise<ReadonlyArray<Stamped>> => {
  const seen: Array<Stamped> = []
  for (const { life, workload } of core) {
    for (const family of families) {
      const followed = workload!.database.followed.get(family)
      if (followed !== undefined) {
        seen.push({ _tag: "Seen", life, family, entries: Object.fromEntries(followed), at: world.clock.now })
      }
      workload!.run(Effect.map(workload!.database.read(family), (entries) => {
        seen.push({ _tag: "Seen", life, family, entries: Object.fromEntries(entries), at: world.clock.now })
      }))
    }
  }
  await world.advanceTo(world.clock.now + glance)
  return [...seen]
}

const isRight = (world: World, event: Stamped): boolean => {
  if (event._tag !== "Seen") return false
  const expected = world.progress.family(event.family)
  const entries = Object.entries(event.entries)
  return entries.length === expected.size && entries.every(([key, value]) => expected.get(key) === value)
}

/** The programs end all that they made, and the processes live on: they hold what they held at first. */
const finish = async (world: World): Promise<void> => {
  const { core } = world
  for (const process of core) process.workload!.finish()
  await world.advanceTo(world.clock.now + settling)
  for (const { left, life } of core) {
    for (const what of left) world.emit({ _tag: "Leaked", what: `${life} still has ${what}` })
  }
}

export const end = async (world: World): Promise<void> => {
  const { core } = world
  for (const process of core) {
    process.stop()
    await world.advanceTo(world.clock.now + 10)
  }
  const deadline = world.clock.now + endLimit
  while (world.clock.now < deadline && core.some(({ state }) => state !== "stopped")) {
    await world.advanceTo(world.clock.now + glance)
  }
  for (const what of leftovers(world)) world.emit({ _tag: "Leaked", what })
}

/** The same run has the same hash. */
export const hashOf = (trace: Trace): string =>
  trace.events.reduce((hash, event) => hashText(JSON.stringify(event), hash), 0).toString(16).padStart(8, "0")
