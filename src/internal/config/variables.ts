/**
 * A node configured by variables alone: each key has one, `EMP_` and the key in capitals. They are read as Effect's `Config`, and
 * their values are those of the configuration file.
 *
 * @internal
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Options } from "../node/options.ts"
import type { InvalidConfig } from "./errors.ts"
import { type Configuration, decode, type Key, kinds } from "./keys.ts"
import { keyOf, nodeOptions, optionNames } from "./options.ts"
import type { Setting } from "./resolve.ts"
import { readValue } from "./text.ts"

const variableOf = (key: string): string => `EMP_${key.toUpperCase()}`

/** A provider that is no environment may have a list as a list. */
const Raw = Schema.Union([Schema.String, Schema.Array(Schema.String)])

/** The value of a key by its variable. One that is empty is none. */
const variable = <K extends Key>(
  key: K
): Effect.Effect<Configuration[K] | undefined, Config.ConfigError> =>
  Effect.gen(function*() {
    const raw = Option.getOrElse(yield* Config.option(Config.schema(Raw, variableOf(key))), () => "")
    if (raw === "") return undefined
    const read = kinds[key].isList && typeof raw === "string" ? readValue(key, raw) : Result.succeed(raw)
    return yield* Effect.fromResult(
      Result.mapError(Result.flatMap(read, (value) => decode(key, value, variableOf(key))), wrong)
    )
  })

/** The options of a node by these names, from their variables. */
const nodeVariables = (
  names: ReadonlyArray<keyof Omit<Options, "ticket">>
): Effect.Effect<Options, Config.ConfigError, FileSystem> =>
  Effect.gen(function*() {
    const settings: { [K in Key]?: Setting<K> } = {}
    for (const key of names.map((name) => keyOf[name])) {
      const value = yield* variable(key)
      const place = variableOf(key)
      if (value !== undefined) Object.assign(settings, { [key]: { value, from: `$${place}`, place } })
    }
    return yield* Effect.mapError(nodeOptions(settings), wrong)
  })

/** What a program configures itself, and by their variables the options that it leaves open. */
export const nodeConfig = (
  wrapped: Config.Wrap<Options>
): Effect.Effect<Options, Config.ConfigError, FileSystem> =>
  Effect.gen(function*() {
    const given = yield* Config.unwrap<Options>(wrapped)
    if (Config.isConfig(wrapped)) return given
    const open = optionNames.filter((name) => name !== "seeds").filter((name) => !Object.hasOwn(wrapped, name))
    return { ...yield* nodeVariables(open), ...given }
  })

/** A node's place in the network; see `Global.Options`. */
interface Place {
  readonly seeds?: ReadonlyArray<string> | undefined
  readonly global?: boolean | undefined
}

/** What a program configures itself, and the seeds by their variable if it leaves them open. */
export const placeConfig = (wrapped: Config.Wrap<Place>): Effect.Effect<Place, Config.ConfigError> =>
  Effect.gen(function*() {
    const given = yield* Config.unwrap<Place>(wrapped)
    return Config.isConfig(wrapped) || Object.hasOwn(wrapped, "seeds")
      ? given
      : { ...given, seeds: yield* variable("seeds") }
  })

/** What is wrong is told as Effect tells it: with the variable's name, and with the path of the file, if the variable names one. */
const wrong = ({ from, key, problem }: InvalidConfig): Config.ConfigError => {
  const name = variableOf(key)
  const message = from === undefined || from === name ? problem : `${from}: ${problem}`
  return new Config.ConfigError(
    new Schema.SchemaError(new SchemaIssue.Pointer([name], new SchemaIssue.InvalidValue({ message })))
  )
}
