/**
 * The command that shells ask for what may stand at the cursor, and the flag that prints their scripts.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { printableInLine } from "../../values/printable.ts"
import { complete } from "./line.ts"
import { askedCommand, filesWanted, scripts } from "./scripts.ts"

/**
 * Answers for the words of a line, of which the last one is not finished. Whatever is wrong, nothing is said: a shell would print it
 * into the line.
 */
export const completionOf = (commands: () => Command.Command.Any) =>
  Command.make(
    askedCommand,
    { words: Argument.String("word").pipe(Argument.atLeast(0)) },
    ({ words }) =>
      Effect.gen(function*() {
        const completion = complete(Completions.fromCommand(commands()), words)
        const { candidates, prefix, source, word } = completion
        if (source === "files") return yield* Console.log(filesWanted)
        const { valuesOf } = yield* Effect.promise(() => import("./values.ts"))
        const found = source === undefined ? [] : yield* valuesOf(source, completion)
        const all = [...candidates, ...found.map(([value, about]) => [prefix + value, about] as const)]
        const fitting = all.filter(([name]) => name.startsWith(prefix + word))
        yield* Effect.forEach(
          fitting,
          ([name, about]) => Console.log(`${printableInLine(name)}\t${printableInLine(about)}`),
          { discard: true }
        )
      }).pipe(Effect.ignoreCause, Effect.provide(Logger.layer([])))
  ).pipe(Command.unlisted)

/** Prints the script of a shell. Those that we have none for get Effect's, which knows commands and flags. */
const completions: typeof GlobalFlag.Completions = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag,
  run: (shell, context) => {
    const name = Option.getOrUndefined(shell)
    return name === undefined || name === "powershell"
      ? GlobalFlag.Completions.run(shell, context)
      : Console.log(scripts[name].trimEnd())
  }
})

/** The flags that all commands have. */
export const builtIns = Layer.succeed(CliConfig.CliConfig, {
  builtIns: GlobalFlag.BuiltIns.map((flag) => flag === GlobalFlag.Completions ? completions : flag)
})
