/**
 * A node as a program has it: configured by file and environment as `emp run` would be, but for what the program says itself.
 *
 * @internal
 */
import type { ConfigError } from "effect/Config"
import * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type { Options } from "../node/options.ts"
import type { ConfigFileError, InvalidConfig } from "./errors.ts"
import { read } from "./file.ts"
import { keyOf, nodeOptions, optionNames, resolveAloud } from "./options.ts"
import { surroundings } from "./surroundings.ts"

/** What a program may say itself. */
export interface Given extends Options {
  readonly seeds?: ReadonlyArray<string> | undefined
  readonly file?: string | undefined
}

/** A node's options, and its seeds. */
export interface Configured extends Options {
  readonly seeds: ReadonlyArray<string>
}

/**
 * What a program gives counts most, and what other sources have in its place is not even looked at. What nobody says is left to the
 * node: its defaults go by what it is given.
 */
export const profileOptions = (
  profile: string | undefined,
  given: Given
): Effect.Effect<Configured, InvalidConfig | ConfigFileError | ConfigError, FileSystem> =>
  Effect.gen(function*() {
    const around = yield* surroundings(given.file === undefined)
    const file = given.file ?? around.file
    const { document } = yield* read(file)
    const own = optionNames.filter((name) => given[name] !== undefined)
    const hidden = Object.fromEntries(own.map((name) => [keyOf[name], null]))
    // Services are for `emp run`.
    const flags = { profile, values: { ...hidden, services: null, emp_services: null } }
    const resolved = yield* resolveAloud({ ...around, file, document, words: { values: {} }, flags })
    const settings = Object.fromEntries(
      Object.entries(resolved.settings).filter(([, { place }]) => place !== undefined)
    )
    return {
      ...yield* nodeOptions(settings),
      nodeId: resolved.settings.nodeid?.value ?? `${resolved.profile}/`,
      seeds: resolved.settings.seeds?.value ?? [],
      ...Object.fromEntries(own.map((name) => [name, given[name]]))
    }
  })
