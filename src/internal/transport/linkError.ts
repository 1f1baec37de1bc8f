/**
 * Why a connection did not become a link, or a link ended.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import { type LinkErrorReason, linkErrorReasons, linkErrorTexts as texts } from "../values/linkReason.ts"

export { type LinkErrorReason, linkErrorReasons } from "../values/linkReason.ts"

/** Why a connection is not wanted: there is another one with the same node. */
export const isConnectedAlready: ReadonlySet<LinkErrorReason> = new Set([
  "already_connected",
  "crossing_connection",
  "second_connection"
])

/** Re-exported as `Transport.LinkError`, where it is documented. */
export class LinkError extends Schema.TaggedError<LinkError>()("LinkError", {
  reason: Schema.Literals(linkErrorReasons),
  peer: Schema.String,
  detail: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return `${this.peer}: ${inWords(this)}`
  }
}

/** Why it was, without whose connection it was. */
export const inWords = ({ detail, reason }: Pick<LinkError, "detail" | "reason">): string =>
  `${texts[reason]}${detail === undefined ? "" : ` (${detail})`}`

/** The text of a `transport_error` reason, as AEMP words it where it has words. */
export const transportErrorText = ({ detail, reason }: LinkError): string => {
  if (detail === undefined) return texts[reason]
  // What the other node said is nothing that happened here.
  return reason === "ended_by_peer" ? `${texts[reason]}: ${detail}` : detail
}
