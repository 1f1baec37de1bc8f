import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Node, Port, Supervisor } from "../src/index.ts"
import { Connections } from "../src/internal/node/connections.ts"
import { ownKindKey } from "../src/internal/transport/handshake/greeting.ts"
import { areLinked, connect, isDown, makeWorld, reasonOf, type TestNode, until, within } from "./harness.ts"
import { networkTest as test, quiet, short } from "./supervised.ts"

/** From its next links on, a node greets as those of another kind do: nobody expects more of it than the protocol has. */
const becomeOtherKind = (node: TestNode): void => {
  const { network } = node.router
  assert.instanceOf(network, Connections)
  const { keys } = network.settings.proof.current.identity
  assert.instanceOf(keys, Map)
  keys.delete(ownKindKey)
}

describe("a child that is spawned on one of several nodes", () => {
  const Work = Port.protocol({ who: Port.message().replies(Schema.String), crash: Port.message() })
  const Worker = Port.remote("test::spawned", [], Work)

  /** One that spawns, and two that it can spawn on. There are links to these, at first. */
  const makeNodes = Effect.fnUntraced(function*(linked: ReadonlyArray<string>, kind: "own" | "other" = "own") {
    const { cutOff, logs, start } = yield* makeWorld
    const here = yield* start("here", short)
    /** The nodes on which it was started, in this order. */
    const served: Array<string> = []
    const make = Effect.fnUntraced(function*(id: string) {
      const node = yield* start(id, short)
      if (kind === "other") becomeOtherKind(node)
      const layer = Port.implement(Worker, () =>
        Effect.sync(() => {
          served.push(id)
          return { who: () => Effect.succeed(id), crash: () => Effect.fail("boom") }
        }))
      yield* node.run(Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layer, scope)))
      if (linked.includes(id)) yield* connect(here, node)
      return node
    })
    return { cutOff, here, logs, one: yield* make("one"), served, two: yield* make("two") }
  })

  const makeWorkers = Effect.fnUntraced(function*(kind: "own" | "other" = "own") {
    const nodes = yield* makeNodes(["one", "two"], kind)
    const { here } = nodes
    const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["one", "two"], Worker), { intensity: 5 }))
    const who = within("an answer", Effect.flatMap(supervised.port, (port) => here.run(Port.cal(port, "who"))))
    return { ...nodes, supervised, who }
  })

  const split = [{ from: "here", to: "one" }, { from: "one", to: "here" }]
  const seeAgain = (here: TestNode, one: TestNode) =>
    until(
      "it is seen again",
      () => Effect.andThen(one.run(Port.snd("here", "devnull")), areLinked(here, one))
    )

  /** Ways to have children on one of the nodes. */
  type Way = Effect.Effect<Supervisor.Handle, unknown, Node.Node | Scope.Scope>
  const options = { intensity: 5 }
  const later = { schedule: Schedule.spaced("1 hour") }
  const twice: Way = Effect.suspend(() => {
    const start = Supervisor.spawn(["one", "two"], Worker)
    return Supervisor.make({ ...options, children: [{ id: "a", start }, { id: "b", start }] })
  })
  const pool = (options: Supervisor.ChildOptions & Supervisor.Limits): Way =>
    Effect.tap(
      Supervisor.dynamic({ ...options, start: () => Supervisor.spawn(["one", "two"], Worker) }),
      (pool) => pool.startChild()
    )
  const shards: Way = Supervisor.partition({
    ...options,
    partitions: 1,
    start: () => Supervisor.spawn(["one", "two"], Worker)
  })
  const single = (options: Supervisor.Policy): Way =>
    Effect.suspend(() => Supervisor.restart(Supervisor.spawn(["one", "two"], Worker), options))

  /** A local port that stands for the spawned one. */
  const behind = (nodes: ReadonlyArray<string>) => Effect.andThen(Supervisor.spawn(nodes, Worker), Port.make({}))

  test("is on the node of a port that stands in the place of a node, and the port goes on", () =>
    Effect.gen(function*() {
      const { here, served, two } = yield* makeNodes(["one", "two"])
      const known = yield* two.run(Port.make({ who: (reply) => Port.snd(reply, "still here") }))
      const spawned = Supervisor.spawn([known, "two", "one"], Worker)
      const supervised = yield* here.run(Supervisor.restart(spawned))
      const port = yield* supervised.port
      assert.strictEqual(Port.nodeOf(port), "two")
      assert.strictEqual(yield* within("an answer", here.run(Port.cal(port, "who"))), "two")
      assert.strictEqual(yield* within("an answer", here.run(Port.cal(known, "who"))), "still here")
      assert.deepStrictEqual(served, ["two"])
    }))

  test("has its true end when it ends before the rest of its start is done", () =>
    Effect.gen(function*() {
      const { here, served } = yield* makeNodes(["one"])
      const gone = yield* Deferred.make<ReadonlyArray<unknown>>()
      const start = Effect.gen(function*() {
        const port = yield* Supervisor.spawn(["one"], Worker)
        yield* Port.cal(port, "who")
        yield* Port.kil(port, "shutdown", "done")
        yield* Port.exit(port)
        return port
      })
      const supervisor = yield* here.run(Supervisor.make({ children: [] }))
      yield* Stream.runForEach(supervisor.events, (event) =>
        event._tag === "Ended" ? Deferred.succeed(gone, reasonOf(event.exit)) : Effect.void).pipe(
          Effect.forkScoped({ startImmediately: true })
        )
      yield* here.run(supervisor.startChild({ id: "a", start, restart: "transient" }))
      assert.deepStrictEqual(yield* within("its end", Deferred.await(gone)), ["shutdown", "done"])
      assert.deepStrictEqual(served, ["one"])
    }))

  test("is one of several of a start, each on nodes of its own, and stays there", () =>
    Effect.gen(function*() {
      const { here, served } = yield* makeNodes(["one", "two"])
      const start = Effect.gen(function*() {
        yield* Supervisor.spawn(["one"], Worker)
        return yield* Supervisor.spawn(["two", "one"], Worker)
      })
      const supervised = yield* here.run(Supervisor.restart(start, { intensity: 5 }))
      yield* until("both are there", () => served.length === 2)
      yield* here.run(Port.snd(yield* supervised.port, "crash"))
      yield* until("both are there again", () => served.length === 4)
      assert.deepStrictEqual([served.slice(0, 2), served.slice(2)].map((both) => both.toSorted()), [
        ["one", "two"],
        ["one", "two"]
      ])
    }))

  test("is restarted there when it crashes, and elsewhere when its node is gone", () =>
    Effect.gen(function*() {
      const { here, one, served, supervised, who } = yield* makeWorkers()
      assert.strictEqual(yield* who, "one")
      yield* here.run(Port.snd(yield* supervised.port, "crash"))
      yield* until("a second start", () => served.length === 2)
      assert.strictEqual(yield* who, "one")
      yield* one.stop
      yield* until("a third start", () => served.length === 3)
      assert.strictEqual(yield* who, "two")
      assert.deepStrictEqual(served, ["one", "one", "two"])
    }))

  for (
    const [kind, make] of [
      ["one that is kept alive", single(options)],
      ["a dynamic one", pool(options)],
      ["a partition", shards]
    ] as const
  ) {
    test(`stays where it is when a node that comes first is there later: ${kind}`, () =>
      Effect.gen(function*() {
        const { here, one, served, two } = yield* makeNodes(["two"])
        const { which } = yield* here.run(make)
        yield* until("it runs", () => served.length === 1)
        yield* connect(here, one)
        for (const starts of [2, 3]) {
          const [child] = yield* which
          yield* two.run(Port.snd(child!.port!, "crash"))
          yield* until("it runs again", () => served.length === starts)
        }
        assert.deepStrictEqual(served, ["two", "two", "two"])
      }))
  }

  for (
    const [kind, make, stopped] of [
      ["is one that is kept alive", single(options), undefined],
      ["is a dynamic one", pool(options), undefined],
      ["is a partition", shards, undefined],
      ["is one of two with the same start", twice, undefined],
      ["waits for its restart", single(later), undefined],
      ["is a dynamic one that waits for its restart", pool(later), undefined],
      ["is temporary", single({ restart: "temporary" }), undefined],
      ["was given up", single({ intensity: 0 }), undefined],
      ["was stopped since", single(later), "after"],
      ["was stopped before that was noticed", single(options), "before"],
      ["was stopped with all others before that was noticed", pool(options), "before"],
      ["was behind another port, and stopped before that was noticed", Supervisor.restart(behind(["one"])), "before"]
    ] as const
  ) {
    test(`of another kind, that ran on behind a split, is killed when it is seen again, and that is told, if it ${kind}`, (network) =>
      Effect.gen(function*() {
        const { cutOff, here, logs, one, served } = yield* makeNodes(["one", "two"], "other")
        const before = new Set(one.router.ports.keys())
        const { stop, which } = yield* here.run(make)
        const children = (yield* which).length
        yield* until("it runs", () => served.length === children)
        const ports = Array.from(one.router.ports.keys()).filter((port) => !before.has(port))
        assert.strictEqual(ports.length, children)
        yield* Effect.forEach(split, network.cut)
        if (stopped === "before") yield* Effect.andThen(Effect.forkScoped(stop), quiet)
        yield* cutOff("here")
        yield* until("the node is lost", () => isDown(here, "one"))
        if (stopped === "after") yield* stop
        assert.isTrue(ports.every((port) => one.router.ports.has(port)))
        yield* Effect.forEach(split, network.heal)
        yield* seeAgain(here, one)
        yield* until("it is gone", () => !ports.some((port) => one.router.ports.has(port)))
        const told = (port: string) => logs.filter((line) => line.includes(`${port} ran on`)).length
        yield* until("it is told", () => ports.every((port) => told(port) === 1))
      }))
  }

  test("of another kind, that ran on behind a split, is killed, and not the one that was started in its place", (network) =>
    Effect.gen(function*() {
      const { cutOff, here, one, supervised, two, who } = yield* makeWorkers("other")
      assert.strictEqual(yield* who, "one")
      const before = yield* supervised.port
      yield* Effect.forEach(split, network.cut)
      yield* cutOff("here")
      yield* until("the node is lost", () => isDown(here, "one"))
      assert.strictEqual(yield* who, "two")
      const after = yield* supervised.port
      assert.isTrue(one.router.ports.has(before))
      yield* Effect.forEach(split, network.heal)
      yield* seeAgain(here, one)
      yield* until("the old port is gone", () => !one.router.ports.has(before))
      assert.strictEqual(yield* who, "two")
      assert.isTrue(two.router.ports.has(after))
    }))

  for (
    const [what, after] of [
      ["fails", Effect.fail("not today")],
      ["dies", Effect.die("bug")],
      ["is interrupted", Effect.interrupt],
      ["answers ignore", Effect.succeed(Supervisor.ignore)]
    ] as const
  ) {
    test(`ends with its start when that ${what}`, () =>
      Effect.gen(function*() {
        const { here, one, served } = yield* makeNodes(["one"])
        const before = one.router.ports.size
        const spawned = Effect.tap(
          Supervisor.spawn(["one"], Worker),
          (port) => within("an answer", Port.cal(port, "who"))
        )
        const children = [{ id: "a", start: Effect.andThen(spawned, after) }]
        yield* Effect.exit(here.run(Supervisor.make({ children })))
        yield* until("it is gone", () => one.router.ports.size === before)
        assert.deepStrictEqual(served, ["one"])
      }))
  }

  test("ends with the port that its start answers in its place", () =>
    Effect.gen(function*() {
      const { here, one, served } = yield* makeNodes(["one"])
      const before = one.router.ports.size
      const supervised = yield* here.run(Supervisor.restart(behind(["one"]), { intensity: 10 }))
      for (const starts of [1, 2, 3]) {
        yield* until("it runs, alone", () => served.length === starts && one.router.ports.size === before + 1)
        yield* here.run(Port.kil(yield* supervised.port, "crash"))
      }
      yield* until("it runs again", () => served.length === 4)
      yield* supervised.stop
      yield* until("it is gone", () => one.router.ports.size === before)
    }))

  test("is tried on each in turn while there is a link to none of them", () =>
    Effect.gen(function*() {
      const { here, served } = yield* makeNodes([])
      const start = Supervisor.spawn(["nobody", "nobody-else", "two"], Worker)
      const supervised = yield* here.run(Supervisor.restart(start, { intensity: 10, period: "1 minute" }))
      yield* until("it runs", () => served.length === 1)
      assert.deepStrictEqual(served, ["two"])
      assert.strictEqual(
        yield* within("an answer", Effect.flatMap(supervised.port, (port) => here.run(Port.cal(port, "who")))),
        "two"
      )
    }))
})

describe("a child that is called from another node", () => {
  for (const how of ["supervisor", "node"] as const) {
    test(`answers the call that it has in hand when its ${how} is stopped in order`, () =>
      Effect.gen(function*() {
        const { start } = yield* makeWorld
        const here = yield* start("here", short)
        const scope = yield* Scope.make()
        const there = yield* Scope.provide(start("there", short), scope)
        yield* connect(here, there)
        const inHand = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const child = Port.make({
          work: (reply) =>
            Effect.gen(function*() {
              yield* Deferred.succeed(inHand, undefined)
              yield* Deferred.await(goOn)
              yield* Port.snd(reply, "done")
            })
        })
        // What runs on a node ends before the node does.
        const program = yield* Scope.fork(scope)
        const supervised = yield* Scope.provide(there.run(Supervisor.restart(child)), program)
        const port = yield* supervised.port
        const call = yield* Effect.forkChild(here.run(Port.cal(port, "work")), { startImmediately: true })
        yield* within("the message is in hand", Deferred.await(inHand))
        const stopping = yield* Effect.forkChild(
          how === "node" ? Scope.close(scope, Exit.void) : supervised.stop,
          { startImmediately: true }
        )
        yield* Deferred.succeed(goOn, undefined)
        assert.strictEqual(yield* within("the answer", Fiber.join(call)), "done")
        yield* within("the stop", Fiber.join(stopping))
      }))
  }
})
