import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { keys } from "../../../src/internal/config/keys.ts"
import { oddities } from "../../../src/internal/config/oddities.ts"
import { type Arguments, resolve, type Sources } from "../../../src/internal/config/resolve.ts"

const oddWith = (document: JsonObject, flags: Partial<Arguments> = {}): ReadonlyArray<string> => {
  const sources: Sources = {
    document,
    file: "FILE",
    hostname: "host",
    words: { values: {} },
    environment: [],
    flags: { values: {}, ...flags }
  }
  return oddities(sources, Result.getOrThrow(resolve(sources)))
}

describe("what a configuration can hardly mean", () => {
  it("are keys that are none, with those that may have been meant", () => {
    assert.deepStrictEqual(oddWith({ version: 1, sercet: "x", secret: "y", eval: "perl" }), [
      "FILE: there is no key \"sercet\", it means nothing; did you mean \"secret\"?"
    ])
  })

  it("are such keys of the profile that is used, and of those that it inherits from", () => {
    const profile = { a: { parent: "b", nodid: "x" }, b: { colour: "red" }, c: { sedes: "a:1" } }
    assert.deepStrictEqual(oddWith({ profile }, { profile: "a" }), [
      "FILE, profile b: there is no key \"colour\", it means nothing",
      "FILE, profile a: there is no key \"nodid\", it means nothing; did you mean \"nodeid\"?"
    ])
  })

  it("are times that are too short, or in another unit", () => {
    const found = oddWith({ connect_interval: 0.0001, monitor_timeout: 30_000_000 })
    assert.match(found[0]!, /^monitor_timeout: 30000000 seconds are very long; from 0.2 to 86400 make sense$/)
    assert.match(found[1]!, /^connect_interval: 0.0001 seconds are so short a time/)
  })

  it("is nothing of a file that does not count, and none of its own keys", () => {
    assert.deepStrictEqual(oddWith({ sercet: "x" }, { norc: true }), [])
    const all = Object.fromEntries(keys.map((key) => [key, null]))
    assert.deepStrictEqual(
      oddWith({ version: 1, ...all, profile: { host: { ...all, parent: "other" }, other: {} } }),
      []
    )
  })
})
