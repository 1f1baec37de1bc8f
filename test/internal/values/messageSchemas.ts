/** Arbitrary schemas of messages, each with a value of it: for what arrives elsewhere as it is here, or is refused. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { Carries } from "../../../src/internal/values/plainData.ts"

/** What no message can hold is among it, and is to be refused: lone surrogates, bigints of more than 64 bits. */
const leaves = {
  text: Schema.String,
  oddText: Schema.Literals(["__proto__", "a\ud800", "\ufeff", "é\u2028€😀", "[1234567890123456789,", "x".repeat(300)]),
  number: Schema.Number,
  finite: Schema.Finite,
  int: Schema.Int,
  oddNumber: Schema.Literals([
    -0,
    1e15,
    -1e15,
    2 ** 53,
    -(2 ** 53),
    2 ** 53 - 1,
    2 ** 63,
    1e20,
    123456789012345680,
    1e21
  ]),
  bigint: Schema.BigInt,
  oddBigint: Schema.Literals([
    0n,
    -1n,
    5n,
    256n,
    2n ** 53n - 1n,
    2n ** 53n,
    -(2n ** 53n),
    1234567890123456789n,
    2n ** 63n,
    2n ** 64n - 1n,
    2n ** 64n,
    -(2n ** 63n),
    -(2n ** 63n) - 1n
  ]),
  bytes: Schema.Uint8Array,
  boolean: Schema.Boolean,
  null: Schema.Null,
  undefined: Schema.Undefined,
  json: Schema.Json
}
const leafNames = Object.keys(leaves) as ReadonlyArray<keyof typeof leaves>

type Shape =
  | { readonly _tag: "Leaf"; readonly of: keyof typeof leaves }
  | { readonly _tag: "Array" | "Record" | "NullOr" | "UndefinedOr"; readonly of: Shape }
  | { readonly _tag: "Tuple" | "Union"; readonly of: ReadonlyArray<Shape> }
  | {
    readonly _tag: "Struct"
    readonly of: ReadonlyArray<{ readonly key: string; readonly optional: boolean; readonly shape: Shape }>
  }

const Inner = Schema.suspend((): Schema.Codec<Shape> => Shape)
const Key = Schema.Union([
  Schema.String,
  Schema.Literals(["__proto__", "constructor", "toJSON", "length", "a\ud800", "é"])
])

const Shape: Schema.Codec<Shape> = Schema.Union([
  Schema.TaggedStruct("Leaf", { of: Schema.Literals(leafNames) }),
  Schema.Struct({ _tag: Schema.Literals(["Array", "Record", "NullOr", "UndefinedOr"]), of: Inner }),
  Schema.Struct({ _tag: Schema.Literals(["Tuple", "Union"]), of: Schema.NonEmptyArray(Inner) }),
  Schema.TaggedStruct("Struct", {
    of: Schema.Array(Schema.Struct({ key: Key, optional: Schema.Boolean, shape: Inner }))
  })
])

const schemaOf = (shape: Shape): Schema.Codec<unknown> => {
  switch (shape._tag) {
    case "Leaf":
      return leaves[shape.of]
    case "Array":
      return Schema.Array(schemaOf(shape.of))
    case "Record":
      return Schema.Record(Schema.String, schemaOf(shape.of))
    case "NullOr":
      return Schema.NullOr(schemaOf(shape.of))
    case "UndefinedOr":
      return Schema.UndefinedOr(schemaOf(shape.of))
    case "Tuple":
      return Schema.Tuple(shape.of.map(schemaOf))
    case "Union":
      return Schema.Union(shape.of.map(schemaOf))
    case "Struct":
      return Schema.Struct(Object.fromEntries(shape.of.map(({ key, optional, shape }) => {
        const schema = schemaOf(shape)
        // Effect looks up a key that is missing in the prototype too.
        return [key, optional && !(key in Object.prototype) ? Schema.optionalKey(schema) : schema]
      })))
  }
}

/** A schema, and a value of it. */
export interface Sample {
  readonly schema: Schema.Codec<unknown>
  readonly value: unknown
}

export const Samples: Arbitrary.Arbitrary<Sample> = Arbitrary.flatMap(Arbitrary.schema(Shape), (shape) => {
  const schema = schemaOf(shape)
  return Arbitrary.map(Arbitrary.schema(schema), (value) => ({ schema, value }))
})

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array

/** Whether it can travel, in the words of `docs/messages.md`: written apart from what decides it. */
export const mayTravel = (value: unknown, carries: Carries): boolean => {
  if (typeof value === "string") return !/\p{Surrogate}/u.test(value)
  if (typeof value === "number") return carries === "cbor" || Number.isFinite(value)
  if (typeof value === "bigint") {
    const isWide = BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value
    return isWide && (carries !== "json" || !Number.isSafeInteger(Number(value)))
  }
  if (value === undefined) return carries !== "json"
  if (isBytes(value)) return carries === "cbor"
  if (typeof value !== "object" || value === null) return true
  return Object.entries(value).flat().every((inner) => mayTravel(inner, carries))
}

/** Whether two values are the same plain data. Objects are, with or without a prototype. */
export const isSame = (one: unknown, other: unknown): boolean => {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return Object.is(one, other)
  }
  if (Array.isArray(one) !== Array.isArray(other) || isBytes(one) !== isBytes(other)) return false
  const [keys, others] = [Object.keys(one), Object.keys(other)]
  return keys.length === others.length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(Reflect.get(one, key), Reflect.get(other, key)))
}
