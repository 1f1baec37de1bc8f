/**
 * Carries out a chain of configuration commands. It is checked as a whole before anything is done.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { parentOf, profileOf, profilesOf } from "../../config/document.ts"
import { InvalidConfig } from "../../config/errors.ts"
import { inWords, read } from "../../config/file.ts"
import type { Surroundings } from "../../config/surroundings.ts"
import { readCredentials } from "../../transport/tls.ts"
import { type CertificateError, makeCertificate, makeSecret } from "./certificate.ts"
import { readChain, type Step } from "./chain.ts"
import { edit, isChange, type ReadyStep } from "./edit.ts"
import { modify } from "./modify.ts"
import { show, type ShowOptions } from "./show.ts"

/** Reads a chain, does what it says, and shows what it asks for. */
export const configure = (chain: ReadonlyArray<string>, surroundings: Surroundings, options: ShowOptions) =>
  Effect.gen(function*() {
    const { file } = surroundings
    const steps = yield* Effect.fromResult(readChain(chain))
    // What has to be made or read is there before the file is locked.
    const ready = yield* Effect.forEach(steps, prepare)
    const editing = (document: JsonObject) =>
      Result.map(
        edit({ ...surroundings, document, words: { values: {} } }, ready),
        (edited) => ({ ...edited, notes: [...edited.notes, ...orphaned(document, edited.document)] })
      )
    const { lostComments, result } = steps.some(isChange)
      ? yield* modify(file, editing)
      : { lostComments: false, result: yield* Effect.fromResult(editing((yield* read(file)).document)) }
    for (const note of new Set(result.notes)) yield* Console.error(`emp: ${note}`)
    if (lostComments) yield* Console.error(`emp: the comments in ${file} are gone; ${file}~ has them`)
    for (const shown of result.shown) {
      const orphan = shown._tag === "Config" ? shown.resolved.orphan : undefined
      if (orphan !== undefined) yield* Console.error(`emp: profile ${orphan.profile}: ${orphan.problem}`)
      yield* Console.log(show(shown, file, options))
    }
  })

/** Profiles whose parent was there, and is no more. */
const orphaned = (before: JsonObject, after: JsonObject): ReadonlyArray<string> =>
  Object.keys(profilesOf(after)).flatMap((name) => {
    const parent = parentOf(after, name)
    if (typeof parent !== "string" || profileOf(after, parent) !== undefined) return []
    return profileOf(before, parent) === undefined
      ? []
      : [`profile ${name} inherits nothing more from ${JSON.stringify(parent)}, which was its parent`]
  })

const prepare = (
  step: Step
): Effect.Effect<
  ReadyStep,
  InvalidConfig | CertificateError,
  FileSystem.FileSystem | ChildProcessSpawner
> => {
  const { _tag } = step
  if (_tag === "ReadCert") return Effect.map(readPem(step.path), (value) => ({ _tag: "Set", key: "cert", value }))
  if (_tag !== "Generate") return Effect.succeed(step)
  const made = step.key === "secret" ? makeSecret : makeCertificate
  return Effect.map(made, (value) => ({ _tag: "Set", key: step.key, value }))
}

/** A file that holds what a node needs for TLS. */
const readPem = (path: string): Effect.Effect<string, InvalidConfig, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const pem = yield* Effect.mapError(files.readFileString(path), inWords)
    yield* Effect.try({
      try: () => readCredentials(pem),
      catch: (cause) => cause instanceof Error ? cause.message : String(cause)
    })
    return pem
  }).pipe(
    Effect.mapError((problem) => new InvalidConfig({ key: "cert", problem, from: path }))
  )
