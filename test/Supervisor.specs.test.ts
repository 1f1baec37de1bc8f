import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { type Node, Port, Supervisor } from "../src/index.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { end, group, makeKids, portsOf, record } from "./supervisedGroup.ts"

type Spec = Supervisor.ChildSpec<Port.PortId, never, Node.Node>

/** What JavaScript could give. */
const odd = (fields: object): Spec => ({ id: "odd", start: Port.make({}), ...fields }) as Spec

describe("a specification's defaults", () => {
  test("are permanent, 5 seconds for a worker and infinity for a supervisor, not significant", () =>
    Effect.gen(function*() {
      const supervisor = yield* group([
        { id: "worker", start: Port.make({}) },
        { id: "nested", start: Supervisor.make({ children: [] }) },
        { id: "pool", start: Supervisor.dynamic({ start: () => Port.make({}) }) },
        { id: "kept", start: Supervisor.restart(Port.make({})) }
      ])
      const common = { restart: "permanent", significant: false, startTimeout: Infinity } as const
      assert.deepStrictEqual(yield* supervisor.spec("worker"), {
        id: "worker",
        shutdown: 5000,
        type: "worker",
        ...common
      })
      for (const id of ["nested", "pool", "kept"]) {
        const settled = { id, shutdown: Infinity, type: "supervisor", ...common } as const
        assert.deepStrictEqual(yield* supervisor.spec(id), settled)
      }
    }))

  test("are those of the type where that is given, whatever the start answers", () =>
    Effect.gen(function*() {
      const supervisor = yield* group([
        { id: "a", start: Port.make({}), type: "supervisor" },
        { id: "b", start: Supervisor.make({ children: [] }), type: "worker" }
      ])
      const [a, b] = [yield* supervisor.spec("a"), yield* supervisor.spec("b")]
      assert.deepStrictEqual([a.type, a.shutdown, b.type, b.shutdown], ["supervisor", Infinity, "worker", 5000])
      assert.deepStrictEqual(yield* supervisor.count, { specs: 2, active: 2, supervisors: 1, workers: 1 })
    }))

  test("are no backoff: a child is back at once, and as often as the budget allows", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")], { intensity: 20 })
      for (let n = 0; n < 20; n++) {
        const before = yield* supervisor.port("a")
        yield* end(supervisor, "a", "crash")
        assert.notStrictEqual((yield* portsOf(supervisor))["a"], before)
      }
      const delays = supervisor.events_.flatMap((event) => event._tag === "Restarting" ? [event.delay] : [])
      assert.deepStrictEqual(delays, Array.from({ length: 20 }, () => Duration.millis(0)))
    }))

  test("give a worker that does not end 5 seconds, and a supervisor as long as it takes", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const worker = yield* group([kids.kid("worker")])
      const nested = Supervisor.make({ children: [kids.kid("slow", { shutdown: "1 minute" })] })
      const top = yield* group([{ id: "nested", start: nested }])
      for (const id of ["worker", "slow"]) yield* Port.snd(kids.ports.get(id)!, "stuck")
      yield* quiet
      const stopping = yield* Effect.forEach([worker, top], ({ stop }) =>
        Effect.forkChild(stop, { startImmediately: true }))
      const isOver = () =>
        stopping.map((fiber) => fiber.pollUnsafe() !== undefined)
      yield* sleep("4999 millis")
      assert.deepStrictEqual(isOver(), [false, false])
      yield* sleep("1 milli")
      assert.deepStrictEqual(isOver(), [true, false])
      yield* sleep("54999 millis")
      assert.deepStrictEqual(isOver(), [true, false])
      yield* sleep("1 milli")
      assert.deepStrictEqual(isOver(), [true, true])
    }))

  test("of the supervisor are one_for_one, and one restart in 5 seconds", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* Effect.flatMap(
        Supervisor.make({ children: [kids.kid("a"), kids.kid("b"), kids.kid("c")] }),
        record
      )
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b +b")
      yield* sleep("5 seconds")
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b +b")
      yield* sleep("4999 millis")
      yield* end(supervisor, "a", "crash")
      assert.strictEqual(kids.took(), "-a -c -b")
      assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
    }))

  test("of the supervisor are ten restarts in a minute where a child has a schedule", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* Effect.flatMap(
        Supervisor.make({ children: [kids.kid("a", { schedule: Schedule.spaced("1 second") }), kids.kid("b")] }),
        record
      )
      for (let n = 0; n < 10; n++) {
        yield* end(supervisor, n % 2 === 0 ? "a" : "b", "crash")
        yield* sleep("1 second")
      }
      assert.isUndefined(supervisor.reason())
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(supervisor.reason()?.[0], "restart_limit")
    }))
})

describe("a wrong field", () => {
  const wrong: ReadonlyArray<readonly [field: string, values: ReadonlyArray<unknown>]> = [
    ["id", ["", 5, null, {}, Symbol("a")]],
    ["start", ["text", null, 5, () => Port.make({})]],
    ["restart", ["sometimes", "Permanent", "", null, 5, {}, true]],
    ["shutdown", [-1, "soon", "-5 seconds", Number.NaN, null, {}, true]],
    ["significant", [1, "yes", null]],
    ["schedule", [5, "1 second", null, {}, () => 5]],
    ["type", ["boss", "", null, 5]],
    ["startTimeout", [0, -1, "brutal", "soon", Number.NaN, null]]
  ]
  const show = (value: unknown) => typeof value === "string" ? JSON.stringify(value) : String(value)

  for (const [field, values] of wrong) {
    for (const value of values) {
      test(`${field} of ${show(value)} has an error that names child, field and value`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([])
          const child = odd({ [field]: value })
          const attempts = [
            Effect.asVoid(group([kids.kid("a"), child, kids.kid("b")])),
            Effect.asVoid(supervisor.startChild(child))
          ]
          const messages: Array<string> = []
          for (const attempt of attempts) {
            const refused = yield* Effect.flip(attempt)
            if (refused._tag !== "InvalidSpec") return assert.fail(refused._tag)
            assert.deepStrictEqual([refused.field, refused.value], [field, value])
            if (field !== "id") assert.strictEqual(refused.child, "odd")
            assert.isTrue(refused.message.startsWith(`child ${JSON.stringify(refused.child)}: ${field} `))
            if (typeof value !== "object" && value !== "") assert.include(refused.message, String(value))
            messages.push(refused.message)
          }
          assert.strictEqual(messages[0], messages[1])
          // Nothing was started, and nothing stays.
          assert.strictEqual(kids.took(), "")
          assert.deepStrictEqual(yield* supervisor.which, [])
        }))
    }
  }

  test("has a text of its own", () =>
    Effect.gen(function*() {
      const texts = yield* Effect.forEach(wrong, ([field, values]) =>
        Effect.map(Effect.flip(group([odd({ [field]: values[0] })])), (error) =>
          error._tag === "InvalidSpec" ? error.problem : error._tag))
      assert.strictEqual(new Set(texts).size, wrong.length)
      for (const text of texts) {
        assert.isAbove(text.length, 5)
      }
    }))

  for (const [field, values] of wrong.filter(([field]) => field !== "id" && field !== "significant")) {
    test(`${field} is refused in a template, in partitions, and of a single service`, () =>
      Effect.gen(function*() {
        const start = () => Port.make({})
        for (const value of values) {
          const isFunction = typeof value === "function"
          const attempts: ReadonlyArray<Effect.Effect<unknown, unknown, any>> = [
            // A function is what a template has for a start.
            ...field === "start" && isFunction ? [] : [Supervisor.dynamic({ start, [field]: value } as never)],
            ...field === "start" ? [] : [
              Supervisor.partition({ start, partitions: 2, [field]: value } as never),
              Supervisor.restart(start(), { [field]: value } as never)
            ]
          ]
          for (const attempt of attempts) {
            const refused = yield* Effect.flip(attempt as Effect.Effect<unknown, unknown, Node.Node>)
            if (!(refused instanceof Supervisor.InvalidSpec)) return assert.fail(String(refused))
            assert.deepStrictEqual([refused.field, refused.value], [field, value])
          }
        }
      }))
  }

  for (
    const [field, values] of [
      ["strategy", ["one_for_none", "", null, 5]],
      ["intensity", [-1, 1.5, Number.NaN, "3", null]],
      ["period", [0, -1, "brutal", "soon", Number.NaN, null]],
      ["autoShutdown", ["always", true, null]]
    ] as const
  ) {
    for (const value of values) {
      test(`${field} of ${show(value)} of the supervisor itself has an error that names field and value`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const refused = yield* Effect.flip(
            Supervisor.make({ ...{ [field]: value } as Supervisor.Options, children: [kids.kid("a")] })
          )
          if (refused._tag !== "InvalidSpec") return assert.fail(refused._tag)
          assert.deepStrictEqual([refused.child, refused.field, refused.value], [undefined, field, value])
          assert.isTrue(refused.message.startsWith(`supervisor: ${field} `))
          assert.strictEqual(kids.took(), "")
        }))
    }
  }

  test("concurrency, perChild or id of a template is refused with its value", () =>
    Effect.gen(function*() {
      const wrong: Readonly<Record<string, ReadonlyArray<unknown>>> = {
        concurrency: [0, -1, 1.5, Number.NaN, "3", "inherit", null],
        perChild: [null, 3, {}, { intensity: -1 }, { intensity: "3" }, { intensity: 1, period: 0 }, {
          intensity: 1,
          period: "soon"
        }],
        id: ["name", null, 5]
      }
      for (const [field, values] of Object.entries(wrong)) {
        for (const value of values) {
          const refused = yield* Effect.flip(
            Supervisor.dynamic({ start: () => Port.make({}), ...{ [field]: value } as object })
          )
          assert.deepStrictEqual([refused.field, refused.value], [field, value])
        }
      }
    }))

  test("maxChildren or partitions is refused with its value", () =>
    Effect.gen(function*() {
      const start = () => Port.make({})
      for (const value of [0, -1, 1.5, Number.NaN, "3", null] as ReadonlyArray<any>) {
        const dynamic = yield* Effect.flip(Supervisor.dynamic({ start, maxChildren: value }))
        assert.deepStrictEqual([dynamic.field, dynamic.value], ["maxChildren", value])
        const partition = yield* Effect.flip(Supervisor.partition({ start, partitions: value }))
        assert.isTrue(partition._tag === "InvalidSpec" && partition.field === "partitions")
        assert.deepStrictEqual(partition._tag === "InvalidSpec" && partition.value, value)
      }
    }))

  test("is none where it makes sense: no limit, no time-out, a number of milliseconds, a Duration", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const times = [["brutal", 0], ["infinity", Infinity], [0, 0], [1500, 1500], ["2 seconds", 2000]] as const
      const supervisor = yield* group(
        [
          ...times.map(([shutdown], at) => kids.kid(`t${at}`, { shutdown })),
          kids.kid("d", { shutdown: Duration.minutes(1) })
        ],
        { intensity: Infinity, period: "infinity" as never }
      )
      for (const [at, [, settled]] of times.entries()) {
        assert.strictEqual((yield* supervisor.spec(`t${at}`)).shutdown, settled)
      }
      assert.strictEqual((yield* supervisor.spec("d")).shutdown, 60_000)
    }))
})

describe("an id", () => {
  test("that is there twice is refused by name, before anything starts", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      for (const ids of [["a", "b", "a"], ["b", "a", "a"], ["a", "a", "b"]]) {
        const refused = yield* Effect.flip(group(ids.map((id) => kids.kid(id))))
        if (refused._tag !== "InvalidSpec") return assert.fail(refused._tag)
        assert.deepStrictEqual([refused.child, refused.field, refused.value], ["a", "id", "a"])
        assert.include(refused.message, "\"a\"")
      }
      assert.strictEqual(kids.took(), "")
    }))

  test("that is no name is refused, also when there are two of it", () =>
    Effect.gen(function*() {
      for (const id of [5, null, undefined, ""]) {
        const refused = yield* Effect.flip(group([odd({ id }), odd({ id })]))
        assert.isTrue(refused._tag === "InvalidSpec" && refused.field === "id")
      }
    }))

  test("may be any text, whatever it means elsewhere", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const ids = ["__proto__", "constructor", "toString", " ", "0", "a#b", "ä\n"]
      const supervisor = yield* group(ids.map((id) => kids.kid(id)))
      for (const id of ids) {
        assert.strictEqual((yield* supervisor.spec(id)).id, id)
        yield* end(supervisor, id, "crash")
        yield* supervisor.terminateChild(id)
        yield* supervisor.deleteChild(id)
      }
      assert.deepStrictEqual(yield* supervisor.which, [])
      const refused = yield* Effect.flip(supervisor.terminateChild("constructor"))
      assert.isTrue(refused._tag === "ChildError" && refused.reason === "not_found")
    }))
})

describe("significant", () => {
  const none = ["permanent", undefined] as const
  const some = ["transient", "temporary", () => false] as const
  const always = ["any_significant", "all_significant"] as const
  const name = (value: unknown) => typeof value === "function" ? "a predicate" : String(value ?? "no restart type")

  for (const restart of none) {
    for (const autoShutdown of ["never", undefined, ...always] as const) {
      test(`with ${name(restart)} is refused (autoShutdown: ${autoShutdown ?? "not given"})`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const child = kids.kid("a", { significant: true, restart })
          const supervisor = yield* group([], { autoShutdown })
          for (const attempt of [group([child], { autoShutdown }), supervisor.startChild(child)]) {
            const refused = yield* Effect.flip(attempt as Effect.Effect<unknown, Supervisor.InvalidSpec, Node.Node>)
            assert.deepStrictEqual([refused.child, refused.field, refused.value], ["a", "significant", true])
            assert.include(refused.message, "permanent")
          }
          assert.strictEqual(kids.took(), "")
        }))
    }
  }

  for (const restart of some) {
    test(`with ${name(restart)} is refused where autoShutdown is never, and fine elsewhere`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const child = kids.kid("a", { significant: true, restart })
        for (const autoShutdown of ["never", undefined] as const) {
          const supervisor = yield* group([], { autoShutdown })
          for (const attempt of [group([child], { autoShutdown }), supervisor.startChild(child)]) {
            const refused = yield* Effect.flip(attempt as Effect.Effect<unknown, Supervisor.InvalidSpec, Node.Node>)
            assert.deepStrictEqual([refused.child, refused.field, refused.value], ["a", "significant", true])
            assert.include(refused.message, "never")
          }
        }
        assert.strictEqual(kids.took(), "")
        for (const autoShutdown of always) {
          const supervisor = yield* group([child], { autoShutdown })
          yield* supervisor.startChild({ ...child, id: "b" })
          assert.isTrue((yield* supervisor.spec("b")).significant)
        }
      }))
  }

  test("false is fine everywhere", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      for (const restart of [...none, ...some]) {
        const supervisor = yield* group([kids.kid("a", { significant: false, restart })])
        assert.isFalse((yield* supervisor.spec("a")).significant)
      }
    }))
})

describe("the specification of a child", () => {
  const options = { restart: "transient", shutdown: "brutal", startTimeout: "2 seconds", type: "supervisor" } as const
  const settled = {
    id: "a",
    restart: "transient",
    shutdown: 0,
    significant: false,
    startTimeout: 2000,
    type: "supervisor"
  } as const
  const refusal = (asked: Effect.Effect<unknown, Supervisor.ChildError>) =>
    Effect.map(Effect.flip(asked), (error) => [error.reason, error.child])

  test("can be read back by id and by port", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", options), kids.kid("b")])
      const port = yield* supervisor.port("a")
      assert.deepStrictEqual(yield* supervisor.spec("a"), settled)
      assert.deepStrictEqual(yield* supervisor.spec(port), settled)
      assert.strictEqual((yield* supervisor.spec(yield* supervisor.port("b"))).id, "b")
      assert.deepStrictEqual(yield* refusal(supervisor.spec("c")), ["not_found", "c"])
      const stranger = yield* Port.make({})
      assert.deepStrictEqual(yield* refusal(supervisor.spec(stranger)), ["not_found", stranger])
    }))

  test("can be read back of a predicate and of a Duration", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const restart = () => true
      const supervisor = yield* group([kids.kid("a", { restart, shutdown: Duration.minutes(2) })])
      const spec = yield* supervisor.spec("a")
      assert.deepStrictEqual([spec.restart, spec.shutdown], [restart, 120_000])
    }))

  test("is that of the new port after a restart, and the old one is nobody's", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", options)])
      const before = yield* supervisor.port("a")
      yield* end(supervisor, "a", "crash")
      assert.deepStrictEqual(yield* supervisor.spec(yield* supervisor.port("a")), settled)
      assert.deepStrictEqual(yield* refusal(supervisor.spec(before)), ["not_found", before])
    }))

  test("can be read while it waits for its restart, hangs in it, and when it does not run", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", { ...options, schedule: Schedule.spaced("1 second") })])
      const port = yield* supervisor.port("a")
      kids.next("a", Effect.fail("no database"), Effect.never)
      yield* end(supervisor, "a", "crash")
      // It waits, fails, waits and hangs; its last port names it until it has another one.
      for (let n = 0; n < 3; n++) {
        assert.deepStrictEqual(yield* supervisor.spec("a"), settled)
        assert.deepStrictEqual(yield* supervisor.spec(port), settled)
        yield* sleep("1 second")
      }
      yield* supervisor.terminateChild(port)
      assert.deepStrictEqual(yield* supervisor.spec("a"), settled)
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual(yield* refusal(supervisor.spec("a")), ["not_found", "a"])
      assert.deepStrictEqual(yield* refusal(supervisor.spec(port)), ["not_found", port])
    }))

  test("can be read while another start holds up what is asked for", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", options)])
      kids.next("b", Effect.never)
      const starting = yield* Effect.forkChild(supervisor.startChild(kids.kid("b")), { startImmediately: true })
      yield* quiet
      assert.deepStrictEqual(yield* supervisor.spec("a"), settled)
      yield* Fiber.interrupt(starting)
    }))
})
