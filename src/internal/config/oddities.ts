/**
 * What of a configuration can hardly be meant: keys that are none, and values with which a node runs, but not as anybody wants.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { didYouMean } from "../values/didYouMean.ts"
import { ancestry, profileOf } from "./document.ts"
import { isKey, type Key, keys } from "./keys.ts"
import type { Resolved, Sources } from "./resolve.ts"

/** Times in seconds that make sense, from the shortest to the longest. */
const sensibleSeconds: { readonly [K in Key]?: readonly [least: number, most: number] } = {
  connect_interval: [0.05, 600],
  monitor_timeout: [0.2, 86_400]
}

/** What is odd with the value of a key. */
export const oddValue = (key: string, value: unknown): string | undefined => {
  const [least, most] = (isKey(key) ? sensibleSeconds[key] : undefined) ?? [-Infinity, Infinity]
  if (typeof value !== "number" || (value >= least && value <= most)) return undefined
  const what = value < least ? `so short a time that nothing can happen in it` : `very long`
  return `${key}: ${value} seconds are ${what}; from ${least} to ${most} make sense`
}

/** Keys beside those of a node, at the top and in a profile. `eval` holds Perl code for AnyEvent::MP. */
const topKeys = ["version", "profile", "eval"]
const profileKeys = ["parent", "eval"]

const unknownKeys = (object: JsonObject, others: ReadonlyArray<string>, where: string): ReadonlyArray<string> => {
  const known = [...keys, ...others]
  return Object.keys(object).filter((name) => !known.includes(name))
    .map((name) => `${where}: there is no key ${JSON.stringify(name)}, it means nothing${didYouMean(name, known)}`)
}

/** All of it, for the profile that is used. */
export const oddities = (
  { document, file, flags, words }: Sources,
  { profile, settings }: Resolved
): ReadonlyArray<string> => {
  const isRead = !(flags.norc ?? words.norc ?? false)
  const profiles = isRead ? Result.getOrElse(ancestry(document, profile, file), () => []) : []
  return [
    ...isRead ? unknownKeys(document, topKeys, file) : [],
    ...profiles.flatMap((name) =>
      unknownKeys(profileOf(document, name) ?? {}, profileKeys, `${file}, profile ${name}`)
    ),
    ...keys.flatMap((key) => oddValue(key, settings[key]?.value) ?? [])
  ]
}
