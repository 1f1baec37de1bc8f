import { assert, describe, it } from "@effect/vitest"
import { Process, startNode } from "./processes.ts"

describe("the examples", () => {
  it("simple.ts gets its message and sees the port end", async () => {
    const { code, stdout } = await new Process(["examples/simple.ts"]).ended
    assert.strictEqual(stdout, "got message: 123\nthe port ended: Success\n")
    assert.strictEqual(code, 0)
  })

  it("sender.ts reaches every receiver.ts, and notices when one of them is gone", async () => {
    const { address, node: first } = await startNode("receiver1", ["--service", "examples/receiver.ts"])
    await using _first = first
    const { node: second } = await startNode("receiver2", ["--seed", address, "--service", "examples/receiver.ts"])
    await using _second = second
    const { node: sender } = await startNode("anon/", ["--seed", address, "--service", "examples/sender.ts"])
    await using _sender = sender
    await first.sees(/receiver1 got: hello from the sender/)
    await second.sees(/receiver2 got: hello from the sender/)
    await second.end("SIGKILL")
    await sender.sees(/receiver receiver2#\S+ is gone/)
  })
})
