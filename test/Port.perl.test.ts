/** Messages whose schemas are for Perl's scalars: what says something is read, and all else is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import { reasonOf, until } from "./harness.ts"

/** What handlers of a message get of arguments that come from another node, or why the port ends. */
const received = (
  schemas: ReadonlyArray<Schema.Codec<any, any>>,
  ...args: ReadonlyArray<unknown>
): Promise<ReadonlyArray<unknown>> =>
  Effect.gen(function*() {
    const inbox: Array<ReadonlyArray<unknown>> = []
    const protocol = Port.protocol({ m: Port.message(...schemas) })
    const port = yield* Port.make(protocol, { m: (...got) => void inbox.push(got) })
    const ended: Array<ReadonlyArray<unknown>> = []
    yield* Port.mon(port, (exit) => Effect.sync(() => void ended.push(reasonOf(exit).slice(0, 1))))
    // Relayed by the node port, a message is like one from another node.
    yield* Port.snd(yield* Node.id, "snd", port, "m", ...args)
    yield* until("it has come", () => inbox.length + ended.length > 0)
    return inbox[0] ?? ended[0]!
  }).pipe(Effect.scoped, Effect.provide(Node.layerLocal), Effect.runPromise)

/** So long that to look at each part of it again for each of its characters would take minutes. */
const long = 500_000

const { Boolean, Int, Number: Numeric, String: Str, Text } = Port.perl
const refused = ["invalid_message"]

describe("of what Perl may send", () => {
  const Space = Schema.Literals(["", " ", "\n", "\t "])
  it.effect.prop(
    "every form of a number is one",
    [Schema.Finite, Space, Space],
    ([n, before, behind]) =>
      Effect.promise(async () => {
        assert.deepStrictEqual(await received([Numeric, Numeric], n, `${before}${n}${behind}`), [n, Number(String(n))])
      })
  )

  it.each<[unknown, number]>([
    ["5.", 5],
    [".5", 0.5],
    ["+1e3", 1000],
    ["1E-2", 0.01],
    ["Inf", Infinity],
    ["-infinity", -Infinity],
    ["nan", NaN],
    ["0 but true", 0],
    [2n ** 60n, 2 ** 60]
  ])("%o is a number", async (form, number) => {
    assert.deepStrictEqual(await received([Numeric], form), [number])
  })

  it.each(["", " ", "x", "5x", "0x10", "1 2", "1e", "--1", null, true, [], {}, [5]])("%o is none", async (form) => {
    assert.deepStrictEqual(await received([Numeric], form), refused)
  })

  it.each([
    ["digits", "1".repeat(long)],
    ["digits behind a point", `1.${"1".repeat(long)}`],
    ["digits of an exponent", `1e${"1".repeat(long)}`],
    ["spaces", " ".repeat(long)],
    ["spaces behind a digit", `1${" ".repeat(long)}`]
  ])("a text of many %s and a letter is none, and costs no more than to read it", async (_, text) => {
    assert.deepStrictEqual(await received([Numeric], `${text}x`), refused)
  })

  it.each<[unknown, unknown]>([["12", 12], ["1e3", 1000], [7, 7], ["1.5", refused], [1.5, refused], [
    2n ** 60n,
    refused
  ]])(
    "%o is, as a whole number, %o",
    async (form, expected) => {
      assert.deepStrictEqual(await received([Int], form), expected === refused ? refused : [expected])
    }
  )

  it.each([false, "", "0", null, 0, -0, 0n])("%o is false", async (form) => {
    assert.deepStrictEqual(await received([Boolean], form), [false])
  })

  const True = Schema.Union([Schema.NonEmptyString, Schema.Number, Schema.BigInt, Schema.Literals(["0.0", "00", true])])
  it.effect.prop("all else of text and numbers is true", [True], ([form]) =>
    Effect.promise(async () => {
      const isFalse = form === "0" || form === 0 || form === 0n
      assert.deepStrictEqual(await received([Boolean], form), [!isFalse])
    }))

  it.each([[[]], [{}], [[1]]])("%o is no truth", async (form) => {
    assert.deepStrictEqual(await received([Boolean], form), refused)
  })

  it("numbers are text where text is wanted", async () => {
    assert.deepStrictEqual(
      await received([Str, Str, Str, Str, Str], "5", 5, 1.5, 2n ** 60n, -Infinity),
      ["5", "5", "1.5", "1152921504606846976", "-Inf"]
    )
    for (const form of [null, true, [], {}]) assert.deepStrictEqual(await received([Str], form), refused)
  })

  it.effect.prop(
    "octets of UTF-8 are the text that they mean, where that is wanted",
    [Schema.String],
    ([any]) =>
      Effect.promise(async () => {
        const text = any.toWellFormed()
        const octets = Buffer.from(text, "utf8").toString("latin1")
        assert.deepStrictEqual(await received([Str, Text], octets, octets), [octets, text])
      })
  )

  it("text that is no octets of UTF-8 stays", async () => {
    const texts = ["caf\u00e9", "\u20ac\u00e9"]
    assert.deepStrictEqual(await received([Text, Text, Text], ...texts, 5), [...texts, "5"])
  })
})

describe("schemas of Perl's scalars", () => {
  it("stand in arrays, structs, records, unions and recursive schemas", async () => {
    interface Tree {
      readonly n: number
      readonly below: ReadonlyArray<Tree>
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({
      n: Numeric,
      below: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
    })
    const Pair = Schema.TupleWithRest(Schema.Tuple([Int]), [Boolean])
    const Named = Schema.Struct({ count: Int, rate: Schema.optionalKey(Numeric), label: Schema.String })
    assert.deepStrictEqual(
      await received(
        [Tree, Pair, Named, Schema.Record(Schema.String, Numeric), Schema.NullOr(Numeric), Schema.NullOr(Numeric)],
        { n: "1", below: [{ n: 2, below: [{ n: "3", below: [] }] }] },
        ["1", "", 1],
        { count: "2", label: "5" },
        { a: "1", b: 2 },
        null,
        "6"
      ),
      [
        { n: 1, below: [{ n: 2, below: [{ n: 3, below: [] }] }] },
        [1, false, true],
        { count: 2, label: "5" },
        { a: 1, b: 2 },
        null,
        6
      ]
    )
  })

  it("stay text in a union in which text fits as it is", async () => {
    assert.deepStrictEqual(await received([Schema.Union([Numeric, Schema.String])], "5"), ["5"])
  })

  it("read all that follows, a call's arguments, its reply, and those of a function", async () => {
    const Sums = Port.protocol({
      sum: Port.message(Numeric).rest(Numeric).replies(Numeric),
      untouched: Port.message(Schema.String)
    })
    const makeSums = Port.remote("test::sums", [Numeric], Sums)
    const program = Effect.gen(function*() {
      const node = yield* Node.id
      const sums = yield* Port.spawn(node, makeSums, 0)
      yield* Port.snd(node, "AnyEvent::MP::_spawn", "fromPerl", "test::sums", "100")
      const sum = (port: string) =>
        Effect.flatMap(Port.calMessage(node, "snd", port, "sum", "1", 2, "3"), ([answer]) => Effect.succeed(answer))
      // Another node's port that answers as Perl may.
      const perl = yield* Port.make({ sum: (_, to: string) => Port.snd(to, "42") })
      return [
        yield* sum(sums),
        yield* sum(`${node}#fromPerl`),
        yield* Port.cal(Sums, perl as typeof Sums.PortId.Type, "sum", 1)
      ]
    })
    const Live = Port.implement(makeSums, (base) =>
      Effect.succeed({
        sum: (...all: ReadonlyArray<number>) => Effect.succeed(all.reduce((sum, n) => sum + n, base)),
        untouched: () => {}
      }))
    const answers = await Effect.runPromise(
      program.pipe(Effect.scoped, Effect.provide(Live), Effect.provide(Node.layerLocal))
    )
    assert.deepStrictEqual(answers, [6, 106, 42])
  })

  it("cost a protocol nothing that has none", () => {
    const recursive: Schema.Codec<unknown> = Schema.Array(Schema.suspend(() => recursive))
    assert.isUndefined(Port.protocol({ m: Port.message(Schema.Number, Schema.String, recursive) }).read)
    assert.isDefined(Port.protocol({ m: Port.message(Schema.NullOr(Schema.Array(Int))) }).read)
  })
})
