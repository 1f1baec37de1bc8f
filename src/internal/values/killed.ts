/**
 * How a port ended: the `Killed` error, and the way between AEMP's reason lists and Effect's `Exit`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { culprit } from "./plainData.ts"

/** AEMP's reason list: a tag, a text, and whatever else explains the end. Empty: a normal end. */
export type Reason = ReadonlyArray<unknown>

/** Re-exported as `Port.Killed`, where it is documented. */
export class Killed extends Schema.TaggedError<Killed>()("Killed", {
  port: Schema.String,
  reason: Schema.Array(Schema.Unknown)
}) {
  override get message(): string {
    return this.reason.length === 0
      ? `port ${this.port} ended`
      : `port ${this.port} was killed: ${this.reason.map(describe).join(": ")}`
  }
}

/** The Exit of a port. */
export type PortExit = Exit.Exit<void, Killed>

/** No reason is a normal end; any reason is a failure that carries it. */
export const exitFromReason = (port: string, reason: Reason): PortExit =>
  reason.length === 0 ? Exit.void : Exit.fail(new Killed({ port, reason }))

/** The reason list of an Exit, as it travels in `kil0`. */
export const reasonFromExit = (exit: Exit.Exit<unknown, unknown>): Reason =>
  Exit.isSuccess(exit) ? [] : reasonFromCause(exit.cause)

/**
 * What failed, as a reason list. A `Killed` keeps its reason, so that the first one travels along a chain of links.
 */
export const reasonFromCause = (cause: Cause.Cause<unknown>): Reason => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail") return reasonFromError(reason.error)
    if (reason._tag === "Die") return ["die", describe(reason.defect)]
  }
  return ["interrupted", "the fiber or scope that the port belonged to was interrupted"]
}

const reasonFromError = (error: unknown): Reason => {
  if (error instanceof Killed && error.reason.length > 0) return error.reason
  const fields = plainFields(error)
  return fields === undefined ? ["fail", describe(error)] : ["fail", describe(error), fields.value]
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

/** One line for people: `TypeError: x is not a function`. Well-formed, for it travels. Never throws. */
export const describe = (value: unknown): string => {
  try {
    return show(value).toWellFormed()
  } catch {
    // An object without prototype has no text, and one with a bigint or a cycle no JSON.
    return typeOf(value)
  }
}

/** The same with quotes around text, as where it stands in a sentence. */
export const quoted = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value.toWellFormed()) : describe(value)

const show = (value: unknown): string => {
  if (value instanceof Error) return value.message === "" ? value.name : `${value.name}: ${value.message}`
  return typeof value === "object" ? JSON.stringify(value) ?? typeOf(value) : String(value)
}

const typeOf = (value: unknown): string => {
  try {
    return Object.prototype.toString.call(value)
  } catch {
    return "[object]"
  }
}

/** A reason may hold anything of any size: so much of it is shown. */
const widest = 200
const deepest = 4

/** A reason list in one line: its first elements, and of each the beginning. */
export const showReason = (exit: Exit.Exit<unknown, unknown>): string => {
  const reason = reasonFromExit(exit)
  if (reason.length === 0) return "no reason"
  // The text of a failure says what the error behind it is.
  const depth = reason[0] === "fail" ? 2 : deepest
  const shown = reason.slice(0, depth).map((part) => {
    const text = describe(part)
    return text.length > widest ? `${text.slice(0, widest)}…` : text
  })
  return shown.join(": ") + (reason.length > depth && reason[0] !== "fail" ? ": …" : "")
}
