/**
 * The decisions of a supervisor, without a clock and without ports: is an end to be followed by a restart, and were there
 * too many? After OTP's `supervisor`.
 *
 * @internal
 */
import type { PortExit } from "./killed.ts"
import { reasonFromExit } from "./killed.ts"

/** Which ends are followed by a restart. Documented as `Supervisor.Policy`. */
export type RestartType = "permanent" | "transient" | "temporary" | ((exit: PortExit) => boolean)

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

/** The times of restarts within the period, in milliseconds. */
export type Window = ReadonlyArray<number>

/** Counts one more restart. `undefined` if that is one too many; the window slides, so what is old is forgotten. */
export const countRestart = (
  window: Window,
  now: number,
  limit: { readonly intensity: number; readonly period: number }
): Window | undefined => {
  const recent = [...window.filter((time) => now - time < limit.period), now]
  return recent.length > limit.intensity ? undefined : recent
}
