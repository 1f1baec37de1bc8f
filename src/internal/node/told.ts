/**
 * What nodes tell of themselves, for those who read it: within bounds, as every honest node keeps them. So what is made of it (sums, rates,
 * points of time, pages) is within bounds as well, whatever a node says.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/** Of lists that may be long, so many entries are told. */
export const mostTold = 1000

/** So long a name is, or another text. */
const longest = 4000

/** As milliseconds before now or after 1970, it still is a time that calendars have. */
const largest = 8e15

export const Count = Schema.Finite.check(Schema.isBetween({ minimum: -largest, maximum: largest }))
export const Text = Schema.String.check(Schema.isMaxLength(longest))

export const list = <S extends Schema.Constraint>(item: S) => Schema.Array(item).check(Schema.isMaxLength(mostTold))

/** By name. */
export const record = <S extends Schema.Constraint>(value: S) =>
  Schema.Record(Text, value).check(Schema.isMaxProperties(mostTold))
