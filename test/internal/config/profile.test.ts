import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as os from "node:os"
import { keyOf, optionNames, runOptions } from "../../../src/internal/config/options.ts"
import { type Given, profileOptions } from "../../../src/internal/config/profile.ts"
import { makeLogs } from "../../harness.ts"

/** For each option what a program may give, what the flag for it is, and what else may stand in the file. */
const values: {
  readonly [O in keyof typeof keyOf]: readonly [option: Given[O], flag: Schema.Json, file: Schema.Json]
} = {
  nodeId: ["mine", "mine", "its/"],
  secret: [[Redacted.make("ours"), Redacted.make("older")], ["ours", "older"], "theirs"],
  cert: ["-----BEGIN ours", "-----BEGIN ours", "nowhere.pem"],
  nodeIdInCert: [true, true, false],
  binds: [[], [], "4040,4041"],
  advertise: [["a.example"], ["a.example"], "b.example:4040,c.example"],
  scopes: [["vpn"], "vpn", ["vpn", "public"]],
  seeds: [["a:1"], ["a:1"], ["b:2", "c:3"]],
  monitorTimeout: [Duration.seconds(7), 7, "9.5"],
  connectInterval: [Duration.millis(500), 0.5, 3],
  framings: [["json"], ["json"], ["cbor", "storable"]],
  authOffer: [["tls_anon"], ["tls_anon"], "hmac_sha3_512"],
  authAccept: [["cleartext"], "cleartext", ["tls_sha3_512"]],
  maxMessageSize: [40_000, "40000", 50_000],
  drainTimeout: [Duration.seconds(3), 3, "2.5"],
  guests: [{ links: 7 }, { links: 7 }, true]
}

/** What the file has of an option. */
const Held = Schema.Tuple([
  Schema.Literals(optionNames),
  Schema.Literals(["a value", "another", "null", "what is wrong"])
])
const Holdings = Schema.Array(Held)

const holding = (all: typeof Holdings.Type): Schema.JsonObject =>
  Object.fromEntries(all.map(([name, held]) => {
    const ours = values[name][1]
    return [
      keyOf[name],
      { "a value": values[name][2], "another": ours, "null": null, "what is wrong": { wrong: 1 } }[held]
    ]
  }))

const plain = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(plain) : Redacted.isRedacted(value) ? Redacted.value(value) : value

describe("what a program gives beside its profile", () => {
  it.effect.prop(
    "counts as flags do for emp run, whatever file and environment have",
    [Holdings, Holdings, Schema.Array(Schema.Literals(optionNames)), Schema.Literals(["", "of the environment"])],
    ([top, profile, names, secret]) =>
      Effect.gen(function*() {
        const atTop = holding(top)
        const inProfile = holding(profile)
        const document = { ...atTop, profile: { mine: inProfile } }
        const given = Object.fromEntries(names.map((name) => [name, values[name][0]]))
        const isSaid = (name: keyof typeof keyOf): boolean => {
          if (names.includes(name) || name === "secret" && secret !== "") return true
          const key = keyOf[name]
          return (key in inProfile ? inProfile[key] : atTop[key] ?? null) !== null
        }
        const files = FileSystem.layerNoop({
          readFile: () => Effect.succeed(new TextEncoder().encode(JSON.stringify(document)))
        })
        const variables = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { EMP_SECRET: secret } }))
        const found = yield* Effect.result(
          profileOptions("mine", { ...given, file: "FILE" }).pipe(Effect.provide([files, variables, makeLogs().layer]))
        )
        const expected = yield* Effect.result(
          runOptions({
            document,
            file: "FILE",
            hostname: os.hostname(),
            words: { values: {} },
            environment: [{ variable: "EMP_SECRET", values: { secret: secret || undefined } }],
            flags: { profile: "mine", values: Object.fromEntries(names.map((name) => [keyOf[name], values[name][1]])) }
          }).pipe(Effect.provide([files, makeLogs().layer]))
        )
        if (Result.isFailure(expected)) {
          return assert.deepStrictEqual(Result.isFailure(found) && found.failure.message, expected.failure.message)
        }
        const options = Result.getOrThrow(found)
        for (const name of optionNames) {
          if (options[name] !== undefined) {
            assert.deepStrictEqual(plain(options[name]), plain(expected.success[name]), name)
          } else assert.isFalse(isSaid(name), `${name} is left to the node, though somebody says what it is`)
        }
      }),
    { arbitrary: { runs: 300 } }
  )
})
