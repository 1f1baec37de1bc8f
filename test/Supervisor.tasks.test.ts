import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Port, Supervisor } from "../src/index.ts"
import { reasonOf } from "./harness.ts"
import { quiet, sleep, supervise, tags, test } from "./supervised.ts"
import { record } from "./supervisedGroup.ts"

/** An effect that fails at its first runs. */
const failing = (times: number) => {
  let runs = 0
  return Effect.suspend(() => {
    const nth = ++runs
    return nth <= times ? Effect.fail(`run ${nth}`) : Effect.succeed(nth)
  })
}

const portOf = Effect.map(({ port }: { readonly port: Port.PortId }) => port)

describe("a task", () => {
  const ends = (effect: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const { port } = yield* Supervisor.task(Effect.andThen(Effect.yieldNow, effect))
      return reasonOf(yield* Port.exit(port))
    })

  test("ends as its effect does", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ends(Effect.succeed(1)), [])
      assert.deepStrictEqual((yield* ends(Effect.fail("no")))[0], "fail")
      assert.deepStrictEqual((yield* ends(Effect.die("bug")))[0], "die")
      assert.deepStrictEqual((yield* ends(Effect.interrupt))[0], "interrupted")
    }))

  test("answers its result, or how it failed", () =>
    Effect.gen(function*() {
      const wait = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.flatMap(Supervisor.task(effect), (task) => Effect.exit(task.await))
      for (const delay of [Effect.void, Effect.yieldNow]) {
        assert.deepStrictEqual(yield* wait(Effect.as(delay, 1)), Exit.succeed(1))
        assert.deepStrictEqual(yield* wait(Effect.andThen(delay, Effect.fail("no"))), Exit.fail("no"))
        assert.deepStrictEqual(yield* wait(Effect.andThen(delay, Effect.die("bug"))), Exit.die("bug"))
      }
    }))

  test("that is ended before it has a result fails with the reason", () =>
    Effect.gen(function*() {
      const task = yield* Supervisor.task(Effect.never)
      yield* Port.kil(task.port, "enough")
      assert.deepStrictEqual((yield* Effect.flip(task.await)).reason, ["enough"])
      const other = yield* Supervisor.task(Effect.never)
      yield* Port.kil(other.port)
      assert.deepStrictEqual((yield* Effect.flip(other.await)).reason, [])
    }))

  test("has time for its finalizers when it is stopped, and a Scope that closes with it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const say = (text: string) => Effect.sync(() => log.push(text))
      const effect = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => say("scope"))
        yield* Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep("1 second"), say("interrupted")))
      })
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: Supervisor.task(effect) }] })
      const stopping = yield* Effect.forkChild(supervisor.stop, { startImmediately: true })
      yield* sleep("999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* sleep("1 milli")
      yield* Fiber.join(stopping)
      assert.sameMembers(log, ["interrupted", "scope"])
    }))

  test("goes on when somebody sends it something", () =>
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const task = yield* Supervisor.task(Effect.as(Deferred.await(go), "done"))
      yield* Port.snd(task.port, "what", 1)
      yield* quiet
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* task.await, "done")
    }))

  test("that is done at once is no crash, and one that fails at once is one", () =>
    Effect.gen(function*() {
      const done = yield* supervise(portOf(Supervisor.task(Effect.void)), { restart: "transient" })
      yield* quiet
      assert.deepStrictEqual(done.end, [])
      const failed = yield* supervise(portOf(Supervisor.task(failing(2))), { restart: "transient", intensity: 2 })
      yield* quiet
      assert.deepStrictEqual(failed.end, [])
      assert.strictEqual(tags(failed.log).filter((tag) => tag === "Restarting").length, 2)
    }))

  test("that is significant ends its supervisor when it is done", () =>
    Effect.gen(function*() {
      const supervisor = yield* Effect.flatMap(
        Supervisor.make({
          autoShutdown: "any_significant",
          intensity: 5,
          children: [
            { id: "service", start: Port.make({}) },
            { id: "work", start: Supervisor.task(failing(3)), restart: "transient", significant: true }
          ]
        }),
        record
      )
      yield* quiet
      assert.deepStrictEqual(supervisor.reason(), ["shutdown"])
    }))

  test("in Supervisor.run is a program that ends when it is done", () =>
    Effect.gen(function*() {
      yield* Supervisor.run(Supervisor.restart(Supervisor.task(failing(1)), { restart: "transient" }))
      const exit = yield* Effect.exit(Supervisor.run(Supervisor.restart(Supervisor.task(Effect.fail("no")))))
      assert.strictEqual(reasonOf(exit as Exit.Exit<void, Port.Killed>)[0], "restart_limit")
    }))
})

describe("a child that somebody waits for", () => {
  const makePool = (
    effect: (n: number) => Effect.Effect<unknown, string>,
    options: Partial<Supervisor.Template<[number], Supervisor.Task<unknown, string>>> = {}
  ) =>
    Effect.flatMap(
      Supervisor.dynamic({
        restart: "transient",
        perChild: { intensity: 2 },
        ...options,
        start: (n: number) => Supervisor.task(effect(n))
      }),
      record
    )

  for (const concurrency of [1, 4]) {
    const beside = concurrency === 1 ? "" : ", beside others"
    test(`answers its result in the end, whatever restarts that took${beside}`, () =>
      Effect.gen(function*() {
        const jobs = [0, 1, 2].map(failing)
        const pool = yield* makePool((n) => jobs[n]!, { concurrency })
        const results = yield* Effect.forEach([0, 1, 2], (n) => pool.runChild(n), { concurrency: "unbounded" })
        assert.deepStrictEqual(results, [1, 2, 3])
        assert.deepStrictEqual(yield* pool.which, [])
      }))

    test(`fails as its last run did when it is dropped, and the pool goes on${beside}`, () =>
      Effect.gen(function*() {
        const poison = failing(100)
        const pool = yield* makePool((n) => n === 0 ? poison : Effect.succeed(n), { concurrency })
        const exits = yield* Effect.forEach([0, 1, 2], (n) => Effect.exit(pool.runChild(n)), { concurrency: 3 })
        assert.deepStrictEqual(exits, [Exit.fail("run 3"), Exit.succeed(1), Exit.succeed(2)])
        yield* quiet
        assert.deepStrictEqual(pool.events_.flatMap((event) => event._tag === "Dropped" ? [event.restarts] : []), [2])
        assert.isUndefined(pool.reason())
        assert.strictEqual(yield* pool.runChild(5), 5)
      }))

    test(`is terminated when nobody waits any more${beside}`, () =>
      Effect.gen(function*() {
        let interrupted = 0
        const pool = yield* makePool(
          () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)),
          { concurrency }
        )
        const waiting = yield* Effect.forkChild(pool.runChild(1), { startImmediately: true })
        yield* quiet
        assert.strictEqual((yield* pool.count).active, 1)
        yield* Fiber.interrupt(waiting)
        assert.deepStrictEqual([(yield* pool.count).active, interrupted], [0, 1])
      }))

    test(`and is terminated by somebody fails with that${beside}`, () =>
      Effect.gen(function*() {
        const pool = yield* makePool(() => Effect.never, { concurrency, id: String })
        const waiting = yield* Effect.forkChild(Effect.flip(pool.runChild(1)), { startImmediately: true })
        yield* quiet
        yield* pool.terminateChild("1")
        const error = yield* Fiber.join(waiting)
        assert.isTrue(typeof error === "object" && error._tag === "Killed" && error.reason[0] === "shutdown")
      }))

    test(`fails when the supervisor ends${beside}`, () =>
      Effect.gen(function*() {
        const pool = yield* makePool(() => Effect.never, { concurrency })
        const waiting = yield* Effect.forkChild(Effect.flip(pool.runChild(1)), { startImmediately: true })
        yield* quiet
        yield* pool.stop
        const error = yield* Fiber.join(waiting)
        assert.isTrue(typeof error === "object" && error._tag === "Killed")
      }))
  }

  test("tells why it could not be started again, and not what came of it before", () =>
    Effect.gen(function*() {
      let starts = 0
      const pool = yield* Supervisor.dynamic({
        start: () => ++starts === 1 ? Supervisor.task(Effect.fail("first run")) : Effect.die("no room"),
        perChild: { intensity: 3 }
      })
      const exit = yield* Effect.exit(pool.runChild())
      assert.include(String(Exit.isFailure(exit) ? exit.cause : exit), "no room")
    }))

  test("and is no task, ends in order or with its reason", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: () => Port.make({}), restart: "temporary", id: () => "a" })
      const ended = (...reason: ReadonlyArray<unknown>) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.forkChild(Effect.exit(pool.runChild()), { startImmediately: true })
          yield* quiet
          yield* Port.kil((yield* pool.which)[0]!.port!, ...reason)
          return yield* Fiber.join(waiting)
        })
      assert.isTrue(Exit.isSuccess(yield* ended()))
      assert.include(String(yield* ended("boom")), "boom")
    }))
})

describe("a stream of jobs", () => {
  const run = (options: { readonly concurrency: number; readonly unordered?: boolean }) =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      let taken = 0
      const pool = yield* Supervisor.dynamic({
        concurrency: "unbounded",
        restart: "transient",
        perChild: { intensity: 0 },
        start: (n: number) =>
          Supervisor.task(Effect.gen(function*() {
            most = Math.max(most, ++running)
            yield* Effect.sleep(`${10 * (10 - n)} millis`)
            running--
            return n === 3 ? yield* Effect.fail("three") : n
          }))
      })
      const results: Array<string> = []
      yield* Stream.range(0, 9).pipe(
        Stream.tap(() => Effect.sync(() => taken++)),
        Stream.mapEffect((n) => Effect.exit(pool.runChild(n)), options),
        Stream.runForEach((exit) =>
          Effect.sync(() => results.push(Exit.isSuccess(exit) ? String(exit.value) : "failed"))
        ),
        Effect.forkChild({ startImmediately: true })
      )
      yield* quiet
      const first = taken
      for (let i = 0; i < 100; i++) yield* sleep("10 millis")
      return { results, most, first }
    })

  test("goes through a pool in order, so many at a time, and no more are taken from it", () =>
    Effect.gen(function*() {
      const { first, most, results } = yield* run({ concurrency: 3 })
      assert.deepStrictEqual(results, ["0", "1", "2", "failed", "4", "5", "6", "7", "8", "9"])
      assert.strictEqual(most, 3)
      assert.isAtMost(first, 5)
    }))

  test("or as its jobs are done", () =>
    Effect.gen(function*() {
      const { most, results } = yield* run({ concurrency: 10, unordered: true })
      assert.deepStrictEqual(results, ["9", "8", "7", "6", "5", "4", "failed", "2", "1", "0"])
      assert.strictEqual(most, 10)
    }))

  test("that nobody reads any more ends the jobs that are under way", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({
        start: (n: number) => Supervisor.task(n === 0 ? Effect.succeed(n) : Effect.never),
        restart: "transient",
        schedule: Schedule.spaced("1 second")
      })
      const first = yield* Stream.range(0, 9).pipe(
        Stream.mapEffect((n) => pool.runChild(n), { concurrency: 3 }),
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(first, [0])
      assert.strictEqual((yield* pool.count).active, 0)
    }))
})
