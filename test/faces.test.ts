import { assert, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"

/** Suites that say what programs see. What only the inside shows is for `test/internal/`. */
const suites = readdirSync(import.meta.dirname).filter((name) =>
  /^(?:Node|Port|Transport|regressions)\b.*\.test\.ts$/.test(name)
)

it.each(suites)("%s sees a node as programs do, and does not reach into its router", (name) => {
  const reaching = /\.router\b|\b(?:node|a|b|left|right)\.network\b/.exec(
    readFileSync(`${import.meta.dirname}/${name}`, "utf8")
  )
  assert.isNull(reaching)
})
