/**
 * What starts quickly: `emp` as it is built has its commands in few files, and its help as text. It has to be the same as from the
 * sources.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { makeAnswers } from "../scripts/answers.ts"
import { emp, type Ended, root, start, startEmp } from "./processes.ts"

const sources = join(root, "src/main.ts")
const built: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(root, "dist/internal/cli/bundle/answers.json"), "utf8")
)

describe("what the build knows to be the answer", () => {
  it("is what the commands say", async () => {
    assert.deepStrictEqual(built, { ...await makeAnswers() })
    for (const asked of ["--version", "--help", "db get --help", "--completions zsh"]) assert.property(built, asked)
  })

  it.each(["--version", "--help", "status --help", "--completions bash"])(
    "is shown for %s as from the sources",
    async (asked) => {
      const words = asked.split(" ")
      const [quick, slow] = await Promise.all([startEmp(words).exits(), start([sources, ...words]).exits()])
      assert.deepStrictEqual(quick, slow)
    }
  )
})

describe("the words of a command line", () => {
  const run = async (...words: ReadonlyArray<string>): Promise<Ended> => await startEmp(words).exits()

  it.each([
    [
      "a command that is none",
      ["rn", "--help"],
      /^emp: unknown subcommand "rn" for "emp"; did you mean "run"\?\nUsage: /
    ],
    [
      "one below another",
      ["db", "gte", "--help"],
      /^emp: unknown subcommand "gte" for "emp db"; did you mean "get"\?\n/
    ],
    ["one behind a flag", ["--log-level", "debug", "rn", "-h"], /^emp: unknown subcommand "rn"/]
  ])("are wrong with %s, help or not", async (_, words, message) => {
    const { code, stderr, stdout } = await run(...words)
    assert.match(stderr, message)
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 2)
  })

  it("show help of what is there, wherever the flag stands", async () => {
    for (const words of [["--log-level", "debug", "--help"], ["-h"], ["--help", "db"], ["find", "nobody", "--help"]]) {
      const { code, stdout } = await run(...words)
      assert.match(stdout, /^DESCRIPTION|USAGE/)
      assert.strictEqual(code, 0)
    }
  })

  it("may be a JSON list", async () => {
    const list = await run("[\"errors\", \"no_such_port\"]")
    assert.deepStrictEqual(list, await run("errors", "no_such_port"))
    assert.deepStrictEqual(await run("[\"errors\"]", "no_such_port"), list)
    const { code, stderr } = await run("[\"errors\"")
    assert.match(stderr, /^emp: \["errors" is no JSON list of words: line 1, column 10/)
    assert.strictEqual(code, 2)
  })

  it("of a JSON list may be no texts", async () => {
    const env = { EFFECT_MP_RC: join(root, "no", "such", "file") }
    const showing = await startEmp([
      "[\"showconfig\", \"norc\", 1, \"services\", [[\"./a.js\", {\"b\": 1}]]]",
      "--json"
    ], env)
      .exits()
    assert.deepStrictEqual(JSON.parse(showing.stdout).services.value, [["./a.js", { b: 1 }]], showing.stderr)
  })

  it("start services with the modules of their own", async () => {
    const { stderr } = await start([
      emp,
      "run",
      "--no-watchdog",
      "--norc",
      "--secret",
      "x",
      "--service",
      "test/fixtures/services.ts#failing"
    ])
      .exits()
    assert.include(stderr, "#failing: failed: Error: the disk is full")
  })
})
