import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  isShown,
  levelOfVerbosity,
  type LogLevels,
  readLevelText,
  showLevels
} from "../../../src/internal/config/logLevels.ts"

const levels = ["None", "Fatal", "Error", "Warn", "Info", "Debug", "Trace"] as const
const modules = ["Port", "Node", "Transport", "Global", "Supervisor", "Rpc", "Cli"]

const read = (text: string): LogLevels => Result.getOrThrow(readLevelText(text))

const AnyLevel = Schema.Literals(levels)
const AnyName = Schema.Literals([...modules, "./a.ts", "./a.ts#b", "my-service", "a=b.ts", "calc", "jobs"])
const AnyLevels = Schema.Struct({ least: AnyLevel, named: Schema.Array(Schema.Tuple([AnyName, AnyLevel])) })

const Words = Schema.Array(
  Schema.Literals(["info", "debug", "Transport", "transport", "loud", "=", ",", " ", "x.ts", "\u0000", "é"])
)
const AnyText = Schema.Union([Schema.String, Words])

describe("the levels of a log", () => {
  it.prop("are read as they are shown, whatever they are", [AnyLevels], ([{ least, named }]) => {
    const levels = { least, named: new Map(named) }
    assert.deepStrictEqual(read(showLevels(levels)), levels)
  })

  it.prop("are read from any text, or what is wrong is said with the words that are wrong", [AnyText], ([words]) => {
    const text = typeof words === "string" ? words : words.join("")
    const result = readLevelText(text)
    if (Result.isSuccess(result)) return assert.deepStrictEqual(read(showLevels(result.success)), result.success)
    const [word = ""] = /^"(?:[^"\\]|\\.)*"/.exec(result.failure) ?? []
    assert.isTrue(word !== "" && text.includes(JSON.parse(word)), result.failure)
  })

  it.each<[string, string]>([
    ["debg", "\"debg\" is no level; did you mean \"debug\"?"],
    ["loud", "\"loud\" is no level: it is one of none, fatal, error, warn, info, debug, trace"],
    ["info,Trasport=debug", "\"Trasport\" is no module; did you mean \"Transport\"?"],
    ["Transport", "\"Transport\" names a module and no level: Transport=debug, for example"],
    ["transport", "\"transport\" names a module and no level: Transport=debug, for example"],
    ["=debug", "\"=debug\" has nothing before its ="],
    ["Port=", "\"\" is no level: it is one of none, fatal, error, warn, info, debug, trace"]
  ])("that are wrong are told of, and what may have been meant: %s", (text, problem) => {
    assert.deepStrictEqual(readLevelText(text), Result.fail(problem))
  })

  it("are info where nothing else is said", () => {
    assert.deepStrictEqual(read(""), { least: "Info", named: new Map() })
    assert.strictEqual(showLevels(read("TRANSPORT=Debug")), "info,Transport=debug")
  })

  it("let a line through by its service, or else by its module, or else by the level for all", () => {
    const levels = read("warn,Transport=debug,greeter=trace,./b.ts#hourly=none")
    const shows = (level: string, module?: string, service?: string) => isShown(levels, level, module, service)
    assert.deepStrictEqual(
      [shows("Info"), shows("Warn"), shows("Info", "Port"), shows("Debug", "Transport"), shows("Trace", "Transport")],
      [false, true, false, true, false]
    )
    for (const spec of ["greeter", "./services/greeter.ts", "greeter.js#hourly", "/srv/greeter.mjs#default"]) {
      assert.isTrue(shows("Trace", "Port", spec), spec)
    }
    assert.isFalse(shows("Fatal", "Port", "./b.ts#hourly"))
    assert.isFalse(shows("Info", "Port", "./b.ts"))
  })

  it("are those of EMP_VERBOSE by its digits, from nothing to everything", () => {
    const all = Array.from("0123456789", (digit) => levelOfVerbosity(digit)!)
    assert.deepStrictEqual([all[0], all[4], all[5], all[7], all[9]], ["None", "Error", "Warn", "Info", "Trace"])
    for (const wrong of ["", "10", "x", "-1", "7 "]) assert.isUndefined(levelOfVerbosity(wrong))
  })
})
