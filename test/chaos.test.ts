import { assert, describe, it } from "@effect/vitest"
import * as Struct from "effect/Struct"
import type { Summary } from "./chaos/chaos.ts"
import { onHosts } from "./chaos/namespaces.ts"
import { wires } from "./chaos/wires.ts"
import { hasNats } from "./natsServer.ts"
import { start } from "./processes.ts"
import { onlyFull } from "./size.ts"

describe("chaos", () => {
  it.each(onlyFull(Struct.keys(wires).filter((wire) => wire !== "nats" || hasNats)))(
    "of nodes that are killed, stopped and restarted under load loses nothing in silence, over %s",
    async (wire) => {
      const flags = ["--wire", wire, "--minutes", "0.2"]
      const { code, stderr, stdout } = await start(["test/chaos/main.ts", "--json", ...flags]).exits()
      const summary = JSON.parse(stdout) as Summary
      assert.isUndefined(summary.violation, stderr)
      assert.isAbove(summary.kills + summary.stops, 5)
      assert.isAbove(summary.messages, 500)
      assert.isAbove(summary.children, 50)
      assert.strictEqual(code, 0)
    }
  )

  it("shows its options", async () => {
    const { code, stdout } = await start(["test/chaos/main.ts", "--help"]).exits()
    for (const flag of ["wire", "minutes", "seed", "processes", "keep", "json"]) assert.include(stdout, `--${flag}`)
    assert.strictEqual(code, 0)
  })
})

describe("two hosts with a cable between them", () => {
  onHosts(
    "lose each other when packets are dropped, and find each other again",
    { cable: ["first", "second"] },
    async ({ first, second }) => {
      // A route that drops: nothing is refused, nothing is reset.
      const onBoth = (verb: "add" | "del"): void => {
        first.ip("route", verb, "blackhole", `${second.addresses.cable}/32`)
        second.ip("route", verb, "blackhole", `${first.addresses.cable}/32`)
      }
      const seed = `${first.addresses.cable}:4040`
      const left = start(["test/chaos/host.ts", "left", seed, seed], {}, first.run)
      await left.sees(/^ready$/m)
      const right = start(["test/chaos/host.ts", "right", `${second.addresses.cable}:4040`, seed], {}, second.run)
      await Promise.all([left.sees(/^hello$/m), right.sees(/^hello$/m)])
      onBoth("add")
      await Promise.all([left, right].map((node) => node.sees(/^lost: Failure$/m)))
      onBoth("del")
      await Promise.all([left, right].map((node) => node.sees(/^lost: [^]*^hello$/m)))
    }
  )
})
