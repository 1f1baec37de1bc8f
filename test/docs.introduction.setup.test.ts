/**
 * The lines with which the introduction has its readers begin, typed in a fresh clone and in a fresh project, and whether all that the later
 * pages need is there then. Only `npm` is another one (`fixtures/npm.ts`), which fetches nothing: that what it would fetch fits together
 * is the matter of `package.json`.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, onTestFinished } from "vitest"
import { pack } from "./packed.ts"
import { read } from "./pages.ts"
import { root, start } from "./processes.ts"

const page = read("docs/introduction/README.md")
/** What the page has typed, block by block. */
const [inClone = [], inEachOfClone = [], inProject = [], inEachOfProject = [], withOwnFile = []] = Array.from(
  page.matchAll(/^(?: {4}.+\n)+/gm),
  ([block]) => block.trim().split(/\n */)
)

const examples = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"))

let above = ""
let tarball = ""
beforeAll(() => {
  above = mkdtempSync(join(tmpdir(), "effect-mp-"))
  tarball = pack(above).tarball
})
afterAll(() => rmSync(above, { recursive: true, force: true }))

/** Somebody in a folder, outside of this repository, with a home that is empty. */
const sitDown = () => {
  const home = mkdtempSync(join(above, "reader-"))
  const folder = join(home, "begin")
  const bin = join(home, ".bin")
  mkdirSync(folder)
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, "node"))
  writeFileSync(join(bin, "npm"), `#!/bin/sh\nexec node ${join(root, "test/fixtures/npm.ts")} "$@"\n`)
  chmodSync(join(bin, "npm"), 0o755)
  const env = {
    HOME: home,
    PATH: `${bin}:${process.env["PATH"]}`,
    TARBALL: tarball,
    EFFECT_MP_RC: undefined,
    EMP_SECRET: undefined
  }
  /** Opens a terminal, which is closed with all that runs in it. */
  const types = (...lines: ReadonlyArray<string>) => {
    const shell = ["setsid", "env", `--chdir=${folder}`, "bash", "-e", "-O", "expand_aliases", "-c", lines.join("\n")]
    const terminal = start([], env, shell)
    onTestFinished(() => {
      if (terminal.child.exitCode === null && terminal.child.signalCode === null) process.kill(-terminal.pid, "SIGKILL")
    })
    return terminal
  }
  return {
    folder,
    types,
    /** The same, to the end of the last line. */
    async done(...lines: ReadonlyArray<string>): Promise<string> {
      const { code, stderr, stdout } = await types(...lines).exits()
      assert.strictEqual(code, 0, stderr)
      return stdout
    }
  }
}

/** What the later pages have their readers do, of each kind one: with what they have saved in the folder where they type. */
const readOn = async (
  { done, types }: ReturnType<typeof sitDown>,
  typed: string,
  begin: ReadonlyArray<string>
): Promise<void> => {
  for (const name of examples) copyFileSync(join(root, "examples", name), join(typed, name))
  assert.strictEqual(await done(...begin, "node simple.ts"), "got message: 123\nthe port ended: Success\n")
  assert.match(await done(...begin, "npx vitest run weather.test.ts"), /Tests {2}1 passed \(1\)/)
  await done(...begin, "emp gensecret")
  assert.isTrue(existsSync(join(typed, "effect-mp.json")))
  const node = types(...begin, "emp run --node-id receiver services receiver.ts")
  await node.sees(/^node receiver is ready, listening on .+$/m)
  process.kill(-node.pid, "SIGINT")
  await node.exits()
}

describe("the introduction's beginning", () => {
  it("leads to the first steps in a clone", async () => {
    const reader = sitDown()
    for (const name of ["package.json", "examples"]) symlinkSync(join(root, name), join(reader.folder, name))
    await reader.done(...inClone)
    await readOn(reader, join(reader.folder, "hello"), [...inEachOfClone, ...withOwnFile])
  })

  it("leads to the first steps in a project of one's own", async () => {
    const reader = sitDown()
    writeFileSync(join(reader.folder, "package.json"), `{ "type": "module" }`)
    await reader.done(...inProject)
    await readOn(reader, reader.folder, [...inEachOfProject, ...withOwnFile])
  })

  it("installs all packages that its programs import", () => {
    const installed = inProject.join(" ").split(" ")
    const imported = examples.flatMap((name) =>
      Array.from(
        read(`examples/${name}`).matchAll(/ from "((?:@[\w-]+\/)?[\w-]+)/g),
        ([, from = ""]) => from
      )
    )
    assert.includeMembers(installed, imported.filter((name) => name !== "node"))
  })
})
