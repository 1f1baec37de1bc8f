/**
 * What commands print: tables and figures for a terminal of 80 columns.
 *
 * @internal
 */
import * as Console from "effect/Console"
import { stringify } from "../../values/exactJson.ts"
import { printable, printableJson } from "../../values/printable.ts"

const widest = 80

export const print = (text: string) => Console.log(printable(text))

/** Prints a line of JSON, with nothing that steers a terminal either. */
export const printJson = (value: unknown) => Console.log(printableJson(stringify(value) ?? "null"))

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

const clip = (text: string, width: number): string => text.length > width ? `${text.slice(0, width - 1)}…` : text

/** A table: the first column takes what the others leave, and those stand to the right. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)))
  const others = widths.slice(1).reduce((sum, width) => sum + width + 2, 0)
  const first = Math.max(8, Math.min(widths[0] ?? 0, widest - others))
  return all.map((row) => {
    const rest = row.slice(1).map((cell, at) => cell.padStart((widths[at + 1] ?? 0) + 2))
    return `${clip(row[0] ?? "", first).padEnd(first)}${rest.join("")}`.trimEnd()
  }).join("\n")
}

/** `1.4 GB`, `312 kB`, `80 B`. */
export const bytes = (count: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)))
  const value = count / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** `3d 4h`, `5m 12s`, `8s`: the two largest units. */
export const age = (millis: number): string => {
  const seconds = Math.floor(millis / 1000)
  const parts = [[86_400, "d"], [3600, "h"], [60, "m"], [1, "s"]] as const
  const from = parts.findIndex(([size]) => seconds >= size)
  if (from < 0) return "0s"
  let rest = seconds
  return parts.slice(from, from + 2).flatMap(([size, unit]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? [] : [`${count}${unit}`]
  }).join(" ")
}

/** `0.21 ms`. */
export const millis = (time: number): string => `${time < 100 ? time.toFixed(2) : Math.round(time)} ms`

/** Minimum, median and maximum. */
export const spread = (times: ReadonlyArray<number>) => {
  const sorted = times.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? 0, sorted[sorted.length >> 1] ?? 0]
  return { min: sorted[0] ?? 0, median: (low + high) / 2, max: sorted.at(-1) ?? 0 }
}
