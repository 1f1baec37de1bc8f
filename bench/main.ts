/**
 * `npm run bench`: every figure is the median of several runs. First comparisons, ours and the peer's in turn; then what is to be
 * fast in itself, with its goal beside it. Ends with 1 if a ratio or a goal that the design promises is missed.
 *
 * `--json` prints the figures as JSON, `--runs N` sets the number of runs (default 7).
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { parseArgs } from "node:util"
import { Node } from "../src/index.ts"
import type { Goal } from "./goal.ts"
import { growth } from "./growth.ts"
import { type Comparison, comparisons, type Run } from "./local.ts"
import { betweenProcesses } from "./processes.ts"
import { starts } from "./starts.ts"
import { strangers } from "./strangers.ts"

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, runs: { type: "string", default: "7" } }
})

if (globalThis.gc === undefined) {
  const { status } = spawnSync(process.execPath, ["--expose-gc", ...process.argv.slice(1)], { stdio: "inherit" })
  process.exit(status ?? 1)
}

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

const measure = (run: Run): Promise<number> => Effect.runPromise(Effect.provide(run, Node.layerLocal))

const compare = async ({ atLeast, lessIsBetter, name, ours, peer, unit }: Comparison) => {
  const figures: Array<{ readonly ours: number; readonly peer: number }> = []
  // One round to warm up, not counted.
  for (let i = 0; i <= Number(values.runs); i++) {
    const pair = { ours: await measure(ours), peer: await measure(peer) }
    if (i > 0) figures.push(pair)
    process.stderr.write(`\r${name}: run ${i} of ${values.runs}  `)
  }
  process.stderr.write("\r\u001b[K")
  const ratio = median(figures.map((pair) => lessIsBetter ? pair.peer / pair.ours : pair.ours / pair.peer))
  return {
    name,
    unit,
    ours: median(figures.map((pair) => pair.ours)),
    peer: median(figures.map((pair) => pair.peer)),
    ratio,
    atLeast,
    reached: atLeast === undefined || ratio >= atLeast
  }
}

/** Goals are far above what is measured: fewer runs do. */
const goalRuns = Math.min(3, Number(values.runs))

const pursue = async ({ atMost, measure, name, unit }: Goal) => {
  const figures: Array<number> = []
  for (let i = 1; i <= goalRuns; i++) {
    process.stderr.write(`\r${name}: run ${i} of ${goalRuns}  `)
    figures.push(await measure())
  }
  process.stderr.write("\r\u001b[K")
  const ours = median(figures)
  return { name, unit, ours, atMost, reached: ours <= atMost }
}

const format = (value: number, unit: string): string =>
  unit === "B"
    ? `${Math.round(value)} B`
    : value >= 1e6
    ? `${(value / 1e6).toFixed(2)} M${unit}`
    : `${(value / 1e3).toFixed(1)} k${unit}`

const results: Array<Awaited<ReturnType<typeof compare>>> = []
for (const comparison of comparisons) results.push(await compare(comparison))
for (const comparison of betweenProcesses) results.push(await compare(comparison))

const goals: Array<Awaited<ReturnType<typeof pursue>>> = []
for (const goal of [...growth, ...strangers, ...starts]) goals.push(await pursue(goal))

if (values.json) console.log(JSON.stringify([...results, ...goals], undefined, 2))
else {
  console.log(
    `${"".padEnd(34)}${"effect-mp".padStart(14)}${"peer".padStart(14)}${"ratio".padStart(8)}${"wanted".padStart(8)}`
  )
  for (const { atLeast, name, ours, peer, ratio, unit } of results) {
    console.log(
      name.padEnd(34) + format(ours, unit).padStart(14) + format(peer, unit).padStart(14) +
        ratio.toFixed(2).padStart(8) +
        (atLeast === undefined ? "" : `>= ${atLeast}`).padStart(8)
    )
  }
  console.log("\npeer: in one process a fiber per port on Queue.take; between processes node:net and cbor-x alone\n")
  for (const { atMost, name, ours, unit } of goals) {
    console.log(`${name.padEnd(44)}${`${ours.toFixed(1)} ${unit}`.padStart(14)}${`<= ${atMost} ${unit}`.padStart(16)}`)
  }
}
for (const { atLeast, name, ratio } of results.filter((result) => !result.reached)) {
  console.error(`not reached: ${name}: ${ratio.toFixed(2)} of ${atLeast}`)
  process.exitCode = 1
}
for (const { atMost, name, ours, unit } of goals.filter((goal) => !goal.reached)) {
  console.error(`not reached: ${name}: ${ours.toFixed(1)} of ${atMost} ${unit}`)
  process.exitCode = 1
}
