/**
 * What nodes say of themselves, as operators see it: real processes, their logs, `emp logs` and `emp log-level`.
 */
import { assert, describe, it } from "@effect/vitest"
import { empHere } from "./empHere.ts"
import { eventually, type Process, startEmp, startNode, startRun } from "./processes.ts"
import { nthWorker, startWatched } from "./watched.ts"

const command = (seed: string, ...args: ReadonlyArray<string>) => empHere([...args, "--seed", seed])

/** What a command prints that succeeds. */
const printed = async (seed: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await command(seed, ...args)
  assert.strictEqual(code, 0, stderr)
  return stdout
}

/** The lines of a log, without their times. */
const lines = ({ stderr }: Pick<Process, "stderr">): ReadonlyArray<string> =>
  stderr.split("\n").map((line) => line.replace(/^timestamp=\S+ /, ""))

const broken = ["--service", "test/fixtures/services.ts#broken"]

describe("a node's log", () => {
  it("tells of its life, and of the nodes that it has links to, and that of a command tells nothing", async () => {
    const { address, node } = await startNode("seed")
    const worker = startRun(["--node-id", "worker", "--seed", address])
    await worker.sees(/is ready/)
    await node.sees(/node worker is up: effect-mp at 127\.0\.0\.1:\d+, without TLS/)
    await worker.sees(/level=INFO .*"seed \S+ is reached: it is node seed"/)
    await worker.sees(/level=INFO .*"node seed is the master of this node" node=worker module=Global peer=seed/)
    assert.strictEqual((await startEmp(["status", "--seed", address]).exits()).stderr, "")
    const { stderr } = await worker.end("SIGTERM")
    assert.match(stderr, /"node worker starts: effect-mp \S+ Node \S+ process \d+" node=worker module=Node/)
    assert.match(stderr, /"node worker listens on 127\.0\.0\.1:\d+" node=worker module=Transport/)
    assert.match(stderr, /"node worker has stopped"\S* node=worker module=Node\n$/)
    await node.sees(
      /level=INFO message="node worker has left: it stopped in order" node=seed module=Node error=node_left/
    )
    const killed = startRun(["--node-id", "killed", "--seed", address])
    await killed.sees(/is ready/)
    await killed.end("SIGKILL")
    await node.sees(/level=INFO message="node killed is down: [^"]+" node=seed module=Node error=link_lost peer=killed/)
    assert.notInclude(node.stderr, "emp/")
  })

  it("has what failed, with file and line, where it happened, and no more than once", async () => {
    const { address, node } = await startNode("seed", broken)
    const port = (await printed(address, "find", "broken")).trim()
    for (const place of ["handler", "effect", "finalizer"]) {
      await printed(address, "snd", port, place)
      await node.sees(new RegExp(`cause="TypeError: broken ${place}`))
    }
    await printed(address, "snd", port, "say", "hello")
    await node.sees(/message=hello/)
    for (const place of ["handler", "effect", "finalizer"]) {
      const [line = "", ...more] = lines(node).filter((line) => line.includes(`broken ${place}`))
      assert.deepStrictEqual(more, [])
      assert.match(line, /^level=ERROR .*\bat breaks \(\S*test\/fixtures\/services\.ts:\d+:\d+\)/)
      assert.match(line, / node=seed module=Port .*service=test\/fixtures\/services\.ts#broken /)
      assert.match(line, / port=seed#\w+/)
    }
    assert.match(node.stderr, / broken effect.*\bat deep \(/)
    const said = lines(node).find((line) => line.includes("message=hello")) ?? ""
    for (const part of [/ node=seed/, / service=\S+#broken/, / port=seed#\w+/, / tag=say/]) assert.match(said, part)
  })
})

describe("the log of emp run", () => {
  it("is written as the configuration says", async () => {
    const json = startRun(["--node-id", "a", "--log-format", "json"])
    await json.sees(/is ready/)
    for (const line of (await json.end("SIGTERM")).stderr.trim().split("\n")) {
      const { annotations, level } = JSON.parse(line)
      assert.deepStrictEqual([annotations.node, level], ["a", "INFO"])
    }
    const pretty = startRun(["--node-id", "a", "--log-format", "pretty"])
    await pretty.sees(/^\d\d:\d\d:\d\d\.\d{3} INFO  Node: node a starts/m)
    const wrong = await startRun(["--log-format", "xml"]).exits()
    assert.strictEqual(wrong.stderr, "emp: log_format: \"xml\" is not one of logfmt, json, pretty\n")
  })

  it("has levels by module, which are changed while it runs", async () => {
    const { address, node } = await startNode("seed", ["--log-level", "warn,Global=info"])
    assert.strictEqual(await printed(address, "log-level", "seed"), "warn,Global=info\n")
    assert.isTrue(lines(node).every((line) => line === "" || line.includes("module=Global")), node.stderr)
    const { stdout } = await startEmp(["log-level", "seed", "info,Transport=debug", "--seed", address]).exits()
    assert.strictEqual(stdout, "info,Transport=debug\n")
    const worker = startRun(["--node-id", "worker", "--seed", address])
    await node.sees(/level=INFO message="node worker is up/)
    await worker.end("SIGTERM")
    const wrong = await command(address, "log-level", "seed", "Trasport=debug")
    assert.deepStrictEqual([wrong.code, wrong.stderr], [
      2,
      "emp: \"Trasport\" is no module; did you mean \"Transport\"?\n"
    ])
    const refused = await startRun(["--log-level", "info,Trasport=debug"]).exits()
    assert.strictEqual(refused.stderr, "emp: log_level: \"Trasport\" is no module; did you mean \"Transport\"?\n")
  })
})

describe("emp logs", () => {
  it("shows the last lines of a node, from its first moment on", async () => {
    const { address } = await startNode("seed", ["--log-level", "info"])
    const all = await printed(address, "logs", "seed", "--since", "1h", "--no-follow")
    assert.match(all, /^\S+Z INFO +seed: node seed starts: .*\n\S+Z INFO +seed: node seed listens on /)
    assert.strictEqual(
      (await printed(address, "logs", "seed", "--tail", "2", "--no-follow")).trim().split("\n").length,
      2
    )
    const [first = ""] = (await printed(address, "logs", "--since", "1h", "--no-follow", "--json")).split("\n")
    const { at, level, module, node, text } = JSON.parse(first)
    assert.match(text, /^node seed starts/)
    assert.deepStrictEqual([node, module, level, Number.isInteger(at)], ["seed", "Node", "Info", true])
    const wrong = await command(address, "logs", "--since", "yesterday")
    assert.deepStrictEqual([wrong.code, wrong.stderr.includes("\"yesterday\" is no time")], [2, true])
  })

  it("shows what nodes have logged in the order of its times, though one of them does not answer", async () => {
    const { address } = await startNode("seed")
    const { node: one } = await startNode("one", ["--seed", address])
    const { node: two } = await startNode("two", ["--seed", address])
    two.child.kill("SIGSTOP")
    const { code, stderr, stdout } = await command(address, "logs", "--since", "1h", "--no-follow", "--timeout", "10")
    two.child.kill("SIGCONT")
    assert.strictEqual(code, 3)
    assert.match(stderr, /^emp: node two /m)
    const lines = stdout.trim().split("\n")
    const times = lines.map((line) => line.split(" ")[0])
    assert.deepStrictEqual(times, times.toSorted())
    assert.includeMembers(lines.map((line) => line.split(" ").find((word) => word.endsWith(":")) ?? ""), [
      "seed:",
      "one:"
    ])
    assert.strictEqual((await one.end("SIGTERM")).code, 0)
  })

  it("follows nodes that come later, and come back, from their first lines on", async () => {
    const { address, watchdog, worker } = await startWatched()
    const follower = startEmp(["logs", "--since", "1h", "--seed", address])
    const joining = startRun(["--node-id", "late", "--seed", address])
    await joining.sees(/is ready/)
    await follower.sees(/late: node late starts:/)
    process.kill(worker, "SIGKILL")
    await nthWorker(watchdog, 1)
    await follower.sees(/fragile: node fragile starts:/)
    await joining.end("SIGTERM")
    await eventually("each line is there once", () => {
      const told = follower.stdout.split("\n").map((line) => line.replace(/^\S+ /, ""))
      return told.filter((line) => line.includes("node late starts")).length === 1
    })
    assert.strictEqual((await follower.end("SIGINT")).code, 0)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })
})
