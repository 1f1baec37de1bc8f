/**
 * `emp` in the process of the tests, for what it prints and how it ends: what a process is needed for, `processes.ts` has. Of every command
 * there is a test with a process as well.
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { format } from "node:util"
import { command } from "../src/Cli.ts"
import { runProgram } from "../src/internal/cli/program.ts"
import { teardownOf } from "../src/internal/cli/terminal/failures.ts"
import { Ending } from "../src/internal/cli/terminal/interruption.ts"
import { empEnv, type Ended } from "./processes.ts"

/**
 * Runs `emp` with these words, and with this environment beside that of `startEmp`: what the process has in its own does not count, and
 * nobody's home is touched, since there is always a file that is named.
 */
export const empHere = async (
  words: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Promise<Ended> => {
  const printed = { stdout: "", stderr: "" }
  const to = (stream: keyof typeof printed) => (...values: ReadonlyArray<unknown>) => {
    printed[stream] += `${format(...values)}\n`
  }
  const console = { ...globalThis.console, log: to("stdout"), error: to("stderr") }
  const ending = new Ending(() => {})
  const exit = await Effect.runPromiseExit(
    runProgram(command, words, ending).pipe(
      Effect.provideService(Console.Console, console),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...empEnv, ...env } }))
    )
  )
  const code = await new Promise<number>((resolve) => teardownOf(ending)(exit, resolve))
  return { code, ...printed }
}
