/**
 * What the receivers of `receiver.ts` accept, shared with `sender.ts`.
 */
import { Port } from "effect-mp"
import * as Schema from "effect/Schema"

/** Anything can be sent: whoever writes in Perl knows no difference between numbers and texts. More may follow. */
export const Receiver = Port.protocol({ test: Port.message(Schema.Unknown).rest(Schema.Unknown) })

/** The group that receivers register in. */
export const group = "eg_receivers"
