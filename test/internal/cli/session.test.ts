import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { type Session, TimedOut, withHalfTheTime, within } from "../../../src/internal/cli/network/session.ts"

const sources = { document: {}, file: "", hostname: "", words: { values: {} }, environment: [], flags: { values: {} } }
const session = (endsAtMillis: number | undefined): Session => ({
  sources,
  nodeId: "emp/",
  timeoutSeconds: 5,
  endsAtMillis,
  json: false
})

/** What becomes of two questions, one after the other, when so much time has passed. */
const afterSeconds = Effect.fnUntraced(function*(endsAtMillis: number | undefined, seconds: number) {
  const answers: Array<string> = []
  const question = (takesSeconds: number) =>
    Effect.tap(
      Effect.exit(within(session(endsAtMillis), Effect.sleep(`${takesSeconds} seconds`), "nothing came")),
      (exit) => Effect.sync(() => answers.push(exit._tag))
    )
  const both = yield* Effect.forkChild(Effect.andThen(question(4), question(4)))
  yield* TestClock.adjust(`${seconds} seconds`)
  yield* Fiber.interrupt(both)
  return answers
})

describe("the time of a command", () => {
  it.effect("is for all that it waits for", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterSeconds(5000, 4), ["Success"])
    }))

  it.effect("is up when it is up, whatever has been answered until then", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterSeconds(5000, 5), ["Success", "Failure"])
    }))

  it.effect("is that of each answer if the command goes on", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterSeconds(undefined, 8), ["Success", "Success"])
    }))

  it.effect("is left for others by half when many are asked", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* withHalfTheTime(session(5000))).endsAtMillis, 3000)
      assert.strictEqual((yield* withHalfTheTime(session(undefined))).endsAtMillis, undefined)
    }))

  it.effect("says for what was waited, and how long", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.forkChild(Effect.exit(within(session(5000), Effect.never, "nothing came")))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        yield* Fiber.join(waiting),
        Exit.fail(new TimedOut({ problem: "nothing came (after 5 s)" }))
      )
    }))
})
