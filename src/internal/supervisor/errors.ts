/**
 * What supervisors answer of their children: why something was not done, and how they are.
 *
 * @internal
 */
import type * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { type Reason, showReason } from "../values/reason.ts"
import type { ChildType } from "./spec.ts"

/** Re-exported as `Supervisor.ChildError`, where it is documented. */
export class ChildError extends Schema.TaggedError<ChildError>()("ChildError", {
  reason: Schema.Literals([
    "already_started",
    "already_present",
    "not_found",
    "running",
    "restarting",
    "stopped",
    "max_children",
    "dynamic",
    "not_dynamic",
    "only_child",
    "malformed"
  ]),
  child: Schema.String,
  port: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    return `${this.child === "" ? "a child" : `child ${JSON.stringify(this.child)}`} ${refusals[this.reason]}`
  }
}

export type Refusal = ChildError["reason"]

const refusals: Record<Refusal, string> = {
  already_started: "runs already",
  already_present: "is there already; it does not run",
  not_found: "is not there",
  running: "runs: terminate it first",
  restarting: "is being restarted: terminate it first",
  stopped: "does not run",
  max_children: "is one more than the supervisor may have",
  dynamic: "belongs to a dynamic supervisor: its children have no specifications of their own",
  not_dynamic: "cannot be started from elsewhere: only a dynamic supervisor starts children by arguments",
  only_child: "is the only one: end its supervisor instead",
  malformed: "is not what was asked for in a message that makes sense"
}

/** Re-exported as `Supervisor.StartError`, where it is documented. */
export class StartError extends Schema.TaggedError<StartError>()("StartError", {
  child: Schema.String,
  exit: Schema.Unknown
}) {
  /** The Exit of the start. */
  declare readonly exit: Exit.Exit<never, unknown>
  override get message(): string {
    return `child ${JSON.stringify(this.child)} could not be started: ${showReason(this.exit)}`
  }
}

/** By its tag: what another copy of this package has made in the same process is no instance of the class here. */
export const isChildError = (error: unknown): error is ChildError => Predicate.isTagged(error, "ChildError")

/** The same of a failed start. */
export const isStartError = (error: unknown): error is StartError => Predicate.isTagged(error, "StartError")

/** `restarting`: from its end to its next start, while it waits for that start and during it. */
export type Status = "running" | "restarting" | "stopped"

/** Documented as `Supervisor.ChildInfo`. */
export interface ChildInfo {
  /** Its name among the children; a number, of a dynamic supervisor whose children have no names. */
  readonly id: string
  /**
   * `starting`: its start has not answered yet, and is no restart. `ending`: it ran, and is not done with its end: finalizers keep it, or
   * nobody has decided yet what follows. `waiting`: there is no link to any of its nodes.
   */
  readonly status: Status | "starting" | "ending" | "waiting"
  /** Whether it is a supervisor itself. */
  readonly type: ChildType
  /** Its present port, if it has one. */
  readonly port: string | undefined
  /** How many it has had. */
  readonly restarts: number
  /** For how many milliseconds it has been running. */
  readonly uptime: number | undefined
  /** Of its last end, if there was one; empty if that had none. */
  readonly lastReason: Reason | undefined
}

/** Documented as `Supervisor.Count`. */
export interface Count {
  /** Specifications. A dynamic supervisor has one. */
  readonly specs: number
  /** Children that run. */
  readonly active: number
  /** Children that are supervisors, whether they run or not. */
  readonly supervisors: number
  /** All other children, whether they run or not. */
  readonly workers: number
}
