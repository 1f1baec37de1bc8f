import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Node, Port, Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { connect, makeWorld, reasonOf, within } from "./harness.ts"
import { SeededRandom } from "./simulation/random.ts"
import { networkTest, quiet, short, sleep, test } from "./supervised.ts"

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

  test("passes on whatever stands last in a message", () =>
    Effect.gen(function*() {
      const got: Array<unknown> = []
      const start = Port.make((...message: ReadonlyArray<unknown>) => void got.push(message.at(-1)))
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      const last = [{ toString: "no function" }, Object.create(null), [["a"]], null, undefined, 1n, "", "#", NaN]
      for (const value of last) yield* Port.snd(address, "note", value)
      yield* quiet
      assert.deepStrictEqual(got, last)
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

/** A child that answers after a second, and notes what it begins with. */
const makeSlow = () => {
  const begun: Array<number> = []
  const handlers = {
    work: (n: number, reply: string) => {
      begun.push(n)
      return Effect.andThen(Effect.sleep("1 second"), Port.snd(reply, n))
    },
    crash: () => Effect.fail("boom")
  }
  return { begun, handlers, start: Port.make(handlers) }
}

describe("a call to the address of a child", () => {
  const begin = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    Effect.forkChild(Effect.exit(call), { startImmediately: true })

  test("is told when the child ends that has it, or that it waits for", () =>
    Effect.gen(function*() {
      const { start } = makeSlow()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      const port = yield* supervisor.port("a")
      const calls = yield* Effect.forEach([1, 2], (n) => begin(Port.cal(address, "work", n)))
      yield* quiet
      yield* Port.kil(port, "crash")
      for (const call of calls) {
        assert.deepStrictEqual(yield* Fiber.join(call), Exit.fail(new Port.Killed({ port, reason: ["crash"] })))
      }
      const again = yield* begin(Port.cal(address, "work", 3))
      yield* sleep("1 second")
      assert.deepStrictEqual(yield* Fiber.join(again), Exit.succeed(3))
    }))

  test("is told at once when the child does not run", () =>
    Effect.gen(function*() {
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: makeSlow().start }] })
      const address = yield* supervisor.address("a")
      yield* supervisor.terminateChild("a")
      const error = yield* Effect.flip(Port.cal(address, "work", 1))
      assert.deepStrictEqual([error.reason[0], error.reason[2]], ["no_such_port", address])
    }))

  test("is told when it is that of a pool, too", () =>
    Effect.gen(function*() {
      const Slow = Port.remote("test::slow")
      yield* Layer.build(Port.implement(Slow, () => Effect.succeed(makeSlow().handlers)))
      const pool = yield* Supervisor.pool(Slow, { on: [yield* Node.id], size: 2 })
      const calls = yield* Effect.forEach([1, 2], (n) => begin(Port.cal(pool.address, "work", n)))
      yield* quiet
      const [first] = yield* pool.ports
      yield* Port.kil(first!, "crash")
      yield* sleep("1 second")
      const exits = yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(
        exits.map((exit) => Exit.isSuccess(exit) ? "answered" : reasonOf(exit)[0]).toSorted(),
        ["answered", "crash"]
      )
    }))

  networkTest("of another node is told at once when the child does not run", () =>
    Effect.gen(function*() {
      const { start } = yield* makeWorld
      const [a, b] = [yield* start("a", short), yield* start("b", short)]
      yield* connect(a, b)
      const supervisor = yield* a.run(Supervisor.make({ children: [{ id: "a", start: makeSlow().start }] }))
      yield* a.run(supervisor.terminateChild("a"))
      const call = Port.cal(yield* supervisor.address("a"), "work", 1)
      const error = yield* within("its end", b.run(Effect.flip(call)))
      assert.strictEqual(error.reason[0], "no_such_port")
    }))

  networkTest("is told at once when the child's node cannot be sent the message", () =>
    Effect.gen(function*() {
      const { start } = yield* makeWorld
      const size = { ...short, maxMessageSize: 32_768 }
      const [a, b] = [yield* start("a", size), yield* start("b", size)]
      const Length = Port.remote("test::length")
      const served = Port.implement(Length, () =>
        Effect.succeed({ of: (text: string, reply: string) => Port.snd(reply, text.length) }))
      yield* b.run(Layer.build(served))
      yield* connect(a, b)
      const { address } = yield* a.run(Supervisor.restart(Supervisor.spawn(["b"], Length)))
      const lengthOf = (length: number) =>
        within("an end", a.run(Effect.exit(Port.cal(address, "of", "x".repeat(length)))))
      assert.deepStrictEqual(reasonOf(yield* lengthOf(100_000))[0], "die")
      assert.deepStrictEqual(yield* lengthOf(100), Exit.succeed(100))
    }))

  test("is not begun when nobody waits for it any more", () =>
    Effect.gen(function*() {
      const { begun, start } = makeSlow()
      const supervisor = yield* Supervisor.make({ children: [{ id: "a", start }] })
      const address = yield* supervisor.address("a")
      const calls = yield* Effect.forEach([1, 2, 3], (n) => begin(Port.cal(address, "work", n)))
      yield* quiet
      yield* Fiber.interrupt(calls[1]!)
      yield* sleep("2 seconds")
      assert.deepStrictEqual(begun, [1, 3])
      assert.deepStrictEqual(yield* Fiber.join(calls[2]!), Exit.succeed(3))
    }))

  test("ends, whatever becomes of the child at whatever moment", () =>
    Effect.forEach(Array.from({ length: 40 }, (_, seed) => seed), (seed) =>
      Effect.gen(function*() {
        const random = new SeededRandom(`calls ${seed}`)
        const supervisor = yield* Supervisor.make({
          intensity: random.chance(0.5) ? 2 : 100,
          children: [{ id: "a", start: makeSlow().start, restart: random.chance(0.5) ? "permanent" : "temporary" }]
        })
        const address = yield* supervisor.address("a")
        const calls: Array<Fiber.Fiber<Exit.Exit<unknown, Port.Killed>>> = []
        const call = Effect.map(begin(Port.cal(address, "work", seed)), (fiber) => void calls.push(fiber))
        const happenings: ReadonlyArray<Effect.Effect<unknown, unknown, Node.Node | Scope.Scope>> = [
          call,
          call,
          quiet,
          sleep("700 millis"),
          Port.snd(address, "crash"),
          begin(Effect.flatMap(supervisor.port("a"), (port) => Port.kil(port, "crash"))),
          begin(supervisor.terminateChild("a")),
          begin(supervisor.restartChild("a")),
          Effect.exit(Port.snd(address, "work", () => {}))
        ]
        for (let i = 0; i < 40; i++) yield* random.pick(happenings) ?? call
        yield* sleep(`${calls.length} seconds`)
        assert.isNotEmpty(calls)
        assert.deepStrictEqual(calls.filter((fiber) => fiber.pollUnsafe() === undefined), [])
      }), { discard: true }))
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
