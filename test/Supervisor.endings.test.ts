/** Children whose ports take their time to end by themselves: finalizers that wait, or hang. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import { quiet, sleep, test } from "./supervised.ts"

/** Starts whose port ends on `crash`, once `released` lets its finalizer go. */
const slowToEnd = () => {
  const released = Deferred.makeUnsafe<void>()
  let starts = 0
  const start = Effect.gen(function*() {
    starts++
    const port = yield* Port.make({ crash: () => Effect.fail("crash") })
    yield* Port.peval(port, Effect.addFinalizer(() => Deferred.await(released)))
    return port
  })
  return { start, starts: () => starts, release: Deferred.succeed(released, undefined) }
}

const statusOf = (supervisor: Supervisor.Supervisor) => Effect.map(supervisor.which, ([child]) => child?.status)

describe("a child whose port takes its time to end by itself", () => {
  test("is ending meanwhile, and is restarted when it has ended within its time", () =>
    Effect.gen(function*() {
      const child = slowToEnd()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: child.start, shutdown: "5 seconds" }] })
      yield* Port.snd(yield* supervisor.port("a"), "crash")
      yield* sleep("4 seconds")
      assert.deepStrictEqual([child.starts(), yield* statusOf(supervisor)], [1, "ending"])
      yield* child.release
      yield* quiet
      assert.deepStrictEqual([child.starts(), yield* statusOf(supervisor)], [2, "running"])
    }))

  for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const) {
    test(`${strategy}: is abandoned when its time is over, and the supervisor goes on without it`, () =>
      Effect.gen(function*() {
        const child = slowToEnd()
        const supervisor = yield* Supervisor.make({
          strategy,
          children: [{ id: "a", start: child.start, shutdown: "5 seconds" }, { id: "b", start: Port.make() }]
        })
        const before = yield* supervisor.port("a")
        yield* Port.snd(before, "crash")
        yield* sleep("4900 millis")
        assert.strictEqual(child.starts(), 1)
        yield* sleep("200 millis")
        assert.deepStrictEqual([child.starts(), yield* statusOf(supervisor)], [2, "running"])
        assert.notStrictEqual(yield* supervisor.port("a"), before)
        // What is left of the old one ends late, and nobody minds.
        yield* child.release
        yield* quiet
        assert.deepStrictEqual([child.starts(), yield* statusOf(supervisor)], [2, "running"])
      }))
  }

  test("with shutdown infinity is waited for", () =>
    Effect.gen(function*() {
      const child = slowToEnd()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: child.start, shutdown: "infinity" }] })
      yield* Port.snd(yield* supervisor.port("a"), "crash")
      yield* sleep("1 hour")
      assert.deepStrictEqual([child.starts(), yield* statusOf(supervisor)], [1, "ending"])
      yield* child.release
      yield* quiet
      assert.strictEqual(child.starts(), 2)
    }))

  test("gives its next port to whoever asks for it meanwhile", () =>
    Effect.gen(function*() {
      const child = slowToEnd()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: child.start, shutdown: "5 seconds" }] })
      const before = yield* supervisor.port("a")
      yield* Port.snd(before, "crash")
      yield* quiet
      const next = yield* Effect.forkScoped(supervisor.port("a"), { startImmediately: true })
      yield* sleep("6 seconds")
      const after = next.pollUnsafe()
      assert.isTrue(after?._tag === "Success" && after.value !== before)
      yield* child.release
    }))

  test("can be stopped with its supervisor, within its time", () =>
    Effect.gen(function*() {
      const child = slowToEnd()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: child.start, shutdown: "5 seconds" }] })
      yield* Port.snd(yield* supervisor.port("a"), "crash")
      yield* quiet
      const stopping = yield* Effect.forkScoped(supervisor.stop, { startImmediately: true })
      yield* sleep("6 seconds")
      assert.isDefined(stopping.pollUnsafe())
    }))
})
