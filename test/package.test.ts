import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, relative } from "node:path"
import { version } from "../src/internal/values/version.ts"
import { pack, unpack } from "./packed.ts"
import { patienceMillis } from "./patience.ts"
import { root } from "./processes.ts"

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string
  readonly bin: { readonly emp: string }
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional?: boolean }>
}
/** What a program installs that does without the command line, and what only that needs. */
const needed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  .filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)
const forCli = ["@effect/platform-node"]

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/").slice(0, -3))
  // What browsers are sent is one text in the build.
  .filter((file) => !file.startsWith("internal/cli/web/ui/"))
/** What not every program needs is imported by itself. */
const apart = new Set(["Cli", "Cluster", "Rpc", "TestNetwork"])
const rooms = sources.filter((file) => /^[A-Z]\w*$/.test(file))

/** What the build makes of the command line. */
const bundle = "dist/internal/cli/bundle"

/** The package as `npm pack` makes it, in the folder of a program that has what it needs, and in one that has an `emp` too. */
let folder = ""
let cliFolder = ""
let packed: ReadonlyArray<string> = []

const link = (folder: string, name: string): void => {
  const place = join(folder, "node_modules", name)
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(join(root, "node_modules", name), place)
}

const install = (tarball: string, folder: string, others: ReadonlyArray<string>): string => {
  unpack(tarball, join(folder, "node_modules"))
  mkdirSync(join(folder, "node_modules/.bin"))
  symlinkSync(join("..", "effect-mp", manifest.bin.emp), join(folder, "node_modules/.bin/emp"))
  for (const name of others) link(folder, name)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  return folder
}

let above = ""
beforeAll(() => {
  above = mkdtempSync(join(tmpdir(), "effect-mp-"))
  const { files, tarball } = pack(above)
  packed = files
  folder = install(tarball, join(above, "program"), needed)
  cliFolder = install(tarball, join(above, "cli"), [...needed, ...forCli])
})
afterAll(() => rmSync(above, { recursive: true, force: true }))

/** Runs an installed `emp` as a shell would, on the Node of the tests. */
const runEmp = (folder: string, ...args: ReadonlyArray<string>) =>
  spawnSync(join(folder, "node_modules/.bin/emp"), args, {
    cwd: folder,
    encoding: "utf8",
    timeout: patienceMillis,
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}` }
  })

const runIn = (folder: string, ...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: patienceMillis })

/** The packages that a source file leads to, through all files that it imports, and those that they import. */
const packagesOf = (file: string, seen = new Set<string>()): Set<string> => {
  const found = new Set<string>()
  if (seen.has(file)) return found
  seen.add(file)
  const text = readFileSync(join(root, "src", file), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "")
  for (const [, path = ""] of text.matchAll(/(?:\bfrom |\bimport |\bimport\()"([^"]+)"/g)) {
    const inner = path.startsWith(".") ? packagesOf(join(dirname(file), path), seen) : [path]
    for (const name of inner) found.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)![0])
  }
  return found
}
const packagesWithin = (file: string) => Array.from(packagesOf(file)).filter((name) => !/^(?:node:|#)/.test(name))

const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => relative(root, join(parentPath, name)))

describe("the package", () => {
  it("has one version", () => {
    assert.strictEqual(version, manifest.version)
  })

  it("contains the build of every source file, the documentation, and nothing else", () => {
    assert.sameMembers([...packed], [
      "package.json",
      "dist/package.json",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      ...filesOf("docs").filter((file) => file.endsWith(".md")),
      ...filesOf("examples"),
      ...filesOf("templates"),
      ...sources.flatMap((file) => file === "emp" ? [`dist/${file}.cjs`] : [`dist/${file}.js`, `dist/${file}.d.ts`]),
      ...readdirSync(join(root, bundle)).map((file) => `${bundle}/${file}`)
    ])
  })

  it("needs effect, and @effect/platform-node for its command line alone", () => {
    assert.sameMembers(needed, ["effect"])
    assert.sameMembers(packagesWithin("index.ts"), needed)
    assert.includeMembers(packagesWithin("main.ts"), forCli)
  })

  it("brings nothing along", () => {
    const args = ["ls", "--omit=dev", "--omit=peer", "--json", "--package-lock-only"]
    const listed = JSON.parse(execFileSync("npm", args, { cwd: root, encoding: "utf8" })) as {
      readonly dependencies?: Record<string, unknown>
    }
    assert.deepStrictEqual(Object.keys(listed.dependencies ?? {}), [])
  })

  it("can be imported as a whole and by its rooms", () => {
    assert.sameMembers(rooms, [
      "Cli",
      "Cluster",
      "Global",
      "Node",
      "Port",
      "Rpc",
      "Supervisor",
      "TestNetwork",
      "Transport"
    ])
    const program = `
      const whole = await import("effect-mp")
      for (const room of ${JSON.stringify(rooms.filter((room) => !apart.has(room)))}) {
        const alone = await import("effect-mp/" + room)
        if (whole[room] !== alone) throw new Error(room)
      }
      console.log(Object.keys(whole).join())`
    const { stderr, stdout } = runIn(folder, "--input-type=module", "-e", program)
    assert.strictEqual(stdout, "Global,Node,Port,Supervisor,Transport\n", stderr)
  })

  it("has rpc apart from the whole", () => {
    const program = `console.log(typeof (await import("effect-mp/Rpc")).serve, "Rpc" in await import("effect-mp"))`
    const { stderr, stdout } = runIn(folder, "--input-type=module", "-e", program)
    assert.strictEqual(stdout, "function false\n", stderr)
  })

  it("has the command line apart from the whole", () => {
    const program = `console.log(typeof (await import("effect-mp/Cli")).main, "Cli" in await import("effect-mp"))`
    assert.strictEqual(runIn(cliFolder, "--input-type=module", "-e", program).stdout, "function false\n")
  })

  it("runs ports, nodes over TCP and supervisors without the command line's packages", () => {
    writeFileSync(
      join(folder, "program.mjs"),
      `import { Global, Node, Port, Supervisor, Transport } from "effect-mp"
       import { Effect, Layer } from "effect"
       const node = (nodeId, seeds) => Layer.build(Layer.provideMerge(
         Global.layer({ seeds }),
         Node.layer({ nodeId, secret: "swordfish", binds: ["127.0.0.1:*"] })
       ))
       const program = Effect.gen(function*() {
         const seed = yield* node("seed", [])
         const other = yield* node("other", yield* Effect.provide(Node.addresses, seed))
         const start = Effect.tap(
           Port.make({ double: (n, reply) => Port.snd(reply, 2 * n) }),
           (port) => Global.register(port, "doublers")
         )
         const supervised = yield* Effect.provide(Supervisor.restart(start), other)
         const first = yield* supervised.port
         yield* Effect.provide(Effect.andThen(Port.kil(first, "crash"), Effect.ignore(Port.exit(first))), other)
         const next = yield* supervised.port
         console.log("answer:", yield* Effect.provide(Port.cal(next, "double", 21), seed))
       })
       await Effect.runPromise(program.pipe(Effect.provide(Transport.layerTcp), Effect.scoped))`
    )
    const { status, stderr, stdout } = runIn(folder, "program.mjs")
    assert.match(stdout, /^answer: 42$/m, stderr)
    assert.strictEqual(status, 0)
  })

  it("says what to install for NATS", () => {
    const program = `import { Transport } from "effect-mp"
      import { Effect, Layer } from "effect"
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(Transport.layerNats()))))
      console.log(error.message)`
    const { stdout } = runIn(folder, "--input-type=module", "-e", program)
    assert.include(stdout, "the package @nats-io/transport-node is not installed: npm install @nats-io/transport-node")
  })

  it("has the licenses of what is built into its command line", () => {
    const licenses = readFileSync(join(root, bundle, "LICENSES.txt"), "utf8")
    for (const name of [...needed, ...forCli]) assert.match(licenses, new RegExp(`^${name} \\S+ \\(MIT\\)$`, "m"))
  })

  it("has commands that need nothing else, but for those that load services", () => {
    const { status, stderr, stdout } = runEmp(folder, "errors", "no_such_port")
    assert.match(stdout, /^no_such_port\n/, stderr)
    assert.strictEqual(status, 0)
  })

  it("says what to install for an emp that has not what it needs", () => {
    const { status, stderr, stdout } = runEmp(folder, "run", "--norc")
    assert.strictEqual(
      stderr,
      "emp: needs @effect/platform-node beside effect-mp: npm install @effect/platform-node\n"
    )
    assert.deepStrictEqual([status, stdout], [1, ""])
  })

  it("keeps everything else to itself", () => {
    const inner = sources.filter((file) => !rooms.includes(file)).concat("dist/Port.js", "src/Port.ts")
    const program = `
      for (const inner of ${JSON.stringify(inner)}) {
        const code = await import("effect-mp/" + inner).then(() => "imported", (error) => error.code)
        if (!/^ERR_(PACKAGE_PATH_NOT_EXPORTED|MODULE_NOT_FOUND)$/.test(code)) throw new Error(inner + ": " + code)
      }
      console.log("done")`
    const { stderr, stdout } = runIn(cliFolder, "--input-type=module", "-e", program)
    assert.strictEqual(stdout, "done\n", stderr)
  })

  it("brings declarations with which a program compiles, and a wrong message does not", () => {
    link(cliFolder, "@types/node")
    for (const name of ["protocol.ts", "receiver.ts", "sender.ts", "simple.ts"]) {
      writeFileSync(join(cliFolder, name), readFileSync(join(root, "examples", name)))
    }
    writeFileSync(
      join(cliFolder, "rooms.ts"),
      rooms.map((room) => `export * as ${room} from "effect-mp/${room}"\n`).join("")
    )
    writeFileSync(
      join(cliFolder, "wrong.ts"),
      `import * as Port from "effect-mp/Port"
       import type { Receiver } from "./protocol.ts"
       export const wrong = (port: typeof Receiver.PortId.Type) => Port.snd(port, "toast", 42)`
    )
    const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
      readonly compilerOptions: object
    }
    writeFileSync(join(cliFolder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    const { stdout } = runIn(cliFolder, join(root, "node_modules/typescript/bin/tsc"))
    assert.match(
      stdout,
      /^wrong\.ts\(3,\d+\): error .*\n(?: .*\n)* +Argument of type '"toast"' is not assignable .*\n$/
    )
  })

  it("brings an emp that runs", () => {
    assert.strictEqual(runEmp(cliFolder, "--version").stdout, `emp v${version}\n`)
    assert.match(runEmp(cliFolder, "errors", "fail").stdout, /^fail\n\nA handler/)
  })

  it("brings the demo", () => {
    const { status, stderr, stdout } = runEmp(cliFolder, "demo")
    assert.include(stdout, "What happened:", stderr)
    assert.strictEqual(status, 0)
  })
})
