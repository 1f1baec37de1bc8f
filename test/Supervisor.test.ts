import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { NodeRouter } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import { reasonOf } from "./harness.ts"
import { delays, end, makeService, quiet, sleep, supervise, tags, test, until } from "./supervised.ts"

describe("the end of a child", () => {
  const ends: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
    ["without a reason", []],
    ["with the reason shutdown", ["shutdown"]],
    ["with shutdown and details", ["shutdown", "maintenance"]],
    ["with another reason", ["crash", 1]]
  ]
  const again = (exit: Exit.Exit<void, Port.Killed>) => reasonOf(exit)[1] === "maintenance"
  const types: ReadonlyArray<readonly [string, Supervisor.Policy["restart"], ReadonlyArray<boolean>]> = [
    ["permanent by default", undefined, [true, true, true, true]],
    ["permanent", "permanent", [true, true, true, true]],
    ["transient", "transient", [false, false, false, true]],
    ["temporary", "temporary", [false, false, false, false]],
    ["judged by a predicate", again, [false, false, true, false]]
  ]
  for (const [type, restart, expected] of types) {
    for (const [i, [name, reason]] of ends.entries()) {
      test(`${name}, of a child that is ${type}, ${expected[i] ? "is followed by a restart" : "is the end"}`, () =>
        Effect.gen(function*() {
          const service = makeService()
          const supervised = yield* supervise(service.child, { restart })
          yield* end(supervised, ...reason)
          assert.strictEqual(service.starts, expected[i] ? 2 : 1)
          assert.deepStrictEqual(service.ends, [reason])
          assert.deepStrictEqual(supervised.end, expected[i] ? undefined : [])
          assert.deepStrictEqual(
            tags(supervised.log),
            expected[i] ? ["Ended", "Restarting", "Started"] : ["Ended", "Stopped"]
          )
          if (expected[i]) assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), 2)
        }))
    }
  }

  test("is seen when a handler fails too", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { restart: "transient" })
      yield* Port.snd(yield* supervised.port, "fail", "boom")
      yield* quiet
      assert.strictEqual(service.starts, 2)
      assert.deepStrictEqual(service.ends, [["fail", "boom", "boom"]])
    }))

  test("comes with its true reason even when the child ends right after its start", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(Effect.tap(service.child, (port) => Port.snd(port, "fail", "at once")), {
        intensity: 2
      })
      yield* until("the supervisor gives up", () => supervised.end !== undefined)
      assert.deepStrictEqual(supervised.end, [
        "restart_limit",
        "child was restarted too often",
        "child",
        "fail",
        "at once",
        "at once"
      ])
      assert.strictEqual(service.starts, 3)
    }))

  test("is the end of the supervisor when the predicate itself throws", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, {
        restart: () => {
          throw new Error("bad predicate")
        }
      })
      yield* end(supervised, "crash")
      assert.deepStrictEqual(supervised.end, ["die", "Error: bad predicate"])
      assert.strictEqual(service.starts, 1)
    }))

  test("closes what the start acquired, before the next start", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const service = makeService((nth) =>
        Effect.acquireRelease(
          Effect.sync(() => order.push(`acquire ${nth}`)),
          () => Effect.sync(() => order.push(`release ${nth}`))
        )
      )
      const supervised = yield* supervise(service.child)
      yield* end(supervised, "crash")
      assert.deepStrictEqual(order, ["acquire 1", "release 1", "acquire 2"])
      yield* supervised.stop
      assert.deepStrictEqual(order, ["acquire 1", "release 1", "acquire 2", "release 2"])
    }))
})

describe("too many restarts", () => {
  test("are two within 5 seconds, by default; the supervisor ends with the last reason", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { id: "worker" })
      yield* end(supervised, "crash", 1)
      yield* sleep("4999 millis")
      yield* end(supervised, "crash", 2)
      assert.deepStrictEqual(supervised.end, ["restart_limit", "worker was restarted too often", "worker", "crash", 2])
      assert.strictEqual(service.starts, 2)
      const gaveUp = supervised.log.at(-1)
      assert.strictEqual(gaveUp?._tag, "GaveUp")
      assert.deepStrictEqual(gaveUp?._tag === "GaveUp" && [reasonOf(gaveUp.exit), gaveUp.restarts], [["crash", 2], 1])
    }))

  test("are not those that come one by one: the window slides", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child)
      for (let i = 0; i < 20; i++) {
        yield* end(supervised, "crash", i)
        yield* sleep("5 seconds")
      }
      assert.strictEqual(service.starts, 21)
      assert.strictEqual(supervised.end, undefined)
    }))

  test("are more than the intensity within any period", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { intensity: 3, period: "1 minute" })
      for (let i = 0; i < 3; i++) {
        yield* end(supervised, "crash", i)
        yield* sleep("10 seconds")
      }
      yield* sleep("30 seconds")
      // The first one has left the window, the other two have not.
      yield* end(supervised, "crash", 3)
      assert.strictEqual(supervised.end, undefined)
      yield* end(supervised, "crash", 4)
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash", 4])
      assert.strictEqual(service.starts, 5)
    }))

  test("are any, with an intensity of 0", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { intensity: 0 })
      yield* end(supervised, "crash")
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash"])
      assert.strictEqual(service.starts, 1)
    }))

  test("are eleven within a minute when a schedule paces them", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { schedule: Schedule.spaced("1 second") })
      for (let i = 0; i < 10; i++) {
        yield* end(supervised, "crash", i)
        yield* sleep("1 second")
      }
      assert.strictEqual(service.starts, 11)
      assert.strictEqual(supervised.end, undefined)
      yield* end(supervised, "crash", 10)
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash", 10])
    }))

  test("are a failure that the supervisor's own supervisor takes over", () =>
    Effect.gen(function*() {
      const service = makeService()
      const inner = Effect.map(Supervisor.restart(service.child, { intensity: 0 }), ({ supervisor }) => supervisor)
      const outer = yield* supervise(inner, { id: "outer" })
      yield* Port.kil(service.ports[0]!, "crash")
      yield* until("a second start", () => service.starts === 2)
      assert.strictEqual(outer.end, undefined)
      yield* Port.kil(service.ports[1]!, "crash", 2)
      yield* until("the end of the outer supervisor", () => outer.end !== undefined)
      assert.deepStrictEqual(outer.end, [
        "restart_limit",
        "outer was restarted too often",
        "outer",
        "restart_limit",
        "child was restarted too often",
        "child",
        "crash",
        2
      ])
    }))
})

describe("a schedule", () => {
  const exponential: Supervisor.Policy = { schedule: Schedule.exponential("100 millis") }

  test("delays each restart, and the delays grow", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, exponential)
      for (const [i, delay] of [100, 200, 400, 800].entries()) {
        yield* end(supervised, "crash")
        yield* sleep(delay - 1)
        assert.strictEqual(service.starts, i + 1, `before ${delay} ms`)
        yield* sleep(1)
        assert.strictEqual(service.starts, i + 2, `after ${delay} ms`)
      }
      assert.deepStrictEqual(delays(supervised.log), [100, 200, 400, 800])
      assert.deepStrictEqual(tags(supervised.log).slice(0, 3), ["Ended", "Restarting", "Started"])
    }))

  test("begins anew after a quiet time", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child, exponential)
      for (const delay of [100, 200, 400]) {
        yield* end(supervised, "crash")
        yield* sleep(delay)
      }
      yield* sleep("1 minute")
      yield* end(supervised, "crash")
      yield* sleep(100)
      yield* end(supervised, "crash")
      assert.deepStrictEqual(delays(supervised.log), [100, 200, 400, 100, 200])
    }))

  test("does not take its own delays for a quiet time", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child, { schedule: Schedule.exponential("40 seconds") })
      for (const delay of [40_000, 80_000, 160_000, 320_000]) {
        yield* end(supervised, "crash")
        yield* sleep(delay)
      }
      assert.deepStrictEqual(delays(supervised.log), [40_000, 80_000, 160_000, 320_000])
    }))

  test("that is done ends the supervisor", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { schedule: Schedule.recurs(2) })
      for (let i = 0; i < 3; i++) yield* end(supervised, "crash", i)
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash", 2])
      assert.strictEqual(service.starts, 3)
    }))

  test("waits no longer when the supervisor is killed", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, exponential)
      yield* end(supervised, "crash")
      yield* Port.kil(supervised.supervisor, "enough")
      yield* quiet
      assert.deepStrictEqual(supervised.end, ["enough"])
      yield* sleep("1 hour")
      assert.strictEqual(service.starts, 1)
    }))
})

describe("a start that fails", () => {
  test("is the caller's error the first time, and leaves nothing", () =>
    Effect.gen(function*() {
      let released = false
      const service = makeService(() =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => released = true)),
          Effect.fail("no database" as const)
        )
      )
      const before = (yield* NodeRouter).ports.size
      const error = yield* Effect.flip(Supervisor.restart(service.child))
      assert.strictEqual(error, "no database")
      yield* quiet
      assert.isTrue(released)
      assert.strictEqual(service.starts, 1)
      assert.strictEqual((yield* NodeRouter).ports.size, before)
    }))

  test("is the caller's defect the first time, if it is one", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Supervisor.restart(makeService(() => Effect.die("bug")).child))
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), ["Die"])
    }))

  test("counts as a restart later, and is tried again", () =>
    Effect.gen(function*() {
      const service = makeService((nth) => nth === 2 || nth === 3 ? Effect.fail(`start ${nth}`) : Effect.void)
      const supervised = yield* supervise(Effect.orDie(service.child), { intensity: 3 })
      yield* end(supervised, "crash")
      assert.strictEqual(service.starts, 4)
      assert.deepStrictEqual(tags(supervised.log), [
        "Ended",
        "Restarting",
        "StartFailed",
        "Restarting",
        "StartFailed",
        "Restarting",
        "Started"
      ])
      const started = supervised.log.at(-1)
      assert.strictEqual(started?._tag === "Started" && started.restarts, 3)
      yield* end(supervised, "crash")
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash"])
    }))

  test("is given up when the budget is gone, with the reason of the start", () =>
    Effect.gen(function*() {
      let broken = false
      const service = makeService(() => Effect.suspend(() => broken ? Effect.fail("no database") : Effect.void))
      const supervised = yield* supervise(service.child, { intensity: 2 })
      broken = true
      yield* end(supervised, "crash")
      assert.strictEqual(service.starts, 3)
      assert.deepStrictEqual(supervised.end, [
        "restart_limit",
        "child was restarted too often",
        "child",
        "fail",
        "no database",
        "no database"
      ])
      assert.deepStrictEqual(tags(supervised.log), [
        "Ended",
        "Restarting",
        "StartFailed",
        "Restarting",
        "StartFailed",
        "GaveUp"
      ])
    }))

  test("waits for the schedule before it is tried again", () =>
    Effect.gen(function*() {
      let broken = false
      const service = makeService(() => Effect.suspend(() => broken ? Effect.fail("no database") : Effect.void))
      const supervised = yield* supervise(service.child, { schedule: Schedule.exponential("100 millis") })
      broken = true
      yield* end(supervised, "crash")
      yield* sleep(100)
      yield* sleep(200)
      assert.strictEqual(service.starts, 3)
      broken = false
      yield* sleep(400)
      assert.strictEqual(service.starts, 4)
      assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), 4)
      assert.deepStrictEqual(delays(supervised.log), [100, 200, 400])
    }))
})

describe("a service in a pipe", () => {
  test("is kept alive as its policy says", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* service.child.pipe(Supervisor.restart({ restart: "transient", id: "piped" }))
      yield* end(supervised, "crash")
      assert.strictEqual(service.starts, 2)
      assert.deepStrictEqual((yield* supervised.which).map(({ id }) => id), ["piped"])
      yield* end(supervised)
      assert.strictEqual(service.starts, 2)
    }))

  test("needs no policy", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* service.child.pipe(Supervisor.restart())
      yield* end(supervised)
      assert.strictEqual(service.starts, 2)
    }))

  test("runs on one of several nodes", () =>
    Effect.gen(function*() {
      const self = yield* Node.id
      const service = makeService()
      const { port } = yield* service.child.pipe(Supervisor.failover({ name: "piped", nodes: [self] }))
      assert.strictEqual(yield* port, service.ports[0])
    }))
})
