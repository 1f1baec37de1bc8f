/** Tables of the pages in `docs/`, which tests hold against what happens. */
import { assert } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { root } from "./processes.ts"

/** The rows of the table of a page whose head begins so: the cells behind the first one, by that. */
export const tableOf = (page: string, head: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const lines = readFileSync(`${root}${page}`, "utf8").split("\n")
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`))
  assert.isAtLeast(first, 0, `${page} has no table of ${head}`)
  const end = lines.findIndex((line, n) => n > first && !line.startsWith("|"))
  return new Map(
    lines.slice(first + 2, end).map((row) => {
      const [name = "", ...cells] = row.slice(1, -1).split("|").map((cell) => cell.trim())
      return [name, cells]
    })
  )
}
