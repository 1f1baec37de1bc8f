import { assert, describe, it } from "@effect/vitest"
import { seeds } from "../size.ts"
import { runStrangers } from "./strangers.ts"

describe("strangers at the addresses of seeds", () => {
  it("make nobody a global node or a master, keep no seed away, and fill no log", async () => {
    const did = new Set<string>()
    for (const seed of seeds(8, 150)) {
      const report = await runStrangers(seed)
      assert.deepStrictEqual(report.violations, [], `seed ${seed}`)
      for (const what of report.did.keys()) did.add(what)
    }
    assert.strictEqual(did.size, 11, "all that they can do")
  })
})
