import { assert, describe, it } from "@effect/vitest"
import { freePort, type Process, startNode } from "./processes.ts"

describe("examples/cluster", () => {
  it("counts on when a node is killed, and has one keeper", async () => {
    const address = `127.0.0.1:${await freePort()}`
    const service = ["--service", "examples/cluster/runner.ts"]
    const begin = async (id: string): Promise<Process> =>
      (await startNode(id, [...(id === "a" ? ["--bind", address] : []), "--seed", address, ...service])).node
    const [a, b, c] = await Promise.all([begin("a"), begin("b"), begin("c")])
    const { node: caller } = await startNode("anon/", ["--seed", address, "--service", "examples/cluster/caller.ts"])
    for (const key of ["jar1", "jar20"]) {
      await caller.sees(new RegExp(`^${key} is counted by [abc], \\d+ ms after nobody$`, "m"))
    }
    const [, keeper] = await Promise.any([a, b, c].map((node) => node.sees(/^the keeper begins on ([abc])$/m)))
    assert.include(["a", "b", "c"], keeper)
    await caller.sees(/^\w+ is counted by c, \d+ ms after \w+$/m)
    await c.end("SIGKILL")
    await caller.sees(/^\w+ is counted by [ab], \d+ ms after c$/m)
  })
})
