/**
 * What commands print: tables and figures for a terminal of 80 columns.
 *
 * @internal
 */
import * as Console from "effect/Console"
import { cutNames } from "../../values/cut.ts"
import { stringify } from "../../values/exactJson.ts"
import { printable, printableJson } from "../../values/printable.ts"
import type { Outputs } from "../outputs.ts"

export const widest = 80

/** Spaces between two columns. */
const gap = 2

export const print = (text: string) => Console.log(printable(text))

/** Prints a line of JSON, with nothing that steers a terminal either. */
export const printJson = (value: unknown) => Console.log(printableJson(stringify(value) ?? "null"))

/** What a command prints with `--json`. */
export const printOutput = <C extends keyof Outputs>(_command: C, value: Outputs[C]) => printJson(value)

/** Breaks a line at its spaces, the rest of it `indent` columns in. What has no spaces stays whole, so that it can be copied. */
export const wrap = (text: string, indent = 2): string => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const last = lines.at(-1)
    if (last === undefined) lines.push(word)
    else if (last.length + 1 + word.length <= widest) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(" ".repeat(indent) + word)
  }
  return lines.join("\n")
}

export const clip = (text: string, width: number): string => text.length > width ? `${text.slice(0, width - 1)}…` : text

/**
 * Rows in columns, each as wide as its widest cell. The first one stands to the left, the others where `align` says; the last
 * one may have several lines.
 */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>, align: "left" | "right"): string => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const last = " ".repeat(widths.slice(0, -1).reduce((sum, width) => sum + width + gap, 0))
  const pad = (cell: string, at: number): string =>
    at === 0 || align === "left" ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)
  return rows.map((row) => row.map(pad).join(" ".repeat(gap)).trimEnd().replaceAll("\n", `\n${last}`)).join("\n")
}

/** A table of figures: the names in the first column are cut where the others leave them too little room. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [head, ...rows]
  const widths = head.slice(1).map((_, at) => Math.max(...all.map((row) => row[at + 1]?.length ?? 0)))
  const room = Math.max(8, widest - widths.reduce((sum, width) => sum + width + gap, 0))
  const names = cutNames(all.map(([name = ""]) => name), room)
  return columns(all.map((row, at) => row.with(0, names[at] ?? "")), "right")
}

/** `1.4 GB`, `312 kB`, `80 B`. */
export const showBytes = (count: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)))
  const value = count / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** `0.21 ms`: what is measured is of this size. */
export const showMillis = (millis: number): string => `${millis < 100 ? millis.toFixed(2) : Math.round(millis)} ms`

/** Minimum, median and maximum. */
export const spread = (times: ReadonlyArray<number>) => {
  const sorted = times.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? 0, sorted[sorted.length >> 1] ?? 0]
  return { min: sorted[0] ?? 0, median: (low + high) / 2, max: sorted.at(-1) ?? 0 }
}
