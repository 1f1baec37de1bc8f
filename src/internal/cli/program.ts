/**
 * `emp` as a whole program: what it makes of its words, where its log goes, and how it says what went wrong.
 *
 * @internal
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { levelOfVerbosity } from "../config/logLevels.ts"
import { version } from "../values/version.ts"
import { builtIns } from "./completion/command.ts"
import { presenting, reported } from "./terminal/failures.ts"
import { CurrentEnding, type Ending } from "./terminal/interruption.ts"
import { UsageError } from "./terminal/usage.ts"
import { unpacked, wantsJson, withHelpAsFlag, withoutHelpForNothing } from "./terminal/words.ts"

const leastLevel = Layer.effect(
  References.MinimumLogLevel,
  Effect.suspend(() =>
    reported(
      Effect.gen(function*() {
        const text = Option.getOrElse(yield* Config.option(Config.String("EMP_VERBOSE")), () => "") || "7"
        const level = levelOfVerbosity(text)
        if (level !== undefined) return level
        return yield* new UsageError({ problem: `EMP_VERBOSE: ${JSON.stringify(text)} is no number from 0 to 9` })
      }),
      false
    )
  )
)

/** Standard output is for results; what happens is logged to standard error. */
const logging = (json: boolean) =>
  Layer.merge(Logger.layer([Logger.withConsoleError(json ? Logger.formatJson : Logger.formatLogFmt)]), leastLevel)

/** Runs the command that the words stand for, and says what went wrong. The process that it is the program of is left alone. */
export const runProgram = <const Name extends string, Input, ContextInput, E, R>(
  command: Command.Command<Name, Input, ContextInput, E, R>,
  words: ReadonlyArray<string>,
  ending: Ending
) => {
  const json = wantsJson(words)
  const run = Effect.flatMap(
    Effect.fromResult(unpacked(words)),
    (words) => Command.runWith(command, { version })(withoutHelpForNothing(withHelpAsFlag(words), command))
  )
  return reported(run, json).pipe(
    Effect.provideService(CurrentEnding, ending),
    Effect.provide(Layer.mergeAll(NodeServices.layer, logging(json), presenting(json), builtIns))
  )
}
