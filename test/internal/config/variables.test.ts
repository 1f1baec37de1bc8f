import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { kinds } from "../../../src/internal/config/keys.ts"
import { keyOf, nodeOptions, optionNames, runOptions } from "../../../src/internal/config/options.ts"
import { readValue } from "../../../src/internal/config/text.ts"
import { nodeConfig, placeConfig } from "../../../src/internal/config/variables.ts"

type Variables = Readonly<Record<string, unknown>>
type Wrapped = Parameters<typeof nodeConfig>[0]

const nodeNames = optionNames.filter((name) => name !== "seeds")
const variableOf = (name: keyof typeof keyOf): string => `EMP_${keyOf[name].toUpperCase()}`

const by = (provider: ConfigProvider.ConfigProvider, wrapped: Wrapped = {}) =>
  Effect.gen(function*() {
    return { ...yield* nodeConfig(wrapped), ...yield* placeConfig({}) }
  }).pipe(Effect.provide([ConfigProvider.layer(provider), NodeFileSystem.layer]))
const inEnvironment = (variables: Record<string, string>, wrapped?: Wrapped) =>
  by(ConfigProvider.fromEnv({ env: variables }), wrapped)
const elsewhere = (variables: Variables) => by(ConfigProvider.fromUnknown(variables))

/** What the configuration file makes of a value. */
const inFile = (name: keyof typeof keyOf, text: string) =>
  Effect.gen(function*() {
    const key = keyOf[name]
    const value = kinds[key].isList ? yield* Effect.fromResult(readValue(key, text)) : text
    const options = yield* runOptions({
      document: { [key]: value },
      file: "FILE",
      hostname: "host",
      words: { values: {} },
      environment: [],
      flags: { values: {} }
    })
    return options[name]
  }).pipe(Effect.provide(NodeFileSystem.layer))

/** Values that can be compared. */
const plain = (value: unknown): unknown => Redacted.isRedacted(value) ? Redacted.value(value) : value
const messageOf = (error: { readonly message: string }): string => error.message

/** Texts that are values of some keys, and others that are near to it. */
const Text = Schema.Union([
  Schema.String,
  Schema.Literals([
    "4040",
    "*:4040,4041",
    "[::1]:4040",
    "[]",
    `["a:1","b:2"]`,
    `["a:1",]`,
    "[",
    "a:b:c",
    "host:1 , host:2"
  ]),
  Schema.Literals(["0", "1", "yes", "off", "0.5", "1e3", "-1", "NaN", "Infinity", "32768", "32767"]),
  Schema.Literals([
    "json",
    "cbor,json",
    "storable",
    "json,storable",
    "tls_anon",
    "cleartext,tls_sha3_512",
    "nowhere.pem"
  ]),
  Schema.Literals([
    "anon/",
    "%n/%u",
    "a#b",
    "sword fish",
    "a,b",
    "{\"a\":1}",
    "\"text\"",
    "null",
    "test/fixtures/certs/shared.pem"
  ])
])

describe("the variables of a node", () => {
  it("are none of those that have nothing to say", async () => {
    const empty = Object.fromEntries(optionNames.map((name) => [variableOf(name), ""]))
    const options = await Effect.runPromise(inEnvironment(empty))
    assert.deepStrictEqual(Object.values(options).filter((value) => value !== undefined), [])
    assert.deepStrictEqual(await Effect.runPromise(inEnvironment({})), options)
  })

  it.effect.prop(
    "mean what the same text means in the file",
    [Schema.Literals(optionNames), Text],
    ([name, text]) =>
      Effect.gen(function*() {
        if (text === "") return
        const variable = variableOf(name)
        const found = yield* Effect.result(Effect.map(inEnvironment({ [variable]: text }), (options) => options[name]))
        const expected = yield* Effect.result(inFile(name, text))
        assert.strictEqual(Result.isSuccess(found), Result.isSuccess(expected), text)
        assert.deepStrictEqual(
          Result.getOrUndefined(Result.map(found, plain)),
          Result.getOrUndefined(Result.map(expected, plain))
        )
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop("are named where they are wrong, and a secret is not repeated", [Schema.Literals(optionNames), Text], (
    [name, text]
  ) =>
    Effect.gen(function*() {
      const found = yield* Effect.result(inEnvironment({ [variableOf(name)]: text }))
      if (Result.isSuccess(found)) return
      const { failure } = found
      assert.strictEqual(failure._tag, "ConfigError")
      assert.include(messageOf(failure), variableOf(name))
      if (name === "secret" && text.length > 3) assert.notInclude(messageOf(failure), text)
    }), { arbitrary: { runs: 300 } })

  it("that name a certificate which cannot be read are told with its path", async () => {
    const error = await Effect.runPromise(Effect.flip(inEnvironment({ EMP_CERT: "nowhere.pem" })))
    assert.match(messageOf(error), /nowhere\.pem: there is no such file\s+at \["EMP_CERT"\]/)
  })

  it("may be lists, numbers and truths where the provider knows of them", async () => {
    const options = await Effect.runPromise(elsewhere({
      EMP_BINDS: ["a:1", "b:2"],
      EMP_SEEDS: ["c:3"],
      EMP_NODE_ID_IN_CERT: true,
      EMP_MAX_MESSAGE_SIZE: 40_000
    }))
    const { binds, maxMessageSize, nodeIdInCert, seeds } = options
    assert.deepStrictEqual([binds, seeds, nodeIdInCert, maxMessageSize], [["a:1", "b:2"], ["c:3"], true, 40_000])
  })

  it.each(nodeNames)("make room for a Config of the program: %s", async (name) => {
    // No option may be this, and there is no such file.
    const wrong = { [variableOf(name)]: "#\u0100:b:c" }
    assert.isTrue(Exit.isFailure(await Effect.runPromiseExit(inEnvironment(wrong))))
    const options = await Effect.runPromise(inEnvironment(wrong, { [name]: Config.succeed(undefined) }))
    assert.isUndefined(options[name])
  })

  it("are not looked at beside one Config of everything", async () => {
    const options = await Effect.runPromise(inEnvironment({ EMP_BINDS: "[" }, Config.succeed({ nodeId: "here" })))
    assert.deepStrictEqual(options, { nodeId: "here", seeds: undefined })
  })

  it("give every option that a configuration has", async () => {
    const options = await Effect.runPromise(Effect.provide(nodeOptions({}), NodeFileSystem.layer))
    assert.sameMembers(Object.keys(options), [...nodeNames])
  })
})
