/** The names of metrics, and the table of them that operators read. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { about, durations, families } from "../../../src/internal/node/metricFamilies.ts"
import { root } from "../../processes.ts"

const all = [
  { ...about, type: "gauge", unit: undefined },
  ...families.map(({ description, name, type, unit }) => ({ description, name, type, unit })),
  ...durations.map(({ description, name, unit }) => ({ description, name, type: "histogram", unit }))
]

describe("the metrics of a node", () => {
  it("stand in docs/operating-reference.md, each with its type, its unit, and what it is", () => {
    const rows = readFileSync(`${root}docs/operating-reference.md`, "utf8").split("\n").flatMap((line) => {
      const [, name, type, unit, description] = /^\| `(effect_mp_\w+)` \| (\w+) \| (\w*) ?\| (.+?) \|/.exec(line) ?? []
      return name === undefined ? [] : [{ name, type, unit: unit === "" ? undefined : unit, description }]
    })
    assert.deepStrictEqual(rows.map(({ name }) => name), all.map(({ name }) => name))
    for (const [at, row] of rows.entries()) {
      const { description, name, type, unit } = all[at]!
      assert.deepStrictEqual(row, { name, type, unit, description })
    }
  })

  it("are named as Prometheus wants it: counters end with total, and before it comes the unit", () => {
    for (const { name, type, unit } of all) {
      assert.strictEqual(name.endsWith("_total"), type === "counter", name)
      const base = name.replace(/_total$/, "")
      assert.strictEqual(unit, /_(seconds|bytes)$/.exec(base)?.[1], name)
    }
  })
})
