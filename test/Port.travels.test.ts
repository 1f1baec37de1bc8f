/** What travels: the same arrives from a port of the node itself and from other nodes, whatever the framing; or the sender is told. */
import { assert, describe } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { runInNewContext } from "node:vm"
import * as Port from "../src/Port.ts"
import { type TestNode, testOver, transports, type World } from "./harness.ts"
import { isSame, mayTravel, type Sample, Samples } from "./internal/values/messageSchemas.ts"

/** A node with ports, and two that are connected to it: one speaks CBOR with it, and one JSON. */
const three = Effect.fnUntraced(function*({ start }: World) {
  const here = yield* start("here")
  const cbor = yield* start("cbor")
  const json = yield* start("json", { framings: ["json"] })
  const port = yield* here.run(Port.make({ ping: (to) => Port.snd(to, "pong") }))
  yield* Effect.forEach([cbor, json], (node) => node.run(Port.cal(port, "ping")), { discard: true })
  return { here, cbor, json }
})

/** The schemas are of any type, which no type can say here. */
const echoOf = (schema: Schema.Codec<any>) => Port.protocol({ echo: Port.message(schema).replies(schema) })

const isUnsendable = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Port.UnsendableMessage

/** What is wrong with the way that a value takes to a port and back. */
const wrongWith = (here: TestNode, from: TestNode, carries: "cbor" | "json", { schema, value }: Sample) =>
  Effect.scoped(Effect.gen(function*() {
    const port = yield* here.run(Port.make(echoOf(schema), { echo: (value: unknown) => Effect.succeed(value) }))
    const exit = yield* from.run(Effect.exit(Port.calTimeout(port, "20 seconds", "echo", value)))
    if (from !== here && !mayTravel(value, carries)) return isUnsendable(exit) ? undefined : `${carries}: not refused`
    if (Exit.isFailure(exit)) return `${carries}: ${Cause.pretty(exit.cause)}`
    return isSame(exit.value, value) ? undefined : `${carries}: it has changed`
  }))

const [[, memory]] = transports

describe("a value of any schema", () => {
  testOver(memory)(
    "comes back the same from here, over CBOR and over JSON, or is refused where it is sent",
    (world) =>
      Effect.gen(function*() {
        const { cbor, here, json } = yield* three(world)
        const result = yield* Arbitrary.checkEffect(Samples, (sample) =>
          Effect.gen(function*() {
            const wrong = (yield* wrongWith(here, here, "cbor", sample)) ??
              (yield* wrongWith(here, cbor, "cbor", sample)) ??
              (yield* wrongWith(here, json, "json", sample))
            return wrong === undefined ? true : yield* Effect.fail(wrong)
          }), { runs: 300 })
        assert.isUndefined(Arbitrary.formatCheckFailure(result))
      })
  )
})

describe.each(transports)("over %s", (_, transport) => {
  const test = testOver(transport)

  test("small bigints, large numbers and -0 come back as they were, whatever the framing", (world) =>
    Effect.gen(function*() {
      const { cbor, here, json } = yield* three(world)
      const echo = yield* here.run(Port.make({ echo: (value, to) => Port.snd(to, value) }))
      const back = (from: TestNode, value: unknown) => from.run(Port.cal(echo, "echo", value))
      for (const value of [-0, 2 ** 53, -(2 ** 60), 1e20, 2n ** 53n, -(2n ** 63n)]) {
        for (const from of [here, cbor, json]) assert.isTrue(Object.is(yield* back(from, value), value))
      }
      for (const value of [0n, 5n, -5n]) {
        for (const from of [here, cbor]) assert.isTrue(Object.is(yield* back(from, value), value))
        const exit = yield* Effect.exit(back(json, value))
        assert.match(
          String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
          /message\[1\] is a bigint that is a number too/
        )
      }
    }))

  test("undefined is refused where JSON would lose it, and the port there lives", (world) =>
    Effect.gen(function*() {
      const { here, json } = yield* three(world)
      const Profile = Schema.Struct({ name: Schema.String, nick: Schema.optional(Schema.String) })
      const names = yield* here.run(Port.make(echoOf(Profile), { echo: (value: unknown) => Effect.succeed(value) }))
      const cal = (value: unknown) => json.run(Effect.exit(Port.cal(names, "echo", value)))
      const exit = yield* cal({ name: "ann", nick: undefined })
      assert.match(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), /message\[1\]\.nick is undefined/)
      assert.deepStrictEqual(yield* cal({ name: "ann" }), Exit.succeed({ name: "ann" }))
    }))

  test("a call may be answered by nothing", (world) =>
    Effect.gen(function*() {
      const { cbor, here, json } = yield* three(world)
      const Store = Port.protocol({
        put: Port.message(Schema.String).replies(Schema.Void),
        get: Port.message().replies(Schema.UndefinedOr(Schema.String))
      })
      const store = yield* here.run(Port.make(Store, { put: () => Effect.void, get: () => Effect.undefined }))
      for (const from of [here, cbor, json]) {
        assert.isUndefined(yield* from.run(Port.cal(store, "put", "x")))
        assert.isUndefined(yield* from.run(Port.cal(store, "get")))
      }
    }))

  test("objects and bytes of another realm are plain", (world) =>
    Effect.gen(function*() {
      const { cbor, here, json } = yield* three(world)
      const echo = yield* here.run(Port.make({ echo: (value, to) => Port.snd(to, value) }))
      const list: unknown = runInNewContext("[{ a: [1, 'x', null] }]")
      for (const from of [cbor, json]) {
        assert.deepStrictEqual(yield* from.run(Port.cal(echo, "echo", list)), [{ a: [1, "x", null] }])
      }
      const bytes: unknown = runInNewContext("new Uint8Array([1, 2])")
      assert.deepStrictEqual(yield* cbor.run(Port.cal(echo, "echo", bytes)), new Uint8Array([1, 2]))
    }))

  test("a check that throws makes the message invalid, and costs its port alone", (world) =>
    Effect.gen(function*() {
      const { cbor, here } = yield* three(world)
      const Url = Schema.String.check(Schema.makeFilter((text: string) => new URL(text).protocol === "https:"))
      const Fetcher = Port.protocol({ fetch: Port.message(Url) })
      const fetcher = yield* here.run(Port.make(Fetcher, { fetch: () => {} }))
      const other = yield* here.run(Port.make({ echo: (value, to) => Port.snd(to, value) }))
      yield* cbor.run(Port.snd(fetcher, "fetch", "no url"))
      const exit = yield* cbor.run(Port.exit(fetcher))
      assert.match(
        String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
        /invalid_message: message "fetch": the check itself failed: TypeError: Invalid URL/
      )
      assert.strictEqual(yield* cbor.run(Port.cal(other, "echo", 1)), 1)
    }))
})
