import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Port, Supervisor } from "../src/index.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { end, makeService, quiet, sleep, supervise, test } from "./supervised.ts"

class Connection extends Context.Service<Connection, { readonly nth: number; readonly fail: Effect.Effect<void> }>()(
  "test/Connection"
) {}
class Database extends Context.Service<Database, Supervisor.Rebuilt<Connection>>()("test/Database") {}

/** Connections that are counted, and what became of them. */
const makeConnections = (broken: (nth: number) => boolean = () => false) => {
  const log: Array<string> = []
  let made = 0
  const layer = Layer.effect(
    Connection,
    Effect.gen(function*() {
      const nth = ++made
      if (broken(nth)) return yield* Effect.fail(`no connection ${nth}`)
      yield* Effect.acquireRelease(
        Effect.sync(() => log.push(`open ${nth}`)),
        () => Effect.sync(() => log.push(`close ${nth}`))
      )
      const self = yield* Port.Self
      const context = yield* Effect.context<never>()
      const fail = Effect.provideContext(Port.kil(self, "lost", nth), context as Context.Context<any>)
      return { nth, fail }
    })
  )
  return { layer, log }
}

const nth = Effect.map(Connection, (connection) => connection.nth)

describe("a Layer under supervision", () => {
  test("is built again when its services fail, while its users keep their handle", () =>
    Effect.gen(function*() {
      const { layer, log } = makeConnections()
      yield* Effect.gen(function*() {
        const database = yield* Database
        assert.strictEqual(yield* database.provide(nth), 1)
        yield* database.provide(Effect.flatMap(Connection, (connection) => connection.fail)).pipe(Effect.exit)
        yield* quiet
        assert.strictEqual(yield* database.provide(nth), 2)
        assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
      }).pipe(Effect.provide(Supervisor.layer(Database, layer)))
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2", "close 2"])
    }))

  test("ends what it was provided to when its services end, with their reason", () =>
    Effect.gen(function*() {
      const { layer } = makeConnections()
      yield* Effect.gen(function*() {
        const database = yield* Database
        let interrupted = false
        const user = yield* Effect.forkChild(
          database.provide(Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => {
              interrupted = true
            }))),
          { startImmediately: true }
        )
        yield* end(database, "lost")
        const exit = yield* Fiber.await(user)
        assert.deepStrictEqual(reasonOf(exit as Exit.Exit<never, Port.Killed>), ["lost"])
        assert.isTrue(interrupted)
      }).pipe(Effect.provide(Supervisor.layer(Database, layer)))
    }))

  /** Somebody who uses the connection for ever, and has some work left when that ends. */
  const useFor = (database: Supervisor.Rebuilt<Connection>, log: Array<string>, work: Effect.Effect<void>) => {
    const leave = (nth: number) => Effect.andThen(work, Effect.sync(() => log.push(`left ${nth}`)))
    const use = Effect.flatMap(nth, (nth) => Effect.onInterrupt(Effect.never, () => leave(nth)))
    const start = Effect.forkScoped(database.provide(use), { startImmediately: true })
    // Until it was moved once, a TestClock has its sleeps interrupted in finalizers too.
    return Effect.all([TestClock.adjust(0), start, quiet])
  }

  for (
    const [how, endIt, after] of [
      ["it is restarted", (database: Supervisor.Supervised) => Effect.orDie(database.restart), ["open 2"]],
      ["its services fail", (database: Supervisor.Supervised) => Effect.orDie(end(database, "lost")), ["open 2"]],
      ["it is stopped", (database: Supervisor.Supervised) => database.stop, []]
    ] as const
  ) {
    test(`is released when its users are done with it: ${how}`, () =>
      Effect.gen(function*() {
        const { layer, log } = makeConnections()
        yield* Effect.gen(function*() {
          const database = yield* Database
          yield* useFor(database, log, Effect.void)
          yield* useFor(database, log, Effect.sleep("1 second"))
          yield* useFor(database, log, Effect.sleep("2 seconds"))
          yield* Effect.forkScoped(endIt(database), { startImmediately: true })
          yield* sleep("1999 millis")
          assert.deepStrictEqual(log, ["open 1", "left 1", "left 1"])
          yield* sleep("1 milli")
          assert.deepStrictEqual(log.slice(3), ["left 1", "close 1", ...after])
        }).pipe(Effect.provide(Supervisor.layer(Database, layer)))
      }))
  }

  test("waits no longer for its users than it has time to end itself", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const { layer, log } = makeConnections()
      yield* Effect.gen(function*() {
        const database = yield* Database
        yield* useFor(database, log, Effect.sleep("1 hour"))
        yield* end(database, "lost")
        yield* sleep("2999 millis")
        assert.deepStrictEqual(log, ["open 1"])
        yield* sleep("1 milli")
        assert.deepStrictEqual(log, ["open 1", "open 2"])
        assert.strictEqual(yield* database.provide(nth), 2)
        yield* sleep("1 hour")
        assert.deepStrictEqual(log.slice(2), ["left 1", "close 1"])
      }).pipe(Effect.provide(Supervisor.layer(Database, layer, { shutdown: "3 seconds" })))
      assert.include(logs.lines, "WARN supervised: child did not end in time and is abandoned")
    }).pipe(Effect.provide(logs.layer))
  })

  test("is built again, once, when one of its users asks for that while it uses it", () =>
    Effect.gen(function*() {
      const { layer, log } = makeConnections()
      yield* Effect.gen(function*() {
        const database = yield* Database
        const error = yield* Effect.flip(database.provide(database.restart))
        assert.deepStrictEqual(error.reason, ["shutdown"])
        yield* quiet
        assert.strictEqual(yield* database.provide(nth), 2)
        assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
      }).pipe(Effect.provide(Supervisor.layer(Database, layer)))
    }))

  test("lets its users wait while it is being rebuilt", () =>
    Effect.gen(function*() {
      const { layer } = makeConnections((nth) => nth === 2)
      yield* Effect.gen(function*() {
        const database = yield* Database
        yield* end(database, "lost")
        const user = yield* Effect.forkChild(database.provide(nth), { startImmediately: true })
        yield* sleep("1 second")
        assert.strictEqual(user.pollUnsafe(), undefined)
        yield* sleep("1 second")
        assert.strictEqual(yield* Fiber.join(user), 3)
      }).pipe(Effect.provide(Supervisor.layer(Database, layer, { schedule: Schedule.spaced("1 second") })))
    }))

  test("that cannot be built at first is the error of whoever builds it", () =>
    Effect.gen(function*() {
      const { layer } = makeConnections(() => true)
      const exit = yield* Effect.exit(Effect.provide(Database, Supervisor.layer(Database, layer)))
      assert.deepStrictEqual(exit, Exit.fail("no connection 1"))
    }))

  test("that fails too often fails its users for good", () =>
    Effect.gen(function*() {
      const { layer } = makeConnections()
      yield* Effect.gen(function*() {
        const database = yield* Database
        yield* end(database, "lost")
        const error = yield* Effect.flip(database.provide(nth))
        assert.strictEqual(error.reason[0], "restart_limit")
      }).pipe(Effect.provide(Supervisor.layer(Database, layer, { intensity: 0 })))
    }))
})

describe("the address of a supervised service", () => {
  const makeEcho = () => {
    const got: Array<string> = []
    let starts = 0
    const child = Effect.suspend(() => {
      const nth = ++starts
      return Port.make({
        say: (what: string) => {
          got.push(`${nth} ${what}`)
        },
        crash: () => Effect.fail("boom")
      })
    })
    return { child, got }
  }

  test("passes messages on in order, and keeps them while there is no service", () =>
    Effect.gen(function*() {
      const { child, got } = makeEcho()
      const { address } = yield* Supervisor.restart(child, { schedule: Schedule.spaced("1 second") })
      for (const what of ["a", "b"]) yield* Port.snd(address, "say", what)
      yield* quiet
      yield* Port.snd(address, "crash")
      yield* quiet
      for (let n = 0; n < 100; n++) yield* Port.snd(address, "say", String(n))
      yield* quiet
      assert.deepStrictEqual(got, ["1 a", "1 b"])
      yield* sleep("1 second")
      assert.deepStrictEqual(got.slice(2), Array.from({ length: 100 }, (_, n) => `2 ${n}`))
    }))

  test("stays the same, and ends as the supervisor does", () =>
    Effect.gen(function*() {
      const { child } = makeEcho()
      const supervised = yield* Supervisor.restart(child)
      const { address } = supervised
      yield* end(supervised, "crash")
      assert.strictEqual(supervised.address, address)
      const exit = yield* Effect.forkChild(Port.exit(address), { startImmediately: true })
      yield* Port.kil(supervised.supervisor, "enough")
      assert.deepStrictEqual(reasonOf(yield* Fiber.join(exit)), ["enough"])
    }))
})

describe("the ports of a supervised service", () => {
  test("are told one by one, the present one first, until the supervisor ends", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { intensity: 5 })
      yield* end(supervised, "crash")
      const ports = yield* Effect.forkChild(Stream.runCollect(supervised.ports), { startImmediately: true })
      yield* quiet
      yield* end(supervised, "crash")
      yield* end(supervised, "crash")
      yield* supervised.stop
      assert.deepStrictEqual(yield* Fiber.join(ports), service.ports.slice(1))
    }))
})

describe("a restart that is asked for during a delay", () => {
  test("ends the delay, and starts the service now", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { schedule: Schedule.spaced("1 hour") })
      yield* end(supervised, "crash")
      assert.strictEqual(service.starts, 1)
      yield* supervised.restart
      assert.strictEqual(service.starts, 2)
      yield* sleep("2 hours")
      assert.strictEqual(service.starts, 2)
      assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), 2)
    }))
})
