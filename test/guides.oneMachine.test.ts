/** The commands and the program of `docs/guides/one-machine.md`, as a reader has them. */
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { makeFolderInside } from "./folders.ts"
import { read, typedIn } from "./pages.ts"
import { emp, freePort, type Process, root, start } from "./processes.ts"

const commands = typedIn(read("docs/guides/one-machine.md")).flatMap((line) => /^emp (.+)$/.exec(line)?.[1] ?? [])

/** A reader's shell, on a machine where the seed's port is free, in the folder of the examples. Nodes are there without their watchdogs, so that none is left behind. */
const sitDown = async () => {
  const seed = `127.0.0.1:${await freePort()}`
  const home = makeFolderInside()
  const shell = ["env", `--chdir=${join(root, "examples/guides")}`, "bash", "-c", `exec "$0" ${emp} $COMMAND`]
  return (command: string): Process => {
    const COMMAND = command.replace(/^run /, "run --no-watchdog ").replaceAll("'", "").replaceAll(
      "127.0.0.1:4040",
      seed
    )
    return start([], { HOME: home, COMMAND, EFFECT_MP_RC: undefined, EMP_SECRET: undefined }, shell)
  }
}

describe("the guide to many nodes on one machine", () => {
  it("has commands that make a network of processes, with one profile for all workers", async () => {
    const type = await sitDown()
    const isRun = (command: string) => command.startsWith("run profile ") && !command.includes("--metrics")
    const isLook = (command: string) => command.includes("--seed ")
    const isChange = (command: string) => /^(?:gensecret|profile) /.test(command)
    assert.deepStrictEqual([isChange, isRun, isLook].map((is) => commands.filter(is).length), [4, 3, 2])

    for (const command of commands.filter(isChange)) {
      const { code, stderr } = await type(command).exits()
      assert.strictEqual(code, 0, stderr)
    }
    const ids: Array<string> = []
    for (const command of [...commands.filter(isRun), "run profile worker1", "run profile worker2"]) {
      const node = type(command)
      const [, id = ""] = await node.sees(/node (\S+) is ready, listening on 127\.0\.0\.1:\d+/)
      ids.push(id.split("/")[0]!)
    }
    assert.deepStrictEqual(ids, ["seed", "worker", "worker", "worker1", "worker2"])
    for (const command of commands.filter(isLook)) {
      const { code, stderr, stdout } = await type(command).exits()
      assert.strictEqual(code, 0, stderr)
      for (const id of ids.filter((id) => id !== "seed")) assert.include(stdout, id)
    }
  })

  it("has a program with many nodes", async () => {
    const { code, stderr, stdout } = await start(["--expose-gc", "examples/guides/many-nodes.ts", "4"]).exits()
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /^4 nodes have answered\neach: -?\d+ KiB of the heap, \d+ ms of a core\n$/)
  })
})
