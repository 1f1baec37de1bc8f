/**
 * Many seeds on all cores: every worker process runs its share.
 */
import * as Effect from "effect/Effect"
import * as childProcess from "node:child_process"
import * as url from "node:url"
import type { ChurnState } from "./churn.ts"
import { churnText, command, type SeedReport } from "./report.ts"

/** What a worker says: a seed is done, or how far it is. */
export type Told =
  | { readonly _tag: "Done"; readonly report: SeedReport }
  | { readonly _tag: "Under way"; readonly seed: number; readonly state: ChurnState }

/** Milliseconds that one seed may take, or what is told of it: some hundred times what it needs, so that it is enough on a busy machine. */
const hangLimit = 120_000

export interface Task {
  readonly seeds: number
  readonly from: number
  readonly nodes: number | undefined
  readonly isSupervised: boolean | undefined
  readonly isServed: boolean | undefined
  readonly isLocked: boolean | undefined
  /** How long each world lives, if it is to live for long. */
  readonly hours: number | undefined
  readonly bug: string | undefined
  readonly jobs: number
  /** Which of the jobs this one is. */
  readonly offset: number
  /** The flags that repeat a run, beside its seed. */
  readonly flags: string
}

/** Runs all seeds; ends when all are done, fails when a worker does. */
export const runAll = (
  task: Omit<Task, "offset">,
  report: (report: SeedReport) => void
): Effect.Effect<void, Error> =>
  Effect.forEach(
    Array.from({ length: task.jobs }, (_, offset) => ({ ...task, offset })),
    (share) => runShare(share, report),
    { concurrency: "unbounded", discard: true }
  )

const runShare = (task: Task, report: (report: SeedReport) => void): Effect.Effect<void, Error> =>
  Effect.callback((resume) => {
    const worker = childProcess.fork(url.fileURLToPath(new URL("worker.ts", import.meta.url)), [JSON.stringify(task)])
    let seed = task.from + task.offset
    let hangs = false
    // A run that spins within one turn of the event loop cannot say so itself.
    const watchdog = setTimeout(() => {
      hangs = true
      report(hung(seed, task.flags))
      worker.kill("SIGKILL")
    }, hangLimit)
    worker.on("message", (message) => {
      const told = message as Told
      watchdog.refresh()
      if (told._tag === "Under way") return console.error(churnText(told.seed, told.state))
      seed += task.jobs
      report(told.report)
    })
    // What it reported may come behind the news of its end.
    let waitsFor = 2
    const over = (): void => {
      if (--waitsFor > 0) return
      clearTimeout(watchdog)
      const { exitCode, signalCode } = worker
      const next = hangs ? seed + task.jobs : seed
      if (!hangs && exitCode !== 0) {
        return resume(Effect.fail(new Error(`a worker ended with ${exitCode ?? signalCode}, at seed ${seed}`)))
      }
      if (next < task.from + task.seeds) resume(runShare({ ...task, offset: next - task.from }, report))
      else resume(Effect.void)
    }
    worker.once("exit", over).once("disconnect", over)
    return Effect.sync(() => {
      clearTimeout(watchdog)
      worker.kill("SIGKILL")
    })
  })

const hung = (seed: number, flags: string): SeedReport => {
  const message = `the run did not end within ${hangLimit / 1000} s`
  const text = `seed ${seed} failed: hang: ${message}\n\n  again: ${command(seed, flags)}`
  return {
    seed,
    events: 0,
    messages: 0,
    simulated: 0,
    agreedAfter: 0,
    faults: {},
    failure: { checker: "hang", message, text }
  }
}
