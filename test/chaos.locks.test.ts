import { assert, describe, it } from "@effect/vitest"
import type { LocksSummary } from "./chaos/locks.ts"
import { start } from "./processes.ts"
import { isFull } from "./size.ts"

describe("processes that share locks", () => {
  it.runIf(isFull)("are killed, frozen and ended, and no two of them believe in one key", async () => {
    const { code, stderr, stdout } = await start(["test/chaos/locks.ts", "60", "1"]).exits(180)
    const summary = JSON.parse(stdout) as LocksSummary
    assert.isUndefined(summary.violation, stderr)
    assert.isAbove(summary.grants, 20)
    assert.isAbove(summary.kills + summary.freezes, 10)
    assert.strictEqual(code, 0)
  })
})
