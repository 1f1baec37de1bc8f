/**
 * A configuration as text for people, and as JSON for programs. Secrets are not shown unless somebody asks for them.
 *
 * @internal
 */
import type { Json, JsonObject } from "effect/Schema"
import { isObject, profilesOf } from "../../config/document.ts"
import { columns } from "../terminal/screen.ts"
import type { Shown } from "./edit.ts"

export interface ShowOptions {
  readonly json: boolean
  readonly secrets: boolean
}

/** What stands for a secret, whatever its length. */
const mask = "********"

/** Who logs in to a server of NATS stands before its host. */
const maskedServers = (value: Json): Json =>
  typeof value === "string" ? value.replaceAll(/[^/@,\s]+(?=@)/g, mask) : value

const masked = (key: string, value: Json, { secrets }: ShowOptions): Json => {
  if (secrets) return value
  if (key === "secret" && Array.isArray(value)) return value.map(() => mask)
  if (key === "nats") return Array.isArray(value) ? value.map(maskedServers) : maskedServers(value)
  if (typeof value !== "string") return value
  // The path of a certificate is none of it.
  return key === "secret" || (key === "cert" && value.includes("-----BEGIN")) ? mask : value
}

const maskedValues = (values: JsonObject, options: ShowOptions): JsonObject =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, masked(key, value, options)]))

const maskedDocument = (document: JsonObject, options: ShowOptions): JsonObject => {
  const profiles = Object.entries(profilesOf(document))
    .map(([name, values]) => [name, isObject(values) ? maskedValues(values, options) : values] as const)
  const top = maskedValues(document, options)
  return "profile" in document ? { ...top, profile: Object.fromEntries(profiles) } : top
}

/** Texts as they are, lists of texts with commas; everything else as JSON. */
const plain = (value: Json): string => {
  if (typeof value === "string") return value === "" ? "\"\"" : value.trimEnd()
  if (!Array.isArray(value)) return JSON.stringify(value)
  if (value.length === 0) return "(none)"
  return value.every((element) => typeof element === "string") ? value.join(",") : JSON.stringify(value)
}

const indented = (rows: ReadonlyArray<ReadonlyArray<string>>): string => columns(rows, "left").replaceAll(/^/gm, "  ")

const values = (object: JsonObject): string =>
  Object.keys(object).length === 0
    ? "  (nothing)"
    : indented(Object.entries(object).map(([key, value]) => [key, plain(value)]))

/** One thing that a chain shows. */
export const show = (shown: Shown, file: string, options: ShowOptions): string => {
  switch (shown._tag) {
    case "Profile": {
      const object = maskedValues(shown.values, options)
      return options.json ? format(object) : `profile ${shown.name}\n${values(object)}`
    }
    case "File": {
      const document = maskedDocument(shown.document, options)
      if (options.json) return format(document)
      const { profile: _, version: __, ...top } = document
      const profiles = Object.entries(profilesOf(document))
        .map(([name, object]) => `profile ${name}\n${isObject(object) ? values(object) : "  (nothing)"}`)
      return [`${file}\n${values(top)}`, ...profiles].join("\n")
    }
    case "Config": {
      const { profile, settings } = shown.resolved
      const rows = Object.entries(settings)
        .map(([key, { from, value }]) => ({ key, from, value: masked(key, value, options) }))
      return options.json
        ? format(Object.fromEntries(rows.map(({ from, key, value }) => [key, { value, from }])))
        : `what profile ${profile} comes to\n${indented(rows.map(({ from, key, value }) => [key, from, plain(value)]))}`
    }
  }
}

const format = (value: Json): string => JSON.stringify(value, undefined, 2)
