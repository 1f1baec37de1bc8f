import { describe, it } from "@effect/vitest"
import { eventually, freePort, type Process, startRun } from "./processes.ts"
import { sized } from "./size.ts"

/** How many members of the group the node has seen last. */
const sees = (node: Process): number => Number(Array.from(node.stdout.matchAll(/^sees (\d+)$/gm)).at(-1)?.[1] ?? 0)

const allSee = (nodes: ReadonlyArray<Process>, count: number): Promise<void> =>
  eventually(`all see ${count} members`, () => nodes.every((node) => sees(node) === count))

const plainNodes = sized(3, 9)
const members = 3 + plainNodes

describe(`${members} processes with three seeds`, () => {
  it("stay one network while the seeds are killed and restarted, one after the other, under traffic", async () => {
    const addresses = (await Promise.all([freePort(), freePort(), freePort()])).map((port) => `127.0.0.1:${port}`)
    const common = ["--service", "test/fixtures/services.ts#roaming", ...addresses.flatMap((seed) => ["--seed", seed])]
    const startSeed = (index: number): Process =>
      startRun(["--node-id", `seed${index}`, "--bind", addresses[index]!, ...common])
    const seeds = addresses.map((_, index) => startSeed(index))
    const plain = Array.from(
      { length: plainNodes },
      (_, i) => startRun(["--node-id", `node${i}`, "--bind", "127.0.0.1:*", ...common])
    )
    await allSee([...seeds, ...plain], members)
    for (const index of seeds.keys()) {
      await seeds[index]!.end("SIGKILL")
      await allSee([...seeds.toSpliced(index, 1), ...plain], members - 1)
      seeds[index] = startSeed(index)
      await allSee([...seeds, ...plain], members)
    }
  })
})
