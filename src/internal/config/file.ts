/**
 * The configuration file: where it is, and what it holds.
 *
 * @internal
 */
import { inHome } from "#platform"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { isObject, own } from "./document.ts"
import { ConfigFileError } from "./errors.ts"
import { parse } from "./relaxedJson.ts"

/** What the file holds. */
export interface Stored {
  readonly document: JsonObject
  /** The text of the file; `undefined` if there is no file. */
  readonly text: string | undefined
  readonly hasComments: boolean
}

/** What is wrong with a file as a whole. */
export const fail = (file: string, problem: string): ConfigFileError =>
  new ConfigFileError({ file, line: undefined, column: undefined, problem })

/** Where the file is if nobody names one. */
export const defaultFile: Effect.Effect<string, ConfigFileError> = Effect.suspend(() => {
  const name = ".effect-mp.json"
  const file = inHome(name)
  return file === undefined
    ? Effect.fail(fail(`~/${name}`, "there is no home folder: set HOME, or name the file with EFFECT_MP_RC"))
    : Effect.succeed(file)
})

/** What went wrong with a file, in words for people. */
export const inWords = ({ message, reason }: PlatformError, folder?: string): string => {
  const named = folder === undefined ? "" : `the folder ${folder}`
  if (reason._tag === "NotFound") return named === "" ? "there is no such file" : `${named} is not there`
  if (reason._tag === "PermissionDenied") return `you may not ${named === "" ? "read it" : `write into ${named}`}`
  // As the system has it: that the disk is full, for one.
  return reason.cause instanceof Error ? reason.cause.message : message
}

/** Reads the file. One that is not there is empty. */
export const read = (file: string): Effect.Effect<Stored, ConfigFileError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const found = yield* Effect.option(files.stat(file))
    // Reading a FIFO waits for somebody who writes to it, perhaps for ever.
    if (found._tag === "Some" && found.value.type === "FIFO") return yield* fail(file, "is no regular file")
    const bytes = yield* files.readFile(file).pipe(
      Effect.catchTag("PlatformError", (error) =>
        error.reason._tag === "NotFound"
          ? Effect.succeed(undefined)
          : Effect.fail(fail(file, `cannot be read: ${inWords(error)}`)))
    )
    if (bytes === undefined) return { document: {}, text: undefined, hasComments: false }
    const text = yield* Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: () => fail(file, "is not UTF-8 text")
    })
    // An empty file is what `touch` leaves, and holds nothing that could be lost.
    if (text.trim() === "") return { document: {}, text, hasComments: false }
    const parsed = parse(text)
    if (Result.isFailure(parsed)) return yield* new ConfigFileError({ file, ...parsed.failure })
    const { hasComments, value } = parsed.success
    if (!isObject(value)) return yield* fail(file, "is no JSON object")
    const problem = problemOf(value)
    if (problem !== undefined) return yield* fail(file, problem)
    return { document: value, text, hasComments }
  })

/** What is wrong with the outer form of a configuration. Values are checked when they are used. */
const problemOf = (document: JsonObject): string | undefined => {
  const version = own(document, "version") ?? 1
  if (version !== 1 && version !== "1") return `has version ${JSON.stringify(version)}; only version 1 is known`
  const profiles = own(document, "profile") ?? {}
  if (!isObject(profiles)) return "\"profile\" is no JSON object"
  const [name] = Object.entries(profiles).find(([, profile]) => !isObject(profile)) ?? []
  return name === undefined ? undefined : `profile ${JSON.stringify(name)} is no JSON object`
}
