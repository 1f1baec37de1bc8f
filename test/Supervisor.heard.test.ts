/**
 * Who hears that a supervisor has given up: the port that it was made in, whoever runs it, and the log in any case.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Node, Port, Supervisor } from "../src/index.ts"
import { makeLogs, reasonOf } from "./harness.ts"
import { quiet, test, until } from "./supervised.ts"

/** A service that crashes when it is told to, and the ports that it had. */
const makeService = () => {
  const ports: Array<Port.PortId> = []
  const start = Effect.tap(
    Port.make({ crash: () => Effect.fail("boom") }),
    (port) => Effect.sync(() => ports.push(port))
  )
  const crash = Effect.suspend(() => Effect.andThen(Port.snd(ports.at(-1)!, "crash"), quiet))
  return { ports, start, crash }
}

const strict = { id: "fragile", intensity: 0 } as const

const gaveUp = (child: string, ...last: ReadonlyArray<unknown>) => [
  "restart_limit",
  `${child} was restarted too often`,
  child,
  ...last
]

const boom = ["fail", "boom", "boom"]

type Service = ReturnType<typeof makeService>

interface Handle {
  readonly supervisor: Port.PortId
  readonly await: Effect.Effect<void, Port.Killed>
  readonly stop: Effect.Effect<void>
}

type Making = Effect.Effect<Handle, never, Node.Node | Scope.Scope>

const kept = ({ start }: Service): Making => Effect.orDie(Supervisor.restart(start, strict))

/** All ways to have a supervisor, which gives up when the service crashes. */
const ways: ReadonlyArray<readonly [what: string, make: (service: Service) => Making]> = [
  ["restart", kept],
  ["make", ({ start }) => Effect.orDie(Supervisor.make({ intensity: 0, children: [{ id: "fragile", start }] }))],
  ["dynamic", ({ start }) =>
    Supervisor.dynamic({ intensity: 0, start: () => start }).pipe(
      Effect.tap((pool) => pool.startChild()),
      Effect.orDie
    )],
  ["partition", ({ start }) => Effect.orDie(Supervisor.partition({ intensity: 0, partitions: 1, start: () => start }))],
  ["failover", ({ ports, start }) =>
    Node.id.pipe(
      Effect.flatMap((self) => Supervisor.failover(start, { name: "fragile", nodes: [self], intensity: 0 })),
      Effect.tap(() => until("it runs", () => ports.length > 0)),
      Effect.orDie
    )]
]

describe("a supervisor that gives up", () => {
  for (const [what, make] of ways) {
    test(`takes the port with it that it was made in: ${what}`, () =>
      Effect.gen(function*() {
        const service = makeService()
        const port = yield* Port.make({ begin: () => make(service) })
        const ended = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
        yield* Port.snd(port, "begin")
        yield* until("it runs", () => service.ports.length > 0)
        yield* service.crash
        const reason = reasonOf(yield* Fiber.join(ended))
        assert.strictEqual(reason[0], "restart_limit")
        assert.deepStrictEqual(reason.slice(3), boom)
      }))

    test(`leaves that port alone when it ends in order: ${what}`, () =>
      Effect.gen(function*() {
        const service = makeService()
        const port = yield* Port.make({ still: (reply) => Port.snd(reply, "here") })
        const { stop, supervisor } = yield* Port.peval(port, make(service))
        yield* stop
        yield* quiet
        assert.strictEqual(reasonOf(yield* Port.exit(supervisor))[0], "no_such_port")
        assert.strictEqual(yield* Port.cal(port, "still"), "here")
      }))

    test(`fails whoever awaits it: ${what}`, () =>
      Effect.gen(function*() {
        const service = makeService()
        const handle = yield* make(service)
        const waiting = yield* Effect.forkChild(handle.await, { startImmediately: true })
        yield* service.crash
        const exit = yield* Fiber.await(waiting)
        assert.deepStrictEqual(reasonOf(exit).slice(3), boom)
        // Whoever asks later is told the same.
        assert.deepStrictEqual(yield* Effect.exit(handle.await), exit)
      }))

    test(`that was stopped is no failure for whoever awaits it: ${what}`, () =>
      Effect.gen(function*() {
        const handle = yield* make(makeService())
        const waiting = yield* Effect.forkChild(handle.await, { startImmediately: true })
        yield* handle.stop
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(waiting)))
      }))

    test(`fails what runs it, and not the port that this is in: ${what}`, () =>
      Effect.gen(function*() {
        const service = makeService()
        const port = yield* Port.make({ still: (reply) => Port.snd(reply, "here") })
        const running = yield* Effect.forkChild(Port.peval(port, Effect.exit(Supervisor.run(make(service)))), {
          startImmediately: true
        })
        yield* until("it runs", () => service.ports.length > 0)
        yield* service.crash
        assert.deepStrictEqual(reasonOf(yield* Fiber.join(running)).slice(3), boom)
        assert.strictEqual(yield* Port.cal(port, "still"), "here")
      }))

    test(`ends the program that launches its Layer, whatever else that is made of: ${what}`, () =>
      Effect.gen(function*() {
        const service = makeService()
        let isReleased = false
        const other = Layer.effectDiscard(Effect.acquireRelease(Effect.void, () =>
          Effect.sync(() => {
            isReleased = true
          })))
        const app = Layer.mergeAll(other, Layer.provide(Layer.effectDiscard(make(service)), other))
        const launched = yield* Effect.forkChild(Supervisor.launch(app), { startImmediately: true })
        yield* until("it runs", () => service.ports.length > 0)
        yield* quiet
        assert.isUndefined(launched.pollUnsafe())
        yield* service.crash
        assert.deepStrictEqual(reasonOf(yield* Fiber.await(launched)).slice(3), boom)
        assert.isTrue(isReleased)
      }))

    it.effect(`is in the log as an error, once, with its child and the reason, if nobody cares: ${what}`, () => {
      const logs = makeLogs()
      return Effect.gen(function*() {
        const service = makeService()
        yield* make(service)
        yield* service.crash
        yield* quiet
        const errors = logs.lines.filter((line) => line.startsWith("ERROR"))
        // Before that, each end of the child itself is one.
        const told = errors.filter((line) => !/ port \S+ failed: fail: boom/.test(line))
        assert.strictEqual(told.length, 1, logs.lines.join("\n"))
        assert.match(told[0]!, /: (fragile|0|1) was restarted too often, giving up: fail: boom/)
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Node.layerLocal)), Effect.provide(logs.layer))
    })
  }

  test("is heard by its own supervisor alone, whatever port that was made in", () =>
    Effect.gen(function*() {
      const service = makeService()
      const port = yield* Port.make({ still: (reply) => Port.snd(reply, "here") })
      const inner = Supervisor.restart(service.start, strict)
      yield* Port.peval(port, Supervisor.make({ intensity: 3, children: [{ id: "inner", start: inner }] }))
      yield* service.crash
      assert.strictEqual(service.ports.length, 2)
      assert.strictEqual(yield* Port.cal(port, "still"), "here")
    }))

  test("is heard by its own supervisor alone, when that is a failover", () =>
    Effect.gen(function*() {
      const service = makeService()
      const self = yield* Node.id
      const inner = Supervisor.restart(service.start, strict)
      const part = yield* Supervisor.failover(inner, { name: "inner", nodes: [self], intensity: 3 })
      yield* until("it runs", () => service.ports.length === 1)
      yield* service.crash
      yield* until("it runs again", () => service.ports.length === 2)
      const { supervisor } = part
      assert.strictEqual((yield* Supervisor.at(supervisor).which).length, 1)
    }))

  test("in a port that is a child takes that port with it, and its supervisor starts both again", () =>
    Effect.gen(function*() {
      const service = makeService()
      const start = Effect.gen(function*() {
        const port = yield* Port.make({})
        yield* Port.peval(port, Supervisor.restart(service.start, strict))
        return port
      })
      const around = yield* Port.make({ still: (reply) => Port.snd(reply, "here") })
      yield* Port.peval(around, Supervisor.make({ intensity: 3, children: [{ id: "outer", start }] }))
      yield* service.crash
      assert.strictEqual(service.ports.length, 2)
      assert.strictEqual(yield* Port.cal(around, "still"), "here")
    }))

  test("in a Layer that is built again is an end of that Layer's services", () =>
    Effect.gen(function*() {
      class Pool extends Context.Service<Pool, Supervisor.Rebuilt<never>>()("Pool") {}
      const service = makeService()
      const services = Layer.effectDiscard(Supervisor.restart(service.start, strict))
      const context = yield* Layer.build(Supervisor.layer(Pool, services, { intensity: 3 }))
      yield* service.crash
      assert.strictEqual(service.ports.length, 2)
      assert.strictEqual((yield* Context.get(context, Pool).which)[0]?.status, "running")
    }))
})

describe("what runs a supervisor", () => {
  test("stops it when it is interrupted", () =>
    Effect.gen(function*() {
      const service = makeService()
      const running = yield* Effect.forkChild(Supervisor.run(Supervisor.restart(service.start)), {
        startImmediately: true
      })
      yield* until("it runs", () => service.ports.length === 1)
      yield* Fiber.interrupt(running)
      assert.strictEqual(reasonOf(yield* Port.exit(service.ports[0]!))[0], "no_such_port")
    }))

  test("fails as its making does", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Supervisor.run(Supervisor.restart(Effect.fail("not today"))))
      assert.strictEqual(error, "not today")
    }))

  test("is done when its service is done", () =>
    Effect.gen(function*() {
      const job = Port.make({ go: () => Effect.flatMap(Port.Self, (self) => Port.kil(self)) })
      const started = Effect.tap(job, (port) => Port.snd(port, "go"))
      yield* Supervisor.run(Supervisor.restart(started, { restart: "transient" }))
    }))

  test("fails while the rest of its Layer is still being built", () =>
    Effect.gen(function*() {
      const service = makeService()
      const app = Layer.provide(Layer.effectDiscard(Effect.never), Layer.effectDiscard(kept(service)))
      const launched = yield* Effect.forkChild(Supervisor.launch(app), { startImmediately: true })
      yield* until("it runs", () => service.ports.length === 1)
      yield* service.crash
      assert.deepStrictEqual(reasonOf(yield* Fiber.await(launched)), gaveUp("fragile", ...boom))
    }))
})
