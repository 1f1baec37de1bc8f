/**
 * What effects in a port run in: its maker's services, with `Self` and the port's Scope; and for each message the same, with log lines that
 * say where they come from.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { describeTag } from "../values/describe.ts"
import type { Annotations } from "./receiver.ts"

/** Of one port, while something runs in it. */
export interface Contexts {
  readonly context: Context.Context<never>
  /** For what needed a fiber last: its log lines name the node, the port, and the message if it was one. */
  named: Context.Context<never>
  /** The tag of that message. */
  tag: string | undefined
  /** For other messages, by their tags: a few. */
  others: Map<string | undefined, Context.Context<never>> | undefined
}

/** So many tags have a context that is kept. */
const mostTags = 16

/** For handlers of messages with this tag; without a tag, for all else that runs in the port. */
export const contextFor = (
  contexts: Contexts,
  node: string,
  port: string,
  tag: string | undefined
): Context.Context<never> => {
  const { context, named } = contexts
  if (named !== context) {
    if (contexts.tag === tag) return named
    if (contexts.others === undefined || contexts.others.size >= mostTags) contexts.others = new Map()
    contexts.others.set(contexts.tag, named)
  }
  contexts.tag = tag
  return contexts.named = contexts.others?.get(tag) ?? naming(context, node, port, tag)
}

/** A context whose log lines say where they come from. */
export const naming = (
  context: Context.Context<never>,
  node: string,
  port: string,
  tag?: string
): Context.Context<never> => {
  const where = placeOf(context, port, tag)
  return Context.add(context, References.CurrentLogAnnotations, { ...where, node })
}

/** What log lines say of a port, and of the message that is handled there. It may have been made where another one was. */
export const placeOf = (context: Context.Context<never>, port: string, tag?: string): Annotations => {
  const { tag: _other, ...annotations } = Context.get(context, References.CurrentLogAnnotations)
  return tag === undefined ? { ...annotations, port } : { ...annotations, port, tag: describeTag(tag) }
}

/** What is made in a span may outlive it: a port does. */
export const untraced = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.getOrUndefined(context, Tracer.ParentSpan) === undefined
    ? context
    : Context.omit(Tracer.ParentSpan)(context) as Context.Context<R>
