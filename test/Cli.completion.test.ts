/**
 * What shells offer behind `emp`: asked as a shell asks it, by a real bash.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Completions from "effect/cli/Completions"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { command } from "../src/Cli.ts"
import { complete } from "../src/internal/cli/completion/line.ts"
import { scripts } from "../src/internal/cli/completion/scripts.ts"
import { empHere } from "./empHere.ts"
import { emp, eventually, Process, startEmp } from "./processes.ts"

const folder = mkdtempSync(join(tmpdir(), "emp-completion-"))
const rc = join(folder, "rc.json")
const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: rc, HOME: folder }
const nodes: Array<Process> = []
let seed = ""

beforeAll(async () => {
  writeFileSync(rc, JSON.stringify({ profile: { worker: {}, "web server": {}, "*": {} } }))
  mkdirSync(join(folder, "certificates"))
  writeFileSync(join(folder, "cert one.pem"), "")
  const start = async (...args: ReadonlyArray<string>): Promise<string> => {
    const node = new Process([emp, "run", "--no-watchdog", "--bind", "127.0.0.1:*", ...args], env)
    nodes.push(node)
    return (await node.sees(/is ready, listening on (\S+)/))[1]!
  }
  seed = await start("--node-id", "seed")
  await start("--node-id", "worker:1", "--seed", seed, "--service", "test/fixtures/services.ts#lively")
})
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** What bash makes of a line, whose words it has taken apart as it does. */
const inBash = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const bin = join(folder, "bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, "emp"), `#!/bin/sh\nexec ${process.execPath} ${emp} "$@"\n`)
  chmodSync(join(bin, "emp"), 0o755)
  const apart = words.flatMap((word) => word.split(/([:=]+)/).filter((part, at) => part !== "" || at === 0))
  const line = ["emp", ...apart].map((word) => `'${word}'`).join(" ")
  const program = `
    ${scripts.bash}
    COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _emp emp
    ((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"
    true`
  const path = `${bin}${delimiter}${process.env["PATH"]}`
  return execFileSync("bash", ["-c", program], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env, PATH: path }
  })
    .split("\n").filter((line) => line !== "")
}

describe("a line of bash is completed", () => {
  it("with commands", () => {
    assert.deepStrictEqual(inBash("statu"), ["status"])
    assert.includeMembers([...inBash("")], ["drain", "stop", "log-level", "tap", "kil", "ps", "groups"])
    assert.deepStrictEqual(inBash("db", ""), ["get", "set", "del", "mon"])
    assert.includeMembers([...inBash("")], ["run", "status", "gensecret"])
    assert.notInclude(inBash(""), "__complete")
  })

  it("with flags, and their values", () => {
    assert.deepStrictEqual(inBash("status", "--pro"), ["--profile"])
    assert.deepStrictEqual(inBash("logs", "--level", "w"), ["warn"])
    assert.deepStrictEqual(inBash("logs", "--level=w"), ["warn"])
    assert.deepStrictEqual(inBash("log-level", "seed", "de"), ["debug"])
    assert.deepStrictEqual(inBash("run", "--log-level", "Tr"), ["Transport=debug"])
    assert.deepStrictEqual(inBash("run", "--auth-offer", "hm"), ["hmac_sha3_512"])
  })

  it("with nodes, groups and families of the network", async () => {
    // A machine that is busy may take longer for it than a shell waits.
    const offers = (expected: ReadonlyArray<string>, ...words: ReadonlyArray<string>) =>
      eventually(`${words.join(" ")} is completed`, () => inBash(...words).toSorted().join() === expected.join())
    await offers(["seed", "worker:1"], "status", "--seed", seed, "")
    await offers(["1"], "ping", `--seed=${seed}`, "worker:")
    await offers(["seed", "worker:1"], "kil", "--seed", seed, "")
    await eventually("ports are offered", () => {
      const found = inBash("kil", "--seed", seed, "worker:1#")
      return found.length > 2 && found.every((port) => /^1#\w+$/.test(port))
    })
    await offers(["lively"], "find", "--seed", seed, "liv")
    await offers(["lively"], "db", "get", "--seed", seed, "liv")
  })

  it("with profiles, also behind other commands of a chain", () => {
    assert.deepStrictEqual(inBash("gensecret", "profi"), ["profile"])
    assert.deepStrictEqual(inBash("gensecret", "profile", ""), ["worker", "web\\ server", "\\*"])
    assert.deepStrictEqual(inBash("gensecret", "profile", "web\\ s"), ["web\\ server"])
    assert.deepStrictEqual(inBash("gensecret", "profile", "worker", "auth_accept", "hm"), ["hmac_sha3_512"])
    assert.deepStrictEqual(inBash("run", "profile", "wo"), ["worker"])
    assert.deepStrictEqual(inBash("status", "--profile", "wo"), ["worker"])
    assert.deepStrictEqual(inBash("gensecret", "status"), [])
  })

  it("with tags of errors", () => {
    assert.deepStrictEqual(inBash("errors", "no_such"), ["no_such_port"])
  })

  it("with files", () => {
    assert.sameMembers([...inBash("run", "--cert", "cert")], ["cert one.pem", "certificates"])
    assert.sameMembers([...inBash("run", "--cert=cert")], ["cert one.pem", "certificates"])
  })
})

describe("emp --completions", () => {
  it.each(["bash", "zsh", "fish"])("prints a script of %s that asks emp", async (shell) => {
    const { code, stdout } = await startEmp(["--completions", shell]).exits()
    assert.match(stdout, /__complete -- /)
    assert.strictEqual(code, 0)
  })

  it("prints one for powershell that knows commands and flags", async () => {
    const { code, stdout } = await startEmp(["--completions", "powershell"]).exits()
    assert.include(stdout, "hang-timeout")
    assert.strictEqual(code, 0)
  })
})

describe("a shell that asks", () => {
  const ask = async (words: ReadonlyArray<string>, more: Record<string, string> = {}) =>
    await empHere(["__complete", "--", ...words], { ...env, ...more })

  it("is told what candidates are", async () => {
    const { stdout } = await ask(["errors", "no_such"])
    assert.match(stdout, /^no_such_port\tThe port that was monitored.*\n$/)
  })

  it("hears nothing when something is wrong", async () => {
    const server = net.createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const silent = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
    writeFileSync(join(folder, "broken.json"), "{")
    const nothing = { code: 0, stdout: "", stderr: "" }
    assert.deepStrictEqual(await ask(["status", "--seed", silent, ""]), nothing)
    assert.deepStrictEqual(await ask(["status", "--seed", "127.0.0.1:1", ""]), nothing)
    assert.deepStrictEqual(await ask(["status", "--seed", seed, ""], { EMP_SECRET: "wrong" }), nothing)
    assert.deepStrictEqual(await ask(["status", ""], { EFFECT_MP_RC: join(folder, "broken.json") }), nothing)
    assert.deepStrictEqual(await ask(["status", "--seed", "no address", ""]), nothing)
    assert.deepStrictEqual(await ask(["no", "such", "command", ""]), nothing)
    server.close()
  })
})

describe("an unfinished line", () => {
  const root = Completions.fromCommand(command)
  const kindAt = (...line: ReadonlyArray<string>) => complete(root, line).source

  it("says which kind of value stands at its end", () => {
    assert.strictEqual(kindAt("status", ""), "nodes")
    assert.strictEqual(kindAt("snd", "--seed", "a:1", "se"), "ports")
    assert.strictEqual(kindAt("tap", "seed#a"), "ports")
    assert.strictEqual(kindAt("snd", "seed", ""), undefined)
    assert.strictEqual(kindAt("db", "get", ""), "families")
    assert.strictEqual(kindAt("init", ""), "files")
    assert.strictEqual(kindAt("init", "--from-tarball", ""), "files")
    assert.strictEqual(kindAt("cert", ""), "files")
    assert.strictEqual(kindAt("delseed", ""), "seeds")
    assert.strictEqual(kindAt("db", "set", "--node", ""), "nodes")
  })

  it("has the values that a flag takes", () => {
    const { candidates } = complete(root, ["init", "--form", ""])
    assert.deepStrictEqual(candidates.map(([name]) => name), ["minimal", "service", "workers"])
  })

  it("has words that are no flags behind --", () => {
    assert.strictEqual(kindAt("status", "--", "-"), "nodes")
  })

  it("never makes it fail, whatever stands in it", () => {
    const words = [
      "",
      "--",
      "-",
      "--seed",
      "--seed=",
      "db",
      "get",
      "profile",
      "run",
      "a=b",
      "--json",
      "constructor",
      "__proto__"
    ]
    for (const first of words) {
      for (const second of words) for (const third of words) complete(root, [first, second, third])
    }
  })
})
