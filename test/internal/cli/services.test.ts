import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { Global, Node, Port, Supervisor } from "../../../src/index.ts"
import { type ServiceEnvironment, toService } from "../../../src/internal/cli/run/service.ts"
import { Services } from "../../../src/internal/cli/run/services.ts"
import { makeLogs } from "../../harness.ts"
import { SeededRandom } from "../../simulation/random.ts"
import { sized } from "../../size.ts"
import { sleep } from "../../supervised.ts"

/** A service that can be made to crash, and how often it was started. */
interface Part {
  starts: number
  port: Port.PortId | undefined
  readonly start: Effect.Effect<Port.PortId, never, Node.Node | Scope.Scope>
  readonly crash: Effect.Effect<void, never, Node.Node>
}

const makePart = (): Part => {
  const part: Part = {
    starts: 0,
    port: undefined,
    start: Effect.tap(
      Port.make({ crash: () => Effect.fail("boom") }),
      (port) =>
        Effect.sync(() => {
          part.starts++
          part.port = port
        })
    ),
    crash: Effect.suspend(() => Port.snd(part.port!, "crash"))
  }
  return part
}

/** Lets time pass until something has happened. */
const until = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let tries = 0; tries < 100; tries++) {
      if (condition()) return
      yield* sleep("100 millis")
    }
    return yield* Effect.die(new Error(`waited in vain: ${what}`))
  })

const startedFor = (part: Part, starts: number) => until(`start ${starts}`, () => part.starts === starts)

const strict = { id: "part", intensity: 0 } as const

/** What an export may be. */
const forms: ReadonlyArray<readonly [what: string, service: (part: Part) => unknown]> = [
  ["a Layer", ({ start }) => Layer.effectDiscard(Supervisor.restart(start, strict))],
  [
    "Layers",
    ({ start }) =>
      Layer.provide(Layer.effectDiscard(Effect.void), Layer.effectDiscard(Supervisor.restart(start, strict)))
  ],
  ["an Effect", ({ start }) => Supervisor.restart(start, strict)],
  ["an Effect that goes on", ({ start }) => Effect.andThen(Supervisor.restart(start, strict), Effect.never)],
  ["an Effect that runs it", ({ start }) => Supervisor.run(Supervisor.restart(start, strict))],
  [
    "a failover",
    ({ start }) =>
      Effect.flatMap(Node.id, (self) => Supervisor.failover(start, { name: "part", nodes: [self], intensity: 0 }))
  ],
  ["a mere port", ({ start }) => start]
]

const run = Effect.fnUntraced(function*(exported: unknown) {
  const services = new Services(yield* Effect.context<ServiceEnvironment>())
  yield* services.begin([yield* toService("app.ts", exported, [])])
  const running = yield* Effect.forkScoped(services.failed, { startImmediately: true })
  yield* sleep("1 second")
  return running
})

const test = (
  title: string,
  body: (logs: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, Node.Node | Global.Global | Scope.Scope>
): void =>
  it.effect(title, () => {
    const logs = makeLogs("no nodes")
    const node = Layer.provideMerge(Global.layer({ global: true }), Layer.fresh(Node.layerLocal))
    return Effect.suspend(() => body(logs.lines)).pipe(
      Effect.scoped,
      Effect.provide(node),
      Effect.provide(logs.layer)
    )
  })

describe("a service whose supervisor gives up", () => {
  for (const [what, service] of forms) {
    test(`has failed, and is started again, ${what}`, () =>
      Effect.gen(function*() {
        const part = makePart()
        const running = yield* run(service(part))
        yield* startedFor(part, 1)
        for (const starts of [2, 3, 4]) {
          yield* part.crash
          yield* startedFor(part, starts)
        }
        assert.isUndefined(running.pollUnsafe())
      }))

    test(`has failed for good, and with it its node, the fourth time within a minute, ${what}`, () =>
      Effect.gen(function*() {
        const part = makePart()
        const running = yield* run(service(part))
        for (const starts of [1, 2, 3, 4]) {
          yield* startedFor(part, starts)
          yield* part.crash
        }
        yield* until("its end", () => running.pollUnsafe() !== undefined)
        const exit = yield* Fiber.await(running)
        assert.isTrue(Exit.isFailure(exit))
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /service app\.ts: .*boom/)
        assert.strictEqual(part.starts, 4)
      }))
  }
})

describe("a service that makes something", () => {
  for (const [what, service] of forms) {
    test(`is there as long as that, ${what}`, () =>
      Effect.gen(function*() {
        const part = makePart()
        const running = yield* run(service(part))
        yield* startedFor(part, 1)
        yield* sleep("1 hour")
        assert.strictEqual(part.starts, 1)
        assert.isUndefined(running.pollUnsafe())
      }))
  }

  test("and is done says so", (logs) =>
    Effect.gen(function*() {
      const running = yield* run(Effect.void)
      yield* until("it says so", () => logs.some((line) => line.includes("app.ts")))
      assert.isUndefined(running.pollUnsafe())
      assert.deepStrictEqual(logs.filter((line) => line.includes("app.ts")), ["INFO service app.ts: is done"])
    }))
})

/** The services of the fixture that are there, by instance, for as long as the scope is open. */
const listening = Effect.gen(function*() {
  const there = new Map<number, string>()
  const heard = (said: unknown): void => {
    const { instance, isThere, name } = said as { instance: number; isThere: boolean; name: string }
    if (isThere) there.set(instance, name)
    else there.delete(instance)
  }
  const channel = "effect-mp:test:services"
  yield* Effect.acquireRelease(
    Effect.sync(() => subscribe(channel, heard)),
    () => Effect.sync(() => unsubscribe(channel, heard))
  )
  return there
})

/** How often each name is there. */
const counted = (names: Iterable<string>): ReadonlyArray<string> => Array.from(names).toSorted()

describe("the services of a node that reads its configuration again", () => {
  test("are those that are wanted, or the ones before; what is wanted as before runs on", () =>
    Effect.gen(function*() {
      const there = yield* listening
      const random = new SeededRandom("services")
      const services = new Services(yield* Effect.context<ServiceEnvironment>())
      for (let round = 0; round < sized(60, 1000); round++) {
        const before = new Map(there)
        const names = Array.from({ length: random.int(0, 5) }, () => `s${random.int(0, 3)}`)
        if (random.chance(0.25)) names.splice(random.int(0, names.length), 0, "broken")
        const wanted = names.map((name) => ["test/fixtures/published.ts", name] as const)
        const change = yield* services.changeTo(wanted)
        assert.deepStrictEqual(new Map(there), before, "nothing is done before it is applied")
        const exit = yield* Effect.exit(change.apply)
        const isBroken = names.includes("broken")
        assert.strictEqual(Exit.isFailure(exit), isBroken)
        assert.deepStrictEqual(counted(there.values()), isBroken ? counted(before.values()) : counted(names))
        // Of each name as many run on as were there and are wanted.
        const kept = Array.from(before).filter(([instance]) => there.has(instance)).map(([, name]) => name)
        const left = [...names]
        const common = Array.from(before.values()).filter((name) => {
          const at = left.indexOf(name)
          if (at >= 0) left.splice(at, 1)
          return at >= 0
        })
        assert.deepStrictEqual(counted(kept), counted(common))
      }
    }))
})
