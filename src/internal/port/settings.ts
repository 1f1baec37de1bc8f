/**
 * What a port's maker may want otherwise than most, read from the options that it gives: a program may have no types that say what they
 * may be.
 *
 * @internal
 */
import { describe, quoted } from "../values/describe.ts"
import type { Limits } from "./hands.ts"
import type { Protocol } from "./protocol.ts"

/** As ports go by them. */
export interface Settings {
  /** How many messages may wait. `undefined`: as many as there are. */
  readonly capacity: number | undefined
  /** Whether a message that no handler takes, or that does not fit the protocol, leaves the port alone. */
  readonly refuses: boolean
  /** Whether each message has a scope of its own, which closes when it is handled. */
  readonly scopesMessages: boolean
  /** How many messages are handled at once. `undefined`: one after the other. */
  readonly limits: Limits | undefined
  /** Whether guests may send to it: all of them, or the one with this node ID. */
  readonly guests: boolean | string
}

/** Documented as `Port.Concurrency`. */
export type Concurrency = number | "unbounded"

/** Documented as `Port.Options`. */
export interface Options {
  readonly mailbox?: number | undefined
  readonly invalid?: "kill" | "refuse" | undefined
  readonly handlerScope?: "port" | "message" | undefined
  readonly concurrency?: Concurrency | Readonly<Record<string, Concurrency>> | undefined
  readonly guests?: boolean | undefined
}

/** Those of a port that was made without options: all such ports share them. */
export const usual: Settings = {
  capacity: undefined,
  refuses: false,
  scopesMessages: false,
  limits: undefined,
  guests: false
}

/** Throws a RangeError, in which `verb` is what the program has called, for what an option cannot be. */
export const settingsOf = (verb: string, protocol: Protocol | undefined, options: Options | undefined): Settings =>
  options === undefined ? usual : {
    capacity: capacityOf(verb, options.mailbox),
    refuses: oneOf(verb, "invalid", ["kill", "refuse"], options.invalid ?? (options.guests ? "refuse" : "kill")) ===
      "refuse",
    scopesMessages: oneOf(verb, "handlerScope", ["port", "message"], options.handlerScope) === "message",
    limits: limitsOf(verb, protocol, options.concurrency),
    guests: truthOf(verb, "guests", options.guests)
  }

/** A number that counts nothing would be a limit that never holds, or always. */
const capacityOf = (verb: string, mailbox = Infinity): number | undefined => {
  if (mailbox === Infinity) return undefined
  if (Number.isInteger(mailbox) && mailbox >= 0) return mailbox
  throw new RangeError(`Port.${verb}: mailbox must be a whole number of messages, or Infinity; it is ${mailbox}`)
}

const limitsOf = (
  verb: string,
  protocol: Protocol | undefined,
  concurrency: Options["concurrency"] = 1
): Limits | undefined => {
  if (typeof concurrency !== "object") {
    const limit = limitOf(verb, "concurrency", concurrency)
    return limit === 1 ? undefined : limit
  }
  const unknown = Object.keys(concurrency).find((tag) =>
    protocol !== undefined && !Object.hasOwn(protocol.messages, tag)
  )
  if (unknown !== undefined) {
    throw new RangeError(
      `Port.${verb}: concurrency names the message ${quoted(unknown)}, which the protocol does not have`
    )
  }
  return new Map(Object.entries(concurrency).map(([tag, each]) => [tag, limitOf(verb, `concurrency of ${tag}`, each)]))
}

const limitOf = (verb: string, option: string, count: Concurrency): number => {
  if (count === "unbounded" || count === Infinity) return Infinity
  if (Number.isInteger(count) && count >= 1) return count
  throw new RangeError(
    `Port.${verb}: ${option} must be a whole number of at least 1, or "unbounded"; it is ${describe(count)}`
  )
}

const truthOf = (verb: string, option: string, truth: boolean = false): boolean => {
  if (typeof truth === "boolean") return truth
  throw new RangeError(`Port.${verb}: ${option} must be true or false; it is ${describe(truth)}`)
}

/** One of the words that an option may be; the first of them if the option is not there. */
const oneOf = <A extends string>(
  verb: string,
  option: string,
  words: readonly [A, ...ReadonlyArray<A>],
  word: A = words[0]
): A => {
  if (words.includes(word)) return word
  throw new RangeError(`Port.${verb}: ${option} must be one of ${words.join(", ")}; it is ${describe(word)}`)
}
