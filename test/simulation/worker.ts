/**
 * A process of `jobs.ts`: runs its share of the seeds, and reports each.
 */
import { churn } from "./churn.ts"
import type { Task, Told } from "./jobs.ts"
import { reportOf } from "./report.ts"
import { type Outcome, runSeed } from "./seedRun.ts"

const task: Task = JSON.parse(process.argv[2]!)

const send = (told: Told): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send!(told, (error: Error | null) => error === null ? resolve() : reject(error))
  })

const run = (seed: number): Promise<Outcome> => {
  const { bug, hours, isLocked, isServed, isSupervised, nodes } = task
  if (hours === undefined) return runSeed(seed, { nodes, isSupervised, isServed, isLocked, bug })
  return churn(seed, { millis: hours * 3_600_000, told: (state) => void send({ _tag: "Under way", seed, state }) })
}

for (let seed = task.from + task.offset; seed < task.from + task.seeds; seed += task.jobs) {
  const outcome = await run(seed)
  await send({ _tag: "Done", report: reportOf(outcome, task.flags) })
  // What a broken run has left still moves, and would disturb the next one: that is for another process.
  if (outcome.result.isBroken) break
}
process.exit()
