import { assert, describe, it } from "@effect/vitest"
import { type Process, start, startNode } from "./processes.ts"

describe("the examples", () => {
  it("simple.ts gets its message and sees the port end", async () => {
    const { code, stderr, stdout } = await start(["examples/simple.ts"]).exits()
    assert.strictEqual(stdout, "got message: 123\nthe port ended: Success\n", stderr)
    assert.strictEqual(code, 0)
  })

  it("sender.ts reaches every receiver.ts, again and again, and notices when one of them is gone", async () => {
    const receiver = ["--service", "examples/receiver.ts"]
    const { address, node: seed } = await startNode("seed")
    const [{ node: first }, { node: second }, { node: sender }] = await Promise.all([
      startNode("receiver1", ["--seed", address, ...receiver]),
      startNode("receiver2", ["--seed", address, ...receiver]),
      startNode("anon/", ["--seed", address, "--service", "examples/sender.ts"])
    ])
    await first.sees(/^receiver1 got: hello from the sender$/m)
    await second.sees(/^receiver2 got: hello from the sender$/m)
    await second.end("SIGKILL")
    await sender.sees(/^receiver receiver2#\S+ is gone$/m)
    const before = first.stdout.length
    await first.sees(new RegExp(`^[^]{${before},}receiver1 got: hello from the sender`))
    assert.notInclude(sender.stdout, "receiver1#")
    assert.notInclude(seed.stdout, "got:")
  })

  it("failover.ts answers again from another node within 500 ms after its node was killed under load", async () => {
    const service = ["--service", "examples/failover.ts"]
    const { address, node: seed } = await startNode("seed")
    const nodes = new Map<string, Process>()
    for (const id of ["a", "b", "c"]) {
      nodes.set(id, (await startNode(id, ["--seed", address, ...service])).node)
    }
    const { node: caller } = await startNode("anon/", ["--seed", address, "--service", "examples/failover.ts#caller"])
    await caller.sees(/^a answers, \d+ ms after nobody did$/m)
    for (const [from, to] of [["a", "b"], ["b", "c"]] as const) {
      await nodes.get(from)!.end("SIGKILL")
      const [, gap] = await caller.sees(new RegExp(`^${to} answers, (\\d+) ms after ${from} did$`, "m"))
      assert.isBelow(Number(gap), 500)
    }
    await seed.end("SIGTERM")
  }, 30_000)
})
