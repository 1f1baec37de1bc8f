/**
 * The handlers of a port, by tag. Most ports have a few: those stand in a list, which is as fast to search as a Map, and takes a fifth of
 * its 250 bytes for one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readName } from "../values/portId.ts"
import { syncOf } from "./immediate.ts"
import type { Message } from "./receiver.ts"
import { isSnd } from "./snd.ts"

/** What handles a message. It gets the arguments one by one; a value that is no Effect counts as done. */
export type Handler = (...args: ReadonlyArray<any>) => unknown

export type Handlers = Entry | Map<string, Handler> | undefined

class Entry {
  readonly tag: string
  handler: Handler
  next: Entry | undefined = undefined
  constructor(tag: string, handler: Handler) {
    this.tag = tag
    this.handler = handler
  }
}

/** As many stand in a list. */
const few = 8

export const handlerOf = (handlers: Handlers, tag: string): Handler | undefined => {
  if (handlers instanceof Map) return handlers.get(tag)
  let entry = handlers
  while (entry !== undefined && entry.tag !== tag) entry = entry.next
  return entry?.handler
}

/** Adds or replaces a handler. What is answered takes the place of what was there. */
export const withHandler = (handlers: Handlers, tag: string, handler: Handler): Handlers => {
  if (handlers === undefined) return new Entry(tag, handler)
  if (handlers instanceof Map) return handlers.set(tag, handler)
  let length = 1
  let entry = handlers
  while (entry.tag !== tag && entry.next !== undefined) {
    entry = entry.next
    length++
  }
  if (entry.tag === tag) entry.handler = handler
  else if (length < few) entry.next = new Entry(tag, handler)
  else return asMap(handlers).set(tag, handler)
  return handlers
}

/** Removes a handler. */
export const withoutHandler = (handlers: Handlers, tag: string): Handlers => {
  if (handlers === undefined) return undefined
  const all = handlers instanceof Map ? handlers : asMap(handlers)
  all.delete(tag)
  return all
}

const asMap = (first: Entry): Map<string, Handler> => {
  const all = new Map<string, Handler>()
  for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.next) all.set(entry.tag, entry.handler)
  return all
}

/** Which handler a message is for. Perl does not tell a number from its text. */
export const tagOf = ([tag]: Message): string | undefined => typeof tag === "string" ? tag : readName(tag)

/** Without the tag. Spelled out, because a rest array per message costs as much as the message. */
export const callTagged = (handler: Handler, m: Message): unknown => {
  switch (m.length) {
    case 1:
      return handler()
    case 2:
      return handler(m[1])
    case 3:
      return handler(m[1], m[2])
    case 4:
      return handler(m[1], m[2], m[3])
    default:
      return handler(...m.slice(1))
  }
}

/** With the tag, for a default receiver. */
export const callWhole = (handler: Handler, m: Message): unknown => {
  switch (m.length) {
    case 1:
      return handler(m[0])
    case 2:
      return handler(m[0], m[1])
    case 3:
      return handler(m[0], m[1], m[2])
    default:
      return handler(...m)
  }
}

/** A scope for each message: what the handler acquires is released when it is done. What needs no fiber acquires nothing. */
export const scopingEach = (handler: Handler): Handler => (...args) => {
  const result = handler(...args)
  if (!Effect.isEffect(result) || Exit.isExit(result) || isSnd(result) || syncOf(result) !== undefined) return result
  return Effect.scoped(result)
}
