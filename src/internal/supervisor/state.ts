/**
 * What a supervisor is between two events, and what its machine asks for: its children, the groups that wait for a restart, and what
 * it works on. The transitions are in `machine.ts`.
 *
 * @internal
 */
import type * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { PortExit, Reason } from "../values/reason.ts"
import { noRestarts, type Restarts } from "./decisions.ts"
import type { Refusal, Status } from "./errors.ts"
import type { DistributedOmit, Happening } from "./events.ts"
import type { CheckedChild, CheckedSupervisor } from "./spec.ts"

/**
 * `fixed`: children with names, and specifications that stay. `dynamic`: many of one kind, that are forgotten when they
 * end. `single`: ends with its only child.
 */
export type Shape = "fixed" | "dynamic" | "single"

export interface ChildState {
  readonly spec: CheckedChild
  /** The lower it is, the earlier the child was added: children are started in this order, and stopped in reverse. */
  readonly nth: number
  readonly status: Status
  /** The last port that it had. */
  readonly port: string | undefined
  readonly restarts: number
  /** The group that it waits with for a restart. */
  readonly group: number | undefined
  /** It is started beside others: for the first time, or again. */
  readonly flight: "first" | "again" | undefined
  /** Its own restarts, where they are counted for each child alone. */
  readonly own: Restarts | undefined
  /** When its last restart was or is due, where nothing else says how fast they may follow each other. */
  readonly due: number | undefined
}

/** The child that a restart is made for, and its end or its failed start. */
export interface Cause {
  readonly id: string
  readonly exit: PortExit
  /** There was no link to any of the nodes that it is to be on: that says nothing about the child. */
  readonly isAway?: boolean | undefined
}

/** Children that wait for their restart together. */
export interface Group {
  /** In start order. A member that was terminated meanwhile has left: its own `group` is another one, or none. */
  readonly members: ReadonlyArray<string>
  /** How many members have not left. */
  readonly left: number
  /**
   * The member whose start failed when the group was last tried: then the next attempt is one more restart. Without one the group
   * waits for a delay, and its restart has been counted.
   */
  readonly failed: Cause | undefined
}

/** What the supervisor works on. Of several children, `at` is the index of the one whose turn it is. */
export type Work =
  | { readonly _tag: "Idle" }
  /** The children that it begins with are started, one after the other. */
  | { readonly _tag: "StartFirst"; readonly children: ReadonlyArray<string>; readonly at: number }
  /** A child has ended by itself, and what its start had acquired is released. */
  | { readonly _tag: "CleanUp"; readonly cause: Cause }
  /** Those who share the fate of a child that has ended are stopped, the last one first. */
  | { readonly _tag: "StopGroup"; readonly group: ReadonlyArray<string>; readonly at: number; readonly cause: Cause }
  /** The schedule of the child that a group is restarted for is asked how long to wait. */
  | { readonly _tag: "Pace"; readonly members: ReadonlyArray<string>; readonly cause: Cause }
  /** A group is started, the first one first. */
  | { readonly _tag: "StartGroup"; readonly members: ReadonlyArray<string>; readonly at: number }
  /** One of a group could not be started: of those that were just started, `started` are stopped again, the last one first. */
  | {
    readonly _tag: "UndoGroup"
    readonly members: ReadonlyArray<string>
    readonly started: ReadonlyArray<string>
    readonly at: number
    readonly cause: Cause
  }
  /** Somebody has asked for the start of a child: a new one, or one that was there and did not run. */
  | { readonly _tag: "StartChild"; readonly id: string; readonly isNew: boolean }
  | { readonly _tag: "TerminateChild"; readonly id: string }
  /** A single child is ended, to be started again at once. */
  | { readonly _tag: "Renew"; readonly id: string }
  /** The supervisor ends: all children are stopped, the last one first, or (`dynamic`) together. */
  | { readonly _tag: "End"; readonly children: ReadonlyArray<string>; readonly at: number }

export interface State {
  readonly shape: Shape
  /** The supervisor's own port. */
  readonly port: string
  readonly options: CheckedSupervisor
  readonly children: HashMap.HashMap<string, ChildState>
  /** How many children there have ever been. */
  readonly added: number
  readonly restarts: Restarts
  readonly groups: HashMap.HashMap<number, Group>
  /** How many groups have ever waited. */
  readonly grouped: number
  readonly work: Work
}

/**
 * Something for logs and listeners. The shell, which has a clock, adds `at` what time a restart is due, and whether a child waits for its
 * node `again`.
 */
export type Report = DistributedOmit<Happening, "at" | "again">

/** What the shell is to do next, in order. */
export type Action =
  /** Start a child. Answer with `started`, `ignored` or `startFailed`. */
  | { readonly _tag: "Start"; readonly id: string }
  /** Start a child of a dynamic supervisor beside others. Answer with `started`, and with `landed` when the start has left. */
  | { readonly _tag: "StartBeside"; readonly id: string }
  /** End a child, and wait for that within its time; tell of its end. Answer with `stopped`. */
  | { readonly _tag: "Stop"; readonly id: string }
  /** The same of several children, at the same time. */
  | { readonly _tag: "StopTogether"; readonly ids: ReadonlyArray<string> }
  /** Release what the start of a child acquired, which has ended by itself, and tell of its end. Answer with `cleanedUp`. */
  | { readonly _tag: "CleanUp"; readonly cause: Cause }
  /** Ask the schedule of the child for a delay. Answer with `paced`. */
  | { readonly _tag: "Pace"; readonly cause: Cause; readonly now: number }
  /** Say `due` after this delay. If there is none: as soon as what waits in the queue already is done. */
  | { readonly _tag: "Wait"; readonly group: number; readonly delayMillis: number }
  /** Say `due` when there is a link to one of the nodes that the child is to be on, or it is time to try that again. */
  | { readonly _tag: "WaitForNode"; readonly group: number; readonly id: string }
  /** All have left the group: nothing is due any more. */
  | { readonly _tag: "CancelWait"; readonly group: number }
  | { readonly _tag: "Report"; readonly report: Report }
  /** The child is not restarted: whoever waits for its next port waits in vain. */
  | { readonly _tag: "StaysDown"; readonly id: string }
  /** The child and its specification are gone. */
  | { readonly _tag: "Forget"; readonly id: string }
  /** Refuse what was asked for. Without this, or `FailStart`, the request has succeeded when the machine is idle again. */
  | { readonly _tag: "Refuse"; readonly id: string; readonly reason: Refusal }
  /** The start that was asked for has failed. */
  | { readonly _tag: "FailStart"; readonly id: string; readonly exit: Exit.Exit<never, unknown> }
  /** End the supervisor's own port, and carry out nothing more of what was said before. */
  | { readonly _tag: "End"; readonly reason: Reason }

export type Result = readonly [State, ReadonlyArray<Action>]

/** A supervisor that has started none of its children yet. */
export const make = (
  shape: Shape,
  port: string,
  options: CheckedSupervisor,
  specs: ReadonlyArray<CheckedChild>
): State => {
  const empty: State = {
    shape,
    port,
    options,
    children: HashMap.empty(),
    added: 0,
    restarts: noRestarts,
    groups: HashMap.empty(),
    grouped: 0,
    work: { _tag: "Idle" }
  }
  return specs.reduce(add, empty)
}

// ---- looking at it

export const find = (state: State, id: string): ChildState | undefined =>
  Option.getOrUndefined(HashMap.get(state.children, id))

/** In start order. */
export const inOrder = (state: State): ReadonlyArray<ChildState> =>
  HashMap.toValues(state.children).toSorted((a, b) => a.nth - b.nth)

export const idsOf = (children: ReadonlyArray<ChildState>): ReadonlyArray<string> => children.map(({ spec }) => spec.id)

export const isRunning = (state: State, id: string): boolean => find(state, id)?.status === "running"

/** Whether no significant child runs or is about to be restarted: one that waits for its restart is not done with its work. */
export const isLastSignificant = (state: State): boolean =>
  !HashMap.some(state.children, ({ spec, status }) => spec.significant && status !== "stopped")

// ---- changing it

export const add = (state: State, spec: CheckedChild): State => ({
  ...state,
  added: state.added + 1,
  children: HashMap.set(state.children, spec.id, {
    spec,
    nth: state.added,
    status: "stopped",
    port: undefined,
    restarts: 0,
    group: undefined,
    flight: undefined,
    own: undefined,
    due: undefined
  })
})

export const set = (state: State, id: string, changes: Partial<ChildState>): State => {
  const child = find(state, id)
  return child === undefined ? state : { ...state, children: HashMap.set(state.children, id, { ...child, ...changes }) }
}
