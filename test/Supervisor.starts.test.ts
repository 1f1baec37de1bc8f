import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Node, Port, Supervisor } from "../src/index.ts"
import { reasonOf } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"
import { end, group, ignoring, makeKids, record, states } from "./supervisedGroup.ts"

describe("start", () => {
  test("children start in the order given; a child that is not up yet holds back the next one", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("b", Effect.sleep("1 second"))
      const starting = yield* Effect.forkChild(group([kids.kid("a"), kids.kid("b"), kids.kid("c")]), {
        startImmediately: true
      })
      yield* sleep("999 millis")
      assert.strictEqual(kids.took(), "+a +b")
      yield* sleep("1 milli")
      yield* Fiber.join(starting)
      assert.strictEqual(kids.took(), "+c")
    }))

  for (const restart of ["permanent", "transient", "temporary"] as const) {
    const stays = restart !== "temporary"
    test(`of a ${restart} child may answer ignore: it has no port, and its specification ${stays ? "stays" : "goes"}`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        kids.next("a", ignoring)
        const supervisor = yield* group([kids.kid("a", { restart }), kids.kid("b")])
        assert.deepStrictEqual(yield* supervisor.count, {
          specs: stays ? 2 : 1,
          active: 1,
          supervisors: 0,
          workers: stays ? 2 : 1
        })
        assert.strictEqual(kids.took(), "+a -a +b")
        assert.strictEqual(yield* states(supervisor), stays ? "a: stopped, b: running" : "b: running")
      }))
  }

  test("of a dynamic child, or one that is added, may answer ignore too: a dynamic one leaves nothing", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("a", ignoring, ignoring)
      const pool = yield* Supervisor.dynamic({ start: () => kids.start("a") })
      assert.strictEqual(yield* pool.startChild(), Supervisor.ignore)
      assert.deepStrictEqual(yield* pool.count, { specs: 1, active: 0, supervisors: 0, workers: 0 })
      const supervisor = yield* group([])
      assert.strictEqual(yield* supervisor.startChild(kids.kid("a")), Supervisor.ignore)
      assert.strictEqual(yield* states(supervisor), "a: stopped")
    }))

  for (
    const [how, hook, tag] of [
      ["fails", Effect.fail("no database"), "fail"],
      ["dies", Effect.die("bug"), "die"],
      ["is interrupted", Effect.interrupt, "interrupted"]
    ] as const
  ) {
    test(`of a child that ${how}: what was started is stopped in reverse order, and the error has its id and Exit`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        kids.next("c", hook)
        const error = yield* Effect.flip(group([kids.kid("a"), kids.kid("b"), kids.kid("c"), kids.kid("d")]))
        if (error._tag !== "StartError") return assert.fail("it is another error")
        assert.strictEqual(error.child, "c")
        const { reasons } = Exit.isFailure(error.exit) ? error.exit.cause : { reasons: [] }
        assert.strictEqual(reasons[0]?._tag.toLowerCase(), tag.slice(0, 9).replace("interrupt", "interrupt"))
        assert.strictEqual(kids.took(), "+a +b +c -c -b -a")
      }))
  }

  test("that is interrupted by whoever waits for it leaves nothing", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      kids.next("b", Effect.never)
      const before = (yield* Node.Node).ports.size
      const starting = yield* Effect.forkChild(group([kids.kid("a"), kids.kid("b")]), { startImmediately: true })
      yield* quiet
      yield* Fiber.interrupt(starting)
      assert.strictEqual(kids.took(), "+a +b -b -a")
      assert.strictEqual((yield* Node.Node).ports.size, before)
    }))

  test("of one more child that fails keeps nothing; a restart of a child that fails leaves it present and not running", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a")])
      kids.next("b", Effect.fail("no database"))
      const added = yield* Effect.flip(supervisor.startChild(kids.kid("b")))
      assert.deepStrictEqual([added._tag, yield* states(supervisor)], ["StartError", "a: running"])
      yield* supervisor.terminateChild("a")
      kids.next("a", Effect.fail("no database"))
      const again = yield* Effect.flip(supervisor.restartChild("a"))
      assert.deepStrictEqual([again._tag, yield* states(supervisor)], ["StartError", "a: stopped"])
      yield* supervisor.restartChild("a")
      assert.strictEqual(yield* states(supervisor), "a: running")
    }))

  test("hands what it answers beside the port to whoever added or restarted the child", () =>
    Effect.gen(function*() {
      const supervisor = yield* group([])
      const start = Effect.map(Port.make({}), (port) => ({ port, size: 7 }))
      const added = yield* supervisor.startChild({ id: "a", start })
      assert.strictEqual(added.size, 7)
      assert.strictEqual(added.port, yield* supervisor.port("a"))
      yield* supervisor.terminateChild("a")
      const again = yield* supervisor.restartChild("a")
      assert.deepStrictEqual(again, { port: yield* supervisor.port("a"), size: 7 })
      const pool = yield* Supervisor.dynamic({
        start: (size: number) => Effect.map(start, (made) => ({ ...made, size }))
      })
      assert.strictEqual((yield* pool.startChild(3)).size, 3)
    }))

  test("that answers no port at all is an error of the child", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Supervisor.make({
        // @ts-expect-error what JavaScript could do
        children: [{ id: "odd", start: Effect.succeed({ port: 5 }) }]
      }))
      assert.include(error.message, "has to answer a port")
    }))

  test("of a child whose port has ended already counts as its end", () =>
    Effect.gen(function*() {
      let starts = 0
      const supervisor = yield* group([{
        id: "brief",
        start: Effect.gen(function*() {
          const port = yield* Port.make({})
          if (++starts === 1) {
            yield* Port.kil(port, "brief")
            yield* Port.exit(port)
          }
          return port
        })
      }])
      yield* quiet
      assert.strictEqual(starts, 2)
      assert.strictEqual(yield* states(supervisor), "brief: running")
    }))
})

describe("a specification", () => {
  test("has defaults: permanent, 5 seconds for a worker and infinity for a supervisor, not significant", () =>
    Effect.gen(function*() {
      const supervisor = yield* group([
        { id: "worker", start: Port.make({}) },
        { id: "nested", start: Supervisor.make({ children: [] }) }
      ])
      const common = { restart: "permanent", significant: false } as const
      assert.deepStrictEqual(yield* supervisor.spec("worker"), {
        id: "worker",
        shutdown: 5000,
        type: "worker",
        ...common
      })
      assert.deepStrictEqual(yield* supervisor.spec("nested"), {
        id: "nested",
        shutdown: Infinity,
        type: "supervisor",
        ...common
      })
      // No backoff: it is back at once.
      const before = yield* supervisor.port("worker")
      yield* end(supervisor, "worker", "crash")
      assert.notStrictEqual(yield* supervisor.port("worker"), before)
    }))

  for (
    const [field, value, options] of [
      ["id", "", { id: "" }],
      ["id", 5, { id: 5 }],
      ["start", "text", { start: "text" }],
      ["restart", "sometimes", { restart: "sometimes" }],
      ["shutdown", -1, { shutdown: -1 }],
      ["shutdown", "soon", { shutdown: "soon" }],
      ["significant", 1, { significant: 1 }],
      ["schedule", 5, { schedule: 5 }],
      ["type", "boss", { type: "boss" }]
    ] as ReadonlyArray<readonly [string, unknown, object]>
  ) {
    test(`with a wrong ${field} (${JSON.stringify(value)}) is refused with the child, the field and the value`, () =>
      Effect.gen(function*() {
        const odd = { id: "odd", start: Port.make({}), ...options } as Supervisor.ChildSpec<
          Port.PortId,
          never,
          Node.Node
        >
        const supervisor = yield* group([])
        for (const refused of [yield* Effect.flip(group([odd])), yield* Effect.flip(supervisor.startChild(odd))]) {
          if (refused._tag !== "InvalidSpec") return assert.fail(`it is ${refused._tag}`)
          assert.deepStrictEqual([refused.field, refused.value], [field, value])
          assert.strictEqual(refused.child, field === "id" ? String(value) : "odd")
          for (const part of [refused.child!, field, String(value)]) assert.include(refused.message, part)
        }
        assert.deepStrictEqual(yield* supervisor.which, [])
      }))
  }

  for (
    const [field, options] of [
      ["strategy", { strategy: "one_for_none" }],
      ["intensity", { intensity: -1 }],
      ["intensity", { intensity: 1.5 }],
      ["period", { period: 0 }],
      ["period", { period: "brutal" }],
      ["autoShutdown", { autoShutdown: "always" }]
    ] as ReadonlyArray<readonly [string, object]>
  ) {
    test(`of the supervisor itself is checked: ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const refused = yield* Effect.flip(Supervisor.make({ children: [], ...options }))
        assert.isTrue(refused._tag === "InvalidSpec" && refused.field === field && refused.child === undefined)
      }))
  }

  test("of a dynamic supervisor or of partitions is checked", () =>
    Effect.gen(function*() {
      const start = () => Port.make({})
      const refused = [
        yield* Effect.flip(Supervisor.dynamic({ start, maxChildren: 0 })),
        yield* Effect.flip(Supervisor.dynamic({ start, shutdown: -5 })),
        yield* Effect.flip(Supervisor.dynamic({ start: 5 as unknown as typeof start })),
        yield* Effect.flip(Supervisor.partition({ start, partitions: 0 }))
      ]
      assert.deepStrictEqual(refused.map((error) => error._tag === "InvalidSpec" && error.field), [
        "maxChildren",
        "shutdown",
        "start",
        "partitions"
      ])
    }))

  test("whose id is there twice is refused by name", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const refused = yield* Effect.flip(group([kids.kid("a"), kids.kid("b"), kids.kid("a")]))
      assert.isTrue(refused._tag === "InvalidSpec" && refused.child === "a" && refused.field === "id")
      assert.strictEqual(kids.took(), "")
    }))

  test("that is significant is refused with permanent, and where autoShutdown is never", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const tries = [
        group([kids.kid("a", { significant: true })], { autoShutdown: "any_significant" }),
        group([kids.kid("a", { significant: true, restart: "transient" })]),
        group([kids.kid("a", { significant: true, restart: "temporary" })], { autoShutdown: "never" })
      ]
      for (const attempt of tries) {
        const refused = yield* Effect.flip(attempt)
        assert.isTrue(refused._tag === "InvalidSpec" && refused.field === "significant")
      }
      yield* group([kids.kid("a", { significant: true, restart: "transient" })], { autoShutdown: "all_significant" })
    }))

  test("can be read back by id and by port", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a", { restart: "transient", shutdown: "brutal", type: "supervisor" })])
      const spec = { id: "a", restart: "transient", shutdown: 0, significant: false, type: "supervisor" } as const
      assert.deepStrictEqual(yield* supervisor.spec("a"), spec)
      assert.deepStrictEqual(yield* supervisor.spec(yield* supervisor.port("a")), spec)
      const unknown = yield* Effect.flip(supervisor.spec("b"))
      assert.strictEqual(unknown.reason, "not_found")
    }))
})

describe("the end of a child", () => {
  const ends = [
    ["without a reason", []],
    ["by shutdown", ["shutdown"]],
    ["by shutdown with details", ["shutdown", "maintenance"]],
    ["by something else", ["crash"]]
  ] as const
  const types = [
    ["permanent", "permanent", [true, true, true, true]],
    ["transient", "transient", [false, false, false, true]],
    ["temporary", "temporary", [false, false, false, false]],
    [
      "judged by a predicate, which replaces the type",
      (exit: Exit.Exit<void, Port.Killed>) => reasonOf(exit)[1] === "maintenance",
      [false, false, true, false]
    ]
  ] as const
  for (const [type, restart, expected] of types) {
    for (const [at, [how, reason]] of ends.entries()) {
      const again = expected[at]!
      test(`${how}, where it is ${type}, is ${again ? "" : "not "}followed by a restart`, () =>
        Effect.gen(function*() {
          const kids = makeKids()
          const supervisor = yield* group([kids.kid("a", { restart })])
          yield* end(supervisor, "a", ...reason)
          assert.strictEqual(kids.took(), again ? "+a -a +a" : "+a -a")
          assert.strictEqual(
            yield* states(supervisor),
            again ? "a: running" : restart === "temporary" ? "" : "a: stopped"
          )
          const pool = yield* Supervisor.dynamic({ start: () => kids.start("d"), restart, intensity: 5 })
          const port = yield* pool.startChild()
          yield* Port.kil(port as Port.PortId, ...reason)
          yield* quiet
          assert.strictEqual(kids.took(), again ? "+d -d +d" : "+d -d")
          assert.strictEqual((yield* pool.which).length, again ? 1 : 0)
        }))
    }
  }

  test("that is temporary leaves nothing of its arguments", () =>
    Effect.gen(function*() {
      v8.setFlagsFromString("--expose-gc")
      const gc = vm.runInNewContext("gc") as () => void
      const pool = yield* Supervisor.dynamic({ start: (_job: object) => Port.make({}), restart: "temporary" })
      const start = Effect.fnUntraced(function*() {
        const job = { large: Array.from({ length: 1000 }, () => 0) }
        return [new WeakRef(job), yield* pool.startChild(job)] as const
      })
      const [job, port] = yield* start()
      yield* quiet
      gc()
      assert.isDefined(job.deref())
      yield* Port.kil(port)
      yield* quiet
      for (let i = 0; i < 10 && job.deref() !== undefined; i++) {
        yield* quiet
        gc()
      }
      assert.isUndefined(job.deref())
    }))
})

describe("one_for_one", () => {
  test("restarts the one that ended", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")])
      const ports = (yield* supervisor.which).map(({ port }) => port)
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b +b")
      const now = (yield* supervisor.which).map(({ port }) => port)
      assert.deepStrictEqual(now.map((port, at) => port === ports[at]), [true, false, true])
    }))
})

describe("one_for_all", () => {
  test("stops the others in reverse start order, then starts all in start order", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { strategy: "one_for_all" })
      kids.took()
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b -c -a +a +b +c")
      assert.strictEqual(yield* states(supervisor), "a: running, b: running, c: running")
    }))
})

describe("rest_for_one", () => {
  test("does so with those started after it, and leaves the earlier ones alone", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c"), kids.kid("d")], {
        strategy: "rest_for_one"
      })
      kids.took()
      const a = yield* supervisor.port("a")
      yield* end(supervisor, "b", "crash")
      assert.strictEqual(kids.took(), "-b -d -c +b +c +d")
      assert.strictEqual(yield* supervisor.port("a"), a)
      yield* supervisor.startChild(kids.kid("e"))
      kids.took()
      yield* end(supervisor, "d", "crash")
      assert.strictEqual(kids.took(), "-d -e +d +e")
    }))
})

const strategies = ["one_for_one", "one_for_all", "rest_for_one"] as const

describe("each strategy", () => {
  for (const strategy of strategies) {
    test(`${strategy}: a restart that fails is tried again, counted each time, until the budget is gone`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy, intensity: 3 })
        const no = Effect.fail("no database")
        kids.next("a", no, no)
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(yield* states(supervisor), "a: running, b: running")
        assert.isUndefined(supervisor.reason())
        yield* end(supervisor, "a", "crash")
        assert.deepStrictEqual(supervisor.reason(), ["restart_limit", "a was restarted too often", "a", "crash"])
        const other = yield* group([kids.kid("c")], { strategy, intensity: 2 })
        kids.next("c", no, no, no)
        yield* end(other, "c", "crash")
        assert.deepStrictEqual(other.reason()?.slice(0, 5), [
          "restart_limit",
          "c was restarted too often",
          "c",
          "fail",
          "no database"
        ])
      }))
  }

  for (const strategy of ["one_for_all", "rest_for_one"] as const) {
    test(`${strategy}: when another child fails to start in a restart, what was just started is stopped, and all is tried again`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b"), kids.kid("c")], { strategy })
        kids.took()
        kids.next("c", Effect.fail("no database"))
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a -c -b +a +b +c -c -b -a +a +b +c")
        assert.strictEqual(yield* states(supervisor), "a: running, b: running, c: running")
        const failed = supervisor.events_.filter((event) => event._tag === "StartFailed")
        assert.deepStrictEqual(failed.map((event) => event.child), ["c"])
        assert.strictEqual(supervisor.events_.filter((event) => event._tag === "Restarting").length, 2)
      }))

    test(`${strategy}: a temporary bystander is stopped, not restarted, and not counted`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group(
          [kids.kid("a"), kids.kid("t", { restart: "temporary" }), kids.kid("b")],
          { strategy, intensity: 1 }
        )
        kids.took()
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a -b -t +a +b")
        assert.strictEqual(yield* states(supervisor), "a: running, b: running")
        assert.isUndefined(supervisor.reason())
      }))

    test(`${strategy}: two that end at the same time are one restart`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b")], { strategy, intensity: 1 })
        kids.took()
        const ports = [yield* supervisor.port("a"), yield* supervisor.port("b")]
        for (const port of ports) yield* Port.kil(port, "crash")
        yield* quiet
        assert.strictEqual(kids.took(), "-a -b +a +b")
        assert.isUndefined(supervisor.reason())
      }))

    test(`${strategy}: children that had ended for good are started with the others`, () =>
      Effect.gen(function*() {
        const kids = makeKids()
        const supervisor = yield* group([kids.kid("a"), kids.kid("b", { restart: "transient" }), kids.kid("c")], {
          strategy
        })
        yield* end(supervisor, "b")
        yield* supervisor.terminateChild("c")
        assert.strictEqual(yield* states(supervisor), "a: running, b: stopped, c: stopped")
        kids.took()
        yield* end(supervisor, "a", "crash")
        assert.strictEqual(kids.took(), "-a +a +b +c")
      }))
  }
})

describe("a dynamic supervisor", () => {
  test("has many children of one template, each on its own", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Supervisor.dynamic({ start: (id: string) => kids.start(id), intensity: 5 })
      const [a, b] = [yield* pool.startChild("a"), yield* pool.startChild("b")]
      yield* Port.kil(a as Port.PortId, "crash")
      yield* quiet
      assert.strictEqual(kids.took(), "+a +b -a +a")
      assert.strictEqual((yield* pool.which)[1]?.port, String(b))
    }))

  test("stops all at once, under one time-out", () =>
    Effect.gen(function*() {
      const kids = makeKids()
      const pool = yield* Effect.flatMap(
        Supervisor.dynamic({ start: (id: string) => kids.start(id), shutdown: "3 seconds" }),
        record
      )
      for (const id of ["a", "b", "c"]) {
        const port = String(yield* pool.startChild(id))
        if (id !== "c") yield* Port.snd(port, "stuck")
      }
      yield* quiet
      const stopping = yield* Effect.forkChild(pool.stop, { startImmediately: true })
      yield* quiet
      assert.strictEqual(kids.took(), "+a +b +c -c")
      yield* sleep("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* sleep("1 milli")
      assert.isDefined(stopping.pollUnsafe())
      assert.strictEqual(pool.events_.filter((event) => event._tag === "Abandoned").length, 2)
    }))

  test("has no restart and no delete by id; terminate by port works, a dead port is fine, a stranger's is not found", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: () => Port.make({}), restart: "temporary" })
      const remote = Supervisor.at(pool.supervisor)
      for (const asked of [remote.restartChild("1"), remote.deleteChild("1")]) {
        const refused = yield* Effect.flip(asked)
        assert.isTrue(refused._tag === "ChildError" && refused.reason === "dynamic")
      }
      const [a, b] = [yield* pool.startChild(), yield* pool.startChild()]
      yield* pool.terminateChild(a)
      assert.strictEqual(reasonOf(yield* Port.exit(a))[0], "no_such_port")
      yield* pool.terminateChild(a)
      const stranger = yield* Port.make({})
      const refused = yield* Effect.flip(pool.terminateChild(stranger))
      assert.isTrue(refused._tag === "ChildError" && refused.reason === "not_found")
      assert.deepStrictEqual((yield* pool.which).map(({ port }) => port), [b])
    }))

  test("counts children that are restarting among its most, and refuses the next one", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({
        start: () => Port.make({}),
        maxChildren: 2,
        schedule: Schedule.spaced("1 hour")
      })
      const a = yield* pool.startChild()
      yield* pool.startChild()
      const full = yield* Effect.flip(pool.startChild())
      assert.isTrue(full._tag === "ChildError" && full.reason === "max_children")
      yield* Port.kil(a, "crash")
      yield* quiet
      const still = yield* Effect.flip(pool.startChild())
      assert.isTrue(still._tag === "ChildError" && still.reason === "max_children")
      yield* pool.terminateChild(a)
      yield* pool.startChild()
      assert.strictEqual((yield* pool.count).active, 2)
    }))
})

describe("partitions", () => {
  test("are n children of one template; a key always goes to the same one while n stays", () =>
    Effect.gen(function*() {
      const shards = yield* Supervisor.partition({
        partitions: 8,
        intensity: 5,
        start: (index) => Port.make({ which: (reply) => Port.snd(reply, index) })
      })
      assert.strictEqual((yield* shards.count).active, 8)
      const keys = Array.from({ length: 200 }, (_, n) => `key ${n}`)
      const route = Effect.forEach(keys, (key) => Effect.flatMap(shards.port(key), (port) => Port.cal(port, "which")))
      const before = yield* route
      assert.strictEqual(new Set(before).size, 8)
      yield* Port.kil(yield* shards.port("key 0"), "crash")
      yield* quiet
      assert.deepStrictEqual(yield* route, before)
      // Structure counts, not identity.
      assert.strictEqual(yield* shards.port("text"), yield* shards.port(["text"].join()))
    }))
})
