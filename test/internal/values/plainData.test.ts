import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { runInNewContext } from "node:vm"
import { framings } from "../../../src/internal/transport/framing/framings.ts"
import { type Carries, copy, culprit, maxDepth } from "../../../src/internal/values/plainData.ts"
import { decoder, encoder } from "../../packets.ts"
import { CborValue, JsonValue } from "./plainValues.ts"

class Order {
  readonly id = 1
}

const nested = (depth: number, innermost: unknown = []): unknown => {
  let value = innermost
  for (let i = 1; i < depth; i++) value = [value]
  return value
}

describe("plain data", () => {
  it.effect.prop(
    "is whatever CBOR carries",
    [CborValue],
    ([value]) => Effect.sync(() => assert.isUndefined(culprit(value)))
  )

  it.effect.prop(
    "is for JSON whatever JSON carries",
    [JsonValue],
    ([value]) => Effect.sync(() => assert.isUndefined(culprit(value, "json")))
  )

  it("may hold subclasses of byte arrays, objects without prototype, and holes", () => {
    const bare: unknown = Object.assign(Object.create(null), { a: 1 })
    for (
      const value of [
        Buffer.from("x"),
        bare,
        { constructor: 1, toJSON: null },
        Array(3),
        JSON.parse("{\"__proto__\":1}")
      ]
    ) {
      assert.isUndefined(culprit(value))
    }
  })

  it("may come from another realm", () => {
    const value: unknown = runInNewContext(
      "({ list: [1, { a: 'x' }], bytes: new Uint8Array([1, 2]), bare: Object.create(null) })"
    )
    assert.isUndefined(culprit(value))
    assert.strictEqual(culprit(runInNewContext("[new Date(0)]"))?.what, "a Date")
    assert.strictEqual(culprit(runInNewContext("(new (class Order {}))"))?.what, "a Order")
  })

  it("may hold one object in many places", () => {
    let value: unknown = [1]
    for (let i = 0; i < 10; i++) value = [value, value]
    assert.isUndefined(culprit(value))
  })

  for (
    const [what, value, carries, said] of [
      ["a function", () => 1, "cbor", "a function"],
      ["a symbol", Symbol("s"), "cbor", "a symbol"],
      ["a date", new Date(0), "cbor", "a Date"],
      ["a Map", new Map(), "cbor", "a Map"],
      ["a Set", new Set(), "cbor", "a Set"],
      ["an error", new TypeError("x"), "cbor", "a TypeError"],
      ["an instance of a class", new Order(), "cbor", "a Order"],
      ["a typed array that is not of bytes", new Float64Array(1), "cbor", "a Float64Array"],
      ["an array buffer", new ArrayBuffer(1), "cbor", "a ArrayBuffer"],
      ["a boxed number", Object(1), "cbor", "a Number"],
      ["an object that inherits from another", Object.create({ constructor: null }), "cbor", "a class instance"],
      ["a lone surrogate", "a\ud800", "cbor", "a string with a lone surrogate"],
      ["a lone surrogate, for JSON", "\udc00a", "json", "a string with a lone surrogate"],
      ["a key with a lone surrogate", { "\ud800": 1 }, "cbor", "a key with a lone surrogate"],
      ["2^64", 2n ** 64n, "cbor", "a bigint of more than 64 bits"],
      ["less than -2^63", -(2n ** 63n) - 1n, "cbor", "a bigint of more than 64 bits"],
      ["2^64, for JSON", 2n ** 64n, "json", "a bigint of more than 64 bits"],
      ["bytes, for JSON", new Uint8Array(1), "json", "bytes"],
      ["bytes, for JSON of Perl", new Uint8Array(1), "perlJson", "bytes"],
      ["undefined, for JSON", undefined, "json", "undefined"],
      ["a bigint within the numbers, for JSON", 5n, "json", "a bigint that is a number too, 5"],
      ["NaN, for JSON", NaN, "json", "the number NaN"],
      ["infinity, for JSON", -Infinity, "json", "the number -Infinity"]
    ] as ReadonlyArray<readonly [string, unknown, Carries, string]>
  ) {
    it(`is not ${what}, wherever it stands`, () => {
      assert.deepStrictEqual(culprit(value, carries), { path: "", what: said })
      assert.deepStrictEqual(culprit([1, { name: ["ok", value, value] }], carries), {
        path: "[1].name[1]",
        what: said
      })
    })
  }

  it("is, for CBOR, every number and what else JSON lacks", () => {
    for (const value of [NaN, Infinity, 1n, 2n ** 64n - 1n, -(2n ** 63n), new Uint8Array(1), undefined]) {
      assert.isUndefined(culprit([value]))
    }
  })

  it("is, for JSON of Perl, what Perl does not tell apart", () => {
    for (const value of [undefined, 5n, -0]) assert.isUndefined(culprit([value], "perlJson"))
  })

  it("is looked at with care: what throws then is refused", () => {
    const value = {
      get name(): string {
        throw new Error("not yet")
      }
    }
    assert.strictEqual(culprit([value])?.what, "data that cannot be read: Error: not yet")
    assert.deepStrictEqual(copy([value]), { path: "", what: "data that cannot be read: Error: not yet" })
  })

  it("that is not is located by a path as a program would write it", () => {
    const at = (message: unknown) => culprit(message)?.path
    assert.strictEqual(at({ a: { b_1: [() => 1] } }), ".a.b_1[0]")
    assert.strictEqual(at({ "a b": { "1": { "": { "\"": () => 1 } } } }), "[\"a b\"][\"1\"][\"\"][\"\\\"\"]")
    assert.strictEqual(at([{ ok: 1, bad: { "\ud800": 1 } }]), "[0].bad")
  })

  it("is nested in no more than 512 levels, as decoders have it", () => {
    assert.strictEqual(maxDepth, 512)
    assert.isUndefined(culprit(nested(512)))
    assert.strictEqual(culprit(nested(513))?.what, "nesting of more than 512 levels, or a cycle")
    assert.isUndefined(culprit(nested(512, [1, "x"])))
  })

  it("has no cycles, and a cycle is told by the beginning of its path", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = { again: cycle }
    const found = culprit([cycle])
    assert.strictEqual(found?.what, "nesting of more than 512 levels, or a cycle")
    assert.match(found?.path ?? "", /^\[0\]\.self\.again\.self.*\.\.\.$/)
    assert.isBelow(found!.path.length, 100)
  })

  it("is what an encoder takes: the deepest message that passes arrives", () => {
    for (const framing of framings.values()) {
      const message = nested(512) as ReadonlyArray<unknown>
      assert.isUndefined(culprit(message, framing.carries.own))
      const decode = decoder(framing, { maxMessageSize: 10_000, kind: "own" })
      assert.strictEqual(decode(encoder(framing, "own")(message)).length, 1)
    }
  })
})

describe("a copy of plain data", () => {
  it.effect.prop("equals it, and shares nothing with it that can change", [CborValue], ([value]) =>
    Effect.sync(() => {
      const copied = copy(value)
      if ("what" in copied) return assert.fail(copied.what)
      assert.deepStrictEqual(copied.copy, value)
      assert.isFalse(shares(copied.copy, value))
    }))

  it("has bytes of its own, of any realm and of any kind, and -0", () => {
    const bytes = Buffer.from([1, 2])
    const copied = copy([bytes, runInNewContext("new Uint8Array([3])"), -0])
    bytes.fill(0)
    assert.deepStrictEqual("what" in copied ? copied : copied.copy, [new Uint8Array([1, 2]), new Uint8Array([3]), -0])
  })

  it("has a key of __proto__ as its own", () => {
    const copied = copy<unknown>(JSON.parse("{\"__proto__\":{\"a\":1}}"))
    assert.strictEqual(JSON.stringify("what" in copied ? copied : copied.copy), "{\"__proto__\":{\"a\":1}}")
  })

  it("is refused where the data is, with the same culprit", () => {
    for (const carries of ["cbor", "json", "perlJson"] as const) {
      const value = [1, { a: [Symbol("s")] }]
      assert.deepStrictEqual(copy(value, carries), culprit(value, carries) as unknown)
    }
  })

  it("tells about how many bytes it takes", () => {
    const sizeOf = (value: unknown): number => {
      const copied = copy(value)
      return "what" in copied ? NaN : copied.size
    }
    for (const value of [["tag", 1, "x".repeat(1000)], [new Uint8Array(1000)], [{ ["k".repeat(1000)]: null }]]) {
      const encoded = encoder(framings.get("cbor")!, "own")(value).length
      assert.isAtLeast(sizeOf(value), encoded)
      assert.isAtMost(sizeOf(value), encoded + 20)
    }
  })
})

/** Whether an object or array of the one is one of the other. */
const shares = (one: unknown, other: unknown): boolean => {
  const found = objectsIn(other)
  return Array.from(objectsIn(one)).some((object) => found.has(object))
}

const objectsIn = (value: unknown, into = new Set<object>()): ReadonlySet<object> => {
  if (typeof value !== "object" || value === null) return into
  into.add(value)
  for (const inner of Object.values(value)) objectsIn(inner, into)
  return into
}
