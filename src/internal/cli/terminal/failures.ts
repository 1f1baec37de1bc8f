/**
 * How a command says what went wrong, to people or to programs, and with which exit code it ends then.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { printable, printableJson } from "../../values/printable.ts"
import type { Ending } from "./interruption.ts"
import { UsageError } from "./usage.ts"

/** An error as programs read it. What else is known of it stands beside these. */
interface Told {
  readonly tag: string
  readonly message: string
  readonly exitCode: number
}

const tell = (error: Told, json: boolean): Effect.Effect<void> =>
  Console.error(json ? printableJson(JSON.stringify({ error })) : printable(`emp: ${error.message}`))

/** What Effect says of a command line, as everything else is said here. */
const inOurWords = ({ message }: Error): string => {
  const [problem = "", ...others] = message.split(/\s+Did you mean this\?\s+|\n\s+/)
  const meant = others.length === 0
    ? ""
    : `; did you mean ${others.map((other) => JSON.stringify(other)).join(" or ")}?`
  return problem.charAt(0).toLowerCase() + problem.slice(1) + meant
}

export const formatter = (colors?: boolean) =>
  CliOutput.defaultFormatter({ globalFlags: "summary", ...colors === undefined ? {} : { colors } })

/** What is wrong with a command line is told in a few lines, on standard error: nobody asked for the whole help. */
export const presenting = (json: boolean, colors?: boolean) =>
  Layer.suspend(() => {
    const presenter: CliOutput.Presenter = {
      present: (event) => {
        if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
        const { commandPath, errors, helpDoc: { usage } } = event
        const message = errors.map(inOurWords).join("; ")
        const told = { tag: UsageError.name, message, exitCode: 2, usage }
        return json
          ? tell(told, json)
          : Effect.andThen(
            tell(told, json),
            Console.error(`Usage: ${usage}\n${commandPath.join(" ")} --help says more`)
          )
      }
    }
    return Layer.merge(CliOutput.layer(formatter(colors)), CliOutput.layerPresenter(presenter))
  })

/** The same in a shell, which is `emp` already: two lines say it. */
export const presentingInShell = CliOutput.layerPresenter({
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const usage = event.helpDoc.usage.replace(/^emp /, "")
    return Console.error(printable(`${event.errors.map(inOurWords).join("; ")}\nusage: ${usage}`))
  }
})

/** An error that is expected is a line, and no stack trace. */
export const reported = <A, E, R>(effect: Effect.Effect<A, E, R>, json: boolean): Effect.Effect<A, E, R> =>
  Effect.tapCause(effect, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    const error = Cause.squash(cause)
    // Usage errors of Effect's have been told already.
    if (!Runtime.getErrorReported(error)) return Effect.void
    if (error instanceof Error && "_tag" in error && typeof error._tag === "string") {
      const { _tag: tag, message } = error
      return tell({ ...detailsOf(error), tag, message, exitCode: Runtime.getErrorExitCode(error) }, json)
    }
    return json ? tell({ tag: "defect", message: Cause.pretty(cause), exitCode: 1 }, json) : Effect.logError(cause)
  })

/** What is said already, and what is for those who have the program before them. */
const unsaid = new Set(["_tag", "name", "message", "stack", "cause"])

/** What of an error can be said in JSON. A secret never can. */
const detailsOf = (error: Error): object =>
  Object.fromEntries(
    Object.entries(error).filter(([name, value]) =>
      !unsaid.has(name) && !name.startsWith("~") && value !== error.message &&
      (["string", "number", "boolean"].includes(typeof value) || isTexts(value))
    )
  )

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === "string")

/** Help that nobody asked for: the command line was wrong. */
const isUsage = (error: unknown): boolean =>
  CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length > 0

/** Ends the process with the exit code that says how the command ended. */
export const teardownOf = (ending: Ending): Runtime.Teardown => (exit, onExit) => {
  if (Exit.isSuccess(exit)) return onExit(ending.exitCode(false))
  if (Cause.hasInterruptsOnly(exit.cause)) return onExit(ending.exitCode(true))
  return isUsage(Cause.squash(exit.cause)) ? onExit(2) : Runtime.defaultTeardown(exit, onExit)
}
