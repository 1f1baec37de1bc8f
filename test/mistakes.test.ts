/**
 * What the compiler says of programs: of the mistakes in them, and of what things are. Of the one that the project is built with, and of
 * the oldest one that its declarations are meant for. Each reads all programs at once: what they import takes it longer than they do.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import type { Mistake } from "./mistakes/mistake.ts"
import { withPorts } from "./mistakes/port.ts"
import { withServices } from "./mistakes/rpc.ts"
import { Process, root } from "./processes.ts"
import { onlyFull } from "./size.ts"

const rooms = [withPorts, withServices]

const unmarked = (code: string): string => code.replaceAll(/[▸▹]/g, "")

/** `line,column` of what the compiler points at, as it writes it. */
const placeOf = (prelude: string, { code }: Mistake, older: boolean): string => {
  const mark = older && code.includes("▹") ? "▹" : "▸"
  // What has overloads it names by what stands behind the dot.
  const before = prelude + unmarked(code.slice(0, code.indexOf(mark))) + (mark === "▹" ? "Port." : "")
  const lines = before.split("\n")
  return `${lines.length},${lines.at(-1)!.length + 1}`
}

const matches = (line: string | undefined, pattern: string): boolean => {
  const expression = pattern.replaceAll(/[^\w\s…]/g, "\\$&").replaceAll("…", ".*")
  return line !== undefined && new RegExp(`^${expression}$`).test(line)
}

const compilers = [
  ["the project's TypeScript", "typescript", false],
  ...onlyFull([["TypeScript 5.9", "typescript59", true] as const])
] as const

describe.each(compilers)("what %s says", (_, compiler, older) => {
  // In the project, so that packages resolve as they do for everybody else; of this process alone.
  const place = `.examples/mistakes-${process.pid}-${compiler}`
  /** By file: where and what, without the lines that introduce the last overload. */
  const errors = new Map<string, Array<{ readonly at: string; readonly lines: ReadonlyArray<string> }>>()

  beforeAll(async () => {
    mkdirSync(`${root}${place}`, { recursive: true })
    for (const { fine = {}, mistakes, prelude, room } of rooms) {
      for (const [nth, { code }] of mistakes.entries()) {
        writeFileSync(`${root}${place}/${room}${nth}.ts`, prelude + unmarked(code))
      }
      for (const [nth, code] of Object.values(fine).entries()) {
        writeFileSync(`${root}${place}/${room}fine${nth}.ts`, prelude + code)
      }
    }
    const options = { extends: "../../tsconfig.json", include: ["*.ts"] }
    writeFileSync(`${root}${place}/tsconfig.json`, JSON.stringify(options))
    const args = [`node_modules/${compiler}/bin/tsc`, "--project", place, "--pretty", "false"]
    const { stdout } = await new Process(args).ended
    for (const text of stdout.split(/\n(?=\S)/)) {
      const [, file, at = "", said = ""] = /^(\S+)\((\d+,\d+)\): error TS\d+: ([\s\S]*)$/.exec(text.trim()) ??
        ["", text]
      const lines = said.split("\n").map((line) => line.trim())
      const overload = lines.findLastIndex((line) => line.endsWith("gave the following error."))
      errors.set(file!, [...errors.get(file!) ?? [], { at, lines: lines.slice(overload + 1) }])
    }
  })
  afterAll(() => rmSync(`${root}${place}`, { recursive: true, force: true }))

  it("of the package itself: nothing", () => {
    assert.deepStrictEqual(Array.from(errors.keys()).filter((file) => !file.startsWith(place)), [])
  })

  describe.each(rooms)("with $room", ({ fine = {}, mistakes, prelude, room }) => {
    for (const [nth, name] of Object.keys(fine).entries()) {
      it(`of ${name}: nothing`, () => {
        assert.deepStrictEqual(errors.get(`${place}/${room}fine${nth}.ts`), undefined)
      })
    }

    it.each(mistakes.map((mistake, nth) => [mistake.name, mistake, nth] as const))("of %s", (_, mistake, nth) => {
      const [error, ...more] = errors.get(`${place}/${room}${nth}.ts`) ?? []
      assert.isDefined(error, "it compiles")
      assert.deepStrictEqual(more, [])
      for (const [line, pattern] of mistake.says.entries()) {
        assert.isTrue(matches(error.lines[line], pattern), `not as expected: ${pattern}\n${error.lines.join("\n")}`)
      }
      assert.strictEqual(error.at, placeOf(prelude, mistake, older))
    })
  })
})
