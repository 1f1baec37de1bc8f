/**
 * What commands print with `--json`: as the code says, as `docs/json.md` says, and the same as people see.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Completions from "effect/cli/Completions"
import * as Schema from "effect/Schema"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { command } from "../src/Cli.ts"
import { type Outputs, outputs } from "../src/internal/cli/outputs.ts"
import { empHere } from "./empHere.ts"
import { fieldsOf } from "./jsonFields.ts"
import { emp, empEnv, Process, root } from "./processes.ts"

type Name = keyof Outputs
const names = Object.keys(outputs) as ReadonlyArray<Name>

const home = mkdtempSync(join(tmpdir(), "emp-json-"))
const rc = join(home, "rc.json")
const nodes: Array<Process> = []
let seed = ""

const env = { EFFECT_MP_RC: rc, HOME: home }
const begin = (...args: ReadonlyArray<string>): Process => {
  const started = new Process([emp, ...args], { ...empEnv, ...env })
  nodes.push(started)
  return started
}
const ended = async (...args: ReadonlyArray<string>) =>
  await empHere([...args, "--json", "--seed", seed, "--timeout", "25"], env)

beforeAll(async () => {
  writeFileSync(rc, JSON.stringify({ monitor_timeout: 20, profile: { worker: { nodeid: "worker/" } } }))
  const first = begin("run", "--no-watchdog", "--node-id", "seed", "--bind", "127.0.0.1:*", "--allow-eval")
  seed = (await first.sees(/is ready, listening on (\S+)/))[1]!
  const service = ["--service", "test/fixtures/services.ts#lively"]
  const worker = begin(
    "run",
    "--no-watchdog",
    "--node-id",
    "worker",
    "--bind",
    "127.0.0.1:*",
    "--seed",
    seed,
    ...service
  )
  await worker.sees(/is ready/)
  const { code, stderr } = await begin(
    "db",
    "set",
    "settings",
    "limit",
    "{\"max\":5}",
    "--seed",
    seed,
    "--timeout",
    "25"
  ).exits()
  assert.strictEqual(code, 0, stderr)
})
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]()
  rmSync(home, { recursive: true })
})

describe("docs/json.md", () => {
  const page = readFileSync(join(root, "docs/json.md"), "utf8")
  const sections = new Map(
    page.split(/^### /m).slice(1).map((section) => {
      const [head = ""] = section.split("\n")
      const fields = Array.from(section.matchAll(/^\| `(.+?)` \|/gm), ([, field]) => field!)
      return [head.split(", ").map((name) => name.replaceAll("`", "")), fields] as const
    })
  )

  it("has every command that prints JSON", () => {
    assert.sameMembers(Array.from(sections.keys()).flat(), [...names])
  })

  it.each(Array.from(sections, ([names, fields]) => [names.join(", "), names as Array<Name>, fields] as const))(
    "has all fields of %s, and no other",
    (_, names, fields) => {
      const real = names.flatMap((name) => fieldsOf(outputs[name])).map((field) => field.replace(/^\[\]\.?/, ""))
      assert.sameMembers([...fields], Array.from(new Set(real.filter((field) => field !== ""))))
    }
  )
})

describe("--json", () => {
  /** They print nothing, or what belongs to others. */
  const silent = new Set(["snd", "db set", "db del", "shell"])

  it("is a flag of no command of which nobody says what it prints", () => {
    const withJson = (
      { flags, name, subcommands }: Completions.CommandDescriptor,
      above: ReadonlyArray<string>
    ): ReadonlyArray<string> => {
      const path = [...above, name]
      const own = flags.some((flag) => flag.name === "json") ? [path.slice(1).join(" ")] : []
      return [...own, ...subcommands.flatMap((below) => withJson(below, path))]
    }
    const chain =
      /^(?:del|add|set|gen)|^(?:nodeid|secret|cert|seeds|binds|threads|metrics|otlp|nats|emp_services|services|profile|parent)$|_|^(?:advertise|scopes|guests|secure|autocork|nodelay)$/
    const all = withJson(Completions.fromCommand(command), []).filter((name) => !chain.test(name))
    const told = new Set(names.map((name) => name.replaceAll(/ [A-Z]+/g, "")))
    assert.deepStrictEqual(all.filter((name) => !told.has(name) && !silent.has(name)), [])
  })

  it.each<readonly [Name, ...ReadonlyArray<string>]>([
    ["cal", "seed", "time"],
    ["eval", "seed", "1", "+", "1"],
    ["find", "lively"],
    ["db get FAMILY", "settings"],
    ["db get FAMILY KEY", "settings", "limit"],
    ["status"],
    ["status NODE", "worker"],
    ["top", "--rounds", "1"],
    ["trace"],
    ["tree"],
    ["ps", "--limit", "5"],
    ["groups"],
    ["ping", "worker", "-c", "2"],
    ["bench", "worker"],
    ["reload", "worker"],
    ["init", join(home, "project")],
    ["ticket", "guest/1"],
    ["errors"],
    ["errors TAG", "no_such_port"],
    ["showprofile"],
    ["showconfig"],
    // The last ones: the node is of no use to others then.
    ["drain", "worker"],
    ["stop", "worker"]
  ])("prints for %s what the code says", async (name, ...args) => {
    const words = name.replaceAll(/ [A-Z]+/g, "").split(" ")
    const isOfNetwork = !/^(?:errors|init|show|ticket)/.test(name)
    const { code, stderr, stdout } = isOfNetwork
      ? await ended(...words, ...args)
      : await begin(...words, ...args, "--json").exits()
    assert.deepStrictEqual([code, stderr], [0, ""])
    const schema: Schema.ConstraintDecoder<unknown> = outputs[names.find((known) => known === name)!]
    Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(JSON.parse(stdout))
  })

  it("counts as the table does", async () => {
    const [status, table] = await Promise.all([
      ended("status"),
      begin("status", "--seed", seed).exits()
    ])
    const rows = JSON.parse(status.stdout) as Outputs["status"]
    const shown = rows.map((row) => "links" in row ? [row.nodeId, row.links, row.ports, row.entries] : [])
    const cells = table.stdout.trimEnd().split("\n").slice(1).map((line) => line.split(/ {2,}/))
    assert.deepStrictEqual(
      shown,
      cells.map(([name, , links, ports, , , entries]) => [
        name,
        Number(links),
        Number(ports),
        entries === "-" ? null : Number(entries)
      ])
    )
  })

  it.each<readonly [string, number, string, ReadonlyArray<string>]>([
    ["a wrong command line", 2, "UsageError", ["status", "--sed"]],
    ["a name that is none", 2, "UsageError", ["status", "a#b"]],
    ["something that is not there", 1, "CommandFailed", ["find", "nobody"]],
    ["a tag that is none", 1, "UnknownTag", ["errors", "nonsense"]],
    ["time that is up", 3, "TimedOut", ["status", "--seed", "127.0.0.1:1", "--timeout", "0.2"]]
  ])("tells of %s in JSON too", async (_, exitCode, tag, args) => {
    const isOfNetwork = args[0] !== "errors" && !args.includes("--seed")
    const { code, stderr } = isOfNetwork ? await ended(...args) : await begin(...args, "--json").exits()
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as { readonly error?: object })
    const { error } = lines.at(-1)!
    assert.deepInclude(error, { tag, exitCode })
    assert.strictEqual(code, exitCode)
  })
})
