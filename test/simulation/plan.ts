/**
 * What a seed stands for: the nodes of a run with their options, the network between them, and what is done to them and
 * when. Plain data, that a failing run prints.
 */
import { SeededRandom } from "./random.ts"

export interface NodePlan {
  readonly id: string
  readonly address: string
  readonly framings: ReadonlyArray<string>
  /** Global from the start. Every seed becomes a global node in any case. */
  readonly isGlobal: boolean
  readonly isSeed: boolean
  /** Greets like a node of another kind: nobody expects beats of it, or sends it any. */
  readonly isForeign: boolean
  readonly monitorTimeout: number
  readonly connectInterval: number
}

/** How bytes travel. Times in milliseconds, bandwidth in bytes per second. */
export interface Shape {
  readonly latency: number
  readonly jitter: number
  readonly bandwidth?: number
}

/** Something that is done to a run. Nodes are numbers in the plan's list; `lasts` is how long until it is undone. */
export type Fault = { readonly at: number } & FaultKind

export type FaultKind =
  /** Nothing gets through. */
  | { readonly kind: "cut"; readonly from: number; readonly to: number; readonly both: boolean; readonly lasts: number }
  /** Nothing gets through to or from a node. */
  | { readonly kind: "isolate"; readonly node: number; readonly lasts: number }
  /** Bytes wait. */
  | { readonly kind: "hold"; readonly from: number; readonly to: number; readonly lasts: number }
  | { readonly kind: "slow"; readonly from: number; readonly to: number; readonly shape: Shape; readonly lasts: number }
  /** Connections break, some in the middle of a packet. */
  | { readonly kind: "reset"; readonly from: number; readonly to: number; readonly afterBytes: number }
  /** Connections break, and both sides open a new one at once. */
  | { readonly kind: "collide"; readonly from: number; readonly to: number }
  /** The process is gone. With `silently`, nobody is told: the other ends of its connections stay open. */
  | {
    readonly kind: "crash"
    readonly node: number
    readonly silently: boolean
    readonly lasts: number
    readonly forGood: boolean
  }
  /** The process stops in order. */
  | { readonly kind: "stop"; readonly node: number; readonly lasts: number; readonly forGood: boolean }
  /** A second process with the same node ID. */
  | { readonly kind: "twin"; readonly node: number; readonly lasts: number }
  /** The event loop of the process stands still. */
  | { readonly kind: "stall"; readonly node: number; readonly lasts: number; readonly readsFirst: boolean }
  /** The wall clock of the process is set. */
  | { readonly kind: "jump"; readonly node: number; readonly by: number }

export interface Plan {
  readonly seed: number
  readonly nodes: ReadonlyArray<NodePlan>
  readonly shape: Shape
  /** The pause between two actions of a process, on average. */
  readonly pace: number
  /** Within how long the processes start. */
  readonly startWithin: number
  /** When everything is made whole. */
  readonly healAt: number
  readonly faults: ReadonlyArray<Fault>
  /** Whether the processes have supervisors with children on each other. */
  readonly isSupervised: boolean
  /** Whether the processes call each other by rpc, and how these calls are encoded. */
  readonly rpc: "binary" | "json" | undefined
  /** The IDs of the nodes that vote in a table of locks, which all processes use. */
  readonly voters: ReadonlyArray<string> | undefined
  /** Whether the processes are runners of a cluster of Effect's on these voters: where runs with locks were asked for. */
  readonly hasCluster: boolean
  /** How many times as long processes pause between what they do with locks and entities: in runs of hours. */
  readonly leisure: number
  /** How long after that everybody must have come to an agreement. */
  readonly bound: number
}

export interface PlanOptions {
  readonly nodes?: number | undefined
  /** Default: in every seventh seed. */
  readonly isSupervised?: boolean | undefined
  /** Default: in every sixth seed. */
  readonly isServed?: boolean | undefined
  /** Default: in every eighth seed. */
  readonly isLocked?: boolean | undefined
}

/** These seeds have supervisors. None of those in `seeds.ts` is among them, which so mean what they meant before there were any. */
const hasSupervisors = (seed: number): boolean => seed % 7 === 4

/** These seeds have calls by rpc. None of those in `seeds.ts` is among them. */
const hasRpc = (seed: number): boolean => seed % 6 === 2

/** These seeds have locks. None of those in `seeds.ts` is among them. */
const hasLocks = (seed: number): boolean => seed % 8 === 0

const kinds: Record<FaultKind["kind"], number> = {
  cut: 4,
  isolate: 2,
  hold: 2,
  slow: 2,
  reset: 5,
  collide: 2,
  crash: 5,
  stop: 2,
  twin: 1,
  stall: 2,
  jump: 1
}

export const makePlan = (seed: number, options: PlanOptions = {}): Plan => {
  const random = new SeededRandom(`plan ${seed}`)
  const count = options.nodes ?? random.int(2, 6)
  const monitorTimeout = random.pick([1000, 2000, 3000, 5000])!
  const foreign = random.chance(0.15)
  const ids = random.shuffle([
    "ant",
    "bee",
    "cat",
    "dog",
    "eel",
    "fox",
    ...Array.from({ length: count }, (_, i) => `n${i}`)
  ])
  const seeds = random.int(1, Math.min(2, count))
  const nodes = Array.from({ length: count }, (_, index): NodePlan => ({
    id: ids[index]!,
    address: `memory:${index + 1}`,
    framings: random.pick([["cbor", "json"], ["cbor", "json"], ["json", "cbor"], ["json"]])!,
    isGlobal: random.chance(0.2),
    isSeed: index < seeds,
    // A seed is to be a node of our own kind: all others depend on it.
    isForeign: foreign && index === count - 1 && count > seeds,
    monitorTimeout: random.chance(0.8) ? monitorTimeout : monitorTimeout * 2,
    connectInterval: random.pick([500, 1000, 2000])!
  }))
  const healAt = random.int(2000, 12_000)
  const times: Array<number> = []
  for (let left = random.pick([0, 1, 2, 3, 4, 6, 8, 12])!; left > 0; left--) {
    // Some at once or nearly so: what one of them begins the next one meets half done.
    const last = times.at(-1)
    times.push(
      last !== undefined && random.chance(0.4) ? Math.min(healAt, last + random.int(0, 150)) : random.int(0, healAt)
    )
  }
  times.sort((a, b) => a - b)
  const hasForeign = nodes.some(({ isForeign }) => isForeign)
  const rpc = rpcOf(seed, nodes, options)
  const faults = times.map((at): Fault =>
    Object.assign({ at }, makeFault(random, count, seeds, monitorTimeout, hasForeign))
  )
  const voters = votersOf(seed, nodes, faults, options)
  return {
    seed,
    nodes,
    shape: random.pick([
      { latency: 0, jitter: 0 },
      { latency: 1, jitter: 0 },
      { latency: 2, jitter: 5 },
      { latency: 20, jitter: 20 },
      { latency: 5, jitter: 1, bandwidth: 1_000_000 }
    ])!,
    pace: healAt * count / random.int(50, 600),
    startWithin: random.pick([0, 0, 10, 500, 2000])!,
    healAt,
    faults: inOrder([
      ...faults,
      ...rpc === undefined ? [] : moreStops(seed, count, healAt),
      ...voters === undefined ? [] : unplugged(seed, count, healAt)
    ]),
    // A node of another kind knows nothing of supervisors.
    isSupervised: !hasForeign && (options.isSupervised ?? hasSupervisors(seed)),
    rpc,
    voters,
    hasCluster: voters !== undefined && options.isLocked === true,
    leisure: 1,
    bound: 10_000 + 2 * Math.max(...nodes.map((node) => node.monitorTimeout))
  }
}

/** Two live processes with the ID of one voter are two voters, and a node of another kind is none. */
const votersOf = (
  seed: number,
  nodes: ReadonlyArray<NodePlan>,
  faults: ReadonlyArray<Fault>,
  { isLocked = hasLocks(seed) }: PlanOptions
): Plan["voters"] => {
  if (!isLocked || nodes.some(({ isForeign }) => isForeign) || faults.some(({ kind }) => kind === "twin")) {
    return undefined
  }
  const count = nodes.length < 3 || new SeededRandom(`voters ${seed}`).chance(0.3) ? 1 : nodes.length < 5 ? 3 : 5
  return nodes.slice(0, count).map(({ id }) => id)
}

/** Bytes do not pass links that speak JSON, and a node of another kind is taken for one that sends its text as bytes. */
const rpcOf = (seed: number, nodes: ReadonlyArray<NodePlan>, { isServed = hasRpc(seed) }: PlanOptions): Plan["rpc"] => {
  if (!isServed) return undefined
  return nodes.every(({ framings, isForeign }) => !isForeign && framings[0] === "cbor") ? "binary" : "json"
}

/** Where there are calls, some more nodes stop in order: they may have some in hand. */
const moreStops = (seed: number, count: number, healAt: number): ReadonlyArray<Fault> => {
  const random = new SeededRandom(`stops ${seed}`)
  return Array.from({ length: random.int(1, 3) }, (): Fault => {
    const lasts = random.between(0, 2000)
    return { kind: "stop", at: random.int(0, healAt), node: random.int(0, count - 1), lasts, forGood: false }
  })
}

/** Where there are leases, some more nodes lose all links at once for longer than a lease: others see that, and go on without them. */
const unplugged = (seed: number, count: number, healAt: number): ReadonlyArray<Fault> => {
  const random = new SeededRandom(`unplugged ${seed}`)
  return Array.from({ length: random.int(0, 2) }, () => {
    const [at, node] = [random.int(2000, healAt), random.int(0, count - 1)]
    const resets = Array.from(
      { length: count },
      (_, to): Fault => ({ kind: "reset", at, from: node, to, afterBytes: 0 })
    )
    const alone: Fault = { kind: "isolate", at, node, lasts: random.int(500, 5000) }
    return [...resets.filter((_, to) => to !== node), alone]
  }).flat()
}

const inOrder = (faults: ReadonlyArray<Fault>): ReadonlyArray<Fault> => faults.toSorted((a, b) => a.at - b.at)

export const makeFault = (
  random: SeededRandom,
  nodes: number,
  seeds: number,
  monitorTimeout: number,
  hasForeign: boolean
): FaultKind => {
  const kind = random.weighted(kinds)
  const node = random.int(0, nodes - 1)
  const from = node
  const to = (node + random.int(1, nodes - 1)) % nodes
  // Shorter and longer than what the others put up with.
  const lasts = Math.round(monitorTimeout * random.between(0.05, random.chance(0.5) ? 0.5 : 2.5))
  const pause = random.chance(0.3) ? 0 : lasts
  // Seeds come back: nobody finds anybody without them.
  const forGood = random.chance(0.15) && node >= seeds
  switch (kind) {
    case "cut":
      return { kind, from, to, both: random.chance(0.6), lasts }
    case "isolate":
      return { kind, node, lasts }
    case "hold":
      return { kind, from, to, lasts }
    case "slow":
      return { kind, from, to, shape: { latency: random.int(50, 1000), jitter: random.int(0, 200) }, lasts }
    case "reset":
      return { kind, from, to, afterBytes: random.chance(0.5) ? 0 : random.int(1, 2000) }
    case "collide":
      return { kind, from, to }
    case "crash":
      return { kind, node, silently: random.chance(0.6) && !hasForeign, lasts: pause, forGood }
    case "stop":
      return { kind, node, lasts: pause, forGood }
    case "twin":
      return { kind, node, lasts }
    case "stall":
      return { kind, node, lasts: Math.round(monitorTimeout * random.between(0.3, 4)), readsFirst: random.chance(0.5) }
    case "jump":
      return { kind, node, by: random.pick([-86_400_000, -5000, -100, 100, 5000, 86_400_000])! }
  }
}
