/**
 * What the steps of a chain make of a configuration.
 *
 * @internal
 */
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import type { Json, JsonObject } from "effect/Schema"
import { ancestry, own, profileOf, profilesOf } from "../../config/document.ts"
import { InvalidConfig } from "../../config/errors.ts"
import { decode } from "../../config/keys.ts"
import { oddities, oddValue } from "../../config/oddities.ts"
import { resolve, type Resolved, type Sources } from "../../config/resolve.ts"
import { didYouMean } from "../../values/didYouMean.ts"
import { UsageError } from "../terminal/usage.ts"
import { isOfServices, type Step } from "./chain.ts"

/** A step that can be done at once: what has to be made or read first is a `Set` by then. */
export type ReadyStep = Exclude<Step, { readonly _tag: "Generate" | "ReadCert" }>

/** What a chain shows, in the state in which it found it. */
export type Shown =
  | { readonly _tag: "File"; readonly document: JsonObject }
  | { readonly _tag: "Profile"; readonly name: string; readonly values: JsonObject }
  | { readonly _tag: "Config"; readonly resolved: Resolved }

export interface Edited {
  readonly document: JsonObject
  readonly shown: ReadonlyArray<Shown>
  /** Of steps that had nothing to do: why. And what is hardly meant. */
  readonly notes: ReadonlyArray<string>
}

export const isChange = (step: Step): boolean => !["Profile", "ShowProfile", "ShowConfig"].includes(step._tag)

/** Does all steps, or none. */
export const edit = (
  sources: Sources,
  steps: ReadonlyArray<ReadyStep>
): Result.Result<Edited, InvalidConfig | UsageError> =>
  Result.gen(function*() {
    const shown: Array<Shown> = []
    const notes: Array<string> = []
    let { document } = sources
    let profile: string | undefined
    for (const step of steps) {
      if (step._tag === "Profile") profile = step.name
      else if (step._tag === "ShowProfile") shown.push(yield* showProfile(document, step.name ?? profile, sources.file))
      else if (step._tag === "ShowConfig") {
        const words = { ...step.words, profile: step.words.profile ?? profile }
        const resolved = yield* resolve({ ...sources, document, words })
        notes.push(...oddities({ ...sources, document, words }, resolved))
        shown.push({ _tag: "Config", resolved })
      } else if (step._tag === "DeleteProfile") document = deleteProfile(document, step.name, notes)
      else document = yield* update(document, profile, (values) => change(values, step, sources.file, notes))
    }
    yield* refuseCircles(sources.document, document, sources.file)
    return { document, shown, notes }
  })

const showProfile = (
  document: JsonObject,
  name: string | undefined,
  file: string
): Result.Result<Shown, UsageError> => {
  if (name === undefined) return Result.succeed({ _tag: "File", document })
  const values = profileOf(document, name)
  if (values !== undefined) return Result.succeed({ _tag: "Profile", name, values })
  const meant = didYouMean(name, Object.keys(profilesOf(document)))
  return Result.fail(new UsageError({ problem: `${file} has no profile ${JSON.stringify(name)}${meant}` }))
}

const deleteProfile = (document: JsonObject, name: string, notes: Array<string>): JsonObject => {
  const profiles = profilesOf(document)
  if (!Object.hasOwn(profiles, name)) {
    notes.push(`there is no profile ${JSON.stringify(name)}${didYouMean(name, Object.keys(profiles))}`)
    return document
  }
  return { ...document, profile: without(profiles, name) }
}

/** Changes a profile, which need not be there yet, or the top of the file. */
const update = (
  document: JsonObject,
  profile: string | undefined,
  change: (values: JsonObject) => Result.Result<JsonObject, InvalidConfig>
): Result.Result<JsonObject, InvalidConfig> =>
  profile === undefined
    ? change(document)
    : Result.map(change(profileOf(document, profile) ?? {}), (values) => ({
      ...document,
      profile: { ...profilesOf(document), [profile]: values }
    }))

const without = (object: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

type Change = Exclude<ReadyStep, { readonly _tag: "Profile" | "DeleteProfile" | "ShowProfile" | "ShowConfig" }>

const change = (
  values: JsonObject,
  step: Change,
  file: string,
  notes: Array<string>
): Result.Result<JsonObject, InvalidConfig> => {
  if (step._tag === "Set") {
    notes.push(...[oddValue(step.key, step.value)].filter((odd) => odd !== undefined))
    return Result.succeed({ ...values, [step.key]: step.value })
  }
  if (step._tag === "Delete") return Result.succeed(without(values, step.key))
  const raw = own(values, step.key) ?? []
  const miss = (element: Json): void => void notes.push(`${step.key} has no ${JSON.stringify(element)}`)
  // An empty list is more than none: with it a node does not listen.
  if (step._tag === "Remove" && !Object.hasOwn(values, step.key)) {
    step.elements.forEach(miss)
    return Result.succeed(values)
  }
  return Result.map(decode(step.key, raw, file), (elements) => ({
    ...values,
    [step.key]: step._tag === "Add"
      ? add(elements, step.elements, !isOfServices(step.key))
      : remove(elements, step.elements, miss)
  }))
}

type Elements = ReadonlyArray<Json>

/** A seed or a bind is there once; of a service there may be several. */
const add = (old: Elements, elements: Elements, isSet: boolean): Elements => [
  ...old.filter((one) => !isSet || !elements.some((other) => Equal.equals(one, other))),
  ...elements
]

const remove = (old: Elements, elements: Elements, miss: (element: Json) => void): Elements => {
  const rest = Array.from(old)
  for (const element of elements) {
    const at = rest.findIndex((other) => Equal.equals(other, element))
    if (at < 0) miss(element)
    else rest.splice(at, 1)
  }
  return rest
}

/** A chain that leads parents in a circle is refused; one that stands in the file already may be repaired. */
const refuseCircles = (
  before: JsonObject,
  after: JsonObject,
  file: string
): Result.Result<void, InvalidConfig> => {
  for (const name of Object.keys(profilesOf(after))) {
    const found = ancestry(after, name, file)
    if (Result.isFailure(found) && Result.isSuccess(ancestry(before, name, file))) {
      return Result.fail(new InvalidConfig({ ...found.failure, from: undefined }))
    }
  }
  return Result.succeed(undefined)
}
