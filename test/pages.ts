/** What the repository has in writing, as tests read it: files, and of pages their sections, fences, tables, and what they have typed. */
import { assert } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./processes.ts"

/** The text of a file. Paths are those of the repository. */
export const read = (path: string): string => readFileSync(join(root, path), "utf8")

/** The files below a folder whose names end so. */
export const listed = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)

/** What programs import: a module each. */
export const faces = readdirSync(join(root, "src"))
  .filter((name) => /^[A-Z]\w*\.ts$/.test(name))
  .map((name) => name.slice(0, -".ts".length))

/** What stands under a heading, `### Keys`, up to the next one of its level. */
export const sectionOf = (text: string, heading: string): string => {
  const [, section] = text.split(`\n${heading}\n`)
  assert.isDefined(section, `there is no ${heading}`)
  const [level = ""] = heading.split(" ")
  return section!.split(`\n${level} `)[0]!
}

export interface Fence {
  /** What it says that it is: `ts`, `ts chat.ts`, `console seed`. */
  readonly what: string
  readonly code: string
  /** Where it begins in the text. */
  readonly index: number
}

export const fencesOf = (text: string): ReadonlyArray<Fence> =>
  Array.from(
    text.matchAll(/^```(.+)\n([^]*?)^```$/gm),
    ({ 1: what = "", 2: code = "", index }) => ({ what, code, index })
  )

export const withoutFences = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "")

/** The lines that a page has its readers type: those of indented blocks, without the breaks in them. */
export const typedIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.replaceAll(/ \\\n +/g, " ").matchAll(/^ {4}(?! )(.+)$/gm), ([, line = ""]) => line)

/** The rows of the table of a page whose head begins so: the cells behind the first one, by that. */
export const tableOf = (page: string, head: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const lines = read(page).split("\n")
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
