import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { NodeLog } from "../../../src/internal/node/nodeLog.ts"
import { Killed } from "../../../src/internal/values/reason.ts"
import { makeLogs } from "../../harness.ts"

const makeLog = Effect.map(Effect.context<Scope.Scope>(), (context) => new NodeLog("a", context))

describe("what others can cause", () => {
  it.effect("is told a few times, and counted when the minute is over", () => {
    const { layer, lines } = makeLogs()
    return Effect.gen(function*() {
      const log = yield* makeLog
      for (let i = 1; i <= 1000; i++) log.warnSome("kind", `line ${i}`)
      for (let i = 1; i <= 6; i++) log.alarm("another", `alarm ${i}`)
      const told = ["WARN", "ERROR"].flatMap((level) =>
        [1, 2, 3, 4, 5].map((i) => `${level} a ${level === "WARN" ? "line" : "alarm"} ${i}`)
      )
      assert.deepStrictEqual(lines, told)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(lines, told)
      yield* TestClock.adjust("1 seconds")
      assert.sameMembers(lines.slice(told.length), [
        "WARN a line 1000 ... 995 more like it within a minute",
        "ERROR a alarm 6 ... 1 more like it within a minute"
      ])
      log.warnSome("kind", "later")
      assert.strictEqual(lines.at(-1), "WARN a later")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is counted at the end of the node, and nothing is left to wait for", () => {
    const { layer, lines } = makeLogs()
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const log = yield* Scope.provide(makeLog, scope)
      for (let i = 1; i <= 8; i++) log.warnSome("kind", `line ${i}`)
      log.close()
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(lines.at(-1), "WARN a line 8 ... 3 more like it within a minute")
      for (let i = 1; i <= 1000; i++) log.warnSome("kind", `line ${i}`)
      assert.strictEqual(lines.length, 11)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(lines.length, 11)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is one kind for all ports that end for one reason, and nobody monitored", () => {
    const { layer, lines } = makeLogs()
    return Effect.gen(function*() {
      const log = yield* makeLog
      for (let i = 1; i <= 20_000; i++) {
        log.unmonitored(`a#${i}`, Exit.fail(new Killed({ port: `a#${i}`, reason: ["fail", `one error ${i}`] })))
      }
      log.unmonitored("a#x", Exit.fail(new Killed({ port: "a#x", reason: ["mine"] })))
      assert.strictEqual(lines.length, 6)
      yield* TestClock.adjust("1 minute")
      assert.include(lines.at(-1), "port a#20000, which nobody monitored, has ended")
      assert.include(lines.at(-1), "19,995 more like it")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
