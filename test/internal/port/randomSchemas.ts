/** Schemas as programs declare them, drawn by chance, each with what makes values of it. */
import * as Schema from "effect/Schema"
import { type AnySchema, PortIdSchema } from "../../../src/internal/port/protocol.ts"
import type { SeededRandom } from "../../simulation/random.ts"

export interface RandomSchema {
  readonly schema: AnySchema
  /** A value that fits, unless a check of a container says otherwise. */
  readonly value: () => unknown
}

type Make = (random: SeededRandom, depth: number) => RandomSchema

const of = (schema: AnySchema, ...values: ReadonlyArray<unknown>): Make =>
  by(schema, ...values.map((value) => () => value))

/** Of objects, each of which is a new one. */
const by = (schema: AnySchema, ...makers: ReadonlyArray<() => unknown>): Make => (random) => ({
  schema,
  value: () => random.pick(makers)?.()
})

/** A check of a program's, which fails for some and throws for others. */
const isNoCurse = Schema.makeFilter((text: string) => {
  if (text === "throw") throw new Error("cannot look at it")
  return text !== "curse"
})

class Point extends Schema.Class<Point>("Point")({ tag: Schema.Literal("a"), x: Schema.Number }) {}
const Opaque: AnySchema = Schema.declare((value): value is string => value === "opaque")
const Forged: AnySchema = Schema.declare((value): value is string => value === "forged", {
  representation: { id: "effect/schema/Uint8Array", payload: null }
})

const leaves: ReadonlyArray<Make> = [
  of(Schema.String, "", "a", "é😀", "throw", "a\ud800"),
  of(Schema.NonEmptyString, "a"),
  of(Schema.String.check(Schema.isMinLength(2), Schema.isMaxLength(3)), "ab", "abc"),
  of(Schema.String.check(Schema.isPattern(/^a+$/g)), "a", "aaa"),
  of(Schema.String.check(isNoCurse), "a"),
  of(Schema.String.check(isNoCurse.and(Schema.isMaxLength(3)).and(Schema.isMinLength(1))), "a"),
  of(Schema.String.pipe(Schema.brand("Name")), "a"),
  of(Schema.Trimmed, "a"),
  of(PortIdSchema, "node#port", "node"),
  of(Schema.Number, 0, -0, NaN, Infinity, 1.5),
  of(Schema.Finite, 0, -0, 1.5),
  of(Schema.Int, 0, -0, 2 ** 53 - 1),
  of(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })), 1, 5),
  of(Schema.Number.check(Schema.isGreaterThan(0)).pipe(Schema.brand("Positive")), 1),
  of(Schema.Boolean, true, false),
  of(Schema.BigInt, 0n, -1n),
  of(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 9n })), 0n, 9n),
  of(Schema.Null, null),
  of(Schema.Undefined, undefined),
  of(Schema.Void, undefined, 1),
  by(Schema.Unknown, () => undefined, () => null, () => ({})),
  by(Schema.Any, () => undefined, () => null, () => ({})),
  of(Schema.Unknown.check(Schema.makeFilter((value) => value !== 1)), 2),
  of(Schema.Never),
  of(Schema.Literal("a"), "a"),
  of(Schema.Literal(0), 0, -0),
  of(Schema.Literals(["a", "b", 1, 5n, true]), "a", "b", 1, 5n, true),
  of(Schema.Literal("a").check(Schema.makeFilter(() => true)), "a"),
  by(Schema.Uint8Array, () => new Uint8Array(2), () => Buffer.from("ab")),
  by(Schema.Uint8Array.annotate({ title: "bytes" }), () => new Uint8Array(2)),
  by(Schema.Uint8Array.check(Schema.makeFilter((bytes) => bytes.length > 1)), () => new Uint8Array(2)),
  by(Schema.Json, () => null, () => ({ a: [1, "b"] }), () => "a"),
  by(Schema.Struct({}), () => 1, () => "a", () => ({}), () => []),
  by(Schema.ObjectKeyword, () => ({}), () => [], () => () => 1),
  of(Schema.TemplateLiteral(["a", Schema.Number]), "a1"),
  of(Schema.Enum({ one: 1, two: "zwei" }), 1, "zwei"),
  by(Schema.toType(Point), () => new Point({ tag: "a", x: 1 })),
  of(Schema.NumberFromString, 1),
  of(Opaque, "opaque"),
  of(Forged, "forged")
]

/** A tree whose branches are of one kind with it. */
interface Tree {
  readonly left?: Tree | number
  readonly more: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  left: Schema.optionalKey(Schema.Union([Schema.suspend(() => Tree), Schema.Int])),
  more: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

export const keys = ["a", "b", "tag", "__proto__", "constructor", "length", "", "0", "é"] as const

const list = (random: SeededRandom, depth: number, most = 3): ReadonlyArray<RandomSchema> =>
  Array.from({ length: random.int(0, most) }, () => randomSchema(random, depth + 1))

const many = (random: SeededRandom, { value }: RandomSchema): ReadonlyArray<unknown> =>
  Array.from({ length: random.int(0, 3) }, value)

const record = (entries: ReadonlyArray<readonly [string, unknown]>): unknown => Object.fromEntries(entries)

const array: Make = (random, depth) => {
  const item = randomSchema(random, depth + 1)
  const schema = Schema.Array(item.schema)
  return {
    schema: random.chance(0.7)
      ? schema
      : random.chance(0.5)
      ? Schema.NonEmptyArray(item.schema)
      : schema.check(Schema.isMaxLength(2)),
    value: () => many(random, item)
  }
}

const tuple: Make = (random, depth) => {
  const elements = list(random, depth)
  const optional = random.chance(0.4) ? random.int(0, elements.length) : elements.length
  const rest = random.chance(0.4) ? list(random, depth) : []
  const [spread, ...last] = optional < elements.length ? rest.slice(0, 1) : rest
  const schema = Schema.Tuple(
    elements.map(({ schema }, i) =>
      i < optional ? schema : random.chance(0.5) ? Schema.optionalKey(schema) : Schema.optional(schema)
    )
  )
  return {
    schema: spread === undefined
      ? schema
      : Schema.TupleWithRest(schema, [spread.schema, ...last.map(({ schema }) => schema)]),
    value: () => [
      ...elements.slice(0, random.chance(0.3) ? optional : elements.length).map(({ value }) => value()),
      ...(spread === undefined ? [] : [...many(random, spread), ...last.map(({ value }) => value())])
    ]
  }
}

const struct: Make = (random, depth) => {
  const fields = new Map(
    list(random, depth).map((field) => [
      random.pick(keys)!,
      { ...field, how: random.pick(["needed", "needed", "optional", "optionalKey"] as const)! }
    ])
  )
  const schema = Schema.Struct(Object.fromEntries(
    Array.from(fields, ([key, { how, schema }]) => [
      key,
      how === "needed" ? schema : how === "optional" ? Schema.optional(schema) : Schema.optionalKey(schema)
    ])
  ))
  const present = () =>
    Array.from(fields).filter(([, { how }]) => how === "needed" || random.chance(0.6)).map(([key, { how, value }]) =>
      [key, how === "optional" && random.chance(0.2) ? undefined : value()] as const
    )
  if (random.chance(0.2)) {
    const rest = randomSchema(random, depth + 1)
    return {
      schema: Schema.StructWithRest(schema, [Schema.Record(Schema.String, rest.schema)]),
      value: () => record([...present(), ["z", rest.value()]])
    }
  }
  return {
    schema: random.chance(0.85)
      ? schema
      : schema.check(Schema.makeFilter((fields) => Object.keys(fields).length < 3)),
    value: () => record(present())
  }
}

const entries: Make = (random, depth) => {
  const item = randomSchema(random, depth + 1)
  const key = random.pick<AnySchema & Schema.Record.Key>([
    Schema.String,
    Schema.String,
    Schema.String.check(Schema.isMaxLength(1))
  ])!
  return {
    schema: Schema.Record(key, item.schema),
    value: () => record(many(random, item).map((value) => [random.pick(keys)!, value]))
  }
}

const union: Make = (random, depth) => {
  const members = [randomSchema(random, depth + 1), ...list(random, depth, 2)]
  const schemas = members.map(({ schema }) => schema)
  return {
    schema: random.chance(0.85) ? Schema.Union(schemas) : Schema.Union(schemas, { mode: "oneOf" }),
    value: () => random.pick(members)!.value()
  }
}

/** Structs that are told from each other by a field or two. */
const variants: Make = (random, depth) => {
  const members = ["a", "b", "c"].slice(0, random.int(2, 3)).map((tag) => {
    const inner = randomSchema(random, depth + 1)
    return {
      schema: Schema.Struct({ a: inner.schema, tag: Schema.Literal(tag), 0: Schema.optionalKey(Schema.Literal(tag)) }),
      value: () => record([["tag", random.chance(0.9) ? tag : "a"], ["a", inner.value()]])
    }
  })
  const other = randomSchema(random, depth + 1)
  const all = random.chance(0.5) ? members : [...members, other]
  return { schema: Schema.Union(all.map(({ schema }) => schema)), value: () => random.pick(all)!.value() }
}

const tree: Make = (random) => {
  const value = (depth: number): Tree => ({
    ...(random.chance(0.5) ? {} : { left: depth > 2 || random.chance(0.5) ? 1 : value(depth + 1) }),
    more: Array.from({ length: depth > 2 ? 0 : random.int(0, 2) }, () => value(depth + 1))
  })
  return { schema: Tree, value: () => value(0) }
}

const containers = [array, tuple, struct, entries, union, variants, tree]

export const randomSchema = (random: SeededRandom, depth = 0): RandomSchema =>
  random.pick(depth > 3 || random.chance(0.4) ? leaves : containers)!(random, depth)
