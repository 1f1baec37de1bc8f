import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Port, Supervisor } from "../src/index.ts"
import { reasonOf } from "./harness.ts"
import { quiet, test } from "./supervised.ts"
import {
  assertExit,
  counts,
  group,
  makeKids,
  portsOf,
  record,
  states,
  strategies,
  told,
  troubles
} from "./supervisedGroup.ts"

describe("the error of a start", () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const hidden = {
    get field(): never {
      throw new Error("no")
    }
  }
  for (
    const [what, error, text] of [
      ["an Error", new Error("no database"), "fail: Error: no database"],
      ["a text", "no database", "fail: no database"],
      ["plain data", { code: 5 }, "fail: {\"code\":5}"],
      ["an object whose toString is none", { toString: 1 }, "fail: {\"toString\":1}"],
      ["an Error whose toString is none", Object.assign(new Error("no"), { toString: 1 }), "fail: Error: no"],
      ["an object without a prototype", Object.create(null) as unknown, "fail: {}"],
      ["a cycle", cycle, "fail: [object Object]"],
      ["an object whose JSON is nothing", { toJSON: () => undefined }, "fail: [object Object]"],
      [
        "an Error whose name is no text",
        Object.assign(new Error("no"), { name: Symbol("no") }),
        "fail: [object Error]"
      ],
      ["an object that cannot be looked at", hidden, "fail: [object Object]"],
      ["the end of a port", new Port.Killed({ port: "a#b", reason: ["lost", 1, { at: 2 }] }), "lost: 1: {\"at\":2}"],
      ["much", "x".repeat(1000), `fail: ${"x".repeat(200)}…`]
    ] as const
  ) {
    test(`says in one line what it was: ${what}`, () =>
      Effect.gen(function*() {
        const pool = yield* Supervisor.dynamic({ start: () => Effect.fail(error) })
        const here = yield* Effect.flip(pool.startChild())
        assert.strictEqual(here.message, `child "1" could not be started: ${text}`)
        const there = yield* Effect.flip(Supervisor.at(pool.supervisor).startChild())
        assert.strictEqual(there._tag, "StartError")
        assert.strictEqual(there.message, `child "2" could not be started: ${text}`)
      }))
  }

  test("has the reason of the start, also when somebody asked by message", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: (code: number) => Effect.fail({ code }) })
      const error = yield* Effect.flip(Supervisor.at(pool.supervisor).startChild(5))
      if (error._tag !== "StartError") return assert.fail(error.message)
      assert.deepStrictEqual(reasonOf(error.exit as Exit.Exit<never, Port.Killed>), ["fail", "{\"code\":5}", {
        code: 5
      }])
    }))

  test("names no child where there is none to name", () =>
    Effect.gen(function*() {
      const fixed = yield* group([])
      const error = yield* Effect.flip(Supervisor.at(fixed.supervisor).startChild("x"))
      assert.strictEqual(
        error.message,
        "a child cannot be started from elsewhere: only a dynamic supervisor starts children by arguments"
      )
    }))
})

describe("a start that is asked for", () => {
  for (const strategy of strategies) {
    for (const [how, trouble, cause] of troubles) {
      test(`keeps nothing when it ${how}, and leaves the others alone (${strategy})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a"), kids.kid("c")], { strategy, intensity: 0 })
          const ports = yield* portsOf(supervisor)
          kids.took()
          kids.next("b", trouble)
          const error = yield* Effect.flip(supervisor.startChild(kids.kid("b")))
          if (error._tag !== "StartError") return assert.fail(error.message)
          assert.strictEqual(error.child, "b")
          assertExit(error.exit, cause)
          yield* quiet
          assert.strictEqual(kids.took(), "+b -b")
          assert.deepStrictEqual(yield* portsOf(supervisor), ports)
          assert.deepStrictEqual(yield* counts(supervisor), [2, 2, 0, 2])
          const gone = yield* Effect.flip(supervisor.spec("b"))
          assert.strictEqual(gone.reason, "not_found")
          // It is no restart, so it costs nothing; and its name is free.
          assert.isUndefined(supervisor.reason())
          yield* supervisor.startChild(kids.kid("b"))
          yield* quiet
          assert.deepStrictEqual(told(supervisor.events_), ["Started b"])
        }))

      test(`leaves the child present and not running when it is a restart that ${how} (${strategy})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { strategy, intensity: 0 })
          yield* supervisor.terminateChild("b")
          const ports = yield* portsOf(supervisor)
          kids.took()
          kids.next("b", trouble)
          const error = yield* Effect.flip(supervisor.restartChild("b"))
          if (error._tag !== "StartError") return assert.fail(error.message)
          assert.strictEqual(error.child, "b")
          assertExit(error.exit, cause)
          yield* quiet
          assert.strictEqual(kids.took(), "+b -b")
          assert.strictEqual(yield* states(supervisor), "a: running, b: stopped, c: running")
          assert.deepStrictEqual(yield* counts(supervisor), [3, 2, 0, 3])
          assert.deepStrictEqual(yield* portsOf(supervisor), ports)
          assert.isUndefined(supervisor.reason())
          const present = yield* Effect.flip(supervisor.startChild(kids.kid("b")))
          assert.isTrue(present._tag === "ChildError" && present.reason === "already_present")
          yield* supervisor.restartChild("b")
          assert.strictEqual(yield* states(supervisor), "a: running, b: running, c: running")
        }))
    }
  }

  for (const [how, trouble, cause] of troubles) {
    test(`keeps nothing of a dynamic child when it ${how}`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const pool = yield* Effect.flatMap(
          Supervisor.dynamic({ start: () => kids.start("a"), maxChildren: 1, intensity: 0 }),
          record
        )
        kids.next("a", trouble)
        const error = yield* Effect.flip(pool.startChild())
        if (error._tag !== "StartError") return assert.fail(error.message)
        assertExit(error.exit, cause)
        assert.strictEqual(kids.took(), "+a -a")
        assert.deepStrictEqual(yield* pool.which, [])
        yield* pool.startChild()
        assert.isUndefined(pool.reason())
      }))
  }

  for (const call of ["startChild", "restartChild"] as const) {
    test(`is given up when whoever asked waits no longer, and holds up nobody (${call})`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")])
        yield* supervisor.terminateChild("b")
        if (call === "startChild") yield* supervisor.deleteChild("b")
        kids.took()
        kids.next("b", Effect.never)
        const asked = call === "startChild" ? supervisor.startChild(kids.kid("b")) : supervisor.restartChild("b")
        const asking = yield* Effect.forkChild(asked, { startImmediately: true })
        yield* quiet
        yield* Fiber.interrupt(asking)
        yield* quiet
        assert.strictEqual(kids.took(), "+b -b")
        assert.strictEqual(yield* states(supervisor), call === "startChild" ? "a: running" : "a: running, b: stopped")
        const next = yield* Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true })
        yield* quiet
        assert.isDefined(next.pollUnsafe())
      }))
  }

  test("hands what the start answers beside the port to whoever asked for it", () =>
    Effect.gen(function*() {
      const supervisor = yield* group([])
      const start = Effect.map(Port.make({}), (port) => ({ port, size: 7 }))
      const added = yield* supervisor.startChild({ id: "a", start })
      assert.strictEqual(added.size, 7)
      assert.strictEqual(added.port, yield* supervisor.port("a"))
      yield* supervisor.terminateChild("a")
      const again = yield* supervisor.restartChild("a")
      assert.deepStrictEqual(again, { port: yield* supervisor.port("a"), size: 7 })
      const nested = yield* supervisor.startChild({ id: "nested", start: Supervisor.make({ children: [] }) })
      assert.deepStrictEqual([nested.supervisor, yield* nested.which], [yield* supervisor.port("nested"), []])
      const pool = yield* Supervisor.dynamic({
        start: (size: number) => Effect.map(start, (made) => ({ ...made, size }))
      })
      const [three, four] = [yield* pool.startChild(3), yield* pool.startChild(4)]
      assert.deepStrictEqual([three.size, four.size], [3, 4])
      assert.deepStrictEqual((yield* pool.which).map(({ port }) => port), [three.port, four.port])
    }))
})
