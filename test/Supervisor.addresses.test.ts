import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { type Node, Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { reasonOf } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"

/** A child that keeps what it gets, with the number of its start before it. */
const makeNotes = (before: (nth: number) => Effect.Effect<unknown, unknown> = () => Effect.void) => {
  const notes: Array<string> = []
  let starts = 0
  const start = Effect.suspend(() => {
    const nth = ++starts
    return Effect.andThen(
      before(nth),
      Port.make({
        note: (text: string) => Effect.sync(() => notes.push(`${nth}: ${text}`)),
        ask: (reply) => Port.snd(reply, nth)
      })
    )
  })
  return { notes, start }
}

/** Sends in its start to a sibling. */
const writesTo = (id: string, text: string) =>
  Effect.gen(function*() {
    const sibling = yield* Supervisor.sibling(id)
    yield* Port.snd(sibling, "note", text)
    return yield* Port.make({})
  })

describe("the address of a child", () => {
  test("is known to the start of a sibling before its own first start, and keeps what is sent until then", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes(() => Effect.sleep("1 second"))
      const making = yield* Effect.forkChild(
        Supervisor.make({ children: [{ id: "first", start: writesTo("second", "hello") }, { id: "second", start }] })
      )
      yield* quiet
      assert.deepStrictEqual(notes, [])
      yield* sleep("1 second")
      yield* Fiber.join(making)
      yield* quiet
      assert.deepStrictEqual(notes, ["1: hello"])
    }))

  test("stays the same, and passes on to the port that is the present one", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes()
      let seen: string | undefined
      const looks = Effect.andThen(
        Effect.map(Supervisor.sibling("a"), (port) => {
          seen = port
        }),
        Port.make({})
      )
      const supervisor = yield* Supervisor.make({
        intensity: 10,
        children: [{ id: "looks", start: looks }, { id: "a", start }]
      })
      const address = yield* supervisor.address("a")
      assert.strictEqual(seen, address)
      for (const text of ["one", "two", "three"]) {
        yield* Port.snd(address, "note", text)
        yield* quiet
        yield* Port.kil(yield* supervisor.port("a"), "crash")
        yield* quiet
      }
      assert.deepStrictEqual(notes, ["1: one", "2: two", "3: three"])
      assert.strictEqual(yield* supervisor.address("a"), address)
      assert.strictEqual(yield* Port.cal(address, "ask"), 4)
    }))

  test("keeps what is sent while the child is restarted", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes((nth) => nth === 1 ? Effect.void : Effect.sleep("1 second"))
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      yield* Port.kil(yield* supervisor.port("a"), "crash")
      yield* quiet
      yield* Port.snd(address, "note", "x")
      yield* Port.snd(address, "note", "y")
      yield* sleep("999 millis")
      assert.deepStrictEqual(notes, [])
      yield* sleep("1 milli")
      assert.deepStrictEqual(notes, ["2: x", "2: y"])
    }))

  test("loses what is sent while the child is stopped, and passes on again when somebody starts it", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start, restart: "transient" }] })
      const address = yield* supervisor.address("a")
      yield* supervisor.terminateChild("a")
      yield* Port.snd(address, "note", "lost")
      yield* quiet
      yield* supervisor.restartChild("a")
      yield* Port.snd(address, "note", "found")
      yield* quiet
      assert.deepStrictEqual(notes, ["2: found"])
    }))

  test("keeps what is sent in a start that somebody asked for, and loses it if that fails", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes((nth) =>
        nth === 1 ? Effect.void : Effect.andThen(Effect.sleep("1 second"), nth === 2 ? Effect.fail("no") : Effect.void)
      )
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      yield* supervisor.terminateChild("a")
      for (const text of ["lost", "kept"]) {
        yield* Effect.forkChild(Effect.exit(supervisor.restartChild("a")), { startImmediately: true })
        yield* quiet
        yield* Port.snd(address, "note", text)
        yield* sleep("1 second")
      }
      assert.deepStrictEqual(notes, ["3: kept"])
    }))

  test("of a child that had nothing to supervise holds up nobody", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes((nth) => nth === 1 ? Effect.void : Effect.die("no"))
      let isThere = false
      const supervisor = yield* Supervisor.make({
        children: [
          { id: "first", start: writesTo("absent", "lost") },
          {
            id: "absent",
            start: Effect.suspend((): Effect.Effect<Supervisor.Started, unknown, Node.Node | Scope.Scope> =>
              isThere ? start : Effect.succeed(Supervisor.ignore)
            )
          }
        ]
      })
      yield* quiet
      isThere = true
      yield* supervisor.restartChild("absent")
      yield* Port.snd(yield* supervisor.address("absent"), "note", "found")
      yield* quiet
      assert.deepStrictEqual(notes, ["1: found"])
    }))

  test("ends when the child is deleted; another child of that name has another one", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes()
      const supervisor: Supervisor.Supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      yield* supervisor.terminateChild("a")
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual(reasonOf(yield* Port.exit(address)), ["shutdown"])
      assert.strictEqual((yield* Effect.flip(supervisor.address("a"))).reason, "not_found")
      yield* supervisor.startChild({ id: "a", start })
      const next = yield* supervisor.address("a")
      assert.notStrictEqual(next, address)
      yield* Port.snd(next, "note", "hello")
      yield* quiet
      assert.deepStrictEqual(notes, ["2: hello"])
    }))

  test("ends as the supervisor does", () =>
    Effect.gen(function*() {
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: makeNotes().start }] })
      const address = yield* supervisor.address("a")
      const router = yield* NodeRouter
      let reason: ReadonlyArray<unknown> | undefined
      router.monitor(address, (exit) => {
        reason = reasonOf(exit)
      })
      yield* Port.kil(supervisor.supervisor, "enough")
      yield* quiet
      assert.deepStrictEqual(reason, ["enough"])
    }))

  test("survives what cannot be sent", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      yield* Port.snd(address, "note", "before")
      yield* Effect.exit(Port.snd(address, "note", () => {}))
      yield* Port.snd(address, "note", "after")
      yield* quiet
      assert.strictEqual(notes.at(-1), "1: after")
    }))
})

describe("a sibling", () => {
  test("is looked for among the children around the supervisor too, the nearest first", () =>
    Effect.gen(function*() {
      const outer = makeNotes()
      const inner = makeNotes()
      const nested = Supervisor.make({
        children: [
          { id: "near", start: inner.start },
          { id: "one", start: writesTo("near", "to the inner one") },
          { id: "two", start: writesTo("far", "to the outer one") }
        ]
      })
      const single = Supervisor.restart(writesTo("near", "from one that is kept alone"))
      yield* Supervisor.make({
        children: [
          { id: "near", start: outer.start },
          { id: "far", start: outer.start },
          { id: "nested", start: nested },
          { id: "single", start: single },
          {
            id: "pool",
            start: Effect.tap(
              Supervisor.dynamic({ start: () => writesTo("far", "from a pool") }),
              (pool) => pool.startChild()
            )
          }
        ]
      })
      yield* quiet
      assert.deepStrictEqual(inner.notes, ["1: to the inner one"])
      assert.deepStrictEqual(outer.notes.toSorted(), [
        "1: from one that is kept alone",
        "2: from a pool",
        "2: to the outer one"
      ])
    }))

  test("of a child that was added is found like the others", () =>
    Effect.gen(function*() {
      const { notes, start } = makeNotes()
      const supervisor: Supervisor.Supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      yield* supervisor.startChild({ id: "late", start: writesTo("a", "hello") })
      yield* quiet
      assert.deepStrictEqual(notes, ["1: hello"])
    }))

  test("that there is not, or that is none, is an error", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(Supervisor.sibling("a"))).reason, "not_found")
      const child = { id: "child", start: writesTo("nobody", "x") }
      const error = yield* Effect.flip(Supervisor.make({ children: [child] }))
      assert.include(String(error), "nobody")
    }))
})
