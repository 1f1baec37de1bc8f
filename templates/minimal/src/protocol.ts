/** What greeters and those who ask them agree on. */
import { Schema } from "effect"
import { Port } from "effect-mp"

/** The group that greeters are members of. */
export const group = "greeters"

/** What a greeter takes: types for senders, and a check of what comes from other nodes. */
export const Greeter = Port.protocol({
  greet: Port.message(Schema.String).replies(Schema.String)
})
