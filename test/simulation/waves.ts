/**
 * What a world that lives for hours goes through: one wave of faults after the other, each of which is healed before the next one comes. Half of
 * them touch a minority only: then the others have a majority of voters, and links with each other, all the time.
 */
import { type Fault, type FaultKind, makeFault, type NodePlan, type Plan } from "./plan.ts"
import { SeededRandom } from "./random.ts"

export interface Wave {
  /** The nodes that it touches, by their numbers. Nothing happens between two others. */
  readonly victims: ReadonlyArray<number>
  /** Whether more than half of the voters are not among them. */
  readonly isMinor: boolean
  /** Times count from when the wave begins. */
  readonly faults: ReadonlyArray<Fault>
  /** How long until all is made whole. */
  readonly millis: number
}

/** Never ends: so what its process keeps is what gathers in hours. */
export const witness = 0

const monitorTimeout = 3000
/** Nodes of the plan that vote; one that does not is behind them. */
const voters = ["ant", "bee", "cat"]
const ids = [...voters, "dog"]

export const longPlan = (seed: number): Plan => ({
  seed,
  nodes: ids.map((id, index): NodePlan => ({
    id,
    address: `memory:${index + 1}`,
    framings: ["cbor", "json"],
    isGlobal: false,
    isSeed: index < 2,
    isForeign: false,
    monitorTimeout,
    connectInterval: 1000
  })),
  shape: new SeededRandom(`shape ${seed}`).pick([{ latency: 1, jitter: 0 }, { latency: 2, jitter: 5 }])!,
  // It is the locks and the entities that have something to do.
  pace: 600_000,
  startWithin: 500,
  healAt: 0,
  faults: [],
  isSupervised: false,
  rpc: undefined,
  voters,
  hasCluster: true,
  leisure: 4,
  bound: 20_000
})

export const makeWave = (random: SeededRandom): Wave => {
  const isMinor = random.chance(0.5)
  const victims = isMinor ? [random.int(0, voters.length - 1), ...random.chance(0.5) ? [voters.length] : []] : everybody
  const millis = random.int(2000, 15_000)
  const faults = Array.from({ length: random.pick([1, 2, 3, 5, 8])! }, (): Fault => ({
    at: random.int(0, millis),
    ...makeAmong(random, victims)
  }))
  return { victims, isMinor, millis, faults: faults.toSorted((a, b) => a.at - b.at) }
}

const everybody = ids.map((_, index) => index)

/** A fault that touches one of the victims. All processes come back; there are no two of one node, whose votes would count twice. */
const makeAmong = (random: SeededRandom, victims: ReadonlyArray<number>): FaultKind => {
  for (;;) {
    const fault = makeFault(random, ids.length, ids.length, monitorTimeout, false)
    if (fault.kind === "twin") continue
    if ((fault.kind === "crash" || fault.kind === "stop") && fault.node === witness) continue
    const touched = "node" in fault ? [fault.node] : [fault.from, fault.to]
    if (touched.some((node) => victims.includes(node))) return fault
  }
}
