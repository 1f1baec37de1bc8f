import { assert, describe, it } from "@effect/vitest"
import { parse, stringify } from "../../../src/internal/values/exactJson.ts"

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

describe("JSON that is none", () => {
  it("throws as JSON does", () => {
    assert.throws(() => parse("[9007199254740993"), SyntaxError)
    const ring: Array<unknown> = [1n]
    ring.push(ring)
    assert.throws(() => stringify(ring), TypeError)
    assert.isUndefined(stringify(undefined))
  })
})
