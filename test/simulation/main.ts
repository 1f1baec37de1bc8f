/**
 * `npm run simulate`: runs of many nodes in a world that is made up, each from one seed, and what the checkers say of
 * them.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as os from "node:os"
import { version } from "../../src/internal/values/version.ts"
import { bugs } from "./bugs.ts"
import { runAll } from "./jobs.ts"
import { reportOf, type SeedReport, Summary, traceText } from "./report.ts"
import { runSeed, type SeedOptions } from "./seedRun.ts"

/** Reports that are printed in full; of further failures the summary has a line each. */
const reportLimit = 5

class SeedsFailed extends Error {
  /** The summary has said it. */
  override readonly [Runtime.errorReported] = false
}

const simulate = Command.make("simulate", {
  seeds: Flag.Int("seeds").pipe(Flag.withDescription("How many seeds to run"), Flag.withDefault(100)),
  from: Flag.Int("from").pipe(Flag.withDescription("The first seed"), Flag.withDefault(1)),
  nodes: Flag.Int("nodes").pipe(
    Flag.withDescription("How many nodes each run has. Default: 2 to 6, as the seed says"),
    Flag.filter((count) => count >= 2, () => "a network has at least 2 nodes"),
    Flag.optional
  ),
  supervised: Flag.Boolean("supervised").pipe(
    Flag.withDescription("Has supervisors in every run, and not in one of seven"),
    Flag.withDefault(false)
  ),
  rpc: Flag.Boolean("rpc").pipe(
    Flag.withDescription("Has calls by rpc in every run, and not in one of six"),
    Flag.withDefault(false)
  ),
  locks: Flag.Boolean("locks").pipe(
    Flag.withDescription("Has locks in every run, and not in one of eight, and a cluster with them"),
    Flag.withDefault(false)
  ),
  hours: Flag.Finite("hours").pipe(
    Flag.withDescription(
      "Has each world live for so long, in its own time, with locks and a cluster, through waves of faults"
    ),
    Flag.optional
  ),
  bug: Flag.Literals("bug", Object.keys(bugs)).pipe(
    Flag.withDescription("Plants a bug, that a checker has to find"),
    Flag.optional
  ),
  jobs: Flag.Int("jobs").pipe(
    Flag.withDescription("Processes that share the work. Default: one for each core"),
    Flag.withDefault(os.availableParallelism())
  ),
  verbose: Flag.Boolean("verbose").pipe(
    Flag.withDescription("Prints all events and what the nodes log"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the summary as one line of JSON"),
    Flag.withDefault(false)
  )
}, ({ json, verbose, ...flags }) =>
  Effect.suspend(() => {
    const nodes = Option.getOrUndefined(flags.nodes)
    const hours = Option.getOrUndefined(flags.hours)
    const bug = Option.getOrUndefined(flags.bug)
    const isSupervised = flags.supervised ? true : undefined
    const isServed = flags.rpc ? true : undefined
    const isLocked = flags.locks ? true : undefined
    const repeat = [
      nodes === undefined ? "" : ` --nodes ${nodes}`,
      flags.supervised ? " --supervised" : "",
      flags.rpc ? " --rpc" : "",
      flags.locks ? " --locks" : "",
      hours === undefined ? "" : ` --hours ${hours}`,
      bug === undefined ? "" : ` --bug ${bug}`
    ].join("")
    const summary = new Summary()
    const progress = startProgress(summary, flags.seeds)
    const report = (one: SeedReport): void => {
      summary.add(one)
      if (one.failure !== undefined && summary.failures.length <= reportLimit) console.error(`\n${one.failure.text}\n`)
    }
    const jobs = Math.max(1, Math.min(flags.jobs, flags.seeds))
    const work = !verbose || hours !== undefined
      ? runAll(
        {
          seeds: flags.seeds,
          from: flags.from,
          nodes,
          isSupervised,
          isServed,
          isLocked,
          hours,
          bug,
          jobs,
          flags: repeat
        },
        report
      )
      : here({ ...flags, nodes, isSupervised, isServed, isLocked, bug }, repeat, report)
    return work.pipe(
      Effect.ensuring(Effect.suspend(() => {
        progress.stop()
        return Console.log(json ? summary.json : summary.text)
      })),
      Effect.andThen(Effect.suspend(() => summary.failures.length > 0 ? Effect.fail(new SeedsFailed()) : Effect.void))
    )
  })).pipe(
    Command.withDescription("Runs nodes in a simulated world, with faults, and checks what they did"),
    Command.withExamples([
      { command: "npm run simulate -- --seeds 1000", description: "A thousand runs on all cores" },
      { command: "npm run simulate -- --seeds 1 --from 42 --verbose", description: "One run, event by event" },
      { command: "npm run simulate -- --seeds 2 --hours 3", description: "Two worlds that live for three hours" }
    ])
  )

/** The seeds one after the other, in this process, with all that happens. */
const here = (
  flags:
    & { seeds: number; from: number }
    & Pick<SeedOptions, "nodes" | "isSupervised" | "isServed" | "isLocked" | "bug">,
  repeat: string,
  report: (report: SeedReport) => void
): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: flags.seeds }, (_, index) => flags.from + index),
    (seed) =>
      Effect.promise(async () => {
        const outcome = await runSeed(seed, { ...flags, log: (line) => console.log(line) })
        console.log(traceText(outcome))
        report(reportOf(outcome, repeat))
      }),
    { discard: true }
  )

/** A line now and then on standard error. */
const startProgress = (summary: Summary, seeds: number): { readonly stop: () => void } => {
  const timer = setInterval(
    () => console.error(`${summary.seeds} of ${seeds} seeds, ${summary.failures.length} failed`),
    process.stderr.isTTY ? 3000 : 30_000
  )
  return { stop: () => clearInterval(timer) }
}

NodeRuntime.runMain(Command.run(simulate, { version }).pipe(Effect.provide(NodeServices.layer)))
