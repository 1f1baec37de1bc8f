/**
 * Runs what the documentation shows: every example of a doc comment and of the README, type-checked and executed.
 * `expression // => value` is an assertion.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { beforeAll } from "vitest"
import { root } from "./processes.ts"

interface Example {
  readonly name: string
  readonly file: string
}

const folder = new URL("../.examples/", import.meta.url)

const read = (path: string): string => readFileSync(`${root}${path}`, "utf8")

/** The examples of a file, with what they are called. */
const extract = (path: string): ReadonlyArray<{ readonly name: string; readonly code: string }> => {
  const text = path.endsWith(".md") ? read(path) : read(path).replaceAll(/^ \* ?/gm, "")
  return Array.from(
    text.matchAll(/```ts\n([\s\S]*?)```/g),
    ([, code], index) => ({ name: `${path} ${index + 1}`, code: code! })
  )
}

/** Makes `expression // => value` an assertion. */
const asserting = (code: string): string =>
  `import { deepStrictEqual } from "node:assert"\n` +
  code.replaceAll(/^(const \w+ = )?(.*?) \/\/ => (.*)$/gm, (_, _declaration, expression: string, value: string) =>
    `deepStrictEqual(${expression.replace(/;$/, "")}, ${value})`)

const paths = [
  "README.md",
  ...readdirSync(`${root}src`).filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`)
]
const examples: Array<Example> = []

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const path of paths) {
  for (const { code, name } of extract(path)) {
    const file = `${name.replaceAll(/\W+/g, "-")}.ts`
    writeFileSync(new URL(file, folder), asserting(code))
    examples.push({ name, file })
  }
}

describe("the examples of the documentation", () => {
  let problems = ""

  beforeAll(() => {
    const { compilerOptions } = JSON.parse(read("tsconfig.json")) as { compilerOptions: Record<string, unknown> }
    writeFileSync(
      new URL("tsconfig.json", folder),
      // An example may make something that it does not use.
      JSON.stringify({ compilerOptions: { ...compilerOptions, noUnusedLocals: false }, include: ["*.ts"] })
    )
    const { stdout } = spawnSync(`${root}node_modules/.bin/tsc`, ["--project", "tsconfig.json"], { cwd: folder })
    problems = stdout.toString()
  }, 60_000)

  it("are there", () => {
    assert.isAbove(examples.length, 10)
  })

  it.each(examples)("$name type-checks and does what it says", ({ file }) => {
    assert.deepStrictEqual(problems.split("\n").filter((line) => line.startsWith(file)), [])
    const { status, stderr } = spawnSync(process.execPath, [file], { cwd: folder, timeout: 15_000 })
    assert.strictEqual(status, 0, stderr.toString())
  })
})
