/** What operators read names keys, metrics and alerts that there are. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { keys } from "../src/internal/config/keys.ts"
import { about, durations, families } from "../src/internal/node/metricFamilies.ts"
import { documentsOf } from "./deployed.ts"
import { read, sectionOf } from "./pages.ts"
import { root } from "./processes.ts"

describe("pages for operators", () => {
  const ofOperators = [
    "README.md",
    "docs/operating.md",
    "docs/operating-reference.md",
    "docs/web.md",
    "docs/errors.md",
    "docs/guides/upgrades.md",
    "docs/guides/telemetry.md"
  ]
  /** Which a program of supervisors counts, and not its node. */
  const ofSupervisors = "effect_mp_supervisor_events_total"

  it.each(ofOperators)("%s names metrics that there are", (page) => {
    const named = read(page).match(/\beffect_mp_\w+/g) ?? []
    const known = [about, ...families, ...durations].flatMap(({ name }) => [name, `${name}_bucket`])
    assert.deepStrictEqual(named.filter((name) => ![...known, ofSupervisors].includes(name)), [])
  })

  it("have each key of the configuration", () => {
    const rows = sectionOf(read("docs/operating-reference.md"), "### Keys").split("\n").filter((line) =>
      line.startsWith("| `")
    )
    const named = rows.flatMap((row) => Array.from(row.split("|")[1]!.matchAll(/`(\w+)`/g), ([, key]) => key!))
    assert.sameMembers(named, [...keys])
  })
})

describe("the alerts", () => {
  interface Rule {
    readonly alert: string
    readonly expr: string
  }
  const [{ groups }] = documentsOf("prometheus/rules.yaml") as readonly [
    { readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }> }
  ]
  const rules = groups.flatMap((group) => group.rules)

  it("are those of the page", () => {
    const rows = Array.from(read("docs/operating.md").matchAll(/^\| `(EffectMp\w+)` \|/gm), ([, alert]) => alert!)
    assert.deepStrictEqual(rows, rules.map(({ alert }) => alert))
  })

  it("ask for metrics that there are", () => {
    const known = new Set([about, ...families, ...durations].map(({ name }) => name))
    for (const { alert, expr } of rules) {
      const asked = expr.match(/\beffect_mp_\w+/g) ?? ["up"]
      assert.deepStrictEqual(asked.filter((name) => name !== "up" && !known.has(name)), [], alert)
    }
  })

  const hasPromtool = spawnSync("promtool", ["--version"]).status === 0
  it.skipIf(!hasPromtool)(
    hasPromtool ? "are what Prometheus takes" : "are what Prometheus takes: NOT RUN, there is no promtool",
    () => {
      const { status, stderr } = spawnSync("promtool", ["check", "rules", "deploy/prometheus/rules.yaml"], {
        cwd: root,
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, stderr)
    }
  )
})
