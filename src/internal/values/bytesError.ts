/**
 * Why a stream of bytes between two ports was not made, or has ended before its end.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import { linkErrorReasons } from "./linkReason.ts"

/** What went wrong, with what to do about it. */
export const bytesErrorTexts = {
  not_expected: "nobody waits for bytes under this ID: it was used already, is too old, or never was",
  nobody_came: "nobody began to send bytes in time",
  too_many: "too many streams of bytes at once",
  draining: "the node is about to stop, and takes no bytes",
  unreachable: "there is no way to the other node",
  connection_lost: "the connection was lost before all bytes had passed",
  sender_ended: "the sender gave up before it had sent all",
  receiver_ended: "the receiver takes no more"
} as const

/** Why a stream of bytes was not made, or has ended before its end. */
export type BytesErrorReason = keyof typeof bytesErrorTexts

export const bytesErrorReasons = Object.keys(bytesErrorTexts) as ReadonlyArray<BytesErrorReason>

/** Re-exported as `Port.BytesError`, where it is documented. */
export class BytesError extends Schema.TaggedError<BytesError>()("BytesError", {
  reason: Schema.Literals(bytesErrorReasons),
  node: Schema.String,
  detail: Schema.optional(Schema.String),
  linkError: Schema.optional(Schema.Literals(linkErrorReasons))
}) {
  override get message(): string {
    const { detail, node, reason } = this
    return `bytes, node ${node}: ${bytesErrorTexts[reason]}${detail === undefined ? "" : ` (${detail})`}`
  }
}
