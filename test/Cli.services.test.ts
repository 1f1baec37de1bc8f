/**
 * The services of `emp run`: what becomes of those that fail, and of their node.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeFolder } from "./folders.ts"
import { emp, root, start, startNode, startRun } from "./processes.ts"
import { onlyFull } from "./size.ts"
import { nthWorker, ports, startWatched, talk } from "./watched.ts"

describe("the services of emp run", () => {
  it("are started again when they fail, and the node lives on", async () => {
    const { address, watchdog, worker } = await startWatched()
    const before = await ports(address)
    await talk(address, "snd", before, "fail")
    await watchdog.sees(/(?:runs in process \d+[^]*?){2}/)
    assert.strictEqual(await nthWorker(watchdog, 1), worker)
    const after = await ports(address)
    assert.notStrictEqual(after, before)
    assert.match(
      (await talk(address, "tree", "fragile")).stdout,
      /^services \(one_for_one\)[^]*#fragile \S+, up .*, 1 restart/
    )
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it("are named where they fail, which is told once, though the service ends with a port that it made", async () => {
    const { address, node } = await startNode("worker", ["--service", "test/fixtures/services.ts#breaking"])
    await talk(address, "snd", (await talk(address, "find", "breaking")).stdout.trim(), "break")
    await node.sees(/breaking is restarted: die: TypeError: broken handler/)
    const errors = node.stderr.split("\n").filter((line) => line.includes("level=ERROR"))
    assert.lengthOf(errors, 1)
    assert.match(
      errors[0]!,
      /failed: die: TypeError: broken handler" cause=".*services\.ts:\d+:\d+.* service=\S+#breaking /
    )
  })

  it("that fail themselves are told with the child of the supervisor that they are", async () => {
    const { node } = await startNode("worker", ["--service", "test/fixtures/services.ts#failingSoon"])
    const [line] = await node.sees(/.*level=ERROR.*/)
    assert.match(line, /failed: fail: .* child=\S+#failingSoon error=fail$/)
  })

  it("end their node when that does not help, and the watchdog starts another one", async () => {
    const { watchdog, worker } = await startWatched([], "test/fixtures/services.ts#wearingOut")
    const next = await nthWorker(watchdog, 4)
    assert.notStrictEqual(next, worker)
    for (let nth = 1; nth <= 3; nth++) assert.strictEqual(await nthWorker(watchdog, nth), worker)
    assert.match(watchdog.stderr, /^emp: service \S+#wearingOut: ended: worn out$/m)
    assert.match(watchdog.stderr, /the node ended with exit code 1; it is started again in 100 ms/)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it.each<[string, string, Record<string, string>]>([
    ["itself", "service.mjs:2:13: SyntaxError: Unexpected identifier 'z'", {
      "service.mjs": "export default 1\nconst x = y z\n"
    }],
    ["in TypeScript", "service.ts:1:13: SyntaxError: ", { "service.ts": "const x = y z\n" }],
    ["in what it imports", "below/it.mjs:3:1: SyntaxError: ", {
      "service.mjs": "console.log(\"runs\")\nimport \"./below/it.mjs\"\n",
      "below/it.mjs": "\n\n}\n"
    }],
    ...onlyFull<[string, string, Record<string, string>]>([
      ["in a later line of TypeScript", "service.ts:3:13: SyntaxError: ", {
        "service.ts": "const w = 1\n\nconst x = y z\n"
      }],
      ["as CommonJS", "service.cjs:1:13: SyntaxError: ", { "service.cjs": "const x = y z\n" }],
      ["in a name that is not there", "service.mjs:1:10: SyntaxError: ", {
        "service.mjs": "import { nope } from \"node:fs\"\n"
      }]
    ])
  ])("that have an error of syntax %s are told with file, line and column", async (_, expected, files) => {
    const folder = makeFolder()
    mkdirSync(join(folder, "below"))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const service = join(folder, Object.keys(files)[0]!)
    const { code, stderr, stdout } = await startRun(["--service", service]).exits()
    assert.include(stderr, `emp: service ${service}: cannot be loaded: ${folder}/${expected}`)
    assert.deepStrictEqual([code, stdout], [1, ""])
  })
})

/** A project, whose modules are functions that fail with their path; and what an `import` in its folder `work` makes of a name. */
const makeProject = (files: Record<string, unknown>) => {
  const folder = realpathSync(makeFolder())
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  for (const [name, content] of Object.entries(files)) {
    const made = `() => { throw new Error(${JSON.stringify(name)}) }`
    if (name.endsWith(".json")) write(name, JSON.stringify(content))
    else write(name, name.endsWith(".cjs") ? `module.exports = ${made}` : `export default ${made}`)
  }
  write(
    "work/probe.mjs",
    `for (const name of process.argv.slice(2)) {
       const error = await import(name).then((module) => module.default(), (error) => error).catch((error) => error)
       console.log(error.code ?? error.message)
     }`
  )
  const inFolder = ["env", "-C", join(folder, "work")]
  return {
    folder,
    imported: async (names: ReadonlyArray<string>) =>
      (await start(["probe.mjs", ...names], {}, inFolder).exits()).stdout.trimEnd().split("\n"),
    /** What `emp doctor` finds of services, in their order. */
    found: async (names: ReadonlyArray<string>) => {
      const args = [
        "doctor",
        "--norc",
        "--json",
        "--bind",
        "127.0.0.1:*",
        ...names.flatMap((name) => ["--service", name])
      ]
      const { stdout } = await start([emp, ...args], { EMP_SECRET: "swordfish" }, inFolder).exits()
      const findings: ReadonlyArray<{ readonly what: string; readonly found: string }> = JSON.parse(stdout)
      return findings.filter(({ what }) => what.startsWith("service ")).map(({ found }) => found)
    }
  }
}

describe("services of packages", () => {
  it("are those that an import in the working directory finds", async () => {
    const names = [
      "plain",
      "plain/deep.mjs",
      "@s/esm",
      "@s/esm/sub",
      "cjs",
      "self",
      "above",
      "@s/esm/hidden",
      "cjs/gone.mjs"
    ]
    const project = makeProject({
      "node_modules/above/index.mjs": 0,
      "node_modules/above/package.json": { name: "above", exports: "./index.mjs" },
      "node_modules/plain/index.mjs": 0,
      "node_modules/plain/package.json": { name: "plain", main: "index.mjs" },
      "work/package.json": { name: "self", exports: "./own.mjs" },
      "work/own.mjs": 0,
      // A folder that is called like a package is none.
      "work/plain/other.mjs": 0,
      "work/node_modules/plain/index.mjs": 0,
      "work/node_modules/plain/deep.mjs": 0,
      "work/node_modules/plain/package.json": { name: "plain", main: "index.mjs" },
      "work/node_modules/@s/esm/for-import.mjs": 0,
      "work/node_modules/@s/esm/sub.mjs": 0,
      "work/node_modules/@s/esm/package.json": {
        name: "@s/esm",
        exports: { ".": { import: "./for-import.mjs" }, "./sub": { import: "./sub.mjs" } }
      },
      "work/node_modules/cjs/main.cjs": 0,
      "work/node_modules/cjs/package.json": { name: "cjs", main: "main.cjs" }
    })
    const imported = await project.imported(names)
    assert.deepStrictEqual(imported.slice(0, 7), [
      "work/node_modules/plain/index.mjs",
      "work/node_modules/plain/deep.mjs",
      "work/node_modules/@s/esm/for-import.mjs",
      "work/node_modules/@s/esm/sub.mjs",
      "work/node_modules/cjs/main.cjs",
      "work/own.mjs",
      "node_modules/above/index.mjs"
    ])
    const found = await project.found(names)
    assert.deepStrictEqual(found.slice(0, 7), imported.slice(0, 7).map((path) => `failed: Error: ${path}`))
    assert.match(found[7]!, /^cannot be loaded: Package subpath '.\/hidden' is not defined by "exports"/)
    assert.match(found[8]!, /^cannot be loaded: .*node_modules\/cjs\/gone\.mjs/)
  })

  it("that the project has not are those beside emp, or else both places are told", async () => {
    const project = makeProject({ "work/package.json": {} })
    const [own, none] = await project.found(["effect/Effect#void", "no-such-package/sub"])
    assert.strictEqual(own, "can be loaded")
    assert.strictEqual(
      none,
      `cannot be loaded: cannot find the package in ${project.folder}/work or above, ` +
        `nor beside emp, in ${root}dist/internal/cli/run/ or above`
    )
  })
})
