import { assert, describe, it } from "@effect/vitest"
import { start } from "../processes.ts"
import { sized } from "../size.ts"
import type { Left } from "./server.ts"

/** How many clients come. The first thousand warm the process up. */
const clients = sized(2000, 60_000)
/**
 * Bytes that may stay for each client that came and went, and bytes that the process itself takes: code that is compiled late.
 * At full size 100 bytes for each of them would be twice as much as may stay; at the small size, what a monitor in a scope takes
 * is seen, and all else by the counts.
 */
const bytesEach = 30
const bytesOfTheProcess = 2_000_000

describe("a server whose clients come, talk, register, set keys, and go", () => {
  it(
    `holds after ${clients} of them what it held after the first 1,000`,
    async () => {
      const { code, stderr, stdout } = await start(["test/soak/server.ts", String(clients)]).exits(sized(120, 1800))
      assert.strictEqual(code, 0, stderr)
      const said = JSON.parse(stdout) as { readonly clients: number; readonly before: Left; readonly after: Left }
      assert.deepStrictEqual(said.after.counts, said.before.counts)
      assert.isBelow(said.after.heap - said.before.heap, bytesOfTheProcess + bytesEach * said.clients)
    },
    sized(120_000, 1_800_000)
  )
})
