/** The commands of `docs/guides/bundling.md`, in a folder like that of a reader; what they make runs where there are no packages. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { devNull, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { stagesOf, wordsOf } from "./deployed.ts"
import { read, typedIn } from "./pages.ts"
import { eventually, freePort, type Process, root, start } from "./processes.ts"

const commands = typedIn(read("docs/guides/bundling.md"))
const builds = commands.filter((command) => /^(?:npx esbuild|cp) /.test(command))
const [runFront = "", runService = "", runAll = "", ...others] = commands.filter((command) =>
  command.startsWith("EMP_SECRET=")
)

const image = stagesOf(read("examples/guides/Dockerfile"))

let above = ""
/** Where the reader types, with the packages that he has installed; and where what he has made is to run. */
let project = ""
let elsewhere = ""

const folders = ["node_modules/.bin", "node_modules/@effect"]
const packages = [["effect-mp", "."], ["effect", "node_modules/effect"]].concat(
  ["@effect/platform-node", "@effect/platform-node-shared"].map((name) => [name, `node_modules/${name}`])
)

/** `npx` would ask a registry for what it does not find. */
const shell = (command: string): string => `npx() { "$@"; }; ${command}`
const environment = () => ({
  ...process.env,
  PATH: [join(project, "node_modules/.bin"), dirname(process.execPath), process.env["PATH"]].join(":"),
  EFFECT_MP_RC: devNull
})
const type = (command: string): Buffer =>
  execFileSync("bash", ["-ec", shell(command)], { cwd: project, env: environment(), stdio: "pipe" })

beforeAll(() => {
  above = mkdtempSync(join(tmpdir(), "guides-"))
  project = join(above, "project")
  elsewhere = join(above, "elsewhere")
  mkdirSync(elsewhere)
  for (const folder of folders) mkdirSync(join(project, folder), { recursive: true })
  for (const [name = "", place = ""] of packages) symlinkSync(join(root, place), join(project, "node_modules", name))
  for (const name of ["esbuild", "emp"]) {
    const file = name === "emp" ? "dist/emp.cjs" : "node_modules/.bin/esbuild"
    symlinkSync(join(root, file), join(project, "node_modules/.bin", name))
  }
  cpSync(join(root, "examples/guides"), project, { recursive: true })
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
  for (const command of builds) type(command)
  for (const made of ["out", "app"]) cpSync(join(project, made), join(elsewhere, made), { recursive: true })
})
afterAll(() => rmSync(above, { recursive: true, force: true }))

/** Starts what a command says, with the seed at an address of its own. */
const startCommand = (command: string, seed: string, folder: string, env: Record<string, string> = {}): Process =>
  start([], { ...environment(), ...env }, [
    "env",
    `--chdir=${folder}`,
    "bash",
    "-c",
    // What is typed is the last command, and takes the shell's place: signals are for it.
    command.replace("127.0.0.1:4040", seed).replace(/^((?:\w+=\S+ )*)(?:npx )?/, "exec env $1")
  ])

describe("the guide to bundling", () => {
  it("has three ways to bundle for Node, and says how to run each, and one for pages", () => {
    assert.strictEqual(builds.length, 5)
    assert.deepStrictEqual(others, [])
    assert.notMatch(readFileSync(join(project, "out/page.js"), "utf8"), /(?:\bfrom|\bimport\(?) ?"node:/)
  })

  it("makes programs that run without packages, and know each other", async () => {
    const [seed, http] = [`127.0.0.1:${await freePort()}`, await freePort()]
    const front = startCommand(runFront, seed, elsewhere, { PORT: String(http), NOTICE: "0 seconds" })
    await front.sees(/node front listens/)
    const service = startCommand(runService, seed, project)
    const all = startCommand(runAll, seed, elsewhere)
    for (const node of [service, all]) await node.sees(/is ready/)
    await front.sees(/node prices is up/)
    await front.sees(/node prices2 is up/)
    await front.sees(/Listening on/)
    await eventually("the prices are known", async () => {
      const answer = await fetch(`http://127.0.0.1:${http}/prices/tea`)
      return await answer.text() === `{"price":3}`
    })
    for (const node of [front, service, all]) assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })

  it("needs the banner, as it says", async () => {
    const without = builds[0]!.replace(/ --banner\S+ ?.*$/, "").replace("out/front.mjs", "out/bare.mjs")
    type(without)
    const { stderr } = await start([join(project, "out/bare.mjs")]).exits()
    assert.include(stderr, `Dynamic require of "events" is not supported`)
  })

  it("has stacks that name the sources", async () => {
    const seed = `127.0.0.1:${await freePort()}`
    writeFileSync(
      join(project, "failing.ts"),
      `import { Node, Port } from "effect-mp"
       import { Effect } from "effect"
       const program = Effect.gen(function*() {
         const port = yield* Port.make({ go: () => Effect.sync(() => { throw new Error("no way") }) })
         yield* Port.snd(port, "go")
         yield* Port.exit(port)
       })
       Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))`
    )
    type(builds[0]!.replace("price-front.ts", "failing.ts"))
    const failing = startCommand(runFront, seed, project)
    const { stderr, stdout } = await failing.exits()
    assert.match(stdout, /no way\n.*\/failing\.ts:4:\d+/, stderr)
  })

  it("has an image that is built as it says, and runs", async () => {
    const [stage = [], last = []] = image
    const runs = stage.filter(({ name, text }) => name === "RUN" && text !== "npm ci").map(({ text }) => text)
    assert.include(builds.map((command) => command.replaceAll(/\s+/g, " ")), runs[0]!.replaceAll(/\s+/g, " "))
    rmSync(join(project, "app"), { recursive: true })
    for (const run of runs) type(run)
    const srv = join(above, "srv")
    cpSync(join(project, "app"), srv, { recursive: true })
    assert.isFalse(existsSync(join(srv, "node_modules")))

    const metrics = `127.0.0.1:${await freePort()}`
    const [, , , ...entry] = wordsOf(last, "ENTRYPOINT")
    const args = [...entry, ...wordsOf(last, "CMD")].map((word) => word.replace("0.0.0.0:9464", metrics))
    const node = start(args, { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull }, ["env", `--chdir=${srv}`])
    await node.sees(/is ready/)
    assert.strictEqual((await fetch(`http://${metrics}/healthz`)).status, 200)
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })
})
