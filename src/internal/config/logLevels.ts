/**
 * How much of its log a node shows: a least level for all lines, and others for those of some rooms and services. It is written
 * `warn,Transport=debug,greeter=trace`.
 *
 * @internal
 */
import * as Result from "effect/Result"
import { didYouMean } from "../values/didYouMean.ts"
import { modules } from "../values/modules.ts"

/** The levels of lines, as Effect's loggers name them. */
export const lineLevels = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"] as const
export type LineLevel = typeof lineLevels[number]

/** Which lines are shown: those of a level, and of all that are worse. */
export type LogLevel = "None" | LineLevel

/** From nothing to everything. */
const levels: ReadonlyArray<LogLevel> = ["None", ...lineLevels.toReversed()]

const severities: ReadonlyMap<string, number> = new Map(levels.map((level, at) => [level, at]))

export interface LogLevels {
  /** For what no other level is given for. */
  readonly least: LogLevel
  /** For the lines of a room, or of a service: by its name, or a part of that. */
  readonly named: ReadonlyMap<string, LogLevel>
}

export const defaultLevels: LogLevels = { least: "Info", named: new Map() }

/** AEMP's levels, from 0 (nothing) to 9 (everything). */
const verbosity: ReadonlyArray<LogLevel> = [
  "None",
  "Fatal",
  "Fatal",
  "Fatal",
  "Error",
  "Warn",
  "Info",
  "Info",
  "Debug",
  "Trace"
]

/** The level that `EMP_VERBOSE` means, or nothing if it is no digit. */
export const levelOfVerbosity = (text: string): LogLevel | undefined =>
  /^\d$/.test(text) ? verbosity[Number(text)] : undefined

interface Entry {
  readonly name: string | undefined
  readonly level: LogLevel
}

const named = (name: string): string => modules.find((module) => module.toLowerCase() === name.toLowerCase()) ?? name

/** Reads `LEVEL` or `NAME=LEVEL`, or says what is wrong with it. */
const readEntry = (text: string): Result.Result<Entry, string> => {
  const at = text.lastIndexOf("=")
  const word = text.slice(at + 1).trim()
  const level = levels.find((known) => known.toLowerCase() === word.toLowerCase())
  const name = at < 0 ? undefined : named(text.slice(0, at).trim())
  if (level === undefined) {
    const known = levels.map((level) => level.toLowerCase())
    // Who names a room alone has not said how much of it is to be shown.
    const isModule = at < 0 && named(word) !== word || modules.some((module) => module === word)
    return Result.fail(
      isModule
        ? `${JSON.stringify(text)} names a module and no level: ${named(word)}=debug, for example`
        : `${JSON.stringify(word)} is no level${
          didYouMean(word.toLowerCase(), known)
          || `: it is one of ${known.join(", ")}`
        }`
    )
  }
  if (name === "") return Result.fail(`${JSON.stringify(text)} has nothing before its =`)
  return name === undefined ? Result.succeed({ name, level }) : Result.map(checkName(name), () => ({ name, level }))
}

/** What is nearly the name of a room is a mistake. Everything else may be the name of a service. */
const checkName = (name: string): Result.Result<void, string> => {
  const isKnown = modules.some((module) => module === name)
  const [first = ""] = name.toLowerCase()
  const alike = isKnown || !/^[A-Za-z]+$/.test(name)
    ? []
    : modules.filter((module) => module.toLowerCase()[0] === first)
  const meant = alike.map((module) => didYouMean(name.toLowerCase(), [module.toLowerCase()]) === "" ? "" : module)
    .find((module) => module !== "")
  return meant === undefined
    ? Result.void
    : Result.fail(`${JSON.stringify(name)} is no module; did you mean ${JSON.stringify(meant)}?`)
}

/** What is wrong with one entry, if anything is. */
export const wrongLevel = (entry: unknown): string | undefined =>
  typeof entry === "string"
    ? Result.match(readEntry(entry), { onFailure: (problem) => problem, onSuccess: () => undefined })
    : `${JSON.stringify(entry)} is no text`

/** The entries of a list, each of them `LEVEL` or `NAME=LEVEL`. Of two for the same the last one counts. */
export const readLevels = (entries: ReadonlyArray<string>): Result.Result<LogLevels, string> =>
  Result.map(Result.all(entries.map(readEntry)), (read) => ({
    least: read.findLast(({ name }) => name === undefined)?.level ?? defaultLevels.least,
    named: new Map(read.flatMap(({ level, name }) => name === undefined ? [] : [[name, level] as const]))
  }))

/** The same, as one text with commas. */
export const readLevelText = (text: string): Result.Result<LogLevels, string> =>
  readLevels(text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== ""))

/** As it is written. */
export const showLevels = ({ least, named }: LogLevels): string =>
  [least, ...Array.from(named, ([name, level]) => `${name}=${level}`)]
    .map((entry) => entry.replace(/[^=]*$/, (level) => level.toLowerCase()))
    .join(",")

/** Whether a line is shown. That of a service goes by the service's level, before that of a room. */
export const isShown = ({ least, named }: LogLevels, level: string, module: unknown, service: unknown): boolean => {
  const wanted = named.size === 0 ? least : serviceLevel(named, service) ?? named.get(String(module)) ?? least
  return (severities.get(level) ?? 0) <= (severities.get(wanted) ?? 0)
}

/** A service may be named as it was given (`./services/greeter.ts#hourly`), or by its file alone: `greeter.ts`, `greeter`. */
const serviceLevel = (named: LogLevels["named"], service: unknown): LogLevel | undefined => {
  if (typeof service !== "string") return undefined
  const path = service.replace(/#[^#]*$/, "")
  const file = path.replace(/^.*[\\/]/s, "")
  return named.get(service) ?? named.get(path) ?? named.get(file) ?? named.get(file.replace(/\.[^.]*$/, ""))
}
