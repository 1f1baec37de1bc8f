import { assert, describe, it } from "@effect/vitest"
import * as net from "node:net"
import { type Process, startRun } from "./processes.ts"

const freePort = async (): Promise<number> =>
  await new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

/** How many members of the group the node has seen last. */
const sees = (node: Process): number => Number(Array.from(node.stdout.matchAll(/^sees (\d+)$/gm)).at(-1)?.[1] ?? 0)

const allSee = async (nodes: ReadonlyArray<Process>, count: number, seconds: number): Promise<void> => {
  const end = performance.now() + seconds * 1000
  while (!nodes.every((node) => sees(node) === count)) {
    const views = nodes.map(sees)
    if (performance.now() > end) assert.fail(`they see ${views.join()} members, not ${count}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe("twelve processes with three seeds", () => {
  it("stay one network while the seeds are killed and restarted, one after the other, under traffic", async () => {
    const addresses = (await Promise.all([freePort(), freePort(), freePort()])).map((port) => `127.0.0.1:${port}`)
    const common = ["--service", "test/fixtures/services.ts#roaming", ...addresses.flatMap((seed) => ["--seed", seed])]
    const startSeed = (index: number): Process =>
      startRun(["--node-id", `seed${index}`, "--bind", addresses[index]!, ...common])
    const seeds = addresses.map((_, index) => startSeed(index))
    const plain = Array.from(
      { length: 9 },
      (_, i) => startRun(["--node-id", `node${i}`, "--bind", "127.0.0.1:*", ...common])
    )
    await allSee([...seeds, ...plain], 12, 60)
    for (const index of seeds.keys()) {
      await seeds[index]!.end("SIGKILL")
      await allSee([...seeds.toSpliced(index, 1), ...plain], 11, 20)
      seeds[index] = startSeed(index)
      await allSee([...seeds, ...plain], 12, 30)
    }
    // Two seeds are left at any time: the next master is chosen at once.
    const slow = plain.flatMap((node) =>
      Array.from(node.stdout.matchAll(/a lookup took (\d+) ms/g), ([, millis]) => Number(millis))
    )
    assert.isBelow(Math.max(0, ...slow), 5000)
  }, 200_000)
})
