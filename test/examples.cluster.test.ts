import { assert, describe, it } from "@effect/vitest"
import { freePort, type Process, startNode } from "./processes.ts"

describe("examples/cluster", () => {
  it("counts on when a node is killed, and when one stops; the keeper is somewhere, once", async () => {
    const address = `127.0.0.1:${await freePort()}`
    const service = ["--service", "examples/cluster/runner.ts"]
    const begin = async (id: string): Promise<Process> =>
      (await startNode(id, [...(id === "a" ? ["--bind", address] : []), "--seed", address, ...service])).node
    const [a, b, c] = await Promise.all([begin("a"), begin("b"), begin("c")])
    const { node: caller } = await startNode("anon/", ["--seed", address, "--service", "examples/cluster/caller.ts"])
    const keys = ["apples", "pears", "plums", "quinces", "figs", "dates"]
    for (const key of keys) await caller.sees(new RegExp(`^${key} are counted by [abc], \\d+ ms after nobody$`, "m"))
    const [, keeper] = await Promise.any([a, b, c].map((node) => node.sees(/^the keeper begins on ([abc])$/m)))
    assert.include(["a", "b", "c"], keeper)
    await c.end("SIGKILL")
    await caller.sees(/^\w+ are counted by [ab], \d+ ms after c$/m)
    // Two of three have to vote: the third one begins anew before another one stops.
    await begin("c")
    await caller.sees(/^\w+ are counted by c, \d+ ms after [ab]$/m)
    await b.end("SIGTERM")
    await caller.sees(/^\w+ are counted by [ac], \d+ ms after b$/m)
  })
})
