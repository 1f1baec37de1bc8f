import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { NodeLog } from "../../../src/internal/node/nodeLog.ts"
import { exitFromReason, Killed } from "../../../src/internal/values/reason.ts"
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

describe("what code of users fails with", () => {
  it.effect("is told a few times for one place in the code, however many ports it ends", () => {
    const { layer, lines } = makeLogs()
    return Effect.gen(function*() {
      const log = yield* makeLog
      const one = () => new TypeError("one")
      const other = () => new TypeError("other")
      for (let i = 1; i <= 10_000; i++) log.crash(`port a#${i} failed`, "port", Cause.die(one()))
      log.crash("port a#x failed", "port", Cause.die(other()))
      assert.strictEqual(lines.length, 6)
      assert.match(lines[5]!, /^ERROR a port a#x failed TypeError: other\n +at other \(.*nodeLog\.test\.ts/)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(lines[6], "ERROR a port a#10000 failed ... 9,995 more like it within a minute")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is told, whatever it is", () => {
    const { layer, lines } = makeLogs()
    return Effect.gen(function*() {
      const log = yield* makeLog
      const unreadable = new Error("hidden")
      Object.defineProperty(unreadable, "stack", {
        get: () => {
          throw new Error("no stack")
        }
      })
      for (const cause of [undefined, null, "text", Symbol("s"), unreadable]) log.crash("it failed", "kind", cause)
      for (const reason of [["mine", 1], []]) {
        log.unmonitored("a#1", exitFromReason("a#1", reason))
      }
      assert.isAbove(lines.length, 3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

describe("the life of a node", () => {
  it.effect("is told without an end, and keeps no error from being told", () => {
    const { layer, life, lines } = makeLogs()
    return Effect.gen(function*() {
      const log = yield* makeLog
      for (let i = 1; i <= 1000; i++) log.life("up", `node n${i} is up: here`, `n${i}`)
      for (let i = 1; i <= 1000; i++) log.life("down", "node flapping is down: gone", "flapping")
      log.alarm("kind", "an error")
      assert.deepStrictEqual(lines, ["ERROR a an error"])
      assert.isAtLeast(life.length, 256)
      assert.isAtMost(life.length, 300)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("with nodes of commands is for those who look closely, and so is that of a command", () => {
    const { layer, life } = makeLogs()
    return Effect.gen(function*() {
      const context = yield* Effect.context<Scope.Scope>()
      new NodeLog("a", context).life("up", "node emp/1 is up: here", "emp/1")
      new NodeLog("emp/1", context).life("up", "node a is up: here", "a")
      new NodeLog("emp/1", context).life("starting", "node emp/1 starts: now")
      assert.deepStrictEqual(life, [])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
