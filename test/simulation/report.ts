/**
 * What is printed: a failing run with all that is needed to find out why, and the sum of all runs.
 */
import type { ChurnState } from "./churn.ts"
import type { Outcome } from "./seedRun.ts"
import type { Stamped } from "./trace.ts"

/** How many events before a violation are shown. */
const shown = 40

/** One event, as a line. */
const eventLine = (event: Stamped, index: number): string => {
  const { _tag, at, ...rest } = event
  const parts = Object.entries(rest).map(([key, value]) =>
    `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  )
  return `${String(index).padStart(7)} ${String(Math.round(at)).padStart(7)} ms  ${_tag.padEnd(11)} ${parts.join(" ")}`
}

/** The command that runs a seed alone. */
export const command = (seed: number, flags: string): string => `npm run simulate -- --seeds 1 --from ${seed}${flags}`

/** All about a run that failed. */
export const failureText = ({ plan, result, violation }: Outcome, flags: string): string => {
  if (violation === undefined) return ""
  const { faults, nodes, seed, ...rest } = plan
  const { events } = result.trace
  const from = Math.max(0, violation.at - shown + 1)
  return [
    `seed ${seed} failed: ${violation.checker}: ${violation.message}`,
    "",
    `  ${Object.entries(rest).map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(", ")}`,
    ...nodes.map((node) => `  node ${JSON.stringify(node)}`),
    ...faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
    "",
    ...events.slice(from, violation.at + 1).map((event, index) => eventLine(event, from + index)),
    "",
    `  again: ${command(seed, flags)}`
  ].join("\n")
}

/** How far a world is that lives for long, as a line. */
export const churnText = (seed: number, { heapMegabytes, longestFree, now, slowest, waves }: ChurnState): string =>
  `seed ${seed}: ${
    Math.round(now / 60_000)
  } min, ${waves} waves, all well after ${slowest.millis} ms at most (then for ${slowest.what}), shards without an owner for ${longestFree} ms at most, ${heapMegabytes} MB`

/** All that happened, for one seed. */
export const traceText = ({ result }: Outcome): string => result.trace.events.map(eventLine).join("\n")

/** What all runs together did. */
export class Summary {
  seeds = 0
  events = 0
  messages = 0
  /** Time that passed in the runs, in milliseconds. */
  simulated = 0
  /** The longest that any run took to agree. */
  slowest = { seed: 0, agreedAfter: 0 }
  readonly faults: Record<string, number> = {}
  readonly failures: Array<{ readonly seed: number; readonly checker: string; readonly message: string }> = []
  private readonly begun = performance.now()

  add(part: SeedReport): void {
    this.seeds++
    this.events += part.events
    this.messages += part.messages
    this.simulated += part.simulated
    if (part.agreedAfter > this.slowest.agreedAfter) this.slowest = part
    for (const [kind, count] of Object.entries(part.faults)) this.faults[kind] = (this.faults[kind] ?? 0) + count
    if (part.failure !== undefined) {
      const { checker, message } = part.failure
      this.failures.push({ seed: part.seed, checker, message })
    }
  }

  get seconds(): number {
    return (performance.now() - this.begun) / 1000
  }

  get json(): string {
    const { events, failures, faults, messages, seconds, seeds, simulated } = this
    return JSON.stringify({ seeds, events, messages, faults, simulated, seconds, failures })
  }

  get text(): string {
    const faults = Object.entries(this.faults).toSorted().map(([kind, count]) => `${count} ${kind}`)
    const { failures, seconds, seeds } = this
    return [
      `${seeds} seeds, ${this.events} events, ${this.messages} messages, ${
        Math.round(this.simulated / 1000)
      } s of theirs`,
      `slowest to agree: ${this.slowest.agreedAfter} ms of its time (seed ${this.slowest.seed})`,
      `faults: ${faults.join(", ") || "none"}`,
      `${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s`,
      ...failures.map(({ checker, message, seed }) => `failed: seed ${seed}: ${checker}: ${message}`),
      failures.length === 0 ? "no violation" : `${failures.length} seeds failed`
    ].join("\n")
  }
}

/** What is told of one seed: small, for it may come from another process. */
export interface SeedReport {
  readonly seed: number
  readonly events: number
  readonly messages: number
  readonly simulated: number
  readonly agreedAfter: number
  readonly faults: Readonly<Record<string, number>>
  readonly failure: { readonly checker: string; readonly message: string; readonly text: string } | undefined
}

export const reportOf = (outcome: Outcome, flags: string): SeedReport => {
  const { plan: { seed }, result, violation } = outcome
  return {
    seed,
    events: result.trace.events.length,
    messages: result.messages,
    simulated: result.simulated,
    agreedAfter: result.agreedAfter,
    faults: result.faults,
    failure: violation && { checker: violation.checker, message: violation.message, text: failureText(outcome, flags) }
  }
}
