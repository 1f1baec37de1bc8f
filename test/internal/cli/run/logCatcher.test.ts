/** Who gets a node's log lines, and when they get no more. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { catcher, catchingLogger, logsRequest } from "../../../../src/internal/cli/run/logCatcher.ts"
import { NodeRouter } from "../../../../src/internal/node/router.ts"
import * as Node from "../../../../src/Node.ts"
import * as Port from "../../../../src/Port.ts"
import { quiet, sleep, test as testLocal } from "../../../supervised.ts"

const test: typeof testLocal = (title, body) =>
  testLocal(title, () =>
    Effect.gen(function*() {
      catcher.attach(yield* NodeRouter)
      return yield* body()
    }).pipe(
      Effect.provide(Logger.layer([catchingLogger])),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    ))

/** A port that keeps the levels and texts of the lines that it gets. */
const listener = Effect.gen(function*() {
  const lines: Array<string> = []
  const port = yield* Port.make({
    line: (...[_at, level, text]: ReadonlyArray<unknown>) => {
      lines.push(`${String(level)} ${String(text)}`)
    }
  })
  return { lines, port }
})

const subscribe = (port: unknown, level: unknown = "Info") =>
  Effect.flatMap(Node.id, (id) => Effect.map(Port.calMessage(id, logsRequest, level, port), ([accepted]) => accepted))

/** Logs a line, and lets it arrive. */
const log = (text: string) => Effect.andThen(Effect.logInfo(text), quiet)

describe("emp_logs", () => {
  test("passes lines on from a level", () =>
    Effect.gen(function*() {
      const { lines, port } = yield* listener
      assert.isTrue(yield* subscribe(port, "Warn"))
      yield* Effect.logDebug("one")
      yield* Effect.logInfo("two")
      yield* Effect.logWarning("three", { a: 1 })
      yield* Effect.logError("four")
      yield* quiet
      assert.deepStrictEqual(lines, ["Warn three {\"a\":1}", "Error four"])
    }))

  test("passes on what is no JSON, and whoever logs it goes on", () =>
    Effect.gen(function*() {
      const { lines, port } = yield* listener
      assert.isTrue(yield* subscribe(port))
      const ring: Array<unknown> = []
      ring.push(ring)
      yield* Effect.logInfo("big", { n: 10n }, ring, 2n ** 64n)
      yield* quiet
      assert.deepStrictEqual(lines, ["Info big [object Object] [object Array] 18446744073709551616"])
    }))

  test("keeps one subscription for a port: the last level counts", () =>
    Effect.gen(function*() {
      const { lines, port } = yield* listener
      assert.isTrue(yield* subscribe(port, "Fatal"))
      assert.isTrue(yield* subscribe(port, "Info"))
      yield* log("once")
      assert.deepStrictEqual(lines, ["Info once"])
    }))

  test("ends after a minute, unless it is asked for again", () =>
    Effect.gen(function*() {
      const { lines, port } = yield* listener
      yield* subscribe(port)
      yield* sleep("50 seconds")
      yield* subscribe(port)
      yield* sleep("50 seconds")
      yield* log("heard")
      yield* sleep("11 seconds")
      yield* log("late")
      assert.deepStrictEqual(lines, ["Info heard"])
    }))

  test("ends with the port", () =>
    Effect.gen(function*() {
      const { port } = yield* listener
      const router = yield* NodeRouter
      const sent: Array<string> = []
      const { offer } = router
      router.offer = (to, message) => {
        sent.push(to)
        return offer.call(router, to, message)
      }
      yield* subscribe(port)
      yield* log("heard")
      assert.deepStrictEqual(sent.filter((to) => to === port), [port])
      yield* Port.kil(port)
      yield* quiet
      yield* log("for nobody")
      assert.deepStrictEqual(sent.filter((to) => to === port), [port])
    }))

  test("refuses what makes no sense, and ports of other nodes", () =>
    Effect.gen(function*() {
      const { lines, port } = yield* listener
      for (
        const [to, level] of [[port, "loud"], [port, null], [port, ["Info"]], ["", "Info"], [null, "Info"], [
          "other#port",
          "Info"
        ]] as const
      ) assert.isFalse(yield* subscribe(to, level), `${String(to)} ${String(level)}`)
      yield* log("for nobody")
      assert.deepStrictEqual(lines, [])
    }))

  test("has a hundred listeners at most; those whose time is over make room, though nothing was logged", () =>
    Effect.gen(function*() {
      const ports = yield* Effect.forEach(Array.from({ length: 101 }), () => listener)
      const accepted = yield* Effect.forEach(ports, ({ port }) => subscribe(port))
      assert.deepStrictEqual(accepted, [...Array.from({ length: 100 }, () => true), false])
      yield* sleep("61 seconds")
      assert.isTrue(yield* subscribe(ports[100]!.port))
      yield* log("heard")
      assert.deepStrictEqual(ports.filter(({ lines }) => lines.length > 0), [ports[100]])
    }))
})
