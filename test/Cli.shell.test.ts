/**
 * `emp shell`, as it is typed into a terminal and as a script gives it lines.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Completions from "effect/cli/Completions"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { command } from "../src/Cli.ts"
import { emp, Process, start } from "./processes.ts"

const home = mkdtempSync(join(tmpdir(), "emp-shell-"))
const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: join(home, "none.json"), HOME: home }
let node: Process
let address = ""

beforeAll(async () => {
  node = new Process([emp, "run", "--no-watchdog", "--node-id", "seed", "--bind", "127.0.0.1:*"], env)
  const [, bound = ""] = await node.sees(/listening on (\S+)/)
  address = bound
})
afterAll(async () => {
  await node[Symbol.asyncDispose]()
  rmSync(home, { recursive: true, force: true })
})

/** A shell whose standard input is a pipe. */
const piped = (more: Record<string, string> = {}, ...through: ReadonlyArray<string>) =>
  start([emp, "shell", "--seed", address], { ...env, ...more }, through)
const script = async (...lines: ReadonlyArray<string>) => {
  const shell = piped()
  shell.child.stdin!.end(`${lines.join("\n")}\n`)
  return await shell.exits()
}

/** One in a terminal of its own, which has a log in a file. */
const typed = () => piped({}, "sh", "-c", "exec script --quiet --return --command \"$*\" \"$HOME/screen\"", "sh")

describe("emp shell", () => {
  it("shows no prompts to a script, and ends with 0 if all lines did", async () => {
    assert.deepStrictEqual(await script("=", "", "=seed", "set fam key 1", "get fam key"), {
      code: 0,
      stdout: "* seed\n1\n",
      stderr: ""
    })
  })

  it("ends with 1 if a line of a script failed, and does the others", async () => {
    const { code, stderr, stdout } = await script("get fam none", "=", "snd")
    assert.strictEqual(stdout, "* seed\n")
    assert.strictEqual(
      stderr,
      "family fam has no key \"none\"\nmissing required argument: port\nusage: snd [flags] <port> [<arg...>]\nemp: 2 of 3 lines failed\n"
    )
    assert.strictEqual(code, 1)
  })

  it("takes a word that is nearly a command for a mistake, and not for code", async () => {
    const { stderr } = await script("statsu seed", "1 + 1")
    assert.match(stderr, /^statsu is no command; did you mean "status"\?/)
    // That one is code, which this node does not run.
    assert.include(stderr, "node seed: this node does not run code that it is sent")
  })

  it("sends no command of the command line to a node as code", async () => {
    const { stdout } = await script("?")
    const isKnown = (name: string): boolean => new RegExp(`^${name} +[A-Z]`, "m").test(stdout)
    const others = Completions.fromCommand(command).subcommands.map(({ name }) => name).filter((name) => !isKnown(name))
    const refused = (await script(...others)).stderr.split("\n").slice(0, others.length)
    assert.deepStrictEqual(refused, others.map((name) => `${name} is no command of this shell`))
  })

  it("sends none of its own words to a node as code", async () => {
    const { stderr, stdout } = await script("?", "help kil", "restart", "run", "addseed x", "?")
    assert.match(stdout, /^kil +End a port/m)
    assert.match(stdout, /USAGE\n +emp kil/)
    assert.include(stderr, "usage: restart [flags] <node...>")
    assert.include(stderr, "run is no command of this shell")
    assert.notInclude(stderr, "does not run code")
  })

  it("knows what the command line knows, on its own connection", async () => {
    const { code, stderr, stdout } = await script("ps --limit 1", "groups", "tree", "top --rounds 1", "ping", "bench")
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.match(stdout, /^PORT +MAILBOX[^]*there are no groups\nnode seed has no supervisors\n1 nodes[^]*round trips/)
  })

  it("takes names out of their quotes, and leaves them to data", async () => {
    const lines = ["set names \"k 4\" {\"a\": 1}", "set names text \"a b\"", "set names plain it", "get names \"k 4\""]
    const { code, stderr, stdout } = await script(
      ...lines,
      "get \"names\"",
      "find \"no group\"",
      "cal \"seed\" time"
    )
    assert.match(stdout, /^\{"a":1\}\nk 4 \{"a":1\}\nplain "it"\ntext "a b"\n\d+(?:\.\d+)?\n$/)
    assert.strictEqual(stderr, "nobody is in the group no group\nemp: 1 of 7 lines failed\n")
    assert.strictEqual(code, 1)
    const { stdout: left } = await script("del names \"k 4\" text \"plain\"", "get names")
    assert.strictEqual(left, "")
  })

  it("has no more listeners after many lines than after one", async () => {
    const shell = piped({ EMP_VERBOSE: "0" })
    for (let nth = 1; nth <= 15; nth++) {
      shell.child.stdin!.write("=\n")
      await shell.sees(new RegExp(`^(?:\\* seed\\n){${nth}}$`))
    }
    shell.child.stdin!.end()
    assert.deepStrictEqual(await shell.exits(), { code: 0, stdout: "* seed\n".repeat(15), stderr: "" })
  })

  it("prompts in a terminal, where a mistake is no failure, and leaves a fresh line behind at Ctrl-D", async () => {
    const shell = typed()
    await shell.sees(/seed> /)
    shell.child.stdin!.write("get fam none\r")
    await shell.sees(/has no key "none"[^]*seed> /)
    shell.child.stdin!.write("\x04")
    const { code, stdout } = await shell.exits()
    assert.match(stdout, /seed> [^\n>]*\n$/)
    assert.strictEqual(code, 0)
  })

  it("leaves no empty line behind when it is told to quit", async () => {
    const shell = typed()
    await shell.sees(/seed> /)
    shell.child.stdin!.write("quit\r")
    const { stdout } = await shell.exits()
    assert.match(stdout, /quit\r+\n$/)
    assert.notMatch(stdout, /\n\r*\n$/)
  })

  it("has no history where there is no home", async () => {
    const shell = piped({ HOME: "" }, "env", "-C", home)
    shell.child.stdin!.end("=\n")
    const { code, stdout } = await shell.exits()
    assert.deepStrictEqual([code, stdout], [0, "* seed\n"])
    assert.isTrue(existsSync(join(home, ".effect-mp-history")))
    const folder = mkdtempSync(join(home, "empty-"))
    const other = piped({ HOME: "" }, "env", "-C", folder)
    other.child.stdin!.end("=\n")
    await other.exits()
    assert.isFalse(existsSync(join(folder, ".effect-mp-history")))
  })
})
