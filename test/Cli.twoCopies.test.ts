/**
 * Two copies of the package in one process, as when an `emp` that is installed for all projects runs the service of one that has
 * its own: what one copy makes, the other one has to know.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { emp, Process, root } from "./processes.ts"

/** A project with the service of the fixtures, its own copy of this package, and perhaps one of `effect`. */
const makeProject = (ownEffect: boolean): string => {
  const folder = mkdtempSync(join(tmpdir(), "emp-copies-"))
  const modules = join(folder, "node_modules")
  const place = (name: string, isOwn: boolean, parts: ReadonlyArray<string>): void => {
    const from = join(root, name === "effect-mp" ? "." : `node_modules/${name}`)
    if (!isOwn) return symlinkSync(from, join(modules, name))
    mkdirSync(join(modules, name))
    for (const part of parts) cpSync(join(from, part), join(modules, name, part), { recursive: true })
  }
  mkdirSync(modules)
  place("effect-mp", true, ["package.json", "dist"])
  place("effect", ownEffect, ["package.json", "dist"])
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  copyFileSync(join(root, "test/fixtures/ownCopy.ts"), join(folder, "service.ts"))
  mkdirSync(join(modules, "packaged"))
  writeFileSync(join(modules, "packaged/package.json"), JSON.stringify({ type: "module", exports: "./index.js" }))
  writeFileSync(
    join(modules, "packaged/index.js"),
    `import { Port } from "effect-mp"
     import { Effect } from "effect"
     const copy = import.meta.resolve("effect-mp").startsWith(${
      JSON.stringify(pathToFileURL(realpathSync(folder)).href)
    })
     export default Effect.gen(function*() {
       const port = yield* Port.make({ double: (n, reply) => Port.snd(reply, 2 * n) })
       console.log("a package of the project: " + copy + "," + (yield* Port.cal(port, "double", 21)))
       return port
     })`
  )
  return folder
}

/** `emp` of this copy, in the folder of the project. */
const run = (folder: string, ...services: ReadonlyArray<string>): Process => {
  const args = services.flatMap((service) => ["--service", service])
  return new Process(
    [emp, "run", "--norc", "--no-watchdog", "--bind", "127.0.0.1:*", ...args],
    { EMP_SECRET: "swordfish" },
    ["env", "-C", folder]
  )
}

const linesOf = ({ stdout }: Process, part: string): ReadonlyArray<string> =>
  stdout.split("\n").filter((line) => line.startsWith(`${part}: `))

describe.each([
  ["of this package", false],
  ["of this package and of effect", true]
])("a service with a copy of its own %s", (_, ownEffect) => {
  let folder = ""
  let node: Process
  beforeAll(async () => {
    folder = makeProject(ownEffect)
    node = run(folder, "service.ts", "packaged")
    await node.sees(/is ready/)
    await node.sees(/a package of the project: /)
  })
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ["fork", "true"],
    ["psub", "true,3"],
    ["peval", "true"],
    ["rcv", "42"],
    ["mon", `true, ["worn_out",7]`],
    ["a typed port", "42"],
    ["a handler that fails", `["worn_out",{"runs":7}]`],
    ["a supervisor", "2"],
    ["the database", "1"],
    ["a package of the project", "true,42"]
  ])("has the use of %s", (part, found) => {
    assert.deepStrictEqual(linesOf(node, part), [`${part}: ${found}`])
  })

  it("stops in order, and what it has forked with it", async () => {
    const { code, stderr } = await node.end("SIGTERM")
    assert.deepStrictEqual(linesOf(node, "its fork"), ["its fork: Failure"], stderr)
    assert.strictEqual(code, 0)
  })

  it("ends with the reasons of its own errors, whatever they end", async () => {
    await using wearingOut = run(folder, "service.ts#wearingOut")
    const { code, stderr, stdout } = await wearingOut.exits()
    const ends = ["fork", "psub", "peval", "a monitor's callback"]
    assert.deepStrictEqual(
      stdout.split("\n").filter((line) => line.includes(" ends the port: ")),
      ends.map((end) => `${end} ends the port: ["worn_out",{"runs":7}]`)
    )
    assert.match(stderr, /^emp: service \S+#wearingOut: ended: worn_out: \{"runs":7\}$/m)
    assert.strictEqual(code, 1)
  })
})
