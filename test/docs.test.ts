/**
 * Runs what the documentation shows: every example of a doc comment, of the README and of the pages in `docs/` is
 * type-checked, and executed: those of a page one after the other, in a process of theirs. `expression // => value` is an assertion.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fencesOf, listed, read } from "./pages.ts"
import { Process, root } from "./processes.ts"

interface Example {
  readonly page: string
  /** `src/Port.ts: A reminder` */
  readonly name: string
  readonly file: string
  readonly code: string
}

/** In the project, so that packages resolve as they do for everybody else; of this process alone. */
const folder = `.examples/${process.pid}`

/** The package's name leads to its sources: examples are held against what is there now, not against the last build. */
const fromSources = (code: string): string =>
  code.replaceAll(
    /(from "|import\(")effect-mp(?:\/(\w+))?"/g,
    (_, before, room = "index") => `${before}../../src/${room}.ts"`
  )

/**
 * Makes `expression // => value` an assertion. The expression may begin on a line further up: on the last one that is
 * indented as much, and does not begin with the end of something.
 */
const asserting = (code: string): string => {
  const lines = code.split("\n")
  for (const [last, line] of lines.entries()) {
    const [, indent = "", text = "", value = ""] = /^(\s*)(.*?)\s*\/\/ => (.*)$/.exec(line) ?? []
    if (value === "") continue
    assert.notStrictEqual(text, "", `an assertion without an expression: ${line}`)
    let first = last
    while (first > 0 && !new RegExp(`^${indent}[^\\s)\\]}.|&?:]`).test(lines[first]!)) first--
    lines[last] = indent + text
    const [, declared] = /^\s*(?:const|let) (\w+)\b/.exec(lines[first]!) ?? []
    if (declared === undefined) {
      lines[first] = `${indent}deepStrictEqual(${lines[first]!.trimStart()}`
      lines[last] += `, ${value})`
    } else lines[last] += `\n${indent}deepStrictEqual(${declared}, ${value})`
  }
  return `import { deepStrictEqual } from "node:assert"\n${lines.join("\n")}`
}

/** The examples of a file, each with the title or heading that it stands under. */
const extract = (path: string): ReadonlyArray<Example> => {
  const text = path.endsWith(".md") ? read(path) : read(path).replaceAll(/^ *\* ?/gm, "")
  return fencesOf(text).filter(({ what }) => what === "ts").map(({ code, index }, nth) => {
    const title = Array.from(text.slice(0, index).matchAll(/^(?:\*\*Example\*\* \((.+)\)|#+ (.+))$/gm)).at(-1)
    return {
      page: path,
      name: `${path}: ${title?.[1] ?? title?.[2] ?? "no title"}`,
      file: `${path.replaceAll(/\W+/g, "-")}-${nth + 1}${code.includes(`"@effect/vitest"`) ? ".test" : ""}.ts`,
      code
    }
  })
}

const isSuite = ({ file }: Example): boolean => file.endsWith(".test.ts")

/** Runs the examples that are test files themselves. */
const asSuites = ["node_modules/vitest/vitest.mjs", "run", "--root", folder]

/**
 * Runs examples one after the other, and says of each that it is done, or what is wrong with it. A process for each of them would start Node and
 * load Effect more than a hundred times.
 */
const programOf = (examples: ReadonlyArray<Example>): string =>
  `for (const [file, name] of ${JSON.stringify(examples.map(({ file, name }) => [file, name]))}) {
  await import("./" + file).then(() => console.log("done: " + name), (error) => console.error("failed: " + name, error))
}
`

const examples = ["README.md", ...listed("docs", ".md"), ...listed("src", ".ts")].flatMap(extract)
const programs = Map.groupBy(examples.filter((example) => !isSuite(example)), ({ page }) => page)
const programFile = (page: string): string => `${page.replaceAll(/\W+/g, "-")}.js`

describe("the examples of the documentation", () => {
  beforeAll(() => {
    mkdirSync(`${root}${folder}`, { recursive: true })
    for (const { code, file } of examples) {
      writeFileSync(`${root}${folder}/${file}`, asserting(fromSources(code)))
    }
    for (const [page, own] of programs) writeFileSync(`${root}${folder}/${programFile(page)}`, programOf(own))
    writeFileSync(
      `${root}${folder}/tsconfig.json`,
      // An example may make something that it does not use.
      JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: { noUnusedLocals: false }, include: ["*.ts"] })
    )
  })
  afterAll(() => rmSync(`${root}${folder}`, { recursive: true, force: true }))

  it("are there, and each has a title of its own", () => {
    assert.isAbove(examples.length, 15)
    assert.deepStrictEqual(examples.filter(({ name }) => name.endsWith(": no title")), [])
    assert.strictEqual(new Set(examples.map(({ name }) => name)).size, examples.length)
  })

  it("keep to the project's types", async () => {
    const { code, stdout } = await new Process(["node_modules/typescript/bin/tsc", "--project", folder]).ended
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 0)
  })

  it.concurrent.each(Array.from(programs))("of %s do what they say", async (page, own) => {
    await using program = new Process([`${folder}/${programFile(page)}`])
    const { code, stderr, stdout } = await program.ended
    const done = Array.from(stdout.matchAll(/^done: (.*)$/gm), ([, name]) => name)
    assert.deepStrictEqual(done, own.map(({ name }) => name), stderr)
    assert.strictEqual(code, 0, stderr)
  })

  it("that are tests pass", async () => {
    await using suites = new Process(asSuites)
    const { code, stderr, stdout } = await suites.ended
    assert.strictEqual(code, 0, stdout + stderr)
    assert.include(stdout, ` ${examples.filter(isSuite).length} passed`)
  })
})
