/** What handlers answer with, mixed at will: a port does with it what a fiber would, whether it needs one or not. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import { local, makeLogs, reasonOf, until } from "./harness.ts"

/** Handlers that go on, by what they answer with. Each says that it has handled `n`. */
const going = {
  nothing: (say) => say(),
  "no Effect": (say) => {
    say()
    return 42 as unknown as void
  },
  "an Exit": (say) => {
    say()
    return Exit.void
  },
  "an Effect.sync": (say) => Effect.sync(say),
  "a snd": (say, other) => {
    say()
    return Port.snd(other, "note")
  },
  "a generator": Effect.fnUntraced(function*(say) {
    yield* Effect.void
    say()
  }),
  "a fiber that waits": (say) => Effect.andThen(Effect.sleep(1), Effect.sync(say)),
  "a fiber that yields": (say) => Effect.andThen(Effect.yieldNow, Effect.sync(say))
} satisfies Record<string, (say: () => void, other: string) => Effect.Effect<unknown, unknown, any> | void>

/** Handlers that end their port, and the reason. */
const ending = {
  "a throw": [() => {
    throw new Error("thrown")
  }, ["die", "Error: thrown"]],
  "a throw in an Effect.sync": [() =>
    Effect.sync(() => {
      throw new Error("thrown")
    }), ["die", "Error: thrown"]],
  "a failure": [() => Effect.fail("failed"), ["fail", "failed", "failed"]],
  "a failure in a fiber": [() => Effect.andThen(Effect.yieldNow, Effect.fail("failed")), ["fail", "failed", "failed"]],
  "an interruption": [() => Effect.interrupt, ["interrupted"]],
  "a kil of itself": [() => Effect.flatMap(Port.Self, (self) => Port.kil(self, "enough")), ["enough"]],
  "an unsafe kil of itself": [(node, self) => Port.kilUnsafe(node, self, "enough"), ["enough"]],
  "an unsafe kil of itself, and a fiber": [(node, self) => {
    Port.kilUnsafe(node, self, "enough")
    return Effect.andThen(Effect.yieldNow, Effect.die("not any more"))
  }, ["enough"]]
} satisfies Record<
  string,
  readonly [
    handler: (node: Node.Service, self: string) => Effect.Effect<unknown, unknown, any> | void,
    reason: ReadonlyArray<unknown>
  ]
>

const Going = Schema.Literals(Object.keys(going) as Array<keyof typeof going>)
const Ending = Schema.Literals(Object.keys(ending) as Array<keyof typeof ending>)

describe("what handlers answer with", () => {
  it.live.prop(
    "is carried out in order, one at a time, up to the one that ends the port",
    [Schema.Array(Going), Ending, Schema.Array(Going)],
    ([before, last, after]) =>
      local(Effect.gen(function*() {
        const node = yield* Node.Node
        const handled: Array<string> = []
        const other = yield* Port.make({ note: () => {} })
        const [end, reason] = ending[last]
        const port: string = yield* Port.make({
          go: (what: keyof typeof going, n: number) => going[what](() => void handled.push(`${what} ${n}`), other),
          end: () => end(node, port)
        })
        const ended = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
        // Twice, so that messages come while the port is at rest, and while it is not.
        for (const [n, what] of [...before, ...before].entries()) {
          if (n === before.length) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* Port.snd(port, "go", what, n)
        }
        yield* Port.snd(port, "end")
        for (const [n, what] of after.entries()) yield* Port.snd(port, "go", what, n)
        const told = reasonOf(yield* Fiber.join(ended))
        assert.deepStrictEqual(handled, [...before, ...before].map((what, n) => `${what} ${n}`))
        assert.deepStrictEqual(told.slice(0, reason.length), reason)
      })).pipe(Effect.provide(makeLogs().layer))
  )

  class Service extends Context.Service<Service, string>()("activations/Service") {}

  it.live("finds the port and its services in the current fiber, in an Effect.sync too", () =>
    local(Effect.gen(function*() {
      const seen: Array<ReadonlyArray<unknown>> = []
      const look = (): void => {
        const { context } = Fiber.getCurrent()!
        seen.push([Context.getUnsafe(context, Port.Self), Context.getUnsafe(context, Service)])
      }
      const handlers = { look: () => Effect.sync(look) }
      const one = yield* Effect.provideService(Port.make(handlers), Service, "one")
      const two = yield* Effect.provideService(Port.make(handlers), Service, "two")
      for (const port of [one, two, one]) yield* Port.snd(port, "look")
      yield* until("all have looked", () => seen.length === 3)
      // In one pass of the run queue, or in several.
      assert.sameDeepMembers(seen, [[one, "one"], [one, "one"], [two, "two"]])
    })))

  it.live("may run Effects by itself, which belong to nobody", () =>
    local(Effect.gen(function*() {
      const heard: Array<string> = []
      const port = yield* Port.make({
        run: (what: string) =>
          void Effect.runFork(Effect.andThen(Effect.yieldNow, Effect.sync(() => heard.push(what)))),
        sync: (what: string) => Effect.sync(() => void Effect.runSync(Effect.sync(() => heard.push(what))))
      })
      yield* Port.snd(port, "run", "forked")
      yield* Port.snd(port, "sync", "at once")
      yield* until("both ran", () => heard.length === 2)
      yield* Port.kil(port)
      assert.isTrue(Exit.isSuccess(yield* Port.exit(port)))
      assert.sameMembers(heard, ["forked", "at once"])
    })))
})

describe("a port at rest", () => {
  v8.setFlagsFromString("--expose-gc")
  const collect = vm.runInNewContext("gc") as () => void

  for (const [name, handler] of Object.entries(going)) {
    it.live(`holds none of its last messages, answered with ${name}`, () =>
      local(Effect.gen(function*() {
        const other = yield* Port.make({ note: () => {} })
        let handled = 0
        const port = yield* Port.make({ go: () => handler(() => void handled++, other) })
        const send = (count: number) =>
          Effect.map(
            Effect.forEach(Array.from({ length: count }), () => {
              const payload = { large: Array.from({ length: 100 }, () => 0) }
              return Effect.as(Port.snd(port, "go", payload), new WeakRef(payload))
            }),
            (refs) => refs
          )
        const refs = [...yield* send(1), ...yield* send(100)]
        yield* until("all are handled", () => handled === 101)
        yield* until("none is held", () => {
          collect()
          return refs.every((ref) => ref.deref() === undefined)
        })
        yield* Port.kil(port)
      })))
  }

  it.live("holds none of what it has handled while a handler waits", () =>
    local(Effect.gen(function*() {
      let handled = 0
      const port = yield* Port.make({ go: () => void handled++, wait: () => Effect.never })
      const refs = yield* Effect.forEach(Array.from({ length: 100 }), () => {
        const payload = { large: Array.from({ length: 100 }, () => 0) }
        return Effect.as(Port.snd(port, "go", payload), new WeakRef(payload))
      })
      yield* Port.snd(port, "wait")
      yield* until("none is held", () => {
        collect()
        return refs.every((ref) => ref.deref() === undefined)
      })
      assert.strictEqual(handled, 100)
    })))
})
