import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { version } from "../src/internal/values/version.ts"
import { root } from "./processes.ts"

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string
  readonly bin: { readonly emp: string }
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
}

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/").slice(0, -3))
const rooms = sources.filter((file) => /^[A-Z]\w*$/.test(file))

/** A program's folder with the package as `npm pack` makes it, and what it declares to need. */
let folder = ""
let packed: ReadonlyArray<string> = []

const link = (name: string): void => {
  const place = join(folder, "node_modules", name)
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(join(root, "node_modules", name), place)
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
  const [answer] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe"
    })
  ) as ReadonlyArray<{ readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> }>
  packed = answer!.files.map((file) => file.path)
  const modules = join(folder, "node_modules")
  mkdirSync(join(modules, "effect-mp"), { recursive: true })
  mkdirSync(join(modules, ".bin"))
  execFileSync("tar", [
    "-xzf",
    join(folder, answer!.filename),
    "--strip-components=1",
    "-C",
    join(modules, "effect-mp")
  ])
  symlinkSync(join("..", "effect-mp", manifest.bin.emp), join(modules, ".bin", "emp"))
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) link(name)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the installed `emp` as a shell would, on the Node of the tests. */
const runEmp = (...args: ReadonlyArray<string>) =>
  spawnSync(join(folder, "node_modules/.bin/emp"), args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 15_000,
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}` }
  })

const run = (...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 15_000 })

describe("the package", () => {
  it("has one version", () => {
    assert.strictEqual(version, manifest.version)
  })

  it("contains the build of every source file, the documentation, and nothing else", () => {
    assert.sameMembers([...packed], [
      "package.json",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      ...readdirSync(join(root, "docs")).map((file) => `docs/${file}`),
      ...sources.flatMap((file) => [`dist/${file}.js`, `dist/${file}.d.ts`])
    ])
  })

  it("can be imported as a whole and by its rooms", () => {
    assert.sameMembers(rooms, ["Cli", "Global", "Node", "Port", "Supervisor", "Transport"])
    const program = `
      const whole = await import("effect-mp")
      for (const room of ${JSON.stringify(rooms)}) {
        const alone = await import("effect-mp/" + room)
        if (whole[room] !== alone) throw new Error(room)
      }
      console.log(Object.keys(whole).join())`
    const { stderr, stdout } = run("--input-type=module", "-e", program)
    assert.strictEqual(stdout, `${rooms.toSorted().join()}\n`, stderr)
  })

  it("keeps everything else to itself", () => {
    const inner = sources.filter((file) => !rooms.includes(file)).concat("dist/Port.js", "src/Port.ts")
    const program = `
      for (const inner of ${JSON.stringify(inner)}) {
        const code = await import("effect-mp/" + inner).then(() => "imported", (error) => error.code)
        if (!/^ERR_(PACKAGE_PATH_NOT_EXPORTED|MODULE_NOT_FOUND)$/.test(code)) throw new Error(inner + ": " + code)
      }
      console.log("done")`
    const { stderr, stdout } = run("--input-type=module", "-e", program)
    assert.strictEqual(stdout, "done\n", stderr)
  })

  it("brings declarations with which a program compiles, and a wrong message does not", () => {
    link("@types/node")
    for (const name of ["protocol.ts", "receiver.ts", "sender.ts", "simple.ts"]) {
      writeFileSync(join(folder, name), readFileSync(join(root, "examples", name)))
    }
    writeFileSync(
      join(folder, "rooms.ts"),
      rooms.map((room) => `export * as ${room} from "effect-mp/${room}"\n`).join("")
    )
    writeFileSync(
      join(folder, "wrong.ts"),
      `import * as Port from "effect-mp/Port"
       import type { Receiver } from "./protocol.ts"
       export const wrong = (port: typeof Receiver.PortId.Type) => Port.snd(port, "test", 42)`
    )
    const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
      readonly compilerOptions: object
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    const { stdout } = run(join(root, "node_modules/typescript/bin/tsc"))
    assert.match(stdout, /^wrong\.ts\(3,\d+\): error .*\n(?: .*\n)* +Argument of type 'number' is not assignable .*\n$/)
  })

  it("brings an emp that runs", () => {
    assert.strictEqual(runEmp("--version").stdout, `emp v${version}\n`)
    assert.match(runEmp("errors", "fail").stdout, /^fail\n\nA handler/)
  })

  it("brings the demo", () => {
    const { status, stderr, stdout } = runEmp("demo")
    assert.include(stdout, "What happened:", stderr)
    assert.strictEqual(status, 0)
  })
})
