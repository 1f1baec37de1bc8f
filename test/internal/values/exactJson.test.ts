import { assert, describe, it } from "@effect/vitest"
import { framings } from "../../../src/internal/transport/framing/framings.ts"
import { parse, stringify } from "../../../src/internal/values/exactJson.ts"
import { encoder } from "../../packets.ts"

describe("an integer in JSON", () => {
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ["1", 1],
    ["9007199254740991", 2 ** 53 - 1],
    ["9007199254740992", 2 ** 53],
    ["9007199254740993", 2n ** 53n + 1n],
    ["-9007199254740993", -(2n ** 53n) - 1n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["18446744073709551615", 2n ** 64n - 1n]
  ]
  for (const [text, value] of cases) {
    it(`keeps its digits: ${text}`, () => {
      assert.deepStrictEqual(parse(`{"a":[${text}]}`), { a: [value] })
      assert.strictEqual(stringify({ a: [value] }), `{"a":[${text}]}`)
    })
  }

  it("is a number if a number shows as it", () => {
    for (const value of [2 ** 53, 2 ** 60, 2 ** 63, -(2 ** 60), 1e20, 12345678901234567000]) {
      assert.strictEqual(parse(JSON.stringify(value)), value)
    }
  })

  it("of more than 64 bits is the nearest number", () => {
    assert.strictEqual(parse("123456789012345678901"), 123456789012345680000)
    assert.strictEqual(parse("-9223372036854775809"), -(2 ** 63))
  })

  it("is none in text, with a fraction, or with an exponent", () => {
    for (
      const text of [
        "\"9007199254740993\"",
        "0.12345678901234567",
        "1234567890123456789.5",
        "1e400",
        "9007199254740993e0"
      ]
    ) {
      assert.deepStrictEqual(parse(text), JSON.parse(text))
    }
  })
})

describe("a number in JSON of our own kind", () => {
  /** What a message holds of it. */
  const written = (value: unknown): string =>
    encoder(framings.get("json")!, "own")(["", value]).subarray("[\"\",".length, -1).toString()

  it.each<[unknown, string]>([
    [-0, "-0"],
    [2 ** 53 - 1, "9007199254740991"],
    [2 ** 53, "9007199254740992e0"],
    [-(2 ** 60), "-1152921504606847000e0"],
    [1e20, "100000000000000000000e0"],
    [1e21, "1e+21"],
    [1.5e300, "1.5e+300"],
    [2n ** 53n, "9007199254740992"],
    [2n ** 64n - 1n, "18446744073709551615"],
    [-(2n ** 63n), "-9223372036854775808"]
  ])("is told from a bigint, and keeps its sign: %s", (value, text) => {
    assert.strictEqual(written({ a: [1, value] }), `{"a":[1,${text}]}`)
    assert.deepStrictEqual(parse(`{"a":[1,${text}]}`, "own"), { a: [1, value] })
  })

  it("is no bigint in a long text either", () => {
    const object: unknown = JSON.parse("{\"__proto__\":[1]}")
    const value = [
      "x".repeat(300_000),
      2n ** 53n,
      2 ** 53,
      "[9007199254740993,",
      "\\\"9007199254740993",
      0.1234567890123456,
      object
    ]
    assert.deepStrictEqual(parse(written([value, { value }]), "own"), [value, { value }])
    const proto = `[${"1,".repeat(200_000)}{"__proto__":9007199254740993}]`
    assert.strictEqual(written(parse(proto, "own")), proto)
    assert.throws(() => parse(`[${"1,".repeat(200_000)}{9007199254740993:1}]`, "own"), SyntaxError)
  })

  it("is a bigint where bigints have a toJSON", () => {
    Reflect.set(BigInt.prototype, "toJSON", String)
    try {
      assert.strictEqual(written([2n ** 53n]), "[9007199254740992]")
    } finally {
      Reflect.deleteProperty(BigInt.prototype, "toJSON")
    }
  })
})

describe("JSON that is none", () => {
  it("throws as JSON does", () => {
    assert.throws(() => parse("[9007199254740993"), SyntaxError)
    const ring: Array<unknown> = [1n]
    ring.push(ring)
    assert.throws(() => stringify(ring), TypeError)
    assert.isUndefined(stringify(undefined))
  })
})
