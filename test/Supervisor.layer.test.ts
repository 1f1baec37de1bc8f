import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Port, Supervisor } from "../src/index.ts"
import { reasonOf } from "./harness.ts"
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
