/** What the questions have people run: the commands that show what is there, and the node in another language. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fencesOf, read, sectionOf, typedIn } from "./pages.ts"
import { root, start, startEmp, startNode } from "./processes.ts"

const text = read("docs/faq.md")
const folder = `.examples/faq-${process.pid}`
const others = fencesOf(sectionOf(text, "### How do I talk to programs in other languages?"))
const fenceOf = (language: string): string => others.find(({ what }) => what === language)!.code

/** A node with the page's service. */
const startGreeter = () => startNode("seed", ["--service", `./${folder}/greeter.ts`])

describe("the answers", () => {
  beforeAll(() => {
    mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, folder, "greeter.ts"), fenceOf("ts"))
  })
  afterAll(() => rmSync(join(root, folder), { recursive: true, force: true }))

  const hasPython = spawnSync("python3", ["--version"]).status === 0
  const title = "have a node in Python that finds a service and calls it"
  it.skipIf(!hasPython)(hasPython ? title : `${title}: NOT RUN, there is no python3`, async () => {
    const { address } = await startGreeter()
    const [host = "", port = ""] = address.split(":")
    writeFileSync(
      join(root, folder, "node.py"),
      fenceOf("python").replace(`("127.0.0.1", 4040)`, `("${host}", ${port})`)
    )
    const python = start([], {}, ["python3", join(root, folder, "node.py")])
    const { code, stderr, stdout } = await python.exits()
    assert.strictEqual(stdout, "Hello, Ada!\n", stderr)
    assert.strictEqual(code, 0)
  })

  it("name commands that show something, in a network that is well", async () => {
    const { address } = await startGreeter()
    const configuration = join(root, folder, "configuration.json")
    writeFileSync(configuration, JSON.stringify({ secret: "swordfish", seeds: [address] }))
    const run = (command: string) =>
      startEmp(command.split(" ").slice(1), { EFFECT_MP_RC: configuration, EMP_SECRET: undefined }).exits()
    const [port = ""] = (await run("emp find greeters")).stdout.split("\n")
    const words = { NODE: "seed", GROUP: "greeters", PORT: port, TAG: "transport_error" }
    const commands = typedIn(sectionOf(text, "### I cannot see anything"))
      .filter((line) => line.startsWith("emp "))
      .map((line) => Object.entries(words).reduce((filled, [word, value]) => filled.replace(word, value), line))
    assert.isAbove(commands.length, 5)
    for (const command of commands) {
      const { code, stderr } = await run(command)
      assert.deepStrictEqual([command, code, stderr], [command, 0, stderr])
    }
  })
})
