import { assert, describe, it } from "@effect/vitest"
import { start, startNode } from "./processes.ts"

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
})
