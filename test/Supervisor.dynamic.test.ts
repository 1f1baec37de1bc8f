import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { counts, makeKids, portsOf, record } from "./supervisedGroup.ts"

const ids = ["a", "b", "c", "d"] as const
const no = Effect.fail("no database")

describe("a dynamic supervisor", () => {
  const make = (options: Partial<Parameters<typeof Supervisor.dynamic>[0]> = {}) =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Effect.flatMap(
        Supervisor.dynamic({ intensity: 100, ...options, start: (id: string) => kids.start(id) }),
        record
      )
      return { kids, pool }
    })

  test("has many children of one template, each on its own", () =>
    Effect.gen(function*() {
      const { kids, pool } = yield* make()
      for (const id of ids) yield* pool.startChild(id)
      const before = (yield* pool.which).map(({ port }) => port)
      kids.took()
      for (const [at, id] of ids.entries()) {
        yield* Port.kil(kids.ports.get(id)!, "crash")
        yield* quiet
        assert.strictEqual(kids.took(), `-${id} +${id}`)
        const now = (yield* pool.which).map(({ port }) => port)
        assert.deepStrictEqual(ids.map((_, n) => now[n] === before[n]), ids.map((_, n) => n > at))
      }
      assert.deepStrictEqual(yield* counts(pool), [1, 4, 0, 4])
      // Two of the same arguments are two.
      yield* pool.startChild("a")
      assert.deepStrictEqual(yield* counts(pool), [1, 5, 0, 5])
    }))

  test("stops all at once at shutdown, under one time-out", () => {
    const logs = makeLogs()
    return Effect.gen(function*() {
      const { kids, pool } = yield* make({ shutdown: "3 seconds" })
      for (const id of ids) yield* pool.startChild(id)
      for (const id of ["b", "d"]) yield* Port.snd(kids.ports.get(id)!, "stuck")
      yield* quiet
      kids.took()
      const stopping = yield* Effect.forkChild(pool.stop, { startImmediately: true })
      yield* quiet
      assert.strictEqual(kids.took(), "-a -c")
      yield* sleep("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* sleep("1 milli")
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(pool.reason(), ["shutdown"])
      const told = (tag: Supervisor.Event["_tag"]) =>
        pool.events_.flatMap((event) => event._tag === tag && "port" in event ? [event.port] : [])
      assert.deepStrictEqual(told("Abandoned"), ["b", "d"].map((id) => kids.ports.get(id)))
      // Who counts starts and ends, counts right.
      assert.deepStrictEqual(told("Ended"), ids.map((id) => kids.ports.get(id)))
      assert.isTrue(logs.lines.some((line) => line.startsWith("WARN") && line.includes("did not end in time")))
    }).pipe(Effect.provide(logs.layer))
  })

  test("waits at shutdown for as long as it takes, or not at all, if its template says so", () =>
    Effect.gen(function*() {
      const waits = yield* make({ shutdown: "infinity" })
      const brutal = yield* make({ shutdown: "brutal" })
      const stopping = yield* Effect.forEach([waits, brutal], ({ kids, pool }) =>
        Effect.gen(function*() {
          yield* pool.startChild("a")
          yield* Port.snd(kids.ports.get("a")!, "stuck")
          yield* quiet
          return yield* Effect.forkChild(pool.stop, { startImmediately: true })
        }))
      yield* quiet
      const isOver = () => stopping.map((fiber) => fiber.pollUnsafe() !== undefined)
      assert.deepStrictEqual(isOver(), [false, true])
      yield* sleep("23 hours")
      assert.deepStrictEqual(isOver(), [false, true])
      yield* sleep("1 hour")
      assert.deepStrictEqual(isOver(), [true, true])
    }))

  test("ends what waits for its restart, and what hangs in it, when it is stopped", () =>
    Effect.gen(function*() {
      const waits = yield* make({ schedule: Schedule.spaced("1 hour") })
      const hangs = yield* make()
      for (const { kids, pool } of [waits, hangs]) {
        for (const id of ["a", "b"]) yield* pool.startChild(id)
        kids.next("a", Effect.never)
        yield* Port.kil(kids.ports.get("a")!, "crash")
        yield* quiet
        assert.deepStrictEqual((yield* pool.which).map(({ status }) => status), ["restarting", "running"])
        yield* pool.stop
      }
      assert.strictEqual(waits.kids.took(), "+a +b -a -b")
      assert.strictEqual(hangs.kids.took().split(" ").toSorted().join(" "), "+a +a +b -a -a -b")
      yield* sleep("2 hours")
      assert.strictEqual(waits.kids.took() + hangs.kids.took(), "")
    }))

  test("waits at shutdown for a child that is being released already", () =>
    Effect.gen(function*() {
      let released = 0
      const release = Effect.andThen(Effect.sleep("2 seconds"), Effect.sync(() => released++))
      const start = () => Effect.andThen(Effect.addFinalizer(() => release), Port.make({}))
      const pool = yield* Supervisor.dynamic({ start, restart: "temporary" })
      const [first] = [yield* pool.startChild(), yield* pool.startChild()]
      yield* Port.kil(first)
      yield* sleep("1 second")
      const stopping = yield* Effect.forkChild(pool.stop, { startImmediately: true })
      yield* sleep("1 second")
      assert.deepStrictEqual([released, stopping.pollUnsafe()], [1, undefined])
      yield* sleep("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(released, 2)
    }))

  test("refuses restart and delete by id, whether or not there is one", () =>
    Effect.gen(function*() {
      const { pool } = yield* make()
      yield* pool.startChild("a")
      const remote = Supervisor.at(pool.supervisor)
      for (const id of ["1", "2", "", pool.supervisor]) {
        for (const asked of [remote.restartChild(id), remote.deleteChild(id)]) {
          const refused = yield* Effect.flip(asked)
          assert.isTrue(refused._tag === "ChildError" && refused.reason === "dynamic")
        }
      }
      assert.deepStrictEqual(yield* counts(pool), [1, 1, 0, 1])
    }))

  test("terminates by port; a dead port is fine, a stranger's is not found, nor is an id", () =>
    Effect.gen(function*() {
      const { kids, pool } = yield* make()
      for (const id of ["a", "b"]) yield* pool.startChild(id)
      const [a, b] = ["a", "b"].map((id) => kids.ports.get(id)!)
      yield* pool.terminateChild(a!)
      assert.strictEqual(kids.took(), "+a +b -a")
      assert.isFalse((yield* NodeRouter).ports.has(a!))
      yield* pool.terminateChild(a!)
      const stranger = yield* Port.make({})
      for (const port of [stranger, pool.supervisor, "1", "2", "other#b"]) {
        const refused = yield* Effect.flip(pool.terminateChild(port))
        assert.isTrue(refused._tag === "ChildError" && refused.reason === "not_found", port)
      }
      assert.isTrue((yield* NodeRouter).ports.has(stranger))
      assert.deepStrictEqual((yield* pool.which).map(({ port }) => port), [b])
      // A port that had ended long before it was asked for, and that nobody here ever had.
      yield* Port.kil(stranger)
      yield* Port.exit(stranger)
      yield* pool.terminateChild(stranger)
      assert.strictEqual(kids.took(), "")
    }))

  test("terminates by its last port what waits for its restart, and by its new port what was restarted", () =>
    Effect.gen(function*() {
      const { kids, pool } = yield* make({ schedule: Schedule.spaced("1 minute") })
      for (const id of ["a", "b"]) yield* pool.startChild(id)
      const [a, b] = ["a", "b"].map((id) => kids.ports.get(id)!)
      for (const port of [a!, b!]) yield* Port.kil(port, "crash")
      yield* quiet
      yield* pool.terminateChild(a!)
      yield* sleep("1 minute")
      assert.strictEqual(kids.took(), "+a +b -a -b +b")
      // The old one is dead, which is fine, and the new one runs on.
      yield* pool.terminateChild(b!)
      assert.strictEqual(kids.took(), "")
      yield* pool.terminateChild(kids.ports.get("b")!)
      assert.strictEqual(kids.took(), "-b")
      assert.deepStrictEqual(yield* counts(pool), [1, 0, 0, 0])
    }))

  test("terminates a child in the tick in which it ends, and it does not come back", () =>
    Effect.gen(function*() {
      const { kids, pool } = yield* make()
      yield* pool.startChild("a")
      const first = kids.ports.get("a")!
      yield* Port.kil(first, "crash")
      yield* pool.terminateChild(first)
      yield* quiet
      // Its end may have been first: then it has a new port, and the old one is fine.
      const left = yield* pool.which
      if (left.length > 0) yield* pool.terminateChild(left[0]!.port!)
      assert.deepStrictEqual(yield* pool.which, [])
      assert.strictEqual(
        kids.log.filter((line) => line === "+a").length,
        kids.log.filter((line) => line === "-a").length
      )
    }))
})

describe("maxChildren", () => {
  const refusal = (asked: Effect.Effect<unknown, { readonly _tag: string }>) =>
    Effect.map(Effect.flip(asked), (error) => "reason" in error ? error.reason : error._tag)

  test("also counts children that are restarting; the next one is refused with a typed error", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({
        start: (id: string) => kids.start(id),
        maxChildren: 2,
        schedule: Schedule.spaced("1 minute")
      })
      yield* pool.startChild("a")
      assert.deepStrictEqual(yield* counts(pool), [1, 1, 0, 1])
      yield* pool.startChild("b")
      const error = yield* Effect.flip(pool.startChild("c"))
      assert.instanceOf(error, Supervisor.ChildError)
      assert.strictEqual(error._tag === "ChildError" && error.reason, "max_children")
      // While it waits, while its start hangs, and while it waits again.
      kids.next("a", Effect.andThen(Effect.sleep("1 minute"), no))
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(yield* refusal(pool.startChild("c")), "max_children")
      yield* sleep("1 minute")
      const asked = yield* Effect.forkChild(refusal(pool.startChild("c")), { startImmediately: true })
      yield* sleep("1 minute")
      assert.strictEqual(yield* Fiber.join(asked), "max_children")
      assert.deepStrictEqual(yield* counts(pool), [1, 1, 0, 2])
      yield* sleep("1 minute")
      assert.strictEqual(kids.took(), "+a +b -a +a -a +a")
      // And when there is a place, there is one.
      yield* pool.terminateChild(kids.ports.get("b")!)
      yield* pool.startChild("c")
      assert.strictEqual(yield* refusal(pool.startChild("d")), "max_children")
    }))

  test("does not count what has ended for good, was ignored, or could not be started", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({
        start: (id: string) => kids.start(id),
        maxChildren: 1,
        restart: "transient"
      })
      kids.next("a", no)
      assert.strictEqual(yield* refusal(pool.startChild("a")), "StartError")
      for (let n = 0; n < 5; n++) {
        yield* pool.startChild("a")
        assert.strictEqual(yield* refusal(pool.startChild("b")), "max_children")
        yield* Port.kil(kids.ports.get("a")!)
        yield* quiet
      }
      assert.deepStrictEqual(yield* counts(pool), [1, 0, 0, 0])
    }))

  test("holds for those that are asked for at once", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({ start: (id: string) => kids.start(id), maxChildren: 3 })
      const exits = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, n) => `${n}`),
        (id) => Effect.exit(pool.startChild(id)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), exits.map((_, n) => n < 3))
      for (const exit of exits.filter(Exit.isFailure)) {
        assert.instanceOf(Cause.squash(exit.cause), Supervisor.ChildError)
      }
      assert.strictEqual(kids.took(), "+0 +1 +2")
    }))
})

describe("a partition supervisor", () => {
  const keys = [
    ...Array.from({ length: 200 }, (_, n) => `key ${n}`),
    ...Array.from({ length: 50 }, (_, n) => n - 25),
    0.5,
    Number.NaN,
    true,
    null,
    undefined,
    10n,
    "",
    "__proto__"
  ]
  const make = (partitions: number, options: Supervisor.Limits & Supervisor.ChildOptions = {}) =>
    Supervisor.partition({
      intensity: 100,
      ...options,
      partitions,
      start: (index) => Port.make({ which: (reply) => Port.snd(reply, index) })
    })
  const route = (shards: Effect.Success<ReturnType<typeof make>>) =>
    Effect.forEach(
      keys,
      (key) => Effect.flatMap(shards.port(key), (port) => Effect.map(Port.cal(port, "which"), Number))
    )

  test("has n children of one template, and a key always goes to the same one while n stays", () =>
    Effect.gen(function*() {
      const shards = yield* make(8)
      assert.strictEqual(shards.partitions, 8)
      assert.deepStrictEqual(yield* counts(shards), [8, 8, 0, 8])
      assert.deepStrictEqual((yield* shards.which).map(({ id }) => id), ["0", "1", "2", "3", "4", "5", "6", "7"])
      const before = yield* route(shards)
      assert.deepStrictEqual([...new Set(before)].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7])
      // After restarts of all of them, in another supervisor, and for keys that are equal without being the same.
      for (const { port } of yield* shards.which) yield* Port.kil(port!, "crash")
      yield* quiet
      assert.deepStrictEqual((yield* shards.which).map(({ restarts }) => restarts), Array.from({ length: 8 }, () => 1))
      assert.deepStrictEqual(yield* route(shards), before)
      assert.deepStrictEqual(yield* route(yield* make(8)), before)
      for (const [one, other] of [[{ a: [1] }, { a: [1] }], [["x"], ["x"]], ["ab", ["a", "b"].join("")]]) {
        assert.strictEqual(yield* shards.port(one), yield* shards.port(other))
      }
    }))

  for (const n of [1, 2, 3, 7]) {
    test(`spreads keys over all of ${n}`, () =>
      Effect.gen(function*() {
        const all = yield* route(yield* make(n))
        for (let at = 0; at < n; at++) {
          assert.isAbove(all.filter((index) => index === at).length, all.length / n / 2)
        }
      }))
  }

  test("restarts a partition alone, and a key waits for its own", () =>
    Effect.gen(function*() {
      const shards = yield* make(4, { schedule: Schedule.spaced("1 second") })
      const before = yield* portsOf(shards)
      const port = yield* shards.port("key 1")
      const index = Number(yield* Port.cal(port, "which"))
      yield* Port.kil(port, "crash")
      yield* quiet
      const waiting = yield* Effect.forkChild(shards.port("key 1"), { startImmediately: true })
      yield* sleep("999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* sleep("1 milli")
      const next = yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* portsOf(shards), { ...before, [index]: next })
      assert.strictEqual(yield* Port.cal(next, "which"), index)
    }))

  test("may be of supervisors: a key leads to the same one, and to its next one after a restart", () =>
    Effect.gen(function*() {
      const pools = yield* Supervisor.partition({
        partitions: 3,
        schedule: Schedule.spaced("1 second"),
        start: () =>
          Supervisor.dynamic({ start: (n: number) => Supervisor.task(Effect.succeed(n * n)), restart: "transient" })
      })
      assert.deepStrictEqual(yield* counts(pools), [3, 3, 3, 0])
      const pool = yield* pools.child("key")
      assert.strictEqual(yield* pools.port("key"), pool.supervisor)
      assert.strictEqual(yield* pool.runChild(7), 49)
      assert.strictEqual((yield* pools.child("key")).supervisor, pool.supervisor)
      yield* Port.kil(pool.supervisor, "crash")
      yield* quiet
      const waiting = yield* Effect.forkChild(pools.child("key"), { startImmediately: true })
      yield* quiet
      assert.isUndefined(waiting.pollUnsafe())
      yield* sleep("1 second")
      const next = yield* Fiber.join(waiting)
      assert.notStrictEqual(next.supervisor, pool.supervisor)
      assert.strictEqual(yield* next.runChild(8), 64)
    }))

  test("stops in reverse order, and then has no port for any key", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const shards = yield* Supervisor.partition({
        partitions: 3,
        start: (index) => Effect.map(kids.start(String(index)), (started) => started as Port.PortId)
      })
      yield* shards.stop
      assert.strictEqual(kids.took(), "+0 +1 +2 -2 -1 -0")
      const error = yield* Effect.flip(shards.port("key"))
      assert.isTrue(error._tag === "Killed" && error.reason[0] === "shutdown")
    }))
})

describe("a restart of a dynamic child that fails", () => {
  test("is tried again, counted each time, until the budget is gone", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Effect.flatMap(
        Supervisor.dynamic({ start: (id: string) => kids.start(id), intensity: 3 }),
        record
      )
      for (const id of ["a", "b"]) yield* pool.startChild(id)
      const other = kids.ports.get("b")
      kids.took()
      kids.next("a", no, no)
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "-a +a -a +a -a +a")
      assert.deepStrictEqual((yield* pool.which).map(({ port, restarts }) => [port, restarts]), [
        [kids.ports.get("a"), 3],
        [other, 0]
      ])
      kids.next("a", no)
      yield* Port.kil(kids.ports.get("a")!, "crash")
      yield* quiet
      assert.strictEqual(pool.reason()?.[0], "restart_limit")
      assert.strictEqual(kids.took(), "-a -b")
    }))

  test("can be terminated by its last port while it is tried again", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({
        start: () => kids.start("a"),
        schedule: Schedule.spaced("1 minute"),
        maxChildren: 1
      })
      yield* pool.startChild()
      const port = kids.ports.get("a")!
      kids.next("a", no)
      yield* Port.kil(port, "crash")
      yield* sleep("1 minute")
      assert.strictEqual(kids.took(), "+a -a +a -a")
      yield* pool.terminateChild(port)
      assert.deepStrictEqual(yield* pool.which, [])
      yield* sleep("1 hour")
      assert.strictEqual(kids.took(), "")
      yield* pool.startChild()
    }))

  test("can be terminated by its last port while it hangs", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({ start: () => kids.start("a") })
      yield* pool.startChild()
      const port = kids.ports.get("a")!
      kids.next("a", Effect.never)
      yield* Port.kil(port, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "+a -a +a")
      const terminating = yield* Effect.forkChild(pool.terminateChild(port), { startImmediately: true })
      yield* quiet
      assert.strictEqual(terminating.pollUnsafe()?._tag, "Success")
      assert.strictEqual(kids.took(), "-a")
      assert.deepStrictEqual(yield* pool.which, [])
    }))
})
