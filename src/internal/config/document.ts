/**
 * What a configuration file holds: keys at its top, and profiles.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { Json, JsonObject } from "effect/Schema"
import { InvalidConfig } from "./errors.ts"

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What an object itself has under a key, whatever the key is called. */
export const own = <A>(object: Readonly<Record<string, A>>, key: string): A | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** A profile of the file. */
export const profileOf = (document: JsonObject, name: string): JsonObject | undefined => {
  const profile = own(profilesOf(document), name)
  return isObject(profile) ? profile : undefined
}

export const profilesOf = (document: JsonObject): JsonObject => {
  const profiles = own(document, "profile")
  return isObject(profiles) ? profiles : {}
}

/** What a profile names as its parent: the name of another profile, if it is right. */
export const parentOf = (document: JsonObject, profile: string): Json | undefined =>
  own(profileOf(document, profile) ?? {}, "parent")

/** A profile and its ancestors, the outermost first. One that is not there has no values, and no parent. */
export const ancestry = (
  document: JsonObject,
  name: string,
  file: string
): Result.Result<ReadonlyArray<string>, InvalidConfig> => {
  const names = [name]
  for (;;) {
    const parent = parentOf(document, names[0]!)
    if (parent === undefined || parent === null) return Result.succeed(names)
    const refuse = (problem: string) =>
      Result.fail(new InvalidConfig({ key: "parent", problem, from: `${file}, profile ${names[0]}` }))
    if (typeof parent !== "string") return refuse(`${JSON.stringify(parent)} is not the name of a profile`)
    if (names.includes(parent)) {
      const circle = [...names.slice(0, names.indexOf(parent) + 1).toReversed(), parent]
      return refuse(`the parents lead in a circle: ${circle.join(", ")}`)
    }
    names.unshift(parent)
  }
}
