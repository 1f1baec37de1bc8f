/**
 * `npm run bench`: workloads, ours beside their peers', and what is to be fast in itself, each with its goal. Ends with 1 if a goal
 * is missed.
 *
 * What makes it fair: every run of every side has its own processes, so that neither the heap nor the compiler of one knows another;
 * the sides of a workload take turns, so that a busy moment of the machine is nobody's alone; each side warms up, for as long as it is
 * then measured; figures are medians, and a ratio is the median of the ratios of the runs. All send new messages of the same kind (a
 * tag, an integer, a text of 16 bytes), to handlers that do the same with them. Ours are written as users write programs, and see what
 * those see.
 *
 * - `--runs N`: how many of each, 5 if it is not there.
 * - `--only W4,W12,starts`: these workloads, or groups of goals, and no other. W12 stands for W12a, W12b and so on.
 * - `--wires`: those that compare transports.
 * - Those that take minutes (`clusterKilled` ...) run where `--only` names them.
 * - `--peers erlang,nats`: these peers too, where they are installed.
 * - `--json`: the figures as JSON.
 */
import { parseArgs } from "node:util"
import type { Goal } from "./goal.ts"
import { growth } from "./growth.ts"
import { init } from "./init.ts"
import { locks } from "./locks.ts"
import * as erlang from "./peers/erlang.ts"
import * as nats from "./peers/nats.ts"
import { isInstalled, runSide } from "./processes.ts"
import { starts } from "./starts.ts"
import { strangers } from "./strangers.ts"
import type { Line, Workload } from "./workload.ts"
import { workloads } from "./workloads.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    runs: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    wires: { type: "boolean", default: false },
    peers: { type: "string", default: "" }
  }
})
const runs = Number(values.runs)
const listOf = (text: string): ReadonlyArray<string> => text.split(",").filter((word) => word !== "")
const groups = { growth, strangers, starts, init, locks }

const fail = (problem: string): never => {
  console.error(problem)
  process.exit(2)
}

/** The workloads of a name, or those whose names begin with it and have a letter behind. */
const named = (name: string): ReadonlyArray<string> => {
  if (name in groups || workloads.some((workload) => workload.name === name)) return [name]
  const parts = workloads.map(({ name }) => name).filter((part) => part.slice(0, -1) === name)
  return parts.length > 0 ? parts : fail(`there is no ${name}`)
}

const only = [...listOf(values.only), ...values.wires ? ["W12", "W13", "W14", "W15"] : []].flatMap(named)
const isWanted = (name: string, takesLong = false): boolean => only.includes(name) || (only.length === 0 && !takesLong)

/** Peers that must be asked for, by the name of their sides. */
const guests = new Map([["erlang", { name: "Erlang", ...erlang }], ["nats", { name: "NATS", ...nats }]])
const present = new Set<string>()
for (const wish of listOf(values.peers)) {
  const { name, prepare } = guests.get(wish) ?? fail(`there is no peer ${wish}`)
  if (await prepare()) present.add(name)
  else console.error(`${name} is not installed here: its lines are left out`)
}
const isThere = (side: string): boolean => present.has(side) || ![...guests.values()].some(({ name }) => name === side)

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
  else if (text !== "") process.stderr.write(`${text}\n`)
}

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

const compared = (
  workload: Workload,
  { goal, peer, side }: Line,
  figures: ReadonlyMap<string, ReadonlyArray<number>>
) => {
  const ours = figures.get(side)!
  const theirs = figures.get(peer)!
  const lessIsBetter = workload.unit === "B" || workload.unit === "ms"
  const figure = median(ours)
  const ratio = median(ours.map((one, run) => lessIsBetter ? theirs[run]! / one : one / theirs[run]!))
  const reached = goal === undefined
    ? undefined
    : "ratio" in goal
    ? ratio >= goal.ratio
    : "atLeast" in goal
    ? figure >= goal.atLeast
    : figure <= goal.atMost
  return {
    workload: workload.name,
    title: workload.title,
    unit: workload.unit,
    side,
    ours: figure,
    peer,
    theirs: median(theirs),
    ratio,
    goal,
    reached
  }
}

const compare = async (workload: Workload) => {
  const lines = workload.lines.filter(({ peer, side }) => [side, peer, workload.needs ?? side].every(isThere))
  const sides = [...new Set(lines.flatMap(({ peer, side }) => [side, peer]))]
  const figures = new Map<string, Array<number>>(sides.map((side) => [side, []]))
  for (let run = 1; run <= runs; run++) {
    for (const side of sides) {
      progress(`${workload.name} ${side}: run ${run} of ${runs}`)
      figures.get(side)!.push(await runSide(workload, side))
    }
  }
  progress("")
  return lines.map((line) => compared(workload, line, figures))
}

/** Goals are far above what is measured: fewer runs do. */
const goalRuns = Math.min(3, runs)

const pursue = async ({ atMost, measure, name, unit }: Goal) => {
  const figures: Array<number> = []
  for (let run = 1; run <= goalRuns; run++) {
    progress(`${name}: run ${run} of ${goalRuns}`)
    figures.push(await measure())
  }
  progress("")
  const ours = median(figures)
  return { name, unit, ours, atMost, reached: ours <= atMost }
}

const shown = (value: number, unit: string): string => {
  if (unit === "/s" && value >= 1e6) return `${(value / 1e6).toFixed(2)} M/s`
  if (unit === "/s" && value >= 1e3) return `${(value / 1e3).toFixed(1)} k/s`
  return `${value.toFixed(unit === "ms" || unit === "x" ? 1 : 0)} ${unit}`
}

const shownGoal = ({ goal, unit }: { readonly goal?: Line["goal"]; readonly unit: string }): string => {
  if (goal === undefined) return ""
  if ("ratio" in goal) return `>= ${Number(goal.ratio.toFixed(3))} of it`
  return "atLeast" in goal ? `>= ${shown(goal.atLeast, unit)}` : `<= ${shown(goal.atMost, unit)}`
}

const mark = (reached: boolean | undefined): string => reached === undefined ? "" : reached ? "yes" : "NO"

const columns = (widths: ReadonlyArray<number>, cells: ReadonlyArray<string>): string =>
  cells.map((cell, n) => widths[n]! < 0 ? cell.padEnd(-widths[n]!) : cell.padStart(widths[n]!)).join(" ").trimEnd()

const comparisonWidths = [-4, -22, 11, -18, 11, 6, 14, 8]
const goalWidths = [-44, 12, 14, 8]

if (!values.json) {
  console.log(columns(comparisonWidths, ["", "effect-mp", "", "  peer", "", "ratio", "goal", "reached"]))
}
const comparisons: Array<ReturnType<typeof compared>> = []
for (const workload of workloads.filter(({ name, takesLong }) => isWanted(name, takesLong))) {
  if (workload.isPinned && !isInstalled("taskset", "--version")) {
    console.error("taskset is not installed here: W5p runs on all cores")
  }
  const lines = await compare(workload)
  comparisons.push(...lines)
  if (values.json) continue
  console.log(`${workload.name.padEnd(4)} ${workload.title}`)
  for (const line of lines) {
    const { ours, peer, ratio, reached, side, theirs, unit } = line
    const figures = [shown(ours, unit), `  ${peer}`, shown(theirs, unit), ratio.toFixed(2)]
    console.log(columns(comparisonWidths, ["", side, ...figures, shownGoal(line), mark(reached)]))
  }
}

const goals: Array<Awaited<ReturnType<typeof pursue>>> = []
for (const goal of Object.entries(groups).flatMap(([name, goals]) => isWanted(name) ? goals : [])) {
  const figure = await pursue(goal)
  goals.push(figure)
  const { atMost, name, ours, reached, unit } = figure
  if (!values.json) console.log(columns(goalWidths, [name, shown(ours, unit), `<= ${atMost} ${unit}`, mark(reached)]))
}

if (values.json) console.log(JSON.stringify({ comparisons, goals }, undefined, 2))
const missed = [...comparisons, ...goals].filter(({ reached }) => reached === false).length
if (missed > 0) {
  console.error(`${missed} ${missed === 1 ? "goal is" : "goals are"} missed`)
  process.exitCode = 1
}
process.exit()
