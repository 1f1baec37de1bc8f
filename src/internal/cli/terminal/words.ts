/**
 * The words of a command line, before any command reads them.
 *
 * @internal
 */
import type * as Command from "effect/cli/Command"
import * as Result from "effect/Result"
import { parse } from "../../config/relaxedJson.ts"
import { UsageError } from "./usage.ts"

/** What is no flag any more stands behind `--`. */
const beforeOperands = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = words.indexOf("--")
  return end < 0 ? words : words.slice(0, end)
}

/** Whether programs are to read what the command says, of errors too. */
export const wantsJson = (words: ReadonlyArray<string>): boolean => beforeOperands(words).includes("--json")

/** A first word that is a JSON list stands for its elements, as with `aemp`: what of them is no text is JSON. */
export const unpacked = (words: ReadonlyArray<string>): Result.Result<ReadonlyArray<string>, UsageError> => {
  const [first, ...rest] = words
  if (!first?.startsWith("[")) return Result.succeed(words)
  return Result.mapBoth(parse(first), {
    // It begins as a list: nothing else can come of it.
    onSuccess: ({ value }) => [
      ...[value].flat().map((element) => typeof element === "string" ? element : JSON.stringify(element)),
      ...rest
    ],
    onFailure: ({ column, line, problem }) =>
      new UsageError({ problem: `${first} is no JSON list of words: line ${line}, column ${column}: ${problem}` })
  })
}

/** `emp help COMMAND` is `emp COMMAND --help`. */
export const withHelpAsFlag = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words[0] === "help" ? [...words.slice(1), "--help"] : words

const helpFlags = new Set(["--help", "-h"])
/** Flags of all commands that take the next word. */
const globalsWithValue = new Set(["--log-level", "--completions"])

/**
 * Help for what is no command is an error, which it is without the flag. Effect's command line shows help before it looks at what else
 * is there.
 */
export const withoutHelpForNothing = (
  words: ReadonlyArray<string>,
  command: Command.Command.Any
): ReadonlyArray<string> => {
  const own = beforeOperands(words)
  if (!own.some((word) => helpFlags.has(word))) return words
  let reached: Command.Command.Any = command
  for (const [nth, word] of own.entries()) {
    if (word.startsWith("-") || globalsWithValue.has(own[nth - 1] ?? "")) continue
    const below = reached.subcommands.flatMap(({ commands }) => commands)
    if (below.length === 0) return words
    const named = below.find(({ alias, name }) => name === word || alias === word)
    if (named === undefined) return words.filter((word) => !helpFlags.has(word))
    reached = named
  }
  return words
}
