/** What the front of a shop and those who know its prices agree on. */
import * as Port from "effect-mp/Port"
import * as Schema from "effect/Schema"

/** The group that those are members of who know the prices. */
export const group = "prices"

export const Prices = Port.protocol({
  /** May be asked twice. There is no price for what is not sold here. */
  price: Port.message(Schema.String).replies(Schema.NullOr(Schema.Number)),
  /** Must not be done twice. Answers how many have been sold. */
  sell: Port.message(Schema.String).replies(Schema.Number)
})
