import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import type { Summary } from "./chaos/chaos.ts"
import { makeHosts } from "./chaos/namespaces.ts"
import { start } from "./processes.ts"
import { sized } from "./size.ts"

describe("chaos", () => {
  it("of processes that are killed, stopped and restarted under load loses nothing in silence", async () => {
    const flags = sized(["--minutes", "0.05", "--processes", "4"], ["--minutes", "0.2"])
    const { code, stderr, stdout } = await start(["test/chaos/main.ts", "--json", ...flags]).exits(120)
    const summary = JSON.parse(stdout) as Summary
    assert.isUndefined(summary.violation, stderr)
    assert.isAbove(summary.kills + summary.stops, sized(0, 5))
    assert.isAbove(summary.messages, sized(50, 500))
    assert.isAbove(summary.children, sized(5, 50))
    assert.strictEqual(code, 0)
  })

  it("shows its options", async () => {
    const { code, stdout } = await start(["test/chaos/main.ts", "--help"]).exits()
    for (const flag of ["minutes", "seed", "processes", "keep", "json"]) assert.include(stdout, `--${flag}`)
    assert.strictEqual(code, 0)
  })
})

const attempt = makeHosts()
const refused = typeof attempt === "string" ? attempt : undefined
if (typeof attempt !== "string") attempt.remove()

describe("two hosts with a cable between them", () => {
  it.skipIf(refused !== undefined)(
    `lose each other when packets are dropped, and find each other again${
      refused === undefined ? "" : `: NOT RUN, this machine does not permit it (${refused})`
    }`,
    async () => {
      const hosts = makeHosts()
      if (typeof hosts === "string") assert.fail(hosts)
      const { cut, heal, hosts: [first, second], remove } = hosts
      onTestFinished(remove)
      const seed = `${first!.address}:4040`
      const left = start(["test/chaos/host.ts", "left", seed, seed], {}, first!.run)
      await left.sees(/^ready$/m)
      const right = start(["test/chaos/host.ts", "right", `${second!.address}:4040`, seed], {}, second!.run)
      await Promise.all([left.sees(/^hello$/m), right.sees(/^hello$/m)])
      cut()
      await Promise.all([left, right].map((node) => node.sees(/^lost: Failure$/m)))
      heal()
      await Promise.all([left, right].map((node) => node.sees(/^lost: [^]*^hello$/m)))
    }
  )
})
