/**
 * The decisions of a supervisor, without a clock and without ports: what follows the end of a child, who shares its fate,
 * and were there too many restarts? After OTP's `supervisor`.
 *
 * @internal
 */
import type { PortExit } from "../values/reason.ts"
import { reasonFromExit } from "../values/reason.ts"

/** Which ends are followed by a restart. Documented as `Supervisor.RestartType`. */
export type RestartType = "permanent" | "transient" | "temporary" | ((exit: PortExit) => boolean)

/** Who is restarted with a child. Documented as `Supervisor.Strategy`. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one"

/** Which ends of significant children end their supervisor. Documented as `Supervisor.AutoShutdown`. */
export type AutoShutdown = "never" | "any_significant" | "all_significant"

/** No reason, or one that is tagged `shutdown`. */
export const isOrderly = (exit: PortExit): boolean => {
  const reason = reasonFromExit(exit)
  return reason.length === 0 || reason[0] === "shutdown"
}

/** Whether a child that ended so is started again. */
export const isRestarted = (type: RestartType, exit: PortExit): boolean => {
  switch (type) {
    case "permanent":
      return true
    case "transient":
      return !isOrderly(exit)
    case "temporary":
      return false
    default:
      return type(exit)
  }
}

/** What follows the end of a child that nobody asked for: a restart, nothing, or the end of the supervisor. */
export type Verdict = "restart" | "leave" | "shutdown"

/** The last significant one is the one that no other significant child runs beside. */
export const decide = (
  ended: { readonly restart: RestartType; readonly significant: boolean },
  exit: PortExit,
  autoShutdown: AutoShutdown,
  isLastSignificant: () => boolean
): Verdict => {
  if (isRestarted(ended.restart, exit)) return "restart"
  if (!ended.significant || autoShutdown === "never") return "leave"
  return autoShutdown === "any_significant" || isLastSignificant() ? "shutdown" : "leave"
}

/** Of the children in start order those that share the fate of one that ended, itself among them. */
export const groupOf = <C>(strategy: Strategy, children: () => ReadonlyArray<C>, ended: C): ReadonlyArray<C> => {
  if (strategy === "one_for_one") return [ended]
  const all = children()
  return strategy === "one_for_all" ? all : all.slice(all.indexOf(ended))
}

/** The restarts that a supervisor allows: so many within any period, which slides. Times are in milliseconds. */
export class Budget {
  private readonly intensity: number
  private readonly period: number
  /** In order of time; those before `first` are older than a period. */
  private times: Array<number> = []
  private first = 0

  constructor(intensity: number, period: number) {
    this.intensity = intensity
    this.period = period
  }

  /** Counts one more restart. False if that is one too many. */
  count(now: number): boolean {
    // Without a limit there is nothing to remember.
    if (this.intensity === Infinity) return true
    while (this.first < this.times.length && now - this.times[this.first]! >= this.period) this.first++
    if (this.first > this.intensity) {
      this.times = this.times.slice(this.first)
      this.first = 0
    }
    this.times.push(now)
    return this.times.length - this.first <= this.intensity
  }
}
