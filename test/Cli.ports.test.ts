/**
 * The commands about ports, as they are typed, against nodes that `emp run` runs.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Outputs } from "../src/internal/cli/outputs.ts"
import { empHere } from "./empHere.ts"
import { emp, type Ended, eventually, Process } from "./processes.ts"

const home = mkdtempSync(join(tmpdir(), "emp-ports-"))
const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: "/dev/null", HOME: home }
const nodes: Array<Process> = []
let seed = ""
let echo = ""

const begin = (...args: ReadonlyArray<string>): Process => {
  const started = new Process([emp, ...args], env)
  nodes.push(started)
  return started
}
const run = (...args: ReadonlyArray<string>): Promise<Ended> => empHere([...args, "--seed", seed], env)
const printed = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await run(...args)
  assert.strictEqual(code, 0, stderr)
  return stdout
}
const node = async (nodeId: string, ...args: ReadonlyArray<string>): Promise<Process> => {
  const started = begin("run", "--no-watchdog", "--node-id", nodeId, "--bind", "127.0.0.1:*", ...args)
  await started.sees(/is ready/)
  return started
}

beforeAll(async () => {
  const first = await node("seed")
  seed = /listening on (\S+)/.exec(first.stdout)![1]!
  await node("worker", "--seed", seed, "--service", "test/fixtures/services.ts#lively")
  await eventually("the group has its member", async () => {
    echo = (await run("find", "lively")).stdout.trim()
    return echo !== ""
  })
})

afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]()
  rmSync(home, { recursive: true })
})

describe("emp ps", () => {
  it("shows the ports of all nodes, with what they are, in 80 columns", async () => {
    const text = await printed("ps")
    assert.match(text, /^PORT +MAILBOX +HANDLED +OLDEST +AGE +MON +WHAT$/m)
    assert.match(text, /^worker#\S+ .* supervisor services$/m)
    assert.match(text, /^worker#\S+ .* service .*#lively$/m)
    assert.match(text, /^worker#\S+ .* child app\/echo$/m)
    assert.match(text, /^seed .* node answers for/m)
    for (const line of text.trimEnd().split("\n")) assert.isAtMost(line.length, 80)
  })

  it("counts messages, and shows the port that has handled most", async () => {
    for (let n = 0; n < 3; n++) await printed("cal", echo, "echo", "x")
    const { ports, total } = JSON.parse(await printed("ps", "worker", "--sort", "handled", "--json")) as Outputs["ps"]
    assert.isAtLeast(ports.find(({ port }) => port === echo)?.handled ?? 0, 3)
    assert.strictEqual(ports.length, total)
    assert.match(await printed("ps", "worker", "--limit", "2"), /^2 of \d+ ports/m)
  })

  it("says which node does not answer, and fails then", async () => {
    await using frozen = await node("frozen", "--seed", seed)
    frozen.child.kill("SIGSTOP")
    const { code, stderr, stdout } = await run("ps", "--timeout", "12")
    assert.strictEqual(code, 1)
    assert.include(stdout, "node frozen does not answer")
    assert.include(stderr, "node frozen does not answer")
    assert.include(stdout, echo)
  })
})

describe("emp kil", () => {
  it("ends a port, and shows how it has ended", async () => {
    const before = echo
    const { stdout } = await begin("kil", before, "too_slow", "[1]", "--seed", seed).exits()
    assert.strictEqual(stdout, `${before} ended: too_slow: [1]\n`)
    await eventually("it was started again", async () => {
      echo = (await run("find", "lively")).stdout.trim()
      return echo !== "" && echo !== before
    })
    assert.include(await printed("tree"), "last end: too_slow: [1]")
    const { code, stderr } = await run("kil", before)
    assert.deepStrictEqual([code, stderr], [1, `emp: no such port: ${before}\n`])
  })

  it("kills no node", async () => {
    const { code, stderr } = await run("kil", "worker", "x")
    assert.strictEqual(code, 2)
    assert.include(stderr, "worker is a node")
    assert.match(await printed("ping", "worker", "-c", "1"), /^1 round trip:/m)
  })
})

describe("emp groups", () => {
  it("shows all groups and what their members are, without a name, and no data", async () => {
    await printed("db", "set", "settings", "limit", "5")
    assert.strictEqual(await printed("groups"), `lively\n  ${echo}  child app/echo\n`)
    assert.deepStrictEqual(JSON.parse(await printed("groups", "lively", "--json")), [
      { group: "lively", members: [{ port: echo, node: "worker", kind: "child", what: "app/echo" }] }
    ])
    const { code, stderr } = await run("groups", "nobodies")
    assert.deepStrictEqual([code, stderr], [1, "emp: nobody is in the group nobodies\n"])
  })
})

describe("emp tap", () => {
  it("shows the messages of a port as they come, and ends by itself", async () => {
    const tap = begin("tap", echo, "--limit", "2", "--for", "1m", "--json", "--seed", seed)
    await eventually("the first message is seen", async () => {
      await printed("cal", echo, "echo", "hello")
      return tap.stdout !== ""
    })
    await printed("cal", echo, "echo", "hello")
    const { code, stdout } = await tap.exits()
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Outputs["tap"])
    assert.strictEqual(code, 0)
    assert.strictEqual(lines.length, 2)
    for (const { from, text } of lines) {
      assert.match(from, /^emp\//)
      assert.match(text, /^\["echo","hello","emp\//)
    }
  })

  it("is over after its time, and refuses what is none", async () => {
    const { code, stderr, stdout } = await run("tap", echo, "--for", "100ms")
    assert.deepStrictEqual([code, stdout, stderr], [0, "", "0 messages: the time is over\n"])
    for (const time of ["1x", "0s", "11m", "-1s", ""]) {
      assert.strictEqual((await run("tap", echo, `--for=${time}`)).code, 2)
    }
    assert.include((await run("tap", "worker#nobody")).stderr, "no such port: worker#nobody")
    assert.include((await run("tap", "worker")).stderr, "is no port of a program")
  })
})

describe("emp top", () => {
  it("shows what nodes do, one object for each round", async () => {
    const lines = (await printed("top", "--rounds", "2", "--json", "--sort", "memory")).trimEnd().split("\n")
    const [first, second] = lines.map((line) => JSON.parse(line) as Outputs["top"])
    assert.sameMembers(second!.nodes.map(({ nodeId }) => nodeId), ["seed", "worker"])
    for (const node of first!.nodes) assert.isTrue("memory" in node && node.messagesPerSecond === null)
    for (const node of second!.nodes) assert.isTrue("memory" in node && Number(node.messagesPerSecond) >= 0)
    const [most, least] = second!.nodes.map((node) => "memory" in node ? node.memory : 0)
    assert.isAtLeast(most!, least!)
    assert.match(await printed("top", "--rounds", "1"), /^NODE↓ +UP +MSG\/S +MAILBOX +DELAY +CPU +MEMORY +RESTARTS$/m)
  })
})
