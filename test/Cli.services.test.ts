/**
 * The services of `emp run`: what becomes of those that fail, and of their node.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { startRun } from "./processes.ts"
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
    ["in a later line of TypeScript", "service.ts:3:13: SyntaxError: ", {
      "service.ts": "const w = 1\n\nconst x = y z\n"
    }],
    ["as CommonJS", "service.cjs:1:13: SyntaxError: ", { "service.cjs": "const x = y z\n" }],
    ["in what it imports", "below/it.mjs:3:1: SyntaxError: ", {
      "service.mjs": "console.log(\"runs\")\nimport \"./below/it.mjs\"\n",
      "below/it.mjs": "\n\n}\n"
    }],
    ["in a name that is not there", "service.mjs:1:10: SyntaxError: ", {
      "service.mjs": "import { nope } from \"node:fs\"\n"
    }]
  ])("that have an error of syntax %s are told with file, line and column", async (_, expected, files) => {
    const folder = mkdtempSync(join(tmpdir(), "emp-service-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, "below"))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const service = join(folder, Object.keys(files)[0]!)
    const { code, stderr, stdout } = await startRun(["--service", service]).exits()
    assert.include(stderr, `emp: service ${service}: cannot be loaded: ${folder}/${expected}`)
    assert.deepStrictEqual([code, stdout], [1, ""])
  })
})
