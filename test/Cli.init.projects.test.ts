/**
 * The projects of `emp init`: they compile, their tests pass, they install, run, are killed, are asked again, and end in order.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdirSync, writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { formNames } from "../src/internal/cli/init/forms.ts"
import { reachable } from "../src/internal/transport/reachable.ts"
import { stagesOf, wordsOf } from "./deployed.ts"
import { emp as empFile, eventually, freePort, root, start } from "./processes.ts"
import { ask, Projects } from "./projects.ts"
import { itLong } from "./size.ts"

let projects: Projects
beforeAll(() => {
  projects = new Projects()
})
afterAll(() => projects.remove())

const started = /starts: .* process (\d+)/
const pidOf = async (node: ReturnType<typeof start>) => Number((await node.sees(started))[1])

/** Its process is killed, and its watchdog starts another one. */
const killNode = async (node: ReturnType<typeof start>): Promise<void> => {
  process.kill(await pidOf(node), "SIGKILL")
  await node.sees(/killed by SIGKILL[^]*starts: /)
}

it("compile with their own tsconfig, on TypeScript 5.9 and 7, and their tests pass", async () => {
  projects.linkPackages()
  mkdirSync(projects.path("compiled"))
  for (const form of formNames) await projects.initQuickly(`compiled/${form}`, "--form", form)
  const options = { extends: "./minimal/tsconfig.json", include: formNames }
  writeFileSync(projects.path("compiled/tsconfig.json"), JSON.stringify(options))
  const inside = ["env", "-C", projects.path("compiled")]
  for (const name of ["typescript", "typescript59"]) {
    const { code, stdout } = await start([join(root, "node_modules", name, "bin/tsc")], {}, inside).exits()
    assert.strictEqual(code, 0, `${name}: ${stdout}`)
  }
  const env = Object.fromEntries(
    Object.keys(process.env).filter((name) => name.startsWith("VITEST")).map((name) => [name, undefined])
  )
  const vitest = start([join(root, "node_modules/vitest/vitest.mjs"), "run"], env, inside)
  const { code, stderr, stdout } = await vitest.exits()
  assert.strictEqual(code, 0, stdout + stderr)
  assert.match(stdout, /Test Files +4 passed/)
})

it("install before any registry has the package, are tested, and run as their Dockerfile has it", async () => {
  const { code, stderr, stdout } = await projects.init(["installed", "--form", "service"])
  assert.strictEqual(code, 0, stderr)
  const line = /^effect-mp: vendor\/effect-mp-\S+\.tgz, packed from this very emp, which came from no registry$/m
  assert.match(stdout, line)
  const { shell, url } = await projects.running("installed")
  const image = stagesOf(projects.text("installed/Dockerfile")).at(-1)!
  // The packages of the system are not this machine's.
  const steps = image.filter(({ name, text }) => name === "RUN" && !text.startsWith("apk ")).map(({ text }) => text)
  assert.deepStrictEqual(steps.map((step) => step.slice(0, 6)), ["npm ci"])
  const commands = ["npm install --prefer-offline --no-audit --no-fund", "npm test", ...steps]
  const made = await shell(commands.join(" && ")).exits(400)
  assert.strictEqual(made.code, 0, made.stdout + made.stderr)
  assert.match(made.stdout, /Tests +3 passed/)
  const program = shell(`exec ${wordsOf(image, "CMD").join(" ")}`)
  assert.strictEqual(await ask(`${url}/greet/Ada`), "Hello, Ada! This is greeter.\n")
  const health = new URL(wordsOf(image, "HEALTHCHECK").at(-1)!).pathname
  assert.strictEqual(await ask(`${url}${health}`), "ok\n")
  assert.match((await shell("exec node_modules/.bin/emp tree").exits()).stdout, /greeter/)
  assert.strictEqual((await program.end("SIGTERM")).code, 0)
})

describe("minimal", () => {
  it("is asked with emp, killed and asked again, and ends in order", async () => {
    const { emp, says } = await projects.make("minimal")
    const node = emp("run", "profile", "greeter")
    const greeting = async () => await says("cal", await says("find", "greeters"), "greet", "Ada")
    await node.sees(/node greeter is ready/)
    assert.strictEqual(await greeting(), "Hello, Ada! This is greeter.")
    await killNode(node)
    await node.sees(/(?:is ready[^]*){2}/)
    assert.strictEqual(await greeting(), "Hello, Ada! This is greeter.")
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })

  it("runs on several machines after what its README types there", async () => {
    const { emp, says, shell } = await projects.make("minimal", "machines")
    const typed = Array.from(
      projects.text("machines/README.md").matchAll(/`npx emp (seeds [^`]*)`/g),
      ([, args]) => args!
    )
    assert.lengthOf(typed, 2)
    projects.copy("machines/effect-mp.json", "machines/other.json")
    const [host = ""] = reachable(Object.values(networkInterfaces()).flat().map((entry) => entry!.address))
    const port = String(await freePort())
    const words = { PROFILE: "greeter", HOST: host.includes(":") ? `[${host}]` : host, 4040: port }
    const typedHere = typed.map((args) =>
      Object.entries(words).reduce((text, [word, here]) => text.replaceAll(word, here), args)
    )
    const onOther = "EFFECT_MP_RC=other.json exec node"
    for (const command of [`node ${empFile} ${typedHere[0]}`, `${onOther} ${empFile} ${typedHere[1]}`]) {
      const { code, stderr } = await shell(command).exits()
      assert.strictEqual(code, 0, stderr)
    }
    const node = emp("run", "profile", "greeter")
    const other = shell(`${onOther} ${empFile} run profile greeter`)
    await node.sees(/node greeter is ready/)
    await other.sees(/node greeter\/\w+ is ready/)
    await eventually("both are there", async () => (await says("find", "greeters")).split("\n").length === 2)
  })
})

/** Its greeter dies as soon as it is there, and its supervisor gives up at once. */
const makeFailing = async (form: "minimal" | "service") => {
  const project = await projects.make(form, `failing ${form}`)
  const file = `failing ${form}/src/greeter.ts`
  projects.edit(file, "intensity: 5", "intensity: 0")
  const registered = "Effect.tap(Global.register(group))"
  projects.edit(file, registered, `${registered}, Effect.tap((port) => Port.kil(port, "no greeting"))`)
  return project
}

describe("a supervisor that gives up", () => {
  it("is heard: emp run ends with 1, and says why", async () => {
    const { emp } = await makeFailing("minimal")
    const { code, stderr } = await emp("run", "--no-watchdog", "profile", "greeter").exits()
    assert.match(stderr, /supervised: greeter was restarted too often, giving up: no greeting/)
    assert.match(stderr, /^emp: .*greeter.*no greeting/m)
    assert.strictEqual(code, 1)
  })

  it("is heard: the program ends with 1, and says why", async () => {
    const { run } = await makeFailing("service")
    const { code, stdout } = await run(["src/main.ts"]).exits()
    assert.match(stdout, /giving up: no greeting/)
    assert.match(stdout, /Killed: .* restart_limit: greeter was restarted too often: .*no greeting/)
    assert.strictEqual(code, 1)
  })
})

describe("service", () => {
  it("answers what it has when it is told to stop, and takes no more", async () => {
    const { run, url } = await projects.make("service")
    projects.edit("service/src/greeter.ts", "Effect.map(Node.id,", "Effect.map(Effect.delay(Node.id, \"4 seconds\"),")
    const program = run(["src/main.ts"])
    assert.strictEqual(await ask(`${url}/healthz`), "ok\n")
    const answer = ask(`${url}/greet/Ada`)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    program.child.kill("SIGTERM")
    assert.strictEqual(await answer, "Hello, Ada! This is greeter.\n")
    const { code, stdout } = await program.exits()
    assert.match(stdout, /node greeter has stopped/)
    assert.strictEqual(code, 0)
  })
})

itLong("workers lose no job when a worker is killed, and end in order", async () => {
  const { emp, says, url } = await projects.make("workers")
  const front = emp("run", "profile", "front")
  await front.sees(/is ready/)
  const workers = [1, 2].map(() => emp("run", "profile", "worker"))
  for (const worker of workers) await worker.sees(/is ready/)
  await eventually("both are there", async () => (await says("find", "workers")).split("\n").length === 2)
  const texts = Array.from({ length: 6 }, (_, words) => "word ".repeat(words + 1))
  const answers = Promise.all(texts.map((text) => ask(`${url}/count`, text)))
  await new Promise((resolve) => setTimeout(resolve, 200))
  await killNode(workers[0]!)
  const counted = (await answers).map((answer) => (JSON.parse(answer) as { readonly words: number }).words)
  assert.deepStrictEqual(counted, [1, 2, 3, 4, 5, 6])
  for (const node of [...workers, front]) assert.strictEqual((await node.end("SIGTERM")).code, 0)
})
