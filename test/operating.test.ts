/** What operators read: it leads somewhere, and names commands, flags, keys, metrics and alerts that there are. */
import { assert, describe, it } from "@effect/vitest"
import * as Completions from "effect/cli/Completions"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { command } from "../src/Cli.ts"
import { keys } from "../src/internal/config/keys.ts"
import { about, durations, families } from "../src/internal/node/metricFamilies.ts"
import { documentsOf } from "./deployed.ts"
import { root } from "./processes.ts"

const read = (page: string): string => readFileSync(join(root, page), "utf8")
const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
const pages = ["README.md", "AGENTS.md", "CHANGELOG.md", ...docs]

/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
const anchorsOf = (page: string): ReadonlyArray<string> =>
  Array.from(read(page).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => anchorOf(heading))

const sectionOf = (page: string, heading: string): string => {
  const [, section = ""] = read(page).split(`\n${heading}\n`)
  return section.split(/^#/m)[0]!
}

describe("links", () => {
  it.each(pages)("of %s lead somewhere", (page) => {
    const links = Array.from(read(page).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g))
    const lost = links.filter(([, path = "", anchor]) => {
      const target = path === "" ? page : join(dirname(page), path)
      return !existsSync(join(root, target)) || anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    assert.deepStrictEqual(lost.map(([link]) => link), [])
  })
})

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
  const top = Completions.fromCommand(command)
  const flagsBelow = ({ flags, subcommands }: Completions.CommandDescriptor): ReadonlyArray<string> => [
    ...flags.map(({ name }) => name),
    ...subcommands.flatMap(flagsBelow)
  ]
  /** Which a program of supervisors counts, and not its node. */
  const ofSupervisors = "effect_mp_supervisor_events_total"
  /** As `ps` shows it. */
  const titles = new Set(["watchdog"])
  const general = ["help", "version", "completions", "log-level"]

  it.each(ofOperators)("%s names commands and flags that there are", (page) => {
    const calls = Array.from(read(page).matchAll(/(?:^ {4,}|[`(;&] ?|EMP_\w+=\S+ |npx )emp ((?:[^`#\n()]|\\\n)+)/gm))
    const wrong = calls.flatMap(([call, text = ""]) => {
      const words = text.split(/\s+/)
      const found = top.subcommands.find(({ name }) => name === words[0])
      const isPlaceholder = /^(?:[A-Z-].*|\.{3})$/.test(words[0]!) || titles.has(words[0]!)
      if (found === undefined) return isPlaceholder ? [] : [call]
      const known = new Set([...general, ...flagsBelow(found)])
      const flags = words.flatMap((word) => /^--(?:no-)?([\w-]+)/.exec(word)?.[1] ?? [])
      return flags.some((flag) => !known.has(flag) && !known.has(`no-${flag}`)) ? [call] : []
    })
    assert.deepStrictEqual(wrong, [])
  })

  it.each(ofOperators)("%s names metrics that there are", (page) => {
    const named = read(page).match(/\beffect_mp_\w+/g) ?? []
    const known = [about, ...families, ...durations].flatMap(({ name }) => [name, `${name}_bucket`])
    assert.deepStrictEqual(named.filter((name) => ![...known, ofSupervisors].includes(name)), [])
  })

  it("have each key of the configuration", () => {
    const rows = sectionOf("docs/operating-reference.md", "### Keys").split("\n").filter((line) =>
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
