import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { NodeRouter } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { connect, isDown, makeLogs, makeWorld, reasonOf, until as untilLive, within } from "./harness.ts"
import { delays, end, makeService, quiet, sleep, supervise, tags, test } from "./supervised.ts"

describe("stopping", () => {
  test("ends the child, then the supervisor, and nothing starts again", () =>
    Effect.gen(function*() {
      for (const restarts of [0, 1, 2]) {
        const service = makeService()
        const supervised = yield* supervise(service.child, { intensity: 5 })
        for (let i = 0; i < restarts; i++) yield* end(supervised, "crash")
        yield* supervised.stop
        assert.deepStrictEqual(service.ends.at(-1), ["shutdown"])
        assert.deepStrictEqual(supervised.end, ["shutdown"])
        yield* sleep("1 hour")
        assert.strictEqual(service.starts, restarts + 1)
        assert.isTrue(supervised.over)
      }
    }))

  test("by closing the scope ends the child", () =>
    Effect.gen(function*() {
      const service = makeService()
      const scope = yield* Scope.make()
      const supervised = yield* Scope.provide(Supervisor.restart(service.child), scope)
      const order: Array<string> = []
      yield* Port.mon(supervised.supervisor, (exit) =>
        Effect.sync(() => order.push(`supervisor ${reasonOf(exit).join()}`)))
      yield* Port.mon(yield* supervised.port, (exit) =>
        Effect.sync(() => order.push(`child ${reasonOf(exit).join()}`)))
      yield* Scope.close(scope, Exit.void)
      yield* quiet
      assert.deepStrictEqual(order, ["child shutdown", "supervisor "])
      assert.strictEqual(service.starts, 1)
    }))

  test("by killing the supervisor ends the child first, and the supervisor has the reason", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const service = makeService(() => Effect.addFinalizer(() => Effect.sync(() => order.push("released"))))
      const supervised = yield* supervise(service.child)
      yield* Port.mon(
        supervised.supervisor,
        (exit) => Effect.sync(() => order.push(`supervisor ${reasonOf(exit).join()}`))
      )
      yield* Port.mon(yield* supervised.port, (exit) => Effect.sync(() => order.push(`child ${reasonOf(exit).join()}`)))
      yield* Port.kil(supervised.supervisor, "enough", 1)
      yield* quiet
      assert.deepStrictEqual(order, ["child shutdown", "released", "supervisor enough,1"])
      assert.strictEqual(service.starts, 1)
    }))

  test("abandons a child that does not end in time, and says which", () => {
    const logs = makeLogs("no nodes")
    return Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { id: "worker", shutdown: "3 seconds" })
      const port = yield* supervised.port
      yield* Port.snd(port, "stuck")
      yield* quiet
      yield* Port.kil(supervised.supervisor, "enough")
      yield* sleep("2999 millis")
      assert.strictEqual(supervised.end, undefined)
      yield* sleep("1 milli")
      assert.deepStrictEqual(supervised.end, ["enough"])
      assert.deepStrictEqual(logs.lines.filter((line) => line.startsWith("WARN")), [
        "WARN supervised: worker did not end in time and is abandoned"
      ])
    }).pipe(Effect.provide(logs.layer))
  })
})

describe("the child's port", () => {
  test("is waited for while there is none", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { schedule: Schedule.spaced("1 second") })
      assert.strictEqual(yield* supervised.port, service.ports[0])
      yield* end(supervised, "crash")
      const waiting = yield* Effect.forkChild(supervised.port, { startImmediately: true })
      yield* sleep("999 millis")
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      yield* sleep("1 milli")
      assert.strictEqual(yield* Fiber.join(waiting), service.ports[1])
    }))

  test("is the next one as soon as the end of the last one is known", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child)
      const first = yield* supervised.port
      yield* Port.kil(first, "crash")
      yield* Port.exit(first)
      assert.notStrictEqual(yield* supervised.port, first)
    }))

  for (
    const [how, policy, reason] of [
      ["has given up", { intensity: 0 }, ["restart_limit", "child was restarted too often", "child", "crash"]],
      ["need not restart it", { restart: "temporary" }, []]
    ] as const
  ) {
    test(`is none any more when the supervisor ${how}: with the supervisor's reason`, () =>
      Effect.gen(function*() {
        const supervised = yield* supervise(makeService().child, policy)
        yield* end(supervised, "crash")
        const error = yield* Effect.flip(supervised.port)
        assert.deepStrictEqual([error.port, error.reason], [supervised.supervisor, reason])
      }))
  }

  test("that is waited for is none any more when the supervisor is killed", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child, { schedule: Schedule.spaced("1 second") })
      yield* end(supervised, "crash")
      const waiting = yield* Effect.forkChild(Effect.flip(supervised.port), { startImmediately: true })
      yield* Port.kil(supervised.supervisor, "enough")
      assert.deepStrictEqual((yield* Fiber.join(waiting)).reason, ["enough"])
    }))

  test("is none any more after a stop", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child)
      yield* supervised.stop
      assert.deepStrictEqual((yield* Effect.flip(supervised.port)).reason, ["shutdown"])
    }))
})

describe("a restart that is asked for", () => {
  test("ends the child and starts it again, at once, whatever the policy", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, {
        restart: "temporary",
        intensity: 0,
        schedule: Schedule.spaced("1 hour")
      })
      for (let i = 2; i < 5; i++) {
        yield* supervised.restart
        assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), i)
      }
      yield* quiet
      assert.deepStrictEqual(service.ends, [["shutdown"], ["shutdown"], ["shutdown"]])
      assert.strictEqual(supervised.end, undefined)
      assert.deepStrictEqual(tags(supervised.log), ["Ended", "Started", "Ended", "Started", "Ended", "Started"])
      yield* end(supervised, "crash")
      assert.deepStrictEqual(supervised.end, [])
    }))

  test("leaves the budget as it was", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child)
      yield* supervised.restart
      yield* quiet
      yield* end(supervised, "crash", 1)
      assert.strictEqual(supervised.end, undefined)
      yield* supervised.restart
      yield* quiet
      yield* end(supervised, "crash", 2)
      assert.deepStrictEqual(supervised.end, ["restart_limit", "child was restarted too often", "child", "crash", 2])
    }))

  test("and fails is tried again as the policy says", () =>
    Effect.gen(function*() {
      const service = makeService((nth) => nth === 2 ? Effect.fail("no database") : Effect.void)
      const supervised = yield* supervise(Effect.orDie(service.child), { schedule: Schedule.spaced("1 second") })
      yield* supervised.restart
      yield* quiet
      assert.strictEqual(service.starts, 2)
      yield* sleep("1 second")
      assert.strictEqual(service.starts, 3)
      assert.deepStrictEqual(delays(supervised.log), [1000])
    }))

  test("by many at the same time is one restart", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child)
      yield* Effect.all(Array.from({ length: 10 }, () => supervised.restart), { concurrency: "unbounded" })
      assert.strictEqual(service.starts, 2)
      yield* supervised.restart
      assert.strictEqual(service.starts, 3)
    }))

  test("while a start hangs is done, whoever waits for it, and once", () =>
    Effect.gen(function*() {
      const service = makeService((nth) =>
        nth === 2
          ? Effect.andThen(Effect.acquireRelease(Effect.void, () => Effect.sleep("3 seconds")), Effect.never)
          : Effect.void
      )
      const supervised = yield* supervise(service.child)
      yield* end(supervised, "crash")
      const asked = yield* Effect.forkChild(Effect.exit(Effect.timeout(supervised.restart, "1 second")), {
        startImmediately: true
      })
      yield* sleep("1 second")
      assert.isDefined(asked.pollUnsafe())
      yield* sleep("1 minute")
      assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), 3)
      const router = yield* NodeRouter
      assert.strictEqual(service.ports.filter((port) => router.ports.has(port)).length, 1)
    }))

  test("before and during a start that hangs leaves one service", () =>
    Effect.gen(function*() {
      const service = makeService((nth) =>
        nth === 1
          ? Effect.addFinalizer(() => Effect.sleep("1 second"))
          : nth === 2
          ? Effect.never
          : Effect.void
      )
      const supervised = yield* supervise(service.child)
      yield* end(supervised, "crash")
      for (const wait of ["2 seconds", "1 minute"] as const) {
        yield* Effect.forkChild(supervised.restart, { startImmediately: true })
        yield* sleep(wait)
      }
      const router = yield* NodeRouter
      assert.strictEqual(service.ports.filter((port) => router.ports.has(port)).length, 1)
      yield* supervised.stop
      assert.strictEqual(service.ports.filter((port) => router.ports.has(port)).length, 0)
    }))

  test("fails when the supervisor has ended", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child)
      yield* supervised.stop
      const error = yield* Effect.flip(supervised.restart)
      assert.deepStrictEqual(error.reason, ["shutdown"])
      yield* supervised.stop
      yield* quiet
      assert.strictEqual(service.starts, 1)
    }))
})

describe("by message", () => {
  test("the only child of a supervisor is not managed: that is refused, and it goes on", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { id: "worker" })
      const port = yield* supervised.port
      const remote = Supervisor.at(supervised.supervisor)
      const refusals = yield* Effect.forEach([
        remote.terminateChild("worker"),
        remote.terminateChild(port),
        remote.restartChild("worker"),
        remote.deleteChild("worker")
      ], (asked) => Effect.flip(asked as Effect.Effect<unknown, Supervisor.AskError, Node.Node>))
      for (const error of refusals) {
        assert.deepInclude(error, { _tag: "ChildError", reason: "only_child" })
        assert.include(error.message, "end its supervisor instead")
      }
      const unknown = yield* Effect.flip(remote.terminateChild("nobody"))
      assert.strictEqual(unknown._tag === "ChildError" && unknown.reason, "not_found")
      yield* quiet
      assert.strictEqual(yield* supervised.port, port)
      assert.deepStrictEqual([service.starts, service.ends.length, supervised.log.length], [1, 0, 0])
    }))

  test("the only child of a supervisor is not managed while it waits for its restart, which it gets", () =>
    Effect.gen(function*() {
      const service = makeService()
      const supervised = yield* supervise(service.child, { schedule: Schedule.spaced("1 second") })
      const remote = Supervisor.at(supervised.supervisor)
      yield* end(supervised, "crash")
      for (const asked of [remote.terminateChild("child"), remote.deleteChild("child")]) {
        const error = yield* Effect.flip(asked)
        assert.strictEqual(error._tag === "ChildError" && error.reason, "only_child")
      }
      yield* sleep("1 second")
      assert.strictEqual(yield* Port.cal(yield* supervised.port, "which"), 2)
    }))

  for (
    const [what, ask] of [
      ["startChild", (remote: Supervisor.Remote) => remote.startChild("x")],
      ["terminateChild", (remote: Supervisor.Remote) => remote.terminateChild("x")],
      ["restartChild", (remote: Supervisor.Remote) => remote.restartChild("x")],
      ["deleteChild", (remote: Supervisor.Remote) => remote.deleteChild("x")]
    ] as const
  ) {
    test(`${what} of a port that is no supervisor, and answers nothing, fails after five seconds`, () =>
      Effect.gen(function*() {
        const got: Array<unknown> = []
        const port = yield* Port.make((tag: string) => void got.push(tag))
        const asked = yield* Effect.forkChild(
          Effect.flip(ask(Supervisor.at(port)) as Effect.Effect<unknown, Supervisor.AskError, Node.Node>),
          { startImmediately: true }
        )
        yield* sleep("4999 millis")
        assert.strictEqual(asked.pollUnsafe(), undefined)
        yield* sleep("1 milli")
        const error = yield* Fiber.join(asked)
        assert.deepStrictEqual([error._tag, error.message], [
          "NoAnswer",
          `supervisor ${port}: has not answered in 5 seconds`
        ])
        // It was not asked for anything that it might have done.
        assert.deepStrictEqual(got, ["about"])
      }))
  }

  test("startChild and terminateChild of a supervisor take as long as they take", () =>
    Effect.gen(function*() {
      const start = () =>
        Effect.gen(function*() {
          yield* Effect.addFinalizer(() => Effect.sleep("1 minute"))
          yield* Effect.sleep("1 minute")
          return yield* Port.make({})
        })
      const pool = yield* Supervisor.dynamic({ start, shutdown: "infinity" })
      const remote = Supervisor.at(pool.supervisor)
      const starting = yield* Effect.forkChild(remote.startChild(), { startImmediately: true })
      yield* quiet
      yield* sleep("1 minute")
      const port = String(yield* Fiber.join(starting))
      const ending = yield* Effect.forkChild(remote.terminateChild(port), { startImmediately: true })
      yield* quiet
      yield* sleep("59 seconds")
      assert.strictEqual(ending.pollUnsafe(), undefined)
      yield* sleep("1 second")
      yield* Fiber.join(ending)
      assert.strictEqual((yield* pool.count).active, 0)
    }))
})

describe("a child", () => {
  test("starts in no span of whoever made its supervisor, which may have ended long ago", () =>
    Effect.gen(function*() {
      const spans: Array<string> = []
      const child = Effect.gen(function*() {
        spans.push((yield* Effect.option(Effect.currentSpan))._tag)
        return yield* Port.make({})
      })
      const supervisors = yield* Effect.withSpan(
        Effect.all([
          Supervisor.restart(child),
          Supervisor.make({ children: [{ id: "one", start: child }] }),
          Effect.tap(Supervisor.dynamic({ start: () => child }), (pool) => pool.startChild())
        ]),
        "made"
      )
      for (const { which } of supervisors) yield* Port.kil((yield* which)[0]!.port!, "crash")
      yield* quiet
      assert.deepStrictEqual(spans, Array.from({ length: 6 }, () => "None"))
    }))
})

describe("events", () => {
  test("tell all that happens, to each who listens, and end with the supervisor", () =>
    Effect.gen(function*() {
      const service = makeService((nth) => nth === 3 ? Effect.fail("no database") : Effect.void)
      const supervised = yield* supervise(Effect.orDie(service.child), {
        intensity: 3,
        schedule: Schedule.spaced("1 second")
      })
      const late = new Array<Supervisor.Event>()
      yield* end(supervised, "crash", 1)
      yield* Effect.forkScoped(Stream.runForEach(supervised.events, (event) => Effect.sync(() => late.push(event))), {
        startImmediately: true
      })
      yield* sleep("1 second")
      yield* end(supervised, "crash", 2)
      yield* sleep("1 second")
      yield* sleep("1 second")
      assert.isFalse(supervised.over)
      yield* end(supervised, "crash", 3)
      assert.isTrue(supervised.over)
      assert.deepStrictEqual(supervised.log.map(shown), [
        ["Ended", service.ports[0], "crash", 1],
        ["Restarting", 1000],
        ["Started", service.ports[1], 1],
        ["Ended", service.ports[1], "crash", 2],
        ["Restarting", 1000],
        ["StartFailed", "die", "no database"],
        ["Restarting", 1000],
        ["Started", service.ports[2], 3],
        ["Ended", service.ports[2], "crash", 3],
        ["GaveUp", 3, "crash", 3]
      ])
      assert.deepStrictEqual(late, supervised.log.slice(2))
    }))

  test("are none when the supervisor has ended", () =>
    Effect.gen(function*() {
      const supervised = yield* supervise(makeService().child)
      yield* supervised.stop
      const all = yield* Effect.forkChild(Stream.runCollect(supervised.events), { startImmediately: true })
      yield* quiet
      assert.deepStrictEqual(all.pollUnsafe(), Exit.succeed([]))
    }))
})

/** An event as plain data. */
const shown = (event: Supervisor.Event): ReadonlyArray<unknown> => {
  switch (event._tag) {
    case "Started":
      return [event._tag, event.port, event.restarts]
    case "Ended":
      return [event._tag, event.port, ...reasonOf(event.exit)]
    case "StartFailed":
      return [event._tag, ...reasonOf(event.exit)]
    case "Restarting":
      return [event._tag, Number(delays([event])[0])]
    case "GaveUp":
      return [event._tag, event.restarts, ...reasonOf(event.exit)]
    default:
      return [event._tag]
  }
}

describe("a child on another node", () => {
  const Work = Port.protocol({ who: Port.message().replies(Schema.String), crash: Port.message() })
  const Worker = Port.remote("test::worker", [], Work)

  const world = Effect.gen(function*() {
    const { cut, start } = yield* makeWorld
    const here = yield* start("here")
    const there = yield* start("there")
    const other = yield* start("other")
    const served: Array<string> = []
    for (const node of [there, other]) {
      const layer = Port.implement(Worker, () =>
        Effect.sync(() => {
          served.push(node.id)
          return {
            who: () => Effect.succeed(node.id),
            crash: () => Effect.fail("boom")
          }
        }))
      yield* node.run(Effect.flatMap(Effect.scope, (scope) => Effect.asVoid(Layer.buildWithScope(layer, scope))))
    }
    yield* connect(here, there)
    yield* connect(here, other)
    /** Spawns on the first of the two that is up. */
    const child = Effect.suspend(() => Port.spawn(here.router.isUp("there") ? "there" : "other", Worker))
    return { cut, here, there, served, child }
  })

  const live = (
    title: string,
    body: (made: Effect.Success<typeof world>) => Effect.Effect<unknown, unknown, Scope.Scope>
  ) => it.live(title, () => Effect.flatMap(world, body).pipe(Effect.provide(Transport.layerMemory)))

  live("is restarted when it fails", ({ child, here, served }) =>
    Effect.gen(function*() {
      const supervised = yield* here.run(Supervisor.restart(child))
      const first = yield* supervised.port
      assert.strictEqual(yield* here.run(Port.cal(first, "who")), "there")
      yield* here.run(Port.snd(first, "crash"))
      yield* untilLive("a second start", () => served.length === 2)
      const second = yield* within("a port", supervised.port)
      assert.notStrictEqual(second, first)
      assert.strictEqual(yield* here.run(Port.cal(second, "who")), "there")
    }))

  live(
    "is restarted elsewhere when its node goes down, and nobody dials that",
    ({ child, here, there }) =>
      Effect.gen(function*() {
        const supervised = yield* here.run(Supervisor.restart(child))
        const first = yield* supervised.port
        assert.strictEqual(yield* here.run(Port.cal(first, "who")), "there")
        const lookedFor: Array<string> = []
        yield* here.run(Node.addressBook((nodeId) => Effect.sync(() => (lookedFor.push(nodeId), []))))
        yield* there.stop
        yield* untilLive("the end of the first", () => isDown(here, "there"))
        const second = yield* within("a port", supervised.port)
        assert.strictEqual(yield* here.run(Port.cal(second, "who")), "other")
        assert.deepStrictEqual(lookedFor, [])
      })
  )

  live("ends with its supervisor", ({ child, here, there }) =>
    Effect.gen(function*() {
      const supervised = yield* here.run(Supervisor.restart(child))
      const port = yield* supervised.port
      yield* here.run(Port.cal(port, "who"))
      assert.isTrue(there.router.ports.has(port))
      yield* supervised.stop
      assert.isFalse(there.router.ports.has(port))
    }))
})
