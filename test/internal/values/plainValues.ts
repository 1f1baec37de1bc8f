/** Arbitrary plain data for property tests. */
import * as Schema from "effect/Schema"

const Text = Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed()))
/** Neither codec tells -0 from 0. */
const isNotMinusZero = Schema.makeFilter((number: number) => !Object.is(number, -0))
const Float = Schema.Finite.check(isNotMinusZero)
const Int = Schema.Int.check(isNotMinusZero)

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** What JSON carries. */
export const JsonValue: Schema.Codec<Json> = Schema.Union([
  Schema.Null,
  Schema.Boolean,
  Int,
  Float,
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

/** What CBOR carries between our own nodes. A bigint that fits in a number comes back as one. */
export const CborValue: Schema.Codec<Cbor> = Schema.Union([
  Schema.Null,
  Schema.Undefined,
  Schema.Boolean,
  Int,
  Float,
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 2n ** 53n, maximum: 2n ** 64n - 1n })),
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: -(2n ** 53n) })),
  Text,
  Schema.Uint8Array,
  Schema.Array(Schema.suspend(() => CborValue)),
  Schema.Record(Text, Schema.suspend(() => CborValue))
])
