/** Children that are threads: how they start and end, and what is left of a thread that goes wrong. */
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import { begin, reasonOf, until, within } from "./harness.ts"
import { start, thread, threadTest, toolOf } from "./threadWorld.ts"

/** The reason that a thread ends with when its node is told something. */
const endOf = (message: readonly [tag: string, ...args: ReadonlyArray<unknown>], options?: Supervisor.ThreadOptions) =>
  Effect.gen(function*() {
    const { port, tool } = yield* start({ nodeId: "ends" }, options)
    yield* Port.snd(tool, ...message)
    return reasonOf(yield* within("it ends", Port.exit(port)))
  })

describe("a child that is a thread", () => {
  threadTest(
    "is started again when it has crashed, and its process goes on",
    Effect.gen(function*() {
      let starts = 0
      const child = Effect.suspend(() => start({ nodeId: `crashes ${++starts}` }))
      const supervised = yield* Supervisor.restart(child)
      const first = yield* supervised.port
      const tool = yield* toolOf({ nodeId: "crashes 1" })
      yield* Port.snd(tool, "crash")
      assert.deepStrictEqual(reasonOf(yield* within("it ends", Port.exit(first))), ["die", "Error: crashed on purpose"])
      yield* until("another one was started", () => starts === 2)
      yield* within("it runs", Effect.flatMap(supervised.port, Port.isLocal))
      assert.strictEqual(yield* Port.cal(yield* toolOf({ nodeId: "crashes 2" }), "echo", "here"), "here")
    })
  )

  threadTest(
    "ends as the thread does",
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* endOf(["exit", 3]), ["fail", "the thread ended with exit code 3"])
      assert.deepStrictEqual(yield* endOf(["exit", 0]), [])
      const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 }
      const [tag, text] = yield* endOf(["fill"], { resourceLimits })
      assert.strictEqual(tag, "die")
      assert.include(String(text), "memory limit")
    })
  )

  threadTest(
    "cannot be started where the thread fails before its node is there",
    Effect.gen(function*() {
      const reason = (child: ReturnType<typeof thread>) =>
        Effect.map(within("it fails", Effect.flip(child)), (error) => error.reason)
      const nodeId = "fails"
      assert.deepStrictEqual(yield* reason(thread({ nodeId, fails: "layer" })), ["fail", "no database", "no database"])
      assert.deepStrictEqual(yield* reason(thread({ nodeId, fails: "throws" })), ["die", "Error: thrown by the module"])
      assert.include((yield* reason(thread({ nodeId, fails: "no node" })))[1], "Supervisor.launchThread")
      const missing = yield* reason(Supervisor.spawnThread(new URL("missing.ts", import.meta.url)))
      assert.strictEqual(missing[0], "die")
      assert.include(String(missing[1]), "missing.ts")
      assert.strictEqual((yield* reason(Supervisor.spawnThread("no path")))[0], "fail")
    })
  )

  threadTest(
    "is stopped in order with its scope, and says so to others",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { nodeId, port } = yield* Scope.provide(start({ nodeId: "stops" }), scope)
      yield* Port.calMessage(nodeId, "time")
      const left = yield* begin(Port.exit(nodeId))
      const ended = yield* begin(Port.exit(port))
      yield* within("it stops", Scope.close(scope, Exit.void))
      const killed = yield* Effect.flip(Effect.flatten(Fiber.join(left)))
      assert.strictEqual(killed.linkError, "node_left")
      yield* Fiber.join(ended)
    })
  )

  threadTest(
    "that stands still is terminated",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { tool } = yield* Scope.provide(start({ nodeId: "stands" }, { stopTimeout: "100 millis" }), scope)
      yield* Port.cal(tool, "echo", 1)
      yield* Port.snd(tool, "stand", 1_000_000)
      yield* within("it is terminated", Scope.close(scope, Exit.void))
    })
  )

  threadTest(
    "whose port is killed ends, and so does one whose start takes too long",
    Effect.gen(function*() {
      const { nodeId, port } = yield* start({ nodeId: "killed" })
      yield* Port.calMessage(nodeId, "time")
      const left = yield* begin(Port.exit(nodeId))
      yield* Port.kil(port, "enough")
      assert.deepStrictEqual(reasonOf(yield* within("it ends", Port.exit(port))), ["enough"])
      yield* within("its node is gone", Fiber.join(left))
      const error = yield* Effect.flip(
        Supervisor.restart(thread({ nodeId: "late" }), { schedule: undefined }).pipe(
          Effect.timeout("1 millis")
        )
      )
      assert.isTrue(Cause.isTimeoutError(error))
    })
  )

  threadTest(
    "has no arguments, and the environment that it is given, or a copy of that of the process",
    Effect.gen(function*() {
      process.env["THREAD_TEST"] = "of the process"
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["THREAD_TEST"]))
      const surroundings = (options?: Supervisor.ThreadOptions) =>
        Effect.flatMap(start({ nodeId: "asked" }, options), ({ tool }) => Port.cal(tool, "surroundings"))
      assert.deepStrictEqual(yield* Effect.scoped(surroundings()), { argv: [], variable: "of the process" })
      const own = yield* Effect.scoped(surroundings({ argv: ["a"], env: { THREAD_TEST: "its own" } }))
      assert.deepStrictEqual(own, { argv: ["a"], variable: "its own" })
    })
  )
})
