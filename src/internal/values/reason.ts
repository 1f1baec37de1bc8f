/**
 * How ports end: the reasons, the `Killed` error that carries one, and the way between AEMP's reason lists and Effect's
 * `Exit`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { describe, describeList, describeTag, quoted } from "./describe.ts"
import type { LinkErrorReason } from "./linkReason.ts"
import { culprit } from "./plainData.ts"
import { isPortId } from "./portId.ts"

/** AEMP's reason list: a tag, a text, and whatever else explains the end. Empty: a normal end. Others may send anything. */
export type Reason = ReadonlyArray<unknown>

/**
 * The reasons of our own, by tag: each makes the list that travels, and has an entry in `docs/errors.md`. Programs may
 * kill with others.
 */
export const reasons = {
  /** What runs in the port failed, with this text; the error itself follows, if it is plain data. */
  fail: (text: string, ...error: ReadonlyArray<unknown>) => ["fail", text, ...error],
  /** What runs in the port has a defect. */
  die: (text: string) => ["die", text],
  interrupted: () => ["interrupted", "the fiber or scope that the port belonged to was interrupted"],
  unhandled_message: (tag: unknown) => ["unhandled_message", `no callback found for message '${describeTag(tag)}'`],
  /** A message with this tag, or the arguments of this remote function, that a schema refuses. */
  invalid_message: (name: unknown, wrong: string) => ["invalid_message", `message ${quoted(name)}: ${wrong}`],
  /** A handler calls the port that it runs in, and would wait for itself. */
  calling_self: () => ["calling_self", "a handler called its own port, which handles nothing else before it has left"],
  mailbox_overflow: (capacity: number) => ["mailbox_overflow", capacity],
  no_such_port: (port: unknown) => [
    "no_such_port",
    isPortId(port) ? "cannot monitor nonexistent port" : "cannot monitor a malformed port ID",
    port
  ],
  /** There is no link to the port's node any more, or none could be made. This node knows more of it than what travels. */
  transport_error: (nodeId: string, text: string, why?: LinkErrorReason): Reason => {
    const reason = ["transport_error", nodeId, text]
    if (why !== undefined) linkErrors.set(reason, why)
    return reason
  },
  /** A supervisor gave up, because of this child and the way that it ended last. */
  restart_limit: (text: string, childId: string, last: Reason) => ["restart_limit", text, childId, ...last],
  /** The node of the port that was asked takes no new calls, since it is about to stop. */
  draining: (nodeId: string) => ["draining", `node ${nodeId} is about to stop, and takes no new calls`],
  /** An end in order. */
  shutdown: (...why: Reason) => ["shutdown", ...why]
} as const satisfies Record<string, (...args: Array<never>) => Reason>

/** Why the ports of a node end that stops in order. */
const nodeStops = "its node stops"
export const endOfNode = (): Reason => reasons.shutdown(nodeStops)

/** Whether a port ended since its node stopped, and would not have by itself. */
export const isEndOfNode = (reason: Reason): boolean => isTagged(reason, "shutdown") && reason[1] === nodeStops

/** The tags of our own reasons. */
export type ReasonTag = keyof typeof reasons

/** Whether a reason is one of our own with this tag, or of somebody who means the same by it. */
export const isTagged = (reason: Reason, tag: ReasonTag): boolean => reason[0] === tag

/** Whether a port that ended so has ended in order: as it meant to, or since somebody asked it to. */
export const isOrderly = (reason: Reason): boolean => reason.length === 0 || isTagged(reason, "shutdown")

/** Whether nobody has to hear of such an end: somebody has asked for it, or it follows from the loss of a node. */
export const isForeseen = (reason: Reason): boolean =>
  isOrderly(reason) || isTagged(reason, "interrupted") || isTagged(reason, "transport_error")

/** Why the link was lost that a reason of this node tells of: beside the list, which travels as it is. */
const linkErrors = new WeakMap<Reason, LinkErrorReason>()

/** Errors of calls that were refused before anything of them had begun. The reason alone does not say it: it travels, along links of ports too. */
const unbegun = new WeakSet<object>()

export const asUnbegun = <A extends object>(error: A): A => {
  unbegun.add(error)
  return error
}

/** The end of a call that a node does not take any more. Nothing of it has begun. */
export const refusedByDrain = (port: string, nodeId: string): Killed =>
  asUnbegun(new Killed({ port, reason: reasons.draining(nodeId) }))

/** Whether it is certain that nothing of what was called has begun: it may be asked for again, elsewhere. */
export const isUnbegun = (error: unknown): boolean => typeof error === "object" && error !== null && unbegun.has(error)

interface KilledFields {
  readonly port: string
  readonly reason: Reason
}

/** Re-exported as `Port.Killed`, where it is documented. */
export class Killed extends Schema.TaggedError<Killed>()("Killed", {
  port: Schema.String,
  reason: Schema.Array(Schema.Unknown)
}) {
  constructor(fields: KilledFields, options?: Schema.MakeOptions) {
    super(fields, options)
    // The list is a copy of that which was given.
    const why = linkErrors.get(fields.reason)
    if (why !== undefined) linkErrors.set(this.reason, why)
  }

  /**
   * Why the link was lost that the port ended for: the tag of a `LinkError`; `node_left` where the port has ended since its node stops. Of
   * what other nodes tell, only they know it.
   */
  get linkError(): LinkErrorReason | undefined {
    return isEndOfNode(this.reason) ? "node_left" : linkErrors.get(this.reason)
  }

  /**
   * Whether the call has certainly not begun: the node of the port was draining, and refused it. It may be made again, elsewhere, whatever
   * it does.
   */
  get isUnbegun(): boolean {
    return isUnbegun(this)
  }

  override get message(): string {
    return this.reason.length === 0
      ? `port ${this.port} ended`
      : `port ${this.port} was killed: ${this.reason.map(describe).join(": ")}`
  }
}

/** Whether an error is a `Killed`: of this copy of the package, or of another one that the same process has loaded. */
const isKilled = (error: unknown): error is Killed =>
  error instanceof Error && "_tag" in error && error._tag === "Killed" && "port" in error &&
  "reason" in error && Array.isArray(error.reason)

/** The Exit of a port. */
export type PortExit = Exit.Exit<void, Killed>

/** No reason is a normal end; any reason is a failure that carries it. */
export const exitFromReason = (port: string, reason: Reason): PortExit =>
  reason.length === 0 ? Exit.void : Exit.fail(withoutStack(() => new Killed({ port, reason })))

/**
 * An end is made in the run queue, or where a link is lost: the stack of that tells nobody anything, and takes ten times as long as all
 * the rest of the end.
 */
const withoutStack = (make: () => Killed): Killed => {
  const limit = Error.stackTraceLimit
  if (!isLimitWritable) return make()
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Hardened realms freeze what is built in. */
const isLimitWritable = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable === true

/** The reason list of an Exit, as it travels in `kil0`. */
export const reasonFromExit = (exit: Exit.Exit<unknown, unknown>): Reason =>
  Exit.isSuccess(exit) ? [] : reasonFromCause(exit.cause)

/**
 * What failed, as a reason list. A `Killed` keeps its reason, so that the first one travels along a chain of links.
 */
export const reasonFromCause = (cause: Cause.Cause<unknown>): Reason => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail") return reasonFromError(reason.error)
    if (reason._tag === "Die") return reasons.die(describe(reason.defect))
  }
  return reasons.interrupted()
}

const reasonFromError = (error: unknown): Reason => {
  if (isKilled(error) && error.reason.length > 0) return error.reason
  const fields = plainFields(error)
  return fields === undefined ? reasons.fail(describe(error)) : reasons.fail(describe(error), fields.value)
}

/** What an error holds, if that is plain data. To look at it may run its code, which may throw. */
const plainFields = (error: unknown): { readonly value: unknown } | undefined => {
  try {
    const value = error instanceof Error
      ? { ...("_tag" in error ? { _tag: error._tag } : { name: error.name }), ...error }
      : error
    return culprit(value) === undefined ? { value } : undefined
  } catch {
    return undefined
  }
}

/** The reason of an Exit in one line, as far as a reader needs it. */
export const showReason = (exit: Exit.Exit<unknown, unknown>): string => {
  const reason = reasonFromExit(exit)
  return reason.length === 0 ? "no reason" : showList(reason, mostLevels)
}

/** Of a tree of supervisors that gave up, one because of the other, so many are shown. */
const mostLevels = 3

const showList = (reason: Reason, levels: number): string => {
  // The text of a failure says what the error behind it is, and that of a supervisor which gave up has its child's name.
  if (isTagged(reason, "fail")) return describeList(reason.slice(0, 2), 2)
  const last = isTagged(reason, "restart_limit") && levels > 1 ? reason.slice(3) : []
  if (last.length === 0) return describeList(reason, 4)
  return `${describeList(reason.slice(0, 2), 2)}: ${showList(last, levels - 1)}`
}
