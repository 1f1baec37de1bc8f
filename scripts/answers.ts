/**
 * What `emp` answers to those words that always have the same answer: its version, the help of each command, the scripts of shells.
 * As a terminal shows it, with colours.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { command } from "../src/Cli.ts"
import { builtIns } from "../src/internal/cli/completion/command.ts"
import { scripts } from "../src/internal/cli/completion/scripts.ts"
import { presenting } from "../src/internal/cli/terminal/failures.ts"
import { version } from "../src/internal/values/version.ts"

/** The words of every command that is listed. */
const pathsBelow = ({ subcommands }: Command.Command.Any): ReadonlyArray<ReadonlyArray<string>> => [
  [],
  ...subcommands.flatMap(({ commands }) => commands).filter(({ unlisted }) => !unlisted)
    .flatMap((below) => pathsBelow(below).map((path) => [below.name].concat(path)))
]

const answerTo = (words: ReadonlyArray<string>): Promise<string> => {
  const lines: Array<string> = []
  const console: Console.Console = { ...globalThis.console, log: (...line) => void lines.push(line.join(" ")) }
  return Command.runWith(command, { version })(words).pipe(
    Effect.provideService(Console.Console, console),
    Effect.provide(Layer.mergeAll(NodeServices.layer, presenting(false, true), builtIns)),
    Effect.andThen(Effect.sync(() => `${lines.join("\n")}\n`)),
    Effect.runPromise
  )
}

/** By the words, with a space between each two of them. */
export const makeAnswers = async (): Promise<Readonly<Record<string, string>>> => {
  const asked = [
    ["--version"],
    ...pathsBelow(command).map((path) => path.concat("--help")),
    ...Object.keys(scripts).map((shell) => ["--completions", shell])
  ]
  return Object.fromEntries(await Promise.all(asked.map(async (words) => [words.join(" "), await answerTo(words)])))
}
