import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import {
  exitFromReason,
  Killed,
  type Reason,
  reasonFromCause,
  reasonFromExit
} from "../../../src/internal/values/reason.ts"
import { CborValue } from "./plainValues.ts"

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String, left: Schema.Int }) {
  override get message(): string {
    return `no ${this.item} left`
  }
}

/** An end that another port's end brought along. */
const killed = (reason: Reason): Killed => new Killed({ port: "a#b", reason })

const reasonOf = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<Reason> =>
  Effect.map(Effect.exit(effect), reasonFromExit)

describe("a reason list", () => {
  it("that is empty is a normal end", () => {
    assert.deepStrictEqual(exitFromReason("a#b", []), Exit.void)
    assert.deepStrictEqual(reasonFromExit(Exit.succeed("whatever")), [])
  })

  it("that is not empty is a failure, which names the port", () => {
    const exit = exitFromReason("a#b", ["die", "text", { more: 1 }])
    assert.isTrue(Exit.isFailure(exit))
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(error, Killed)
    assert.strictEqual(error.port, "a#b")
    assert.deepStrictEqual(error.reason, ["die", "text", { more: 1 }])
  })

  it.effect.prop(
    "survives the way through an Exit",
    [Schema.Array(CborValue)],
    ([reason]) => Effect.sync(() => assert.deepStrictEqual(reasonFromExit(exitFromReason("a#b", reason)), reason))
  )
})

describe("the reason of an end", () => {
  it.effect("by a failure is its text and its fields", () =>
    Effect.gen(function*() {
      const fields = { _tag: "OutOfStock", item: "tea", left: 0 }
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(new OutOfStock({ item: "tea", left: 0 }))), [
        "fail",
        "OutOfStock: no tea left",
        fields
      ])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(Object.assign(new RangeError("off"), { by: 2 }))), [
        "fail",
        "RangeError: off",
        { name: "RangeError", by: 2 }
      ])
    }))

  it.effect("by a failure that is plain data is that", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reasonOf(Effect.fail("text")), ["fail", "text", "text"])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail({ code: 7 })), ["fail", "{\"code\":7}", { code: 7 }])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(7n)), ["fail", "7", 7n])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(null)), ["fail", "null", null])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(undefined)), ["fail", "undefined", undefined])
    }))

  it.effect("by a failure that cannot travel is its text alone", () =>
    Effect.gen(function*() {
      const cycle: Record<string, unknown> = {}
      cycle["self"] = cycle
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(cycle)), ["fail", "[object Object]"])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(Object.assign(new Error("x"), { on: new Map() }))), [
        "fail",
        "Error: x"
      ])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(Symbol("s"))), ["fail", "Symbol(s)"])
    }))

  it.effect("by a defect is AEMP's die", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reasonOf(Effect.die(new TypeError("x is not a function"))), [
        "die",
        "TypeError: x is not a function"
      ])
      assert.deepStrictEqual(yield* reasonOf(Effect.die(new TypeError(""))), ["die", "TypeError"])
      assert.deepStrictEqual(yield* reasonOf(Effect.die("text")), ["die", "text"])
      assert.deepStrictEqual(yield* reasonOf(Effect.die({ a: 1 })), ["die", "{\"a\":1}"])
    }))

  it.effect("by something that has no text still is a reason", () =>
    Effect.gen(function*() {
      const cycle: Record<string, unknown> = Object.create(null)
      cycle["self"] = cycle
      assert.deepStrictEqual(yield* reasonOf(Effect.die(cycle)), ["die", "[object Object]"])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail(cycle)), ["fail", "[object Object]"])
    }))

  it.effect("has a text that can travel", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reasonOf(Effect.die(new Error("a\ud800b"))), ["die", "Error: a\ufffdb"])
      assert.deepStrictEqual(yield* reasonOf(Effect.fail("\udc00")), ["fail", "\ufffd"])
    }))

  it.effect("by interruption says so", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.never, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.await(fiber)), [
        "interrupted",
        "the fiber or scope that the port belonged to was interrupted"
      ])
    }))

  it("by many things is the first that failed, interruptions aside", () => {
    const interrupt = Cause.interrupt(1)
    const [fail, die] = [Cause.fail("f"), Cause.die("d")]
    assert.deepStrictEqual(reasonFromCause(Cause.combine(interrupt, fail)), ["fail", "f", "f"])
    assert.deepStrictEqual(reasonFromCause(Cause.combine(interrupt, die)), ["die", "d"])
    assert.deepStrictEqual(reasonFromCause(Cause.combine(die, fail)), ["die", "d"])
    assert.deepStrictEqual(reasonFromCause(Cause.combine(fail, die)), ["fail", "f", "f"])
  })

  it("that another port's end brought along is the first one of the chain", () => {
    const first = ["die", "of old age", { years: 100 }]
    assert.deepStrictEqual(reasonFromCause(Cause.fail(killed(first))), first)
    assert.deepStrictEqual(
      reasonFromExit(exitFromReason("c#d", reasonFromCause(Cause.fail(killed(first))))),
      first
    )
  })

  it("is not normal for a failure with the normal end of another port", () => {
    const [tag, text] = reasonFromCause(Cause.fail(killed([])))
    assert.deepStrictEqual([tag, text], ["fail", "Killed: port a#b ended"])
  })
})

describe("an error that cannot be looked at", () => {
  class Broken extends Error {
    override get message(): string {
      throw new Error("no message")
    }
  }
  const no = (): never => {
    throw new Error("no")
  }
  const odd: ReadonlyArray<readonly [string, unknown]> = [
    ["a getter that throws", Object.defineProperty({}, "field", { get: no, enumerable: true })],
    ["an Error with one", Object.defineProperty(new Error("text"), "field", { get: no, enumerable: true })],
    ["a message that throws", new Broken()],
    ["a name that is no text", Object.assign(new Error("text"), { name: Symbol("name") })],
    ["a name without text", Object.assign(new Error("text"), { name: Object.create(null) as unknown })],
    ["JSON that is nothing", { toJSON: () => undefined }],
    ["JSON that throws", { toJSON: no }],
    ["a proxy that throws", new Proxy({}, { get: no, ownKeys: no })]
  ]
  for (const [what, error] of odd) {
    it.effect(`${what}: the port ends all the same, with a text`, () =>
      Effect.gen(function*() {
        for (const effect of [Effect.fail(error), Effect.die(error)]) {
          const [tag, text] = yield* reasonOf(effect)
          assert.include(["fail", "die"], tag)
          assert.isString(text)
          assert.isString(new Killed({ port: "a#b", reason: [error] }).message)
        }
      }))
  }
})

describe("the message of Killed", () => {
  it("has the reason in one line", () => {
    assert.strictEqual(killed(["die", "text", { a: [1] }, 2]).message, "port a#b was killed: die: text: {\"a\":[1]}: 2")
    assert.strictEqual(killed([]).message, "port a#b ended")
  })

  it("holds what JSON cannot", () => {
    assert.strictEqual(killed(["x", 1n, undefined]).message, "port a#b was killed: x: 1: undefined")
  })

  it.effect.prop(
    "never throws",
    [Schema.Array(CborValue)],
    ([reason]) => Effect.sync(() => assert.match(killed(reason).message, /^port a#b /)),
    { arbitrary: { runs: 500 } }
  )
})
