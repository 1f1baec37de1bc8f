/** Arbitrary plain data for property tests. */
import * as Schema from "effect/Schema"

const Text = Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed()))
/** `JSON.stringify` drops the sign of -0. */
const isNotMinusZero = Schema.makeFilter((number: number) => !Object.is(number, -0))

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** What JSON carries, and what `JSON.stringify` makes of it. */
export const JsonValue: Schema.Codec<Json> = Schema.Union([
  Schema.Null,
  Schema.Boolean,
  Schema.Int.check(isNotMinusZero),
  Schema.Finite.check(isNotMinusZero),
  Text,
  Schema.Array(Schema.suspend(() => JsonValue)),
  Schema.Record(Text, Schema.suspend(() => JsonValue))
])

type Cbor =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ReadonlyArray<Cbor>
  | { readonly [key: string]: Cbor }

/** What CBOR carries between our own nodes. */
export const CborValue: Schema.Codec<Cbor> = Schema.Union([
  Schema.Null,
  Schema.Undefined,
  Schema.Boolean,
  Schema.Int,
  Schema.Finite,
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 64n - 1n })),
  Text,
  Schema.Uint8Array,
  Schema.Array(Schema.suspend(() => CborValue)),
  Schema.Record(Text, Schema.suspend(() => CborValue))
])
