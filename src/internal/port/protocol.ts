/**
 * Typed messages at run time: what a protocol's schemas say of a message that came from another node.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe, quoted } from "../values/describe.ts"
import { isPortId, readName } from "../values/portId.ts"
import { type Reason, reasons } from "../values/reason.ts"
import { compileItems } from "./compiledSchema.ts"
import type { Handler } from "./handlers.ts"
import { itemsReader, type ReadItems } from "./perl.ts"
import type { Message } from "./receiver.ts"

/** Why a message is refused: the reason that its port is killed with. */
export type Validate = (message: Message) => Reason | undefined

/** What a message says, where that is more than what stands there. */
export type Read = (message: Message) => Message

/** What a typed port speaks. */
export interface Protocol {
  /** Messages from other nodes are held against it. */
  readonly validate: Validate
  /** How they are read before that, if it takes more than to look at them. */
  readonly read: Read | undefined
  /** Which messages are answered: those that have a reply. */
  readonly messages: Readonly<Record<string, { readonly reply: unknown }>>
}

/** A schema that validates and does not transform: messages are plain data. */
export type AnySchema = Schema.Codec<any, any>

/** One message of a protocol: its arguments, those that may follow, and what answers it. */
export interface MessageShape {
  /** Of the arguments, in order. */
  readonly schemas: ReadonlyArray<AnySchema>
  /** Of each argument behind them; `undefined`: there is no more that is looked at. */
  readonly tail: AnySchema | undefined
  /** Of the answer; `undefined`: there is none. */
  readonly reply: AnySchema | undefined
}

/** Checks the items of a list from one of them on, as arguments. Answers what is wrong with them, if anything is. */
type CheckArguments = (list: ReadonlyArray<unknown>, from?: number) => string | undefined

/**
 * Checks arguments by schemas, one for each, and what comes last by those for it. Between the two there may be more, which nobody looks
 * at: as with the fields of a struct, a newer sender may say more than an older receiver knows of.
 */
export const checkArguments = (
  schemas: ReadonlyArray<AnySchema>,
  last: ReadonlyArray<AnySchema> = []
): CheckArguments => {
  const check = checking(Schema.Tuple([...schemas, ...last]))
  return (list, from = 0) => {
    const end = list.length - last.length
    const known = from + schemas.length
    return end <= known ? check(list, from) : check([...list.slice(from, known), ...list.slice(end)])
  }
}

/** Compiled once: what fits, and most does, is seen without the schema's help. */
const checking = (tuple: AnySchema): CheckArguments => {
  const certainlyFit = compileItems(tuple)
  const fits = Schema.is(tuple)
  const explain = Schema.decodeUnknownResult(tuple)
  return (list, from = 0) => {
    try {
      if (certainlyFit(list, from)) return undefined
    } catch {
      // The schema says it in its own way.
    }
    try {
      const args = list.slice(from)
      if (fits(args)) return undefined
      const result = explain(args)
      return inOneLine(Result.isFailure(result) ? result.failure.message : "it does not fit")
    } catch (error) {
      // The schema's own checks are a program's code, and this may be the stack of a socket.
      return inOneLine(`the check itself failed: ${describe(thrownBy(error))}`)
    }
  }
}

/** What a check has thrown, which Effect wraps. */
const thrownBy = (error: unknown): unknown =>
  error instanceof Error && Cause.isCause(error.cause) ? Cause.squash(error.cause) : error

/** What is wrong may name a key of the message, which may be long and of spaces: each character is looked at once. */
const inOneLine = (text: string): string => text.split("\n").map((line) => line.trim()).filter(Boolean).join(" ")

/** What a protocol says of messages from other nodes. Tags that it does not name are left to the handlers. */
export const validator = (messages: Readonly<Record<string, MessageShape>>): Validate => {
  const checks = new Map<string, CheckArguments>()
  for (const [tag, { reply, schemas, tail }] of Object.entries(messages)) {
    const last = reply === undefined ? [] : [PortIdSchema]
    const check = tail === undefined
      ? checkArguments(schemas, last)
      : checking(Schema.TupleWithRest(Schema.Tuple(schemas), [tail, ...last]))
    checks.set(tag, check)
  }
  return (message) => {
    const tag = message[0]
    const name = readName(tag)
    const wrong = name === undefined ? undefined : checks.get(name)?.(message, 1)
    return wrong === undefined ? undefined : reasons.invalid_message(tag, wrong)
  }
}

/** How messages from other nodes are read before they are checked, where schemas of Perl's scalars want that. */
export const reader = (messages: Readonly<Record<string, MessageShape>>): Read | undefined => {
  const readers = new Map(
    Object.entries(messages).flatMap(([tag, { reply, schemas, tail }]) => {
      const read = itemsReader(schemas, tail, reply === undefined ? 0 : 1)
      return read === undefined ? [] : [[tag, read] as const]
    })
  )
  if (readers.size === 0) return undefined
  return (message) => {
    const name = readName(message[0])
    const read = name === undefined ? undefined : readers.get(name)
    return read === undefined ? message : carefully(read, message, 1)
  }
}

/** Strings that can be the address of a port. */
export const PortIdSchema = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => isPortId(text) || "expected a port ID of the form node#name"))
)

/** What a handler succeeds with that answers later: `keep` gets the port to reply to. */
export class Later {
  readonly keep: (to: string) => unknown
  constructor(keep: (to: string) => unknown) {
    this.keep = keep
  }
}

/**
 * Adds to the handler of a call that its result is sent to the reply port, which comes last. Nothing is answered by a message without
 * arguments: no codec has to say `undefined`.
 */
export const replying = (
  tag: string,
  handler: Handler,
  answer: (to: string, ...reply: ReadonlyArray<unknown>) => Effect.Effect<void, never, any>
): Handler =>
(...args) => {
  const to = args[args.length - 1]
  if (!isPortId(to)) return Effect.fail(`message ${quoted(tag)} names no port to reply to`)
  const result = handler(...args.slice(0, -1))
  return Effect.flatMap(result as Effect.Effect<unknown, unknown>, (value) => {
    if (value === undefined) return answer(to)
    return value instanceof Later ? kept(value.keep(to)) : answer(to, value)
  })
}

const kept = (result: unknown): Effect.Effect<unknown, unknown> =>
  Effect.isEffect(result) ? result as Effect.Effect<unknown, unknown> : Effect.void

/** What a protocol says of the replies to its calls: what one says, or what is wrong with it. */
export const replyReader = (messages: Readonly<Record<string, MessageShape>>) => {
  const readers = new Map<string, ReadArguments>()
  return (tag: string, value: unknown): Result.Result<unknown, string> => {
    const reply = messages[tag]?.reply
    if (reply === undefined) return Result.succeed(value)
    // Made by the first call that wants it: most protocols are never asked.
    let read = readers.get(tag)
    if (read === undefined) readers.set(tag, read = argumentsReader([reply]))
    return Result.map(read([value]), ([said]) => said)
  }
}

/** Reads and checks arguments. */
export type ReadArguments = (args: ReadonlyArray<unknown>) => Result.Result<ReadonlyArray<unknown>, string>

export const argumentsReader = (schemas: ReadonlyArray<AnySchema>): ReadArguments => {
  const check = checkArguments(schemas)
  const readItems = itemsReader(schemas)
  return (args) => {
    const said = readItems === undefined ? args : carefully(readItems, args, 0)
    const wrong = check(said)
    return wrong === undefined ? Result.succeed(said) : Result.fail(wrong)
  }
}

/** A program's own check may throw. It does so again when it is asked for itself, and then that is said. */
const carefully = (read: ReadItems, items: ReadonlyArray<unknown>, from: number): ReadonlyArray<unknown> => {
  try {
    return read(items, from)
  } catch {
    return items
  }
}
