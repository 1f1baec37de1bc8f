/**
 * Runs seeds, and says what came of them.
 */
import { bugs } from "./bugs.ts"
import { check, type Violation } from "./checkers.ts"
import { makePlan, type Plan, type PlanOptions } from "./plan.ts"
import { hashOf, type Result, run } from "./run.ts"

export interface SeedOptions extends PlanOptions {
  /** A bug that is planted, by name. */
  readonly bug?: string | undefined
  /** Told every line that a process logs, and nothing else is done with them. */
  readonly log?: ((line: string) => void) | undefined
}

export interface Outcome {
  readonly plan: Plan
  readonly result: Result
  readonly violation: Violation | undefined
}

/** One seed in so many runs twice, and must give the same trace. */
const repeatEvery = 10

export const runSeed = async (seed: number, options: SeedOptions = {}): Promise<Outcome> => {
  const bug = options.bug === undefined ? undefined : bugs[options.bug]
  const plan = makePlan(seed, {
    ...options,
    isSupervised: options.isSupervised ?? bug?.isSupervised,
    isServed: options.isServed ?? bug?.isServed,
    isLocked: options.isLocked ?? bug?.isLocked
  })
  const once = (): Promise<Result> => {
    return run(plan, { log: options.log, prepare: bug?.plant })
  }
  const result = await once()
  const violation = check(result.trace) ?? unmet(result) ??
    (seed % repeatEvery === 0 ? difference(result, await once()) : undefined)
  return { plan, result, violation }
}

/** What the run waited for in vain, should no checker have seen it. */
const unmet = ({ missing, trace }: Result): Violation | undefined =>
  missing === undefined
    ? undefined
    : { checker: "agreement", message: `waited in vain for ${missing}`, at: trace.events.length - 1 }

/** The same seed has to give the same trace. */
const difference = (first: Result, second: Result): Violation | undefined => {
  if (hashOf(first.trace) === hashOf(second.trace)) return undefined
  const one = first.trace.events.map((event) => JSON.stringify(event))
  const other = second.trace.events.map((event) => JSON.stringify(event))
  const at = one.findIndex((event, index) => event !== other[index])
  return {
    checker: "nondeterminism",
    message: `run again, the same seed gave ${other[at] ?? "nothing"} instead of ${one[at] ?? "nothing"}`,
    at: at < 0 ? one.length : at
  }
}
