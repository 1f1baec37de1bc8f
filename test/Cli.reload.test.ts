/**
 * A node of `emp run` that reads its configuration again: real processes, whose files change.
 */
import { assert, describe, it } from "@effect/vitest"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { empHere } from "./empHere.ts"
import { makeFolder } from "./folders.ts"
import { emp, eventually, type Process, start, startNode } from "./processes.ts"

/** A service of the fixtures with a name, as the configuration has it. */
const service = (kind: "plain" | "exclusive", name: string) => [`test/fixtures/reloaded.ts#${kind}`, name]

type Document = Readonly<Record<string, unknown>>

/** A node with a configuration file of its own. */
const startConfigured = async (document: Document, args: ReadonlyArray<string> = []) => {
  const folder = makeFolder()
  const file = join(folder, "rc.json")
  const write = (document: Document) =>
    writeFileSync(file, JSON.stringify({ nodeid: "worker", binds: ["127.0.0.1:*"], secret: "swordfish", ...document }))
  write(document)
  const env = { EFFECT_MP_RC: file, EMP_SECRET: undefined }
  const node = start([emp, "run", ...args], env)
  const [, address = ""] = await node.sees(/is ready, listening on (\S+)/)
  const command = (...words: ReadonlyArray<string>) => empHere([...words, "--seed", address])
  const reload = async (document: Document) => {
    write(document)
    const { code, stderr, stdout } = await command("reload", "worker", "--json")
    return { code, stderr, ...JSON.parse(stdout) as { taken: unknown; needsRestart: unknown; wrong?: string } }
  }
  return { node, write, reload, command }
}

/** What services have said, from a place in the output on. */
const said = ({ stdout }: Process, from = 0): ReadonlyArray<string> =>
  Array.from(stdout.slice(from).matchAll(/^service (.*)$/gm), ([, text = ""]) => text)

describe("emp reload", () => {
  it("starts services that are new, stops those that are gone, and leaves the others alone", async () => {
    const { node, reload } = await startConfigured({
      services: [service("plain", "a"), service("plain", "b"), service("plain", "c")]
    })
    const before = node.stdout.length
    const reloaded = await reload({ services: [service("plain", "b"), service("plain", "d"), service("plain", "b")] })
    assert.deepStrictEqual(said(node, before), ["c ends", "a ends", "d begins", "b begins"])
    assert.strictEqual(reloaded.code, 0, reloaded.stderr)
    assert.deepStrictEqual(reloaded.needsRestart, [])
    assert.lengthOf(reloaded.taken as ReadonlyArray<string>, 4)
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
    assert.deepStrictEqual(said(node, before).slice(4).toSorted(), ["b ends", "b ends", "d ends"])
  })

  it("changes a service whose place the next one takes, to one that cannot start and back", async () => {
    const { node, reload } = await startConfigured({ services: [service("exclusive", "one")] })
    const next = await reload({ services: [service("exclusive", "two")], seeds: [] })
    assert.strictEqual(next.code, 0, next.stderr)
    assert.deepStrictEqual(said(node), ["one begins", "one ends", "two begins"])
    const failed = await reload({
      services: [service("plain", "new"), service("exclusive", "broken")],
      secret: "other"
    })
    assert.strictEqual(failed.code, 1)
    assert.match(failed.wrong ?? "", /reloaded\.ts#exclusive/)
    assert.deepStrictEqual(said(node).slice(3), ["two ends", "new begins", "new ends", "two begins"])
    // Nor was the other secret taken.
    assert.deepStrictEqual((await reload({ services: [service("exclusive", "two")] })).taken, [])
  })

  it("gives a node services that had none, and takes the last one away", async () => {
    const { node, reload } = await startConfigured({})
    assert.strictEqual((await reload({ services: [service("plain", "first")] })).code, 0)
    assert.strictEqual((await reload({})).code, 0)
    assert.deepStrictEqual(said(node), ["first begins", "first ends"])
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })

  it("changes nothing where something is wrong, and says what", async () => {
    const { node, reload } = await startConfigured({ services: [service("plain", "a")] })
    const wrong: ReadonlyArray<readonly [Document, RegExp]> = [
      [{ services: [service("plain", "b"), "./nowhere.ts"] }, /service \.\/nowhere\.ts: cannot be loaded/],
      [{ services: [service("plain", "b")], seeds: ["nowhere:port"] }, /seeds/],
      [{ services: [service("plain", "b")], secret: null }, /secret: missing/],
      [{ services: [service("plain", "b")], cert: "/nowhere.pem" }, /nowhere\.pem: cert: there is no such file/],
      [{ services: [service("plain", "b")], monitor_timeout: -1 }, /monitor_timeout/]
    ]
    for (const [document, text] of wrong) {
      const reloaded = await reload(document)
      assert.match(reloaded.wrong ?? "", text)
      assert.match(reloaded.stderr, /node worker: the configuration stays as it is: /)
      assert.deepStrictEqual([reloaded.code, reloaded.taken], [1, []])
    }
    assert.deepStrictEqual(said(node), ["a begins"])
  })

  it("uses new seeds, forgets old ones, and names what is for the next start", async () => {
    const first = await startNode("first")
    const second = await startNode("second")
    const { command, node, reload } = await startConfigured({ seeds: [first.address] })
    const reloaded = await reload({ seeds: [second.address], monitor_timeout: 20, max_message_size: 100_000 })
    assert.deepStrictEqual(reloaded.taken, ["seeds"])
    assert.sameMembers([...reloaded.needsRestart as ReadonlyArray<string>], ["monitor_timeout", "max_message_size"])
    await eventually("the new seed has it", async () => {
      return (await empHere(["status", "second", "--seed", second.address])).stdout.includes("worker")
    })
    assert.strictEqual((await first.node.end("SIGTERM")).code, 0)
    await eventually(
      "its master is the new seed",
      async () => /second/.test((await command("status", "worker")).stdout)
    )
    assert.notInclude(node.stderr, "cannot reach seed")
    // That there are none any more is not for a node that runs; what was named is named until then.
    const none = await reload({ monitor_timeout: 20 })
    assert.sameMembers([...none.needsRestart as ReadonlyArray<string>], ["seeds", "monitor_timeout"])
  })

  it("takes the time that draining may take", async () => {
    const { command, node, reload } = await startConfigured({ services: ["test/fixtures/draining.ts"] })
    assert.deepStrictEqual((await reload({ services: ["test/fixtures/draining.ts"], drain_timeout: 0.5 })).taken, [
      "drain_timeout"
    ])
    const port = (await command("find", "slow")).stdout.trim()
    void command("cal", port, "\"double\"", "21", "600000", "--json-args", "--timeout", "100")
    await eventually(
      "the call is in hand",
      async () => /"handled": *1\b/.test((await command("ps", "worker", "--json")).stdout)
    )
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
    assert.include(node.stderr, "500ms")
  })

  it("is a line of the log, and SIGHUP does the same", async () => {
    const { node, write } = await startConfigured({}, ["--no-watchdog"])
    write({ services: [service("plain", "a")], binds: ["127.0.0.1:1"] })
    node.child.kill("SIGHUP")
    await node.sees(/read again; taken: service \S+ is started; needs a restart: binds/)
    node.child.kill("SIGHUP")
    await node.sees(/read again; needs a restart: binds/)
    assert.deepStrictEqual(said(node), ["a begins"])
  })
})
