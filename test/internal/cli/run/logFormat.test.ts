import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { formatLine } from "../../../../src/internal/cli/run/logFormat.ts"
import type { LogLine } from "../../../../src/internal/cli/run/logRing.ts"

const line: LogLine = {
  at: Date.UTC(2026, 2, 1, 10, 30, 0, 7),
  level: "Error",
  text: "port a#x failed: die: boom",
  cause: "TypeError: boom\n    at go (a.ts:1:2)",
  annotations: { node: "a", module: "Port", port: "a#x", service: "./a \"b\".ts" }
}

/** What may stand in texts and names. */
const parts = [
  "a",
  " ",
  "=",
  "\"",
  "\\",
  "\n",
  "\r",
  "\t",
  "\u0000",
  "\u001b[31m",
  "\u007f",
  "\u009b1m",
  "é",
  "\u{1d4b3}",
  "__proto__"
]
const AnyText = Schema.Union([Schema.String, Schema.Array(Schema.Literals(parts))])
const textOf = (text: typeof AnyText.Type): string => typeof text === "string" ? text : text.join("")

/** Anything that a program may log, under any names. */
const AnyLine = Schema.Struct({
  text: AnyText,
  cause: Schema.Array(AnyText),
  annotations: Schema.Array(Schema.Tuple([AnyText, AnyText]))
})

/** What steers a terminal, or ends a line. */
const steers = /(?![\n\t])\p{Cc}/u

describe("a line of the log", () => {
  it("is pairs of names and values as logfmt", () => {
    assert.strictEqual(
      formatLine("logfmt", line, false),
      "timestamp=2026-03-01T10:30:00.007Z level=ERROR message=\"port a#x failed: die: boom\" " +
        "cause=\"TypeError: boom\\n    at go (a.ts:1:2)\" node=a module=Port port=a#x service=\"./a \\\"b\\\".ts\""
    )
  })

  it("is an object as JSON, with the names of Effect's own format", () => {
    assert.deepStrictEqual(JSON.parse(formatLine("json", line, false)), {
      timestamp: "2026-03-01T10:30:00.007Z",
      level: "ERROR",
      message: line.text,
      cause: line.cause,
      annotations: line.annotations
    })
  })

  it("is for people who know which node it is, with the stack below it", () => {
    const [head = "", ...below] = formatLine("pretty", line, false).split("\n")
    assert.match(head, /^\d\d:\d\d:\d\d\.007 ERROR Port: port a#x failed: die: boom port=a#x service=".*"$/)
    assert.deepStrictEqual(below, ["    TypeError: boom", "        at go (a.ts:1:2)"])
    assert.include(formatLine("pretty", line, true), "\u001b[31mERROR\u001b[0m Port")
  })

  it.prop("steers no terminal, and is one line where programs read it, whatever was logged", [AnyLine], ([any]) => {
    const line: LogLine = {
      at: 0,
      level: "Info",
      text: textOf(any.text),
      cause: any.cause.map(textOf)[0],
      annotations: Object.fromEntries(any.annotations.map(([name, value]) => [textOf(name), textOf(value)]))
    }
    for (const format of ["logfmt", "json", "pretty"] as const) {
      const text = formatLine(format, line, false)
      assert.notMatch(text, steers)
      if (format !== "pretty") assert.notInclude(text, "\n")
    }
    const { annotations, message } = JSON.parse(formatLine("json", line, false))
    assert.deepStrictEqual([message, Object.entries(annotations)], [line.text, Object.entries(line.annotations)])
  })
})
