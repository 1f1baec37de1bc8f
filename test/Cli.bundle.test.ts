/**
 * `emp` bundled by esbuild into a folder of its own, as people ship it: with nothing of the package beside it.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { version } from "../src/internal/values/version.ts"
import { root, start } from "./processes.ts"

describe.each([["in chunks", true], ["in one file", false]])("a bundle of emp %s", (_, splitting) => {
  let folder = ""
  let bundled = ""
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "emp-bundle-"))
    bundled = join(folder, "emp.mjs")
    await build({
      entryPoints: { emp: join(root, "dist/main.js") },
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting,
      platform: "node",
      format: "esm",
      logLevel: "error",
      // What of the dependencies is CommonJS.
      banner: {
        js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`
      }
    })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const run = (...args: ReadonlyArray<string>) => start([bundled, ...args], {}, ["env", "-C", folder]).exits()

  it("says its version, and shows its help", async () => {
    assert.strictEqual((await run("--version")).stdout, `emp v${version}\n`)
    const { code, stderr, stdout } = await run("--help")
    assert.match(stdout, /^ +errors /m, stderr)
    assert.strictEqual(code, 0)
  })

  it("explains errors", async () => {
    const { code, stderr, stdout } = await run("errors", "no_such_port")
    assert.match(stdout, /^no_such_port\n\nThe port that was monitored/, stderr)
    assert.strictEqual(code, 0)
  })

  it("plays the demo", async () => {
    const { code, stderr, stdout } = await run("demo")
    assert.include(stdout, "What happened:", stderr)
    assert.strictEqual(code, 0)
  })

  it("loads a service, and starts its node by itself", async () => {
    writeFileSync(join(folder, "service.mjs"), `console.log("the service is loaded"); export default () => {}`)
    const { code, stderr } = await run("run", "--norc", "--secret", "x", "--service", "./service.mjs")
    assert.include(stderr, "emp: service ./service.mjs: the export is neither a Layer nor an Effect")
    assert.strictEqual(code, 1)
  })
})
