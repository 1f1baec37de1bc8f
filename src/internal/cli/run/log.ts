/**
 * The log of `emp run`: on standard error, as the configuration has it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Result from "effect/Result"
import { isatty } from "node:tty"
import type { LogFormat } from "../../config/logFormats.ts"
import { type LogLevel, readLevels } from "../../config/logLevels.ts"
import type { RunOptions } from "../../config/options.ts"
import { catcher, catchingLogger } from "./logCatcher.ts"
import { writeLogLine } from "./logFormat.ts"
import type { LogLine } from "./logRing.ts"

/** What a configuration says of the log. */
export type LogOptions = Pick<RunOptions, "logFormat" | "logLevel">

/** Of a thread `process.stderr` is no terminal. */
const standardError = 2

/** The format, where the configuration leaves it to the terminal. */
export const chosenFormat = (format: LogFormat | undefined): LogFormat =>
  format ?? (isatty(standardError) ? "pretty" : "logfmt")

const writer = (format: LogFormat | undefined) => {
  const chosen = chosenFormat(format)
  return (line: LogLine): void => writeLogLine(chosen, line)
}

/** The levels that a configuration has: its values were checked when it was read. */
export const setLevels = ({ logLevel }: Pick<LogOptions, "logLevel">): void => {
  const read = readLevels(logLevel)
  if (Result.isSuccess(read)) catcher.setLevels(read.success)
}

/** Whether lines of the command line itself are shown at a level. */
export const isLogged = (level: LogLevel): boolean => catcher.shows(level, { module: "Cli" })

/** The configuration has said what the log is like. */
export const beginLog = (options: LogOptions): void => {
  setLevels(options)
  catcher.writeTo(writer(options.logFormat))
}

/**
 * Runs an effect with the log of `emp run`. Lines wait until `beginLog` says how they are to be written, or the effect is over: what
 * reads the configuration may have something to say of it.
 */
export const withLog = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(References.MinimumLogLevel, (least) => {
    catcher.setLevels({ least: least === "All" ? "Trace" : least, named: new Map() })
    catcher.hold()
    return effect.pipe(
      Effect.ensuring(Effect.sync(() => catcher.writeTo(writer(undefined), "when they are held"))),
      Effect.provide(Logger.layer([catchingLogger])),
      // Each line goes by the level of its module, which may change.
      Effect.provideService(References.MinimumLogLevel, "All")
    )
  })
