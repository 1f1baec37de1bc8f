import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { readCatalogue } from "../src/internal/errorCatalogue.ts"
import { linkErrorReasons } from "../src/internal/linkError.ts"

const root = new URL("../src/", import.meta.url)

const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => readFileSync(new URL(file, root), "utf8"))
  // Examples in comments make up errors of their own.
  .map((text) => text.replaceAll(/\/\*[\s\S]*?\*\//g, ""))

const all = (pattern: RegExp): ReadonlyArray<string> =>
  sources.flatMap((text) => Array.from(text.matchAll(pattern), ([, tag]) => tag!))

/** Reason lists begin with a tag: `["die", ...]`, and `kil(port, "tag", ...)`. */
const killReasons = new Set([
  // `provider` is a key of the greeting.
  ...all(/\[\s*"(?!provider)([a-z_]+)",\s*(?:describe\(|`|"(?:cannot|the) |isPortId|this\.|text)/g),
  ...all(/Port\.kil\(\w+, "([a-z_]+)"/g),
  ...all(/\["(fail|die|interrupted|mailbox_overflow|transport_error)"/g)
])
const classes = new Set([
  ...all(/Schema\.TaggedError<\w+>\(\)\("(\w+)"/g),
  ...all(/readonly _tag = "(\w+)"\n/g)
])

describe("the error catalogue", () => {
  it.effect("has an entry for every reason of a LinkError, every kill reason and every error class", () =>
    Effect.gen(function*() {
      const catalogue = yield* readCatalogue
      assert.isAbove(killReasons.size, 8)
      assert.isAbove(classes.size, 6)
      const missing = [...linkErrorReasons, ...killReasons, ...classes].filter((tag) => !catalogue.has(tag))
      assert.deepStrictEqual(missing, [])
    }))

  it.effect("has no entry for anything else", () =>
    Effect.gen(function*() {
      const known = new Set<string>([...linkErrorReasons, ...killReasons, ...classes])
      const catalogue = yield* readCatalogue
      assert.deepStrictEqual(Array.from(catalogue.keys()).filter((tag) => !known.has(tag)), [])
    }))

  it.effect("says in the first line of each entry what happened, and below it what to do", () =>
    Effect.gen(function*() {
      for (const [tag, entry] of yield* readCatalogue) assert.match(entry, /^[A-Z`].*\.\n\n\S/, tag)
    }))
})
