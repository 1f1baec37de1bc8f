import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { AnySchema } from "../../../src/internal/port/protocol.ts"
import * as Port from "../../../src/Port.ts"

class Order extends Schema.Class<Order>("Order")({ id: Schema.Number }) {}
class Label extends Schema.Opaque<Label>()(Schema.Struct({ text: Schema.String })) {}

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

interface Log {
  readonly at: Date
  readonly before: Log | null
}
const Log: Schema.Codec<Log> = Schema.Struct({
  at: Schema.Date,
  before: Schema.NullOr(Schema.suspend((): Schema.Codec<Log> => Log))
})

describe("a message", () => {
  it("may be declared of plain data, of what has the form of it, and of what nobody knows yet", () => {
    const plain: ReadonlyArray<AnySchema> = [
      Schema.Uint8Array,
      Schema.BigInt,
      Schema.Json,
      Schema.Unknown,
      Schema.Void,
      Schema.Struct({ "a b": Schema.optionalKey(Schema.Literals(["a", 1])) }),
      Schema.Record(Schema.String, Schema.TemplateLiteral(["a", Schema.Number])),
      Schema.Tuple([Schema.Finite, Schema.UndefinedOr(Schema.String)]),
      Schema.String.pipe(Schema.check(Schema.makeFilter((text: string) => text.length < 3))),
      Schema.String.pipe(Schema.brand("Name")),
      Port.protocol({}).PortId,
      Label,
      Tree
    ]
    for (const schema of plain) Port.message(schema).rest(schema).replies(schema)
  })

  it.each<[string, AnySchema, RegExp]>([
    ["a date", Schema.Date, /^Port\.message: argument 1 is a Date, .* use Schema\.String for its ISO text/],
    ["an option", Schema.Option(Schema.Number), /a Option, .* use Schema\.NullOr/],
    ["a map", Schema.ReadonlyMap(Schema.String, Schema.Number), /a ReadonlyMap, .* use Schema\.Record/],
    ["a set", Schema.ReadonlySet(Schema.Number), /a ReadonlySet, .* use Schema\.Array/],
    ["a class", Order, /a Order, .* use its encoded side/],
    [
      "a type of a program's own",
      Schema.declare((value): value is string => typeof value === "string"),
      /a declared type, .* use text, numbers, bytes, arrays and structs/
    ],
    ["a symbol", Schema.Symbol, /a symbol, .* use Schema\.Literals/],
    ["a symbol as key", Schema.Struct({ [Symbol.iterator]: Schema.String }), /an object with symbols as keys/],
    ["symbols as keys", Schema.Record(Schema.Symbol, Schema.String), /an object with symbols as keys/],
    ["a transformation", Schema.NumberFromString, /transforms, .* use its encoded side, Schema\.toEncoded/],
    ["a text that is trimmed", Schema.Trim, /transforms/],
    ["what is recursive", Log, /argument 1\.at is a Date/],
    [
      "what is deep inside",
      Schema.Tuple([Schema.Record(Schema.String, Schema.Array(Schema.Date))]),
      /1\[0\]\[\]\[\] is a Date/
    ]
  ])("may not be declared of %s", (_, schema, text) => {
    assert.throws(() => Port.message(schema), TypeError, text)
  })

  it("says which of its schemas it is", () => {
    const date: AnySchema = Schema.Date
    assert.throws(() => Port.message(Schema.String, date), TypeError, /^Port\.message: argument 2 is/)
    assert.throws(() => Port.message().replies(date), TypeError, /^Port\.message: the reply is/)
    assert.throws(() => Port.message().rest(date), TypeError, /^Port\.message: the rest is/)
    assert.throws(() => Port.remote("a::b", [date], Port.protocol({})), TypeError, /^Port\.remote a::b: argument 1 is/)
  })

  it("may be of what is declared further down", () => {
    const message = Port.message(Schema.suspend((): Schema.Codec<string> => Later))
    const Later = Schema.String
    assert.isDefined(message)
  })
})
