/**
 * What goes beside a message: the span that it was sent in, and how long its sender waits for an answer. Between nodes of our own kind it
 * travels in a request of its own, with the message in it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { describeTag } from "../values/describe.ts"
import type { Message } from "../values/plainData.ts"

export interface Aside {
  readonly span: Tracer.AnySpan | undefined
  /** From now on. Nobody compares the clocks of two machines. */
  readonly patienceMillis: number | undefined
  /** That it came on, from another node: with its end the sender's patience ends as well. */
  readonly link?: { readonly isOver: boolean } | undefined
}

/** Handles a message in a child of the span that it was sent in. */
export const handledIn = (
  parent: Tracer.AnySpan,
  node: string,
  port: string,
  message: Message,
  handle: () => unknown
): Effect.Effect<unknown, unknown> => {
  const tag = describeTag(message[0])
  const handled = Effect.suspend(() => {
    const result = handle()
    return Effect.isEffect(result) ? result as Effect.Effect<unknown, unknown> : Effect.void
  })
  return Effect.withSpan(handled, `handle ${tag}`, {
    parent,
    kind: "consumer",
    attributes: { node, port, tag },
    captureStackTrace: false
  })
}

/** As plain data. */
export const asideToWire = ({ patienceMillis, span }: Aside): unknown => ({
  ...patienceMillis === undefined ? {} : { patience: Math.ceil(patienceMillis) },
  ...span === undefined ? {} : { span: [span.traceId, span.spanId, span.sampled] }
})

/** What is not understood of it is not there: the message counts. */
export const asideFromWire = (value: unknown, link: Aside["link"]): Aside | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const span = "span" in value ? readSpan(value.span) : undefined
  const patienceMillis = "patience" in value && typeof value.patience === "number" ? value.patience : undefined
  return span === undefined && patienceMillis === undefined ? undefined : { span, patienceMillis, link }
}

const readSpan = (value: unknown): Tracer.ExternalSpan | undefined => {
  if (!Array.isArray(value)) return undefined
  const [traceId, spanId, sampled]: ReadonlyArray<unknown> = value
  if (!isId(traceId) || !isId(spanId)) return undefined
  return Tracer.externalSpan({ traceId, spanId, sampled: sampled === true })
}

/** So much is believed to be the ID of a trace or a span. */
const longestId = 64

const isId = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= longestId
