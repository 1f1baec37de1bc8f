/**
 * What a supervisor does next: a pure state machine, after OTP's `supervisor`. An event goes in; the next state and what is to be
 * done come out. It has no clock, no fibers and no ports: `supervision.ts` tells it what happens, and carries out what it says.
 *
 * A supervisor does one thing after the other. While it works on something (`Work`), the only events are those that answer its last
 * action: `cleanedUp`, `stopped`, `paced`, and `started`, `ignored` or `startFailed`. Everything else waits until it is idle, but
 * for `stop`, which ends whatever it works on.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { Killed, type PortExit, type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import { countRestart, decide, groupOf, isTooMany, type Limit, nextRestart, noRestarts } from "./decisions.ts"
import type { Refusal } from "./errors.ts"
import { type CheckedChild, spent } from "./spec.ts"
import {
  type Action,
  add,
  type Cause,
  type ChildState,
  find,
  idsOf,
  inOrder,
  isLastSignificant,
  isRunning,
  type Report,
  type Result,
  set,
  type State,
  type Work
} from "./state.ts"

const workOn = (state: State, work: Work, ...actions: ReadonlyArray<Action>): Result => [{ ...state, work }, actions]

const idle = (state: State, ...actions: ReadonlyArray<Action>): Result => workOn(state, { _tag: "Idle" }, ...actions)

/** Makes one change to several children, one after the other, and collects what is to be done. */
const each = (state: State, ids: ReadonlyArray<string>, change: (state: State, id: string) => Result): Result => {
  const all: Array<Action> = []
  let next = state
  for (const id of ids) {
    const [changed, actions] = change(next, id)
    next = changed
    all.push(...actions)
  }
  return [next, all]
}

/** A result whose actions come after these. */
const after = (actions: ReadonlyArray<Action>, [state, next]: Result): Result => [state, [...actions, ...next]]

const report = (report: Report): Action => ({ _tag: "Report", report })

const refuse = (state: State, id: string, reason: Refusal): Result => idle(state, { _tag: "Refuse", id, reason })

const forget = (state: State, id: string): Result => [
  { ...state, children: HashMap.remove(state.children, id) },
  [{ _tag: "Forget", id }]
]

/** A child does not run, and only somebody who asks for that starts it again. */
const leaveStopped = (state: State, id: string): Result => {
  const next = set(state, id, { status: "stopped" })
  // A single child takes its supervisor with it.
  if (state.shape === "single") return [next, []]
  return state.shape === "dynamic" || find(state, id)?.spec.restart === "temporary"
    ? forget(next, id)
    : [next, [{ _tag: "StaysDown", id }]]
}

/** The supervisor ends by itself, with this reason. When its port begins to end, the shell says `stop`. */
const end = (state: State, ...reason: Reason): Result => idle(state, { _tag: "End", reason })

// ---- the first starts

/** Starts the children that the supervisor begins with. The first start that fails is the end of that. */
export const start = (state: State): Result => startFirst(state, idsOf(inOrder(state)), 0)

const startFirst = (state: State, children: ReadonlyArray<string>, at: number): Result => {
  const id = children[at]
  return id === undefined ? idle(state) : workOn(state, { _tag: "StartFirst", children, at }, { _tag: "Start", id })
}

/** Starts the children that the supervisor begins with as if they were restarted: a start that fails is tried again. */
export const startAsRestarts = (state: State): Result => {
  const members = idsOf(inOrder(state))
  return startGroup(members.reduce(markRestarting, state), members, 0)
}

// ---- ends and restarts

/** A child has ended by itself. */
export const ended = (state: State, { exit, id, isAway, port }: Cause & { readonly port: string }): Result => {
  const child = find(state, id)
  // The child was stopped before its end was heard of, and perhaps started again, on another port.
  if (child?.status !== "running" || child.port !== port) return idle(state)
  const cause = { id, exit, isAway }
  return workOn(state, { _tag: "CleanUp", cause }, { _tag: "CleanUp", cause })
}

export const cleanedUp = (before: State, now: number): Result => {
  if (before.work._tag !== "CleanUp") return [before, []]
  const { cause } = before.work
  const { exit, id } = cause
  const state = markStopped(before, id)
  const child = find(state, id)
  if (child === undefined) return idle(state)
  const { options } = state
  const consequence = decide(child.spec, exit, options.autoShutdown, () => isLastSignificant(state))
  if (consequence === "restart") return restart(state, cause, now)
  const reports = [report({ _tag: "Stopped", child: id })]
  if (state.shape === "single") return after(reports, end(state))
  const [left, actions] = leaveStopped(state, id)
  if (consequence === "leave") return after([...reports, ...actions], idle(left))
  return after([...reports, ...actions, report({ _tag: "ShuttingDown", child: id })], end(left, "shutdown"))
}

/** Stops those who share the fate of a child that has ended. */
const restart = (before: State, cause: Cause, now: number): Result => {
  const state = markRestarting(before, cause.id)
  const group = groupOf(state.options.strategy, () => idsOf(inOrder(state)), cause.id)
  const [next, actions] = each(state, group, leaveGroup)
  return after(actions, stopGroup(next, group, group.length - 1, cause, now))
}

const stopGroup = (
  state: State,
  group: ReadonlyArray<string>,
  last: number,
  cause: Cause,
  now: number
): Result => {
  let at = last
  while (at >= 0 && group[at] === cause.id) at--
  const id = group[at]
  if (id !== undefined) return workOn(state, { _tag: "StopGroup", group, at, cause }, { _tag: "Stop", id })
  const bystanders = group.filter((id) => id !== cause.id && find(state, id)?.spec.restart === "temporary")
  const [next, actions] = each(state, bystanders, forget)
  const members = bystanders.length === 0 ? group : group.filter((id) => !bystanders.includes(id))
  return after(actions, tryAgain(next, members, cause, now))
}

/** One more attempt to start a group, all of which are stopped, unless there were too many restarts. */
const tryAgain = (before: State, members: ReadonlyArray<string>, cause: Cause, now: number): Result => {
  if (cause.isAway === true) return waitForNode(before, members, cause)
  const state = count(before, cause.id, now)
  if (state === undefined) return giveUp(before, cause)
  const child = find(state, cause.id)
  if (child?.spec.schedule !== undefined) {
    return workOn(state, { _tag: "Pace", members, cause }, { _tag: "Pace", cause, now })
  }
  const due = nextRestart(limitOf(state), child?.due, now)
  return restartAfter(set(state, cause.id, { due }), members, cause, due - now)
}

const limitOf = ({ options }: State): Limit => options.perChild ?? options

/** Counts one more restart: of all children together, or where they have limits of their own, of this one. `undefined`: one too many. */
const count = (state: State, id: string, now: number): State | undefined => {
  const { options } = state
  const limits = options.perChild
  if (limits === undefined) {
    const restarts = countRestart(options, state.restarts, now)
    return isTooMany(options, restarts) ? undefined : { ...state, restarts }
  }
  const own = countRestart(limits, find(state, id)?.own ?? noRestarts, now)
  return isTooMany(limits, own) ? undefined : set(state, id, { own })
}

/** The schedule of the cause says how long to wait, or (`undefined`) that it is done. */
export const paced = (state: State, delayMillis: number | undefined): Result => {
  if (state.work._tag !== "Pace") return [state, []]
  const { cause, members } = state.work
  return delayMillis === undefined ? giveUp(state, cause) : restartAfter(state, members, cause, delayMillis)
}

/** A child that has limits of its own is given up alone. */
const giveUp = (state: State, { exit, id }: Cause): Result => {
  if (state.options.perChild !== undefined) {
    const { restarts = 0 } = find(state, id) ?? {}
    const [left, actions] = leaveStopped(state, id)
    return after([report({ _tag: "Dropped", child: id, exit, restarts }), ...actions], idle(left))
  }
  const reason = reasons.restart_limit(`${id} was restarted too often`, id, reasonFromExit(exit))
  const { restarts = 0 } = find(state, id) ?? {}
  return after([report({ _tag: "GaveUp", child: id, exit, restarts })], end(state, ...reason))
}

const restartAfter = (
  state: State,
  members: ReadonlyArray<string>,
  { exit, id }: Cause,
  delayMillis: number
): Result => {
  const next = members.reduce(
    (state, id) => set(state, id, { status: "restarting", restarts: (find(state, id)?.restarts ?? 0) + 1 }),
    state
  )
  const { restarts = 0 } = find(next, id) ?? {}
  const actions = [
    report({ _tag: "Restarting", child: id, exit, restarts, delay: Duration.millis(delayMillis), group: members })
  ]
  return after(actions, delayMillis === 0 ? startGroup(next, members, 0) : wait(next, members, undefined, delayMillis))
}

/** A group waits for a node. That is no restart, and is not counted as one. */
const waitForNode = (state: State, members: ReadonlyArray<string>, { exit, id }: Cause): Result => {
  const [next] = wait(members.reduce(markRestarting, state), members, undefined, 0)
  return after(
    [report({ _tag: "Waiting", child: id, exit, group: members })],
    idle(next, { _tag: "WaitForNode", group: state.grouped, id })
  )
}

const startGroup = (state: State, members: ReadonlyArray<string>, at: number): Result => {
  const id = members[at]
  if (id !== undefined && isBeside(state)) return startBeside(state, id, "again")
  return id === undefined ? idle(state) : workOn(state, { _tag: "StartGroup", members, at }, { _tag: "Start", id })
}

/** Whether children are started side by side: those of dynamic supervisors may be, which are each a group of their own. */
const isBeside = ({ options, shape }: State): boolean => shape === "dynamic" && options.concurrency > 1

/** Has a child started while the supervisor goes on with other things. */
const startBeside = (state: State, id: string, flight: "first" | "again"): Result =>
  idle(set(state, id, { flight }), { _tag: "StartBeside", id })

/**
 * One of a group could not be started: those that were started before it, and are not to be left alone, are stopped again. Then the
 * group waits for its next attempt, behind what has happened meanwhile.
 */
const undoGroup = (
  state: State,
  members: ReadonlyArray<string>,
  started: ReadonlyArray<string>,
  at: number,
  cause: Cause
): Result => {
  const id = started[at]
  if (id !== undefined) {
    return workOn(state, { _tag: "UndoGroup", members, started, at, cause }, { _tag: "Stop", id })
  }
  if (cause.isAway === true) return waitForNode(state, members, cause)
  const next = members.reduce(markRestarting, state)
  return after([report({ _tag: "StartFailed", child: cause.id, exit: cause.exit })], wait(next, members, cause, 0))
}

// ---- groups that wait

const wait = (
  state: State,
  members: ReadonlyArray<string>,
  failed: Cause | undefined,
  delayMillis: number
): Result => {
  const group = state.grouped
  const next = members.reduce((state, id) => set(state, id, { group }), {
    ...state,
    grouped: group + 1,
    groups: HashMap.set(state.groups, group, { members, left: members.length, failed })
  })
  return idle(next, { _tag: "Wait", group, delayMillis })
}

/** A group has waited long enough. */
export const due = (state: State, key: number, now: number): Result => {
  const group = Option.getOrUndefined(HashMap.get(state.groups, key))
  if (group === undefined) return idle(state)
  const { failed } = group
  const members = group.members.filter((id) => find(state, id)?.group === key)
  const next = members.reduce((state, id) => set(state, id, { group: undefined }), {
    ...state,
    groups: HashMap.remove(state.groups, key)
  })
  return failed === undefined ? startGroup(next, members, 0) : tryAgain(next, members, failed, now)
}

/** A child waits for its restart no more. Those who waited with it go on without it. */
const leaveGroup = (state: State, id: string): Result => {
  const key = find(state, id)?.group
  if (key === undefined) return [state, []]
  const next = set(state, id, { group: undefined })
  const group = Option.getOrUndefined(HashMap.get(state.groups, key))
  if (group !== undefined && group.left > 1) {
    return [{ ...next, groups: HashMap.set(state.groups, key, { ...group, left: group.left - 1 }) }, []]
  }
  return [{ ...next, groups: HashMap.remove(state.groups, key) }, [{ _tag: "CancelWait", group: key }]]
}

// ---- what comes of a start

/** A child runs, on this port. */
export const started = (before: State, id: string, port: string): Result => {
  const isBeside = find(before, id)?.flight !== undefined
  const state = set(before, id, { status: "running", port, flight: undefined, ...spentSpec(before, id) })
  const { work } = state
  const reports = [report({ _tag: "Started", child: id, port, restarts: find(state, id)?.restarts ?? 0 })]
  // Whatever the supervisor works on, it is something else.
  if (isBeside) return [state, reports]
  switch (work._tag) {
    case "StartFirst":
      return after(reports, startFirst(state, work.children, work.at + 1))
    case "StartGroup":
      return after(reports, startGroup(state, work.members, work.at + 1))
    case "StartChild":
      return after(reports, idle(state))
    // The supervisor has begun to end: it stops this child too, when its turn comes.
    default:
      return [state, reports]
  }
}

/** A temporary child is started once. What its start holds, its arguments for one, is not needed any more. */
const spentSpec = ({ children, shape }: State, id: string): Partial<ChildState> => {
  const child = Option.getOrUndefined(HashMap.get(children, id))
  return child?.spec.restart === "temporary" && shape !== "single" ? { spec: spent(child.spec) } : {}
}

/** The start of a child has answered that there is nothing to supervise. */
export const ignored = (state: State): Result => {
  const { work } = state
  switch (work._tag) {
    case "StartFirst": {
      const id = work.children[work.at] ?? ""
      const [next, actions] = find(state, id)?.spec.restart === "temporary" ? forget(state, id) : [state, []]
      return after(actions, startFirst(next, work.children, work.at + 1))
    }
    case "StartGroup": {
      const [next, actions] = leaveStopped(state, work.members[work.at] ?? "")
      return after(actions, state.shape === "single" ? end(next) : startGroup(next, work.members, work.at + 1))
    }
    case "StartChild": {
      const [next, actions] = leaveStopped(state, work.id)
      return idle(next, ...actions)
    }
    default:
      return [state, []]
  }
}

/**
 * The start of a child has failed, or was ended by somebody who wants the child terminated (`isCalledOff`), or was not possible for want
 * of a link to its nodes (`isAway`).
 */
export const startFailed = (
  state: State,
  exit: Exit.Exit<never, unknown>,
  isCalledOff: boolean,
  isAway = false
): Result => {
  const { work } = state
  switch (work._tag) {
    case "StartFirst":
      return idle(state, { _tag: "FailStart", id: work.children[work.at] ?? "", exit })
    case "StartChild": {
      const [next, actions] = work.isNew ? forget(state, work.id) : [state, []]
      return after(actions, idle(next, { _tag: "FailStart", id: work.id, exit }))
    }
    case "StartGroup":
      return isCalledOff
        ? goOnWithout(state, work.members, work.at)
        : tryGroupAgain(state, work.members, work.at, exit, isAway)
    default:
      return [state, []]
  }
}

/**
 * A start beside others has left: if the child does not run, it has answered that there is nothing to supervise, or (`exit`) has failed,
 * as `startFailed` says.
 */
export const landed = (
  before: State,
  id: string,
  exit: Exit.Exit<never, unknown> | undefined,
  isCalledOff: boolean,
  isAway = false
): Result => {
  const flight = find(before, id)?.flight
  if (flight === undefined) return idle(before)
  const state = set(before, id, { flight: undefined })
  if (exit !== undefined && flight === "again" && !isCalledOff) return tryGroupAgain(state, [id], 0, exit, isAway)
  const [left, actions] = leaveStopped(state, id)
  if (exit === undefined || flight === "again") return after(actions, idle(left))
  return after(actions, idle(left, { _tag: "FailStart", id, exit }))
}

const goOnWithout = (state: State, members: ReadonlyArray<string>, at: number): Result => {
  const id = members[at] ?? ""
  // A single child cannot be terminated. Whoever ended its start wants it to be started anew.
  if (state.shape === "single") return wait(state, [id], undefined, 0)
  const [next, actions] = leaveStopped(state, id)
  return after(actions, startGroup(next, members.toSpliced(at, 1), at))
}

/**
 * `one_for_all` begins anew, with those that had nothing to supervise this time as well. `rest_for_one` goes on from the one that failed:
 * those before it do not need it.
 */
const tryGroupAgain = (
  state: State,
  members: ReadonlyArray<string>,
  at: number,
  exit: Exit.Exit<never, unknown>,
  isAway: boolean
): Result => {
  const end: PortExit = Exit.fail(new Killed({ port: state.port, reason: reasonFromExit(exit) }))
  const cause = { id: members[at] ?? "", exit: end, isAway }
  if (state.options.strategy !== "one_for_all") return undoGroup(state, members.slice(at), [], -1, cause)
  const started = members.slice(0, at).filter((id) => isRunning(state, id))
  return undoGroup(state, members, started, started.length - 1, cause)
}

// ---- what it is asked for

/** Adds a child and starts it. `isLive` tells, if there is a child of this name already, whether its port still lives. */
export const startChild = (state: State, spec: CheckedChild, isLive: boolean): Result => {
  if (HashMap.has(state.children, spec.id)) {
    return refuse(state, spec.id, isLive ? "already_started" : "already_present")
  }
  if (HashMap.size(state.children) >= state.options.maxChildren) return refuse(state, spec.id, "max_children")
  if (isBeside(state)) return startBeside(add(state, spec), spec.id, "first")
  return workOn(add(state, spec), { _tag: "StartChild", id: spec.id, isNew: true }, { _tag: "Start", id: spec.id })
}

/**
 * Ends a child. `idOrPort` is what somebody called it, `id` the child that this means now, if there is one. If there is none, that is
 * fine where it `isKnown` that there was one, and else an error.
 */
export const terminateChild = (state: State, idOrPort: string, id: string | undefined, isKnown: boolean): Result => {
  if (id === undefined || !HashMap.has(state.children, id)) {
    return isKnown ? idle(state) : refuse(state, idOrPort, "not_found")
  }
  const [next, actions] = leaveGroup(state, id)
  return after(actions, workOn(next, { _tag: "TerminateChild", id }, { _tag: "Stop", id }))
}

export const restartChild = (state: State, id: string): Result => {
  const reason = whyNotStopped(state, id)
  return reason === undefined
    ? workOn(state, { _tag: "StartChild", id, isNew: false }, { _tag: "Start", id })
    : refuse(state, id, reason)
}

export const deleteChild = (state: State, id: string): Result => {
  const reason = whyNotStopped(state, id)
  if (reason !== undefined) return refuse(state, id, reason)
  const [next, actions] = forget(state, id)
  return idle(next, ...actions)
}

/** Why somebody may not start or delete a child. `undefined` if it neither runs nor is about to: then it may be done. */
const whyNotStopped = (state: State, id: string): Refusal | undefined => {
  if (state.shape === "dynamic") return "dynamic"
  const child = find(state, id)
  if (child === undefined) return "not_found"
  if (state.shape === "single") return "only_child"
  return child.status === "stopped" ? undefined : child.status
}

/** Ends a single child and starts it again at once. That counts as no failure; if the new start fails, the attempt after it does. */
export const renew = (state: State, id: string): Result => {
  const [next, actions] = leaveGroup(state, id)
  return after(actions, workOn(next, { _tag: "Renew", id }, { _tag: "Stop", id }))
}

// ---- the ends of children that were stopped

/** What the last action was to stop has ended, or was abandoned. */
export const stopped = (state: State, now: number): Result => {
  const { work } = state
  switch (work._tag) {
    case "StopGroup":
      return stopGroup(markRestarting(state, work.group[work.at]), work.group, work.at - 1, work.cause, now)
    case "UndoGroup":
      return undoGroup(
        markRestarting(state, work.started[work.at]),
        work.members,
        work.started,
        work.at - 1,
        work.cause
      )
    case "TerminateChild": {
      const [next, actions] = leaveStopped(state, work.id)
      return idle(next, ...actions)
    }
    case "Renew": {
      const { restarts = 0 } = find(state, work.id) ?? {}
      return startGroup(set(state, work.id, { status: "restarting", restarts: restarts + 1 }), [work.id], 0)
    }
    case "End":
      return state.shape === "dynamic"
        ? [{
          ...state,
          children: HashMap.map(state.children, (child) => ({ ...child, status: "stopped", flight: undefined }))
        }, []]
        : stopAll(markStopped(state, work.children[work.at]), work.children, work.at - 1)
    default:
      return [state, []]
  }
}

const markStopped = (state: State, id: string | undefined): State =>
  id === undefined ? state : set(state, id, { status: "stopped" })

const markRestarting = (state: State, id: string | undefined): State =>
  id === undefined ? state : set(state, id, { status: "restarting" })

// ---- the end of the supervisor

/** The supervisor's port ends. Whatever it works on is dropped, and all children are stopped. */
export const stop = (state: State): Result => {
  const waits = Array.from(HashMap.keys(state.groups), (group): Action => ({ _tag: "CancelWait", group }))
  const ids = idsOf(inOrder(state))
  if (state.shape !== "dynamic") return after(waits, stopAll(state, ids, ids.length - 1))
  return after(waits, workOn(state, { _tag: "End", children: ids, at: 0 }, { _tag: "StopTogether", ids }))
}

const stopAll = (state: State, children: ReadonlyArray<string>, at: number): Result => {
  const id = children[at]
  const work: Work = { _tag: "End", children, at }
  return id === undefined ? workOn(state, work) : workOn(state, work, { _tag: "Stop", id })
}
