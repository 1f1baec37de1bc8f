/**
 * The decisions of a supervisor, without a clock and without ports: what follows the end of a child, who shares its fate,
 * and were there too many restarts? After OTP's `supervisor`.
 *
 * @internal
 */
import * as reasons from "../values/reason.ts"
import { type PortExit, reasonFromExit } from "../values/reason.ts"

/** Which ends are followed by a restart. Documented as `Supervisor.RestartType`. */
export type RestartType = "permanent" | "transient" | "temporary" | ((exit: PortExit) => boolean)

/** Who is restarted with a child. Documented as `Supervisor.Strategy`. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one"

/** Which ends of significant children end their supervisor. Documented as `Supervisor.AutoShutdown`. */
export type AutoShutdown = "never" | "any_significant" | "all_significant"

/** No reason, or one that is tagged `shutdown`. */
export const isOrderly = (exit: PortExit): boolean => reasons.isOrderly(reasonFromExit(exit))

/** Whether a child that ended so is started again. */
export const isRestarted = (type: RestartType, exit: PortExit): boolean => {
  switch (type) {
    case "permanent":
      return true
    case "transient":
      // Its node has stopped, and not the child.
      return !isOrderly(exit) || reasons.isEndOfNode(reasonFromExit(exit))
    case "temporary":
      return false
    default:
      return type(exit)
  }
}

/** What follows the end of a child that nobody asked for: a restart, nothing, or the end of the supervisor. */
export type Consequence = "restart" | "leave" | "shutdown"

/** The last significant child is the one beside which no other significant child runs or is about to be restarted. */
export const decide = (
  ended: { readonly restart: RestartType; readonly significant: boolean },
  exit: PortExit,
  autoShutdown: AutoShutdown,
  isLastSignificant: () => boolean
): Consequence => {
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

/** The restarts that a supervisor allows: so many within any period, which slides. */
export interface Limit {
  readonly intensity: number
  readonly periodMillis: number
}

interface Times {
  readonly time: number
  readonly next: Times | undefined
}

/**
 * The restarts within the last period, up to one that was too many. A queue of two lists, of which old versions stay as they
 * are, and which costs no more when there are many.
 */
export interface Restarts {
  readonly count: number
  /** The first of them, the oldest one first. */
  readonly oldest: Times | undefined
  /** Those after them, the newest one first. */
  readonly newest: Times | undefined
}

export const noRestarts: Restarts = { count: 0, oldest: undefined, newest: undefined }

/** Counts one more restart. */
export const countRestart = ({ intensity, periodMillis }: Limit, restarts: Restarts, now: number): Restarts => {
  // Without a limit there is nothing to remember.
  if (intensity === Infinity) return restarts
  let { count, newest, oldest } = restarts
  for (;;) {
    if (oldest === undefined) {
      for (; newest !== undefined; newest = newest.next) oldest = { time: newest.time, next: oldest }
    }
    if (oldest === undefined || now - oldest.time < periodMillis) break
    oldest = oldest.next
    count--
  }
  return { count: count + 1, oldest, newest: { time: now, next: newest } }
}

/** Whether the last restart was one too many. */
export const isTooMany = ({ intensity }: Limit, restarts: Restarts): boolean => restarts.count > intensity

/** Where any number of restarts is allowed, and no schedule says when, those of one child are so far apart. */
const unlimitedMillis = 10

/** When a restart may be that has no schedule, where the last one of its child was or is due at `last`. */
export const nextRestart = ({ intensity }: Limit, last: number | undefined, now: number): number =>
  intensity === Infinity && last !== undefined ? Math.max(now, last + unlimitedMillis) : now
