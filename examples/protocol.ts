/**
 * What the receivers of `receiver.ts` accept, shared with `sender.ts`.
 */
import { Port } from "effect-mp"
import * as Schema from "effect/Schema"

export const Receiver = Port.protocol({ test: Port.message(Schema.String) })

/** The group that receivers register in. */
export const group = "eg_receivers"
