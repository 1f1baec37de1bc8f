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
  /** `restarting` from its end to its next start: while it waits for that start, and during it. */
  readonly status: Status
  /** The last port that it had. */
  readonly port: string | undefined
  readonly restarts: number
  /** The group that it waits with for a restart. */
  readonly group: number | undefined
}

/** The child that a restart is made for, and its end or its failed start. */
export interface Cause {
  readonly id: string
  readonly exit: PortExit
}

/** Children that wait for their restart together. */
export interface Group {
  /** In start order. Whoever was terminated meanwhile has left, and has this group no more. */
  readonly members: ReadonlyArray<string>
  /** How many of them have not left. */
  readonly left: number
  /** Whose start failed when they were last tried: the next attempt is one more restart. Without it they are started at once. */
  readonly failed: Cause | undefined
}

/** What the supervisor works on. Of several children, `at` is the index of the one whose turn it is. */
export type Work =
  | { readonly _tag: "Idle" }
  /** The children that it begins with are started, one after the other. */
  | { readonly _tag: "StartFirst"; readonly children: ReadonlyArray<string>; readonly at: number }
  /** What a child that has ended had acquired is released. */
  | { readonly _tag: "CleanUp"; readonly cause: Cause; readonly port: string }
  /** Those who share the fate of a child that has ended are stopped, the last one first. */
  | { readonly _tag: "StopGroup"; readonly group: ReadonlyArray<string>; readonly at: number; readonly cause: Cause }
  /** How long to wait before a restart is up to the schedule of its cause. */
  | { readonly _tag: "Pace"; readonly members: ReadonlyArray<string>; readonly cause: Cause }
  /** A group is started, the first one first. */
  | { readonly _tag: "StartGroup"; readonly members: ReadonlyArray<string>; readonly at: number }
  /** One of a group could not be started: those that were just started are stopped again, the last one first. */
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

/** What there is to tell. Only the shell has a clock that says `at` what time something is due. */
export type Report = DistributedOmit<Happening, "at">

/** What the shell is to do next, in order. */
export type Action =
  /** Start it. Answer with `started`, `ignored` or `startFailed`. */
  | { readonly _tag: "Start"; readonly id: string }
  /** End it, and wait for that within its time. Answer with `stopped`. */
  | { readonly _tag: "Stop"; readonly id: string }
  /** End them at the same time, and wait for that. Answer with `stopped`. */
  | { readonly _tag: "StopTogether"; readonly ids: ReadonlyArray<string> }
  /** It has ended by itself: release what its start acquired. Answer with `cleanedUp`. */
  | { readonly _tag: "CleanUp"; readonly cause: Cause }
  /** Ask the schedule of the child for a delay. Answer with `paced`. */
  | { readonly _tag: "Pace"; readonly cause: Cause; readonly now: number }
  /** After this delay say `due`; after none, as soon as what waits already is done. */
  | { readonly _tag: "Wait"; readonly group: number; readonly delayMillis: number }
  /** Nobody is left who would wait in this group. */
  | { readonly _tag: "CancelWait"; readonly group: number }
  | { readonly _tag: "Report"; readonly report: Report }
  /** Nothing starts the child but somebody who asks for that: who waits for its next port waits in vain. */
  | { readonly _tag: "StaysDown"; readonly id: string }
  /** The child is none any more. */
  | { readonly _tag: "Forget"; readonly id: string }
  /** Answer whoever has asked: no. If there is no such answer, what was asked for is done when the work is. */
  | { readonly _tag: "Refuse"; readonly id: string; readonly reason: Refusal }
  /** Answer whoever has asked: the start failed. */
  | { readonly _tag: "FailStart"; readonly id: string; readonly exit: Exit.Exit<never, unknown> }
  /** End the supervisor's own port. What was still to be done is not. */
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
    group: undefined
  })
})

export const set = (state: State, id: string, changes: Partial<ChildState>): State => {
  const child = find(state, id)
  return child === undefined ? state : { ...state, children: HashMap.set(state.children, id, { ...child, ...changes }) }
}
