/** Who gets a node's log lines, and when they get no more. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { LogCatcher, loggerOf } from "../../../../src/internal/cli/run/logCatcher.ts"
import { logLevelRequest, logsRequest, logTailRequest } from "../../../../src/internal/cli/run/logRequests.ts"
import { NodeRouter } from "../../../../src/internal/node/router.ts"
import * as Node from "../../../../src/Node.ts"
import * as Port from "../../../../src/Port.ts"
import { local } from "../../../harness.ts"
import { quiet, sleep, test as testLocal } from "../../../supervised.ts"

/** Each test has a log of its own. */
const test = (
  title: string,
  body: (catcher: LogCatcher) => Effect.Effect<void, unknown, Node.Node | Scope.Scope>
) =>
  testLocal(title, () =>
    Effect.suspend(() => {
      const catcher = new LogCatcher()
      return Effect.andThen(Effect.map(NodeRouter, (router) => catcher.attach(router)), body(catcher)).pipe(
        Effect.provide(Logger.layer([loggerOf(catcher)])),
        Effect.provideService(References.MinimumLogLevel, "Trace")
      )
    }))

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

  test("say which trace and span a line belongs to, where it is logged in one", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const port = yield* Port.make({ line: (...[, , text, annotations]) => void lines.push([text, annotations]) })
      assert.isTrue(yield* subscribe(port))
      yield* log("outside")
      yield* Effect.withTracerEnabled(Effect.withSpan(Effect.logInfo("unseen"), "work"), false)
      const { spanId, traceId } = yield* Effect.withSpan(
        Effect.andThen(Effect.logInfo("inside"), Effect.currentSpan),
        "work"
      )
      yield* quiet
      assert.deepStrictEqual(lines, [
        ["outside", {}],
        ["unseen", {}],
        ["inside", { trace_id: traceId, span_id: spanId }]
      ])
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

/** What the node answers to a request of its own. */
const asked = (request: string, argument: unknown) =>
  Effect.flatMap(Node.id, (id) => Port.calMessage(id, request, argument))

const tailOf = (options: Record<string, unknown>) =>
  Effect.map(asked(logTailRequest, options), ([lines]) => (lines as ReadonlyArray<ReadonlyArray<unknown>>))

const texts = (lines: ReadonlyArray<ReadonlyArray<unknown>>) => lines.map(([, level, text]) => `${level} ${text}`)

describe("emp_log_tail", () => {
  test("has the last lines, from a level and a time on", () =>
    Effect.gen(function*() {
      yield* Effect.logWarning("first")
      yield* sleep("1 minute")
      const since = (yield* NodeRouter).now()
      yield* Effect.annotateLogs(Effect.logInfo("second"), { service: "./x.ts", "\n=": 5n })
      yield* Effect.logError("third", Cause.die(new TypeError("broken")))
      assert.deepStrictEqual(
        texts(yield* tailOf({ tail: 3, level: "Warn" })).slice(-2).map((line) => line.slice(0, 11)),
        [
          "Warn first",
          "Error third"
        ]
      )
      const [second, third, ...more] = yield* tailOf({ since })
      assert.deepStrictEqual(second, [since, "Info", "second", { service: "./x.ts", "\n=": "5" }])
      assert.match(String(third![2]), /^third\nTypeError: broken\n +at .*logCatcher.test.ts/)
      assert.deepStrictEqual(more, [])
      assert.strictEqual((yield* tailOf({ since, tail: 1 })).length, 1)
      assert.deepStrictEqual(yield* tailOf({}), [])
    }))

  test("has lines of a watchdog, whose times no calendar need have", (catcher) =>
    Effect.gen(function*() {
      catcher.earlier([[-2, "Warn", "the node ended"], [-1, "Info", "is started again \ud800"], [
        Infinity,
        "Info",
        "never"
      ]])
      assert.deepStrictEqual(texts((yield* tailOf({ since: -2 })).slice(0, 2)), [
        "Warn the node ended",
        "Info is started again \ufffd"
      ])
    }))

  test("goes over into what comes later: nothing is lost between the two, nothing comes twice", () =>
    Effect.gen(function*() {
      const since = (yield* NodeRouter).now() + 1
      yield* sleep("1 second")
      const { lines, port } = yield* listener
      let n = 0
      const logging = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.suspend(() => Effect.logInfo(`line ${n++}`)), Effect.yieldNow)),
        { startImmediately: true }
      )
      yield* quiet
      assert.deepStrictEqual(yield* asked(logTailRequest, { since, follow: port }), [true])
      yield* quiet
      yield* Fiber.interrupt(logging)
      yield* quiet
      assert.isAbove(lines.length, 3)
      assert.deepStrictEqual(lines, Array.from({ length: n }, (_, nth) => `Info line ${nth}`))
    }))

  test("refuses what makes no sense, and ports of other nodes", () =>
    Effect.gen(function*() {
      for (const options of [null, "10", [], { tail: "10" }, { level: "loud" }, { since: Number.NaN }]) {
        assert.match(String(yield* asked(logTailRequest, options)), /^the options are not/)
      }
      assert.match(String(yield* asked(logTailRequest, { follow: "other#port" })), /no port of the node that asks/)
    }))
})

describe("emp_log_level", () => {
  test("changes the levels of the log, and shows them", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* asked(logLevelRequest, null), [true, "info"])
      assert.deepStrictEqual(yield* asked(logLevelRequest, "error,Rpc=trace"), [true, "error,Rpc=trace"])
      const since = (yield* NodeRouter).now() + 1
      yield* sleep("1 second")
      yield* Effect.logWarning("below")
      yield* Effect.annotateLogs(Effect.logDebug("above"), "module", "Rpc")
      assert.deepStrictEqual(texts(yield* tailOf({ since })), ["Debug above"])
      assert.deepStrictEqual(yield* asked(logLevelRequest, "Trasport=trace"), [
        false,
        "\"Trasport\" is no module; did you mean \"Transport\"?"
      ])
      assert.deepStrictEqual(yield* asked(logLevelRequest, 7), [false, "the levels are no text"])
      assert.deepStrictEqual(yield* asked(logLevelRequest, null), [true, "error,Rpc=trace"])
    }))

  it.effect("says who has set them, though nothing is shown from then on", () =>
    Effect.suspend(() => {
      const catcher = new LogCatcher()
      const node = Effect.gen(function*() {
        catcher.attach(yield* NodeRouter)
        yield* asked(logLevelRequest, "none")
        yield* quiet
        assert.deepStrictEqual(texts(yield* tailOf({ tail: 1 })), [
          `Warn node ${yield* Node.id} sets the levels of the log to none`
        ])
      })
      return Effect.provide(local(node), Logger.layer([loggerOf(catcher)]))
    }))

  test("refuses a text that is as long as no one of people is", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* asked(logLevelRequest, "a=info,".repeat(1000)), [
        false,
        "the levels are longer than 4000 characters"
      ])
    }))
})
