/**
 * How `emp run` writes its log: `logfmt` and `json` for programs that collect it, `pretty` for people at a terminal. Each line of the
 * log is one line of text, but for stack traces in `pretty`; nothing in it steers a terminal. The watchdog writes its lines so too, and
 * is without the library.
 *
 * @internal
 */
import { isMainThread } from "node:worker_threads"
import type { LogFormat } from "../../config/logFormats.ts"
import { printable, printableInLine, printableJson } from "../../values/printable.ts"
import type { LogLine } from "./logRing.ts"

/** What a line says of itself, under the names of Effect's own formats. */
const timestampOf = ({ at }: LogLine): string => new Date(at).toISOString()

/** What stands without quotes. */
const plain = /^[^\s="\\\p{Cc}]+$/u

const pair = (name: string, value: string): string =>
  `${name.replaceAll(/[\s="\p{Cc}]/gu, "_")}=${plain.test(value) ? value : printableJson(JSON.stringify(value))}`

const logfmt = (line: LogLine): string =>
  [
    pair("timestamp", timestampOf(line)),
    pair("level", line.level.toUpperCase()),
    pair("message", line.text),
    ...line.cause === undefined ? [] : [pair("cause", line.cause)],
    ...Object.entries(line.annotations).map(([name, value]) => pair(name, value))
  ].join(" ")

const json = (line: LogLine): string =>
  printableJson(JSON.stringify({
    timestamp: timestampOf(line),
    level: line.level.toUpperCase(),
    message: line.text,
    cause: line.cause,
    annotations: line.annotations
  }))

const colors: Readonly<Record<string, number>> = { Fatal: 31, Error: 31, Warn: 33, Info: 32, Debug: 90, Trace: 90 }

const pretty = (line: LogLine, isColored: boolean): string => {
  const colored = (color: number, text: string): string => isColored ? `\u001b[${color}m${text}\u001b[0m` : text
  // The node is the one that writes it, but in further threads; and the time is that of the reader's clock on the wall.
  const { module = "", node, ...beside } = line.annotations
  const others = isMainThread || node === undefined ? beside : { node, ...beside }
  const date = new Date(line.at)
  const time = `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`
  const level = colored(colors[line.level] ?? 0, line.level.toUpperCase().padEnd(5))
  const pairs = Object.entries(others).map(([name, value]) => printableInLine(pair(name, value))).join(" ")
  const head = `${time} ${level} ${printableInLine(module) || "-"}: ${printable(line.text)}`
  const cause = line.cause === undefined ? "" : `\n${printable(line.cause)}`
  return (pairs === "" ? head : `${head} ${colored(90, pairs)}`) + cause.replaceAll("\n", "\n    ")
}

/** Formats a line. `isColored` is for people. */
export const formatLine = (format: LogFormat, line: LogLine, isColored: boolean): string =>
  format === "logfmt" ? logfmt(line) : format === "json" ? json(line) : pretty(line, isColored)

/** Writes a line to standard error. */
export const writeLogLine = (format: LogFormat, line: LogLine): void => {
  const isColored = process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === ""
  process.stderr.write(`${formatLine(format, line, isColored)}\n`)
}
