import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { isObject, own } from "../../../src/internal/config/document.ts"
import { parse } from "../../../src/internal/config/relaxedJson.ts"

const value = (text: string) => Result.getOrThrow(parse(text)).value

describe("relaxed JSON", () => {
  it.each([
    `{"a":[1,-2.5e3,0,true,false,null,"x"],"b":{}}`,
    `"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00"`,
    `[]`,
    ` [ [ ] , { } ] `,
    `{"a":1,"a":2}`,
    `{"__proto__":{"x":1},"constructor":2}`
  ])("is JSON: %s", (text) => {
    const parsed = value(text)
    assert.strictEqual(JSON.stringify(parsed), JSON.stringify(JSON.parse(text)))
  })

  it("may have comments, a last comma, and tabs in strings", () => {
    const text = "# one\n{ # two\n\"a\" : [1,2,], # \"three\"\n \"b#\":\"x\ty # no comment\",\n} # four"
    const parsed = Result.getOrThrow(parse(text))
    assert.deepStrictEqual(parsed, { value: { a: [1, 2], "b#": "x\ty # no comment" }, hasComments: true })
    assert.isFalse(Result.getOrThrow(parse("\"#\"")).hasComments)
  })

  it.each<[string, string, number, number, RegExp]>([
    ["nothing", "", 1, 1, /expected a value, found the end/],
    ["a comment only", "# x\n", 2, 1, /expected a value, found the end/],
    ["an object that does not end", "{\"a\":1", 1, 7, /expected , or }, found the end/],
    ["something behind the end", "{}\n ]", 2, 2, /expected the end, found "\]"/],
    ["a key without quotes", "{\n  a: 1\n}", 2, 3, /expected a key in double quotes, found "a"/],
    ["a missing colon", "{\n\t\"a\" 1}", 2, 6, /expected : after the key "a", found "1"/],
    ["a missing comma", "[1\n,2 3]", 2, 4, /expected , or \], found "3"/],
    ["two commas", "[1,,2]", 1, 4, /expected a value, found ","/],
    ["an unknown word", "[1,\n nul]", 2, 2, /expected a value, found "n"/],
    ["a number that is none", "[01]", 1, 3, /expected , or \], found "1"/],
    ["a sign alone", "[-]", 1, 2, /expected a value, found "-"/],
    ["single quotes", "['a']", 1, 2, /expected a value, found "'"/],
    ["another kind of comment", "// x\n{}", 1, 1, /expected a value, found "\/"/],
    ["a string that does not end", "{\"a\": \"x\n\"}", 1, 7, /a string that does not end/],
    ["an unknown escape", "[\n\"\\x\"]", 2, 1, /unknown escape/]
  ])("says what is wrong, and where: %s", (_, text, line, column, problem) => {
    const error = Result.getOrThrow(Result.flip(parse(text)))
    assert.match(error.problem, problem)
    assert.deepStrictEqual([error.line, error.column], [line, column])
  })

  it("has limits in depth, and none in length", () => {
    assert.match(Result.getOrThrow(Result.flip(parse("[".repeat(100_000)))).problem, /more than 512 levels/)
    assert.strictEqual(value(JSON.stringify("x\\".repeat(500_000))), "x\\".repeat(500_000))
  })

  it("takes no inherited property for a key", () => {
    const parsed = value(`{"__proto__":1}`)
    assert.isTrue(isObject(parsed) && own(parsed, "__proto__") === 1 && own(parsed, "toString") === undefined)
  })
})
