/**
 * A process of `jobs.ts`: runs its share of the seeds, and reports each.
 */
import type { Task } from "./jobs.ts"
import { reportOf, type SeedReport } from "./report.ts"
import { runSeed } from "./seedRun.ts"

const task: Task = JSON.parse(process.argv[2]!)

const send = (report: SeedReport): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send!(report, (error: Error | null) => error === null ? resolve() : reject(error))
  })

for (let seed = task.from + task.offset; seed < task.from + task.seeds; seed += task.jobs) {
  const outcome = await runSeed(seed, {
    nodes: task.nodes,
    isSupervised: task.isSupervised,
    isServed: task.isServed,
    isLocked: task.isLocked,
    bug: task.bug
  })
  await send(reportOf(outcome, task.flags))
  // What a broken run has left still moves, and would disturb the next one: that is for another process.
  if (outcome.result.isBroken) break
}
process.exit()
