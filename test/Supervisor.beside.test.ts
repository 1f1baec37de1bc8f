import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Port, Supervisor } from "../src/index.ts"
import { makeLogs } from "./harness.ts"
import { quiet, sleep, test, until } from "./supervised.ts"
import { brief, makeKids, record, told } from "./supervisedGroup.ts"

const many = { concurrency: "unbounded" } as const
const startImmediately = { startImmediately: true } as const

/** Draws numbers below a limit. */
const drawFrom = (seed: number) => {
  let state = seed * 2654435761 + 1
  return (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

/** A pool of children whose starts do what they are told, by name. */
const make = (options: Partial<Supervisor.Template<[string], Supervisor.Started>> = {}) =>
  Effect.gen(function*() {
    const kids = makeKids()
    const pool = yield* Effect.flatMap(
      Supervisor.dynamic({
        intensity: 100,
        concurrency: 3,
        id: (id: string) => id,
        ...options,
        start: (id: string) => kids.start(id)
      }),
      record
    )
    const start = (id: string) => Effect.forkChild(Effect.exit(pool.startChild(id)), startImmediately)
    const states = Effect.map(pool.which, (all) => all.map(({ id, status }) => `${id} ${status}`).join(", "))
    return { kids, pool, start, states }
  })

describe("children that are started side by side", () => {
  test("are 10,000 in 100 times the time that one takes, if they are 100 at a time", () =>
    Effect.gen(function*() {
      let underWay = 0
      let most = 0
      const pool = yield* Supervisor.dynamic({
        concurrency: 100,
        start: () =>
          Effect.gen(function*() {
            most = Math.max(most, ++underWay)
            yield* Effect.sleep("20 millis")
            underWay--
            return yield* Port.make({})
          })
      })
      const before = yield* Clock.currentTimeMillis
      const starting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 10_000 }), () => pool.startChild(), { ...many, discard: true }),
        startImmediately
      )
      for (let done = 0; done < 10_000; done += 100) {
        yield* until(`${done} are up`, () => underWay === 100)
        yield* sleep("20 millis")
      }
      yield* Fiber.join(starting)
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 3000)
      assert.strictEqual(most, 100)
      assert.strictEqual((yield* pool.count).active, 10_000)
    }))

  test("wait for nobody whose start hangs, and neither does the supervisor", () =>
    Effect.gen(function*() {
      const { kids, pool, start, states } = yield* make()
      kids.next("hangs", Effect.never)
      yield* start("hangs")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(yield* start("a"))))
      assert.strictEqual(yield* states, "hangs starting, a running")
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "+hangs +a -a +a")
      yield* pool.terminateChild("a")
      yield* pool.terminateChild("hangs")
      assert.strictEqual(yield* states, "")
      assert.strictEqual(kids.took(), "-a -hangs")
    }))

  test("wait for nobody whose restart hangs", () =>
    Effect.gen(function*() {
      const { kids, pool, start, states } = yield* make()
      for (const id of ["a", "b"]) yield* Fiber.join(yield* start(id))
      kids.next("a", Effect.never)
      for (const id of ["a", "b"]) yield* Port.kil(kids.ports.get(id)!, "crash")
      yield* quiet
      assert.strictEqual(yield* states, "a restarting, b running")
      yield* pool.terminateChild("a")
      assert.strictEqual(yield* states, "b running")
    }))

  test("are no more than that, and the others come in their order", () =>
    Effect.gen(function*() {
      const { kids, start, states } = yield* make({ concurrency: 2 })
      for (const id of ["a", "b", "c", "d", "e"]) {
        kids.next(id, Effect.sleep("1 second"))
        yield* start(id)
      }
      yield* quiet
      assert.strictEqual(kids.took(), "+a +b")
      assert.strictEqual(yield* states, "a starting, b starting, c starting, d starting, e starting")
      yield* sleep("1 second")
      assert.strictEqual(kids.took(), "+c +d")
      yield* sleep("1 second")
      assert.strictEqual(kids.took(), "+e")
      yield* sleep("1 second")
      assert.strictEqual(yield* states, "a running, b running, c running, d running, e running")
    }))

  test("that wait for their turn can be terminated, or given up by those who asked for them", () =>
    Effect.gen(function*() {
      const { kids, pool, start, states } = yield* make({ concurrency: 2 })
      for (const id of ["a", "b"]) kids.next(id, Effect.sleep("1 second"))
      const fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
      for (const id of ["a", "b", "c", "d", "e"]) fibers.set(id, yield* start(id))
      yield* quiet
      yield* pool.terminateChild("c")
      assert.include(String(yield* Fiber.join(fibers.get("c")!)), "StartError")
      yield* Fiber.interrupt(fibers.get("d")!)
      yield* Fiber.interrupt(fibers.get("a")!)
      yield* quiet
      assert.strictEqual(yield* states, "b starting, e running")
      yield* sleep("1 second")
      assert.strictEqual(yield* states, "b running, e running")
      assert.strictEqual(kids.took(), "+a +b -a +e")
    }))

  test("of one name are one, whether it runs or is being started", () =>
    Effect.gen(function*() {
      const { kids, pool, start } = yield* make()
      kids.next("a", Effect.sleep("1 second"))
      yield* start("a")
      const reason = Effect.map(
        Effect.flip(pool.startChild("a")),
        (error) => error._tag === "ChildError" ? [error.reason, error.port] : error
      )
      assert.deepStrictEqual(yield* reason, ["already_present", undefined])
      yield* sleep("1 second")
      assert.deepStrictEqual(yield* reason, ["already_started", kids.ports.get("a")])
      yield* pool.terminateChild("a")
      yield* pool.startChild("a")
    }))

  test("count for maxChildren while they are being started", () =>
    Effect.gen(function*() {
      const { kids, pool, start } = yield* make({ maxChildren: 2 })
      kids.next("a", Effect.never)
      yield* start("a")
      yield* pool.startChild("b")
      const error = yield* Effect.flip(pool.startChild("c"))
      assert.isTrue(error._tag === "ChildError" && error.reason === "max_children")
    }))

  test("that fail, or have nothing to supervise, leave nothing", () =>
    Effect.gen(function*() {
      const { kids, pool, states } = yield* make()
      kids.next("a", Effect.fail("no"))
      kids.next("b", Effect.succeed("ignore"))
      const error = yield* Effect.flip(pool.startChild("a"))
      assert.isTrue(error._tag === "StartError" && error.child === "a")
      assert.strictEqual(yield* pool.startChild("b"), Supervisor.ignore)
      assert.strictEqual(yield* states, "")
    }))

  test("are tried again when a restart fails, counted each time", () =>
    Effect.gen(function*() {
      const { kids, pool, states } = yield* make({ intensity: 3 })
      yield* pool.startChild("a")
      kids.next("a", Effect.fail("no"), Effect.fail("no"))
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(yield* states, "a running")
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(pool.reason()?.[0], "restart_limit")
    }))

  test("are stopped with the supervisor, whatever they are in the middle of", () =>
    Effect.gen(function*() {
      const { kids, pool, start } = yield* make({ concurrency: 2 })
      const all = ["runs", "hangs", "hangs2", "waits"]
      for (const id of ["hangs", "hangs2"]) kids.next(id, Effect.never)
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const id of all) {
        fibers.push(yield* start(id))
        yield* quiet
      }
      yield* pool.stop
      assert.sameMembers(kids.took().split(" "), ["+runs", "+hangs", "+hangs2", "-hangs2", "-hangs", "-runs"])
      for (const fiber of fibers.slice(1)) assert.include(String(yield* Fiber.join(fiber)), "Killed")
      yield* sleep("1 hour")
      assert.strictEqual(kids.took(), "")
      assert.deepStrictEqual(told(pool.events_), ["Started runs", "Ended runs"])
    }))

  test("are as many as there are when all of them end without waiting for anything", () =>
    Effect.gen(function*() {
      const { kids, pool } = yield* make({ concurrency: 2, id: undefined })
      kids.next("first", Effect.sleep("1 second"))
      kids.next("second", Effect.sleep("1 second"))
      const names = ["first", "second", ...Array.from({ length: 20_000 }, () => "x")]
      const starting = yield* Effect.forkChild(
        Effect.forEach(names, (name) => pool.startChild(name), { ...many, discard: true }),
        startImmediately
      )
      yield* quiet
      yield* sleep("1 second")
      yield* Fiber.join(starting)
      assert.strictEqual((yield* pool.count).active, 20_002)
    }))

  test("leave nothing behind, whatever happens to them at whatever moment", () =>
    Effect.forEach(Array.from({ length: 40 }, (_, seed) => seed), (seed) =>
      Effect.gen(function*() {
        const draw = drawFrom(seed)
        const concurrency = 2 + draw(3)
        const { kids, pool } = yield* make({
          concurrency,
          maxChildren: 8,
          restart: draw(2) === 0 ? "permanent" : "transient",
          startTimeout: draw(2) === 0 ? "3 seconds" : undefined,
          ...draw(2) === 0 ? { perChild: { intensity: 2 } } : {}
        })
        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        const names = ["a", "b", "c", "d", "e", "f"]
        const fates = [
          Effect.void,
          Effect.sleep("1 second"),
          Effect.never,
          Effect.fail("no"),
          Effect.andThen(Effect.sleep("1 second"), Effect.fail("late")),
          Effect.succeed("ignore"),
          brief(),
          brief("crash")
        ]
        const open = (name: string): number =>
          kids.log.filter((entry) => entry === `+${name}`).length -
          kids.log.filter((entry) => entry === `-${name}`).length
        const one = <A>(all: ReadonlyArray<A>): A => all[draw(all.length)]!
        for (let i = 0; i < 60; i++) {
          const id = one(names)
          const port = kids.ports.get(id)
          switch (draw(7)) {
            case 0:
            case 1:
              kids.next(id, one(fates), one(fates))
              fibers.push(yield* Effect.forkDetach(Effect.exit(pool.startChild(id)), startImmediately))
              break
            case 2:
              if (port !== undefined) yield* Port.kil(port, ...one([[], ["crash"]]))
              break
            case 3:
              fibers.push(yield* Effect.forkDetach(Effect.exit(pool.terminateChild(id)), startImmediately))
              break
            case 4:
              fibers.at(-1)?.interruptUnsafe()
              break
            case 5:
              yield* sleep("1 second")
              break
            case 6:
              yield* quiet
              const all = yield* pool.which
              assert.isAtMost(all.length, 8)
              for (const name of names) {
                const status = all.find(({ id }) => id === name)?.status
                if (status === undefined || status === "running") {
                  assert.strictEqual(open(name), status === undefined ? 0 : 1, `seed ${seed}: ${name}`)
                }
              }
          }
        }
        yield* Effect.forkDetach(pool.stop, startImmediately)
        yield* sleep("1 hour")
        // All that was started has ended, and everybody has an answer.
        for (const name of names) assert.strictEqual(open(name), 0, `seed ${seed}: ${name}`)
        assert.deepStrictEqual(fibers.filter((fiber) => fiber.pollUnsafe() === undefined), [], `seed ${seed}`)
        const told = (tag: string) => pool.events_.filter((event) => event._tag === tag).length
        assert.strictEqual(told("Started"), told("Ended"), `seed ${seed}`)
        assert.isDefined(pool.reason())
      }), { discard: true }))
})

describe("a start that takes too long", () => {
  test("is ended, and has failed", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 3]) {
        const { kids, pool, start, states } = yield* make({ concurrency, startTimeout: "2 seconds" })
        kids.next("a", Effect.never)
        const starting = yield* start("a")
        yield* sleep("1999 millis")
        assert.strictEqual(yield* states, "a starting")
        yield* sleep("1 milli")
        const exit = yield* Fiber.join(starting)
        assert.include(String(exit), "it took longer than 2s")
        assert.strictEqual(kids.took(), "+a -a")
        assert.strictEqual(yield* states, "")
        // One that is in time is left alone.
        kids.next("b", Effect.sleep("1 second"))
        const other = yield* start("b")
        yield* sleep("1 second")
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(other)))
        yield* sleep("1 hour")
        assert.strictEqual(yield* states, "b running")
        yield* pool.stop
      }
    }))

  test("as a restart counts as one more that failed", () =>
    Effect.gen(function*() {
      const { kids, pool, states } = yield* make({ startTimeout: "2 seconds" })
      yield* pool.startChild("a")
      kids.next("a", Effect.never)
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* sleep("2 seconds")
      assert.strictEqual(yield* states, "a running")
      assert.deepStrictEqual(told(pool.events_).filter((event) => event.startsWith("StartFailed")), ["StartFailed a"])
    }))

  test("and cannot be interrupted is abandoned within the time to end", () => {
    const logs = makeLogs()
    return Effect.gen(function*() {
      const { kids, start } = yield* make({ concurrency: 1, startTimeout: "2 seconds", shutdown: "1 second" })
      kids.next("a", Effect.uninterruptible(Effect.sleep("1 day")))
      const starting = yield* start("a")
      const next = yield* start("b")
      yield* sleep("2 seconds")
      assert.isUndefined(starting.pollUnsafe())
      yield* sleep("1 second")
      assert.include(String(yield* Fiber.join(starting)), "it took longer than 2s")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(next)))
      assert.isTrue(logs.lines.some((line) => line.startsWith("WARN") && line.includes("did not end in time")))
    }).pipe(Effect.provide(logs.layer))
  })

  test("ends the first start of a supervisor with children of names", () =>
    Effect.gen(function*() {
      const making = yield* Effect.forkChild(
        Effect.flip(Supervisor.make({ children: [{ id: "a", start: Effect.never, startTimeout: "2 seconds" }] })),
        startImmediately
      )
      yield* sleep("2 seconds")
      const error = yield* Fiber.join(making)
      assert.isTrue(
        error._tag === "StartError" && error.child === "a" && Exit.isFailure(error.exit) &&
          Cause.isTimeoutError(Cause.squash(error.exit.cause))
      )
    }))

  test("is forgotten with its supervisor", () =>
    Effect.gen(function*() {
      const { kids, pool, start } = yield* make({ startTimeout: "1 hour" })
      kids.next("a", Effect.never)
      yield* start("a")
      yield* quiet
      yield* pool.stop
      assert.strictEqual(kids.took(), "+a -a")
      yield* sleep("2 hours")
      assert.deepStrictEqual(told(pool.events_), [])
    }))
})

describe("a child with a budget of its own", () => {
  test("is dropped with one restart too many, and the others and the supervisor go on", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 3]) {
        const { kids, pool, states } = yield* make({ concurrency, intensity: 0, perChild: { intensity: 2 } })
        for (const id of ["a", "b", "c"]) yield* pool.startChild(id)
        for (let i = 0; i < 3; i++) {
          yield* Port.kil(kids.ports.get("b")!, "poison")
          yield* quiet
        }
        assert.strictEqual(yield* states, "a running, c running")
        const dropped = pool.events_.find((event) => event._tag === "Dropped")
        assert.deepStrictEqual([dropped?.child, dropped?._tag === "Dropped" && dropped.restarts], ["b", 2])
        // The others have theirs.
        for (const id of ["a", "c", "a", "c"]) {
          yield* Port.kil(kids.ports.get(id)!, "poison")
          yield* quiet
        }
        assert.strictEqual(yield* states, "a running, c running")
        assert.isUndefined(pool.reason())
      }
    }))

  test("gets it back as time goes by", () =>
    Effect.gen(function*() {
      const { kids, pool, states } = yield* make({ perChild: { intensity: 1, period: "1 second" } })
      yield* pool.startChild("a")
      for (let i = 0; i < 10; i++) {
        yield* Port.kil(kids.ports.get("a")!, "crash")
        yield* sleep("1 second")
      }
      assert.strictEqual(yield* states, "a running")
    }))

  test("is dropped when its schedule is done", () =>
    Effect.gen(function*() {
      const { kids, pool, states } = yield* make({
        perChild: { intensity: 100 },
        schedule: Schedule.recurs(2)
      })
      for (const id of ["a", "b"]) yield* pool.startChild(id)
      for (let i = 0; i < 3; i++) {
        yield* Port.kil(kids.ports.get("a")!, "crash")
        yield* sleep("1 second")
      }
      assert.strictEqual(yield* states, "b running")
      assert.isUndefined(pool.reason())
    }))

  test("is dropped when it cannot be started again", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 3]) {
        const { kids, pool, states } = yield* make({ concurrency, perChild: { intensity: 2 } })
        for (const id of ["a", "b"]) yield* pool.startChild(id)
        kids.next("a", Effect.fail("no"), Effect.fail("no"), Effect.fail("no"))
        yield* Port.kil(kids.ports.get("a")!, "crash")
        yield* quiet
        assert.strictEqual(yield* states, "b running")
      }
    }))
})
