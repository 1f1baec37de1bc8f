/** Leases at a majority of voters, as programs have them: who gets a key, when it is free again, and what an owner knows of that. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Global from "../src/Global.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { begin, makeLogs } from "./harness.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Scope.Scope

const onNetwork = <A, E>(body: Effect.Effect<A, E, Stage>, logs = makeLogs()): Effect.Effect<A, E> =>
  body.pipe(Effect.scoped, Effect.provide([TestNetwork.layer, logs.layer]))

const test = (title: string, body: () => Effect.Effect<unknown, unknown, Stage>): void =>
  it.live(title, () => onNetwork(Effect.suspend(body)))

const voters = ["a", "b", "c"]
const options: Global.LocksOptions = { voters, lease: "6 seconds", grace: "2 seconds" }

/** Nodes that vote, whose locks are ready, and one that does not. */
const network = (given: Partial<Global.LocksOptions> = {}) =>
  Effect.gen(function*() {
    const all = { ...options, ...given }
    const nodes = yield* Effect.forEach([...all.voters, "d"], (id) => TestNetwork.start(id))
    const tables = yield* Effect.forEach(nodes, (node) => node.run(Global.locks(all)))
    yield* TestClock.adjust("6 seconds")
    yield* Effect.forEach(tables, ({ ready }) => ready)
    const at = (id: string) => [...all.voters, "d"].indexOf(id)
    return { node: (id: string) => nodes[at(id)]!, locks: (id: string) => tables[at(id)]! }
  })

const fault = (act: (network: Transport.MemoryNetwork["Service"]) => Effect.Effect<void>) =>
  Effect.flatMap(Transport.MemoryNetwork, act)

/** Nothing passes between a node and all others. */
const isolate = (id: string) =>
  fault((network) => Effect.andThen(network.cut({ from: id, to: "*" }), network.cut({ from: "*", to: id })))

const keysOf = (grants: ReadonlyArray<Global.Grant>) => grants.map(({ key }) => key)

/** Waits for a key, in a scope of its own. */
const holding = (locks: Global.Locks, key = "x") =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const leases: Array<Global.Lease> = []
    yield* begin(Effect.map(Scope.provide(locks.hold(key), scope), (lease) => leases.push(lease)))
    return { leases, close: Scope.close(scope, Exit.void) }
  })

describe("a key", () => {
  test("is granted to one owner, and to the next one when it was released", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      const [first] = yield* locks("a").acquire(["x"])
      assert.deepStrictEqual(yield* locks("b").acquire(["x"]), [])
      yield* locks("a").release(["x"])
      const [next] = yield* locks("b").acquire(["x"])
      assert.isAbove(next!.token, first!.token)
    }))

  test("is granted to an owner on a node that does not vote", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      assert.deepStrictEqual(keysOf(yield* locks("d").acquire(["x", "y"])), ["x", "y"])
      assert.deepStrictEqual(
        yield* locks("d").held,
        yield* locks("d").acquire(["y", "x", "x"]).pipe(
          Effect.map((grants) => grants.toSorted((a, b) => a.key < b.key ? -1 : 1))
        )
      )
    }))

  test("is kept by those that refresh it, and lost to those that do not", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      yield* locks("a").acquire(["x", "y"])
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(keysOf(yield* locks("a").refresh(["x"])), ["x"])
      }
      assert.deepStrictEqual(yield* locks("a").refresh(["y"]), [])
      assert.deepStrictEqual(keysOf(yield* locks("b").acquire(["x", "y"])), ["y"])
    }))

  test("is one of hundreds that one call acquires and refreshes", () =>
    Effect.gen(function*() {
      const { locks, node } = yield* network()
      const keys = Array.from({ length: 700 }, (_, n) => `shard ${n} ${"x".repeat(n % 200)}`)
      assert.deepStrictEqual(keysOf(yield* locks("d").acquire(keys)), keys)
      assert.strictEqual((yield* locks("d").refresh(keys)).length, 700)
      const questions = node("d").messages.filter(({ message, way }) =>
        way === "sent" && (message[0] === "acquire" || message[0] === "refresh")
      )
      // Two calls, three voters: a few messages each, and none too large for any link.
      assert.isAtMost(questions.length, 2 * 3 * 8)
      yield* locks("d").releaseAll
      assert.strictEqual((yield* locks("a").acquire(keys)).length, 700)
    }))

  test("that an interrupted call was granted is given back", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      yield* fault((network) => network.shape({ from: "*", to: "d" }, { latency: "100 millis" }))
      const call = yield* begin(locks("d").acquire(["x"]))
      yield* TestClock.adjust("50 millis")
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(keysOf(yield* locks("a").acquire(["x"])), ["x"])
    }))

  it.live("that is no text of 1 to 255 characters is a mistake", () =>
    onNetwork(Effect.gen(function*() {
      const { locks } = yield* network({ voters: ["a"] })
      for (const key of ["", "x".repeat(256), "\ud800"]) {
        const exit = yield* Effect.exit(locks("a").acquire([key]))
        assert.include(String(exit), "a key is text of 1 to 255 characters")
      }
    })))
})

describe("a key is free", () => {
  const free = (
    how: string,
    end: (
      id: string,
      stage: { node: TestNetwork.TestNode; close: Effect.Effect<void> }
    ) => Effect.Effect<unknown, never, Stage>,
    afterSeconds: number
  ) =>
    test(`${afterSeconds === 0 ? "at once" : `after ${afterSeconds} seconds`} when ${how}`, () =>
      Effect.gen(function*() {
        const { locks, node } = yield* network()
        const scope = yield* Scope.make()
        const table = yield* node("d").run(Scope.provide(Global.locks(options), scope))
        yield* table.ready
        yield* table.acquire(["x"])
        yield* end("d", { node: node("d"), close: Scope.close(scope, Exit.void) })
        const waiting = yield* holding(locks("a"))
        yield* TestClock.adjust(Math.max(0, afterSeconds * 1000 - 100))
        assert.strictEqual(waiting.leases.length, afterSeconds === 0 ? 1 : 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(waiting.leases.length, 1)
      }))
  free("its owner's scope closes", (_, { close }) => close, 0)
  free("its owner's scope closes, and then its node stops", (_, { close, node }) => Effect.andThen(close, node.stop), 0)
  free("the owner's node stops, and its scope has not closed", (_, { node }) => node.stop, 2)
  free("the owner's process is killed", (_, { node }) => node.kill, 2)
  free("the owner's links are reset and it is never heard of again", (id) =>
    Effect.andThen(
      fault((network) => network.reset({ from: id, to: "*" })),
      isolate(id)
    ), 2)
  free("its owner is silent", (id) => isolate(id), 6)
})

describe("an owner", () => {
  test("goes on while one of three voters is silent, and does not wait for it", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      yield* isolate("c")
      const asked = yield* begin(locks("a").acquire(["x"]))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(keysOf(yield* Fiber.join(asked)), ["x"])
      assert.deepStrictEqual(keysOf(yield* locks("a").refresh(["x"])), ["x"])
    }))

  test("gets nothing without a majority, and knows nothing of what it held", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      const [grant] = yield* locks("a").acquire(["x"])
      yield* isolate("a")
      const asked = yield* begin(Effect.all([locks("a").acquire(["y"]), Effect.flip(locks("a").refresh(["x"]))], {
        concurrency: 2
      }))
      yield* TestClock.adjust("1 second")
      const [granted, failure] = yield* Fiber.join(asked)
      assert.deepStrictEqual(granted, [])
      assert.instanceOf(failure, Global.NoMajority)
      assert.deepStrictEqual(yield* locks("a").held, [grant!])
      yield* TestClock.adjust("900 millis")
      assert.deepStrictEqual(yield* locks("a").held, [])
    }))

  test("holds a key for as long as it is held, and is told when it is lost", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      const { leases: [lease] } = yield* Effect.tap(holding(locks("a")), () => TestClock.adjust("1 minute"))
      assert.isTrue(yield* lease!.isHeld)
      const lost = yield* begin(lease!.lost)
      yield* isolate("a")
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* lease!.isHeld)
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* lease!.isHeld)
      yield* Fiber.join(lost)
    }))

  test("has what it holds itself in turn", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      const first = yield* holding(locks("a"))
      const second = yield* holding(locks("a"))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([first.leases.length, second.leases.length], [1, 0])
      yield* first.close
      yield* TestClock.adjust("1 second")
      assert.isAbove(second.leases[0]!.token, first.leases[0]!.token)
      assert.isFalse(yield* first.leases[0]!.isHeld)
    }))

  test("is told of the loss of what its program gives back by itself, and when its scope closes", () =>
    Effect.gen(function*() {
      const { node } = yield* network()
      const scope = yield* Scope.make()
      const table = yield* node("a").run(Scope.provide(Global.locks(options), scope))
      yield* table.ready
      const { leases: [x] } = yield* Effect.tap(holding(table, "x"), () => TestClock.adjust("1 second"))
      const { leases: [y] } = yield* Effect.tap(holding(table, "y"), () => TestClock.adjust("1 second"))
      yield* table.release(["x"])
      yield* x!.lost
      assert.isTrue(yield* y!.isHeld)
      yield* Scope.close(scope, Exit.void)
      yield* y!.lost
      assert.isFalse(yield* y!.isHeld)
      assert.deepStrictEqual(yield* table.acquire(["z"]), [])
    }))

  test("keeps its keys when its links break and come again", () =>
    Effect.gen(function*() {
      const { locks } = yield* network()
      const { leases: [lease] } = yield* Effect.tap(holding(locks("d")), () => TestClock.adjust("1 second"))
      for (let n = 0; n < 5; n++) {
        yield* fault((network) => network.reset({ from: "*", to: "*" }))
        yield* TestClock.adjust("1 second")
      }
      assert.isTrue(yield* lease!.isHeld)
    }))
})

describe("a voter", () => {
  test("that starts grants nothing for one lease", () =>
    Effect.gen(function*() {
      const node = yield* TestNetwork.start("a")
      const locks = yield* node.run(Global.locks({ ...options, voters: ["a"] }))
      const ready = yield* begin(locks.ready)
      yield* TestClock.adjust("5900 millis")
      assert.deepStrictEqual(yield* locks.acquire(["x"]), [])
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(ready)
      assert.deepStrictEqual(keysOf(yield* locks.acquire(["x"])), ["x"])
    }))

  test("that starts again leaves owners what they hold, as long as a majority of others answers", () =>
    Effect.gen(function*() {
      const { locks, node } = yield* network()
      const { leases: [lease] } = yield* Effect.tap(holding(locks("d")), () => TestClock.adjust("1 second"))
      for (const id of ["a", "b", "c"]) {
        yield* node(id).kill
        yield* TestClock.adjust("5 seconds")
        const again = yield* TestNetwork.start(id)
        const table = yield* again.run(Global.locks(options))
        yield* TestClock.adjust("7 seconds")
        yield* table.ready
        assert.deepStrictEqual(yield* table.acquire(["x"]), [])
      }
      assert.isTrue(yield* lease!.isHeld)
    }))

  test("after the other may start again, as soon as the one before is ready, and owners keep what they hold", () =>
    Effect.gen(function*() {
      const { locks, node } = yield* network()
      const { leases: [lease] } = yield* Effect.tap(holding(locks("d")), () => TestClock.adjust("1 second"))
      for (const id of voters) {
        yield* node(id).stop
        const again = yield* TestNetwork.start(id)
        const table = yield* again.run(Global.locks(options))
        yield* table.ready.pipe(TestNetwork.within("10 seconds"))
      }
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(yield* lease!.isHeld)
    }))

  test("alone leaves owners what they hold when it starts again in time", () =>
    Effect.gen(function*() {
      const { locks, node } = yield* network({ voters: ["a"] })
      const { leases: [lease] } = yield* Effect.tap(holding(locks("d")), () => TestClock.adjust("1 second"))
      yield* node("a").kill
      const again = yield* TestNetwork.start("a")
      const table = yield* again.run(Global.locks({ ...options, voters: ["a"] }))
      yield* TestClock.adjust("20 seconds")
      assert.isTrue(yield* lease!.isHeld)
      assert.deepStrictEqual(yield* table.acquire(["x"]), [])
    }))

  it.live("that is missed for a majority is named in the log, once, and so is that there is one again", () => {
    const logs = makeLogs()
    return onNetwork(
      Effect.gen(function*() {
        const { locks, node } = yield* network()
        const said = () => logs.lines.filter((line) => line.includes(" d locks ") && line.includes("majority"))
        assert.deepStrictEqual(said(), [])
        yield* node("b").kill
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(said(), [])
        yield* node("c").kill
        yield* TestClock.adjust("10 seconds")
        const missed =
          "WARN d locks \"locks\": no majority of the voters a, b, c answers; out of reach: b, c. No key can be had"
        assert.deepStrictEqual(said(), [missed])
        const again = yield* TestNetwork.start("c")
        yield* again.run(Global.locks(options))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(said(), [missed, "INFO d locks \"locks\": a majority of the voters answers again"])
        assert.isFalse(yield* Effect.map(locks("d").acquire(["x"]), (grants) => grants.length === 0))
      }),
      logs
    )
  })

  it.live("with other options than an owner gives it no vote, and both say so by name", () => {
    const logs = makeLogs()
    return onNetwork(
      Effect.gen(function*() {
        const [a, d] = yield* Effect.all([TestNetwork.start("a"), TestNetwork.start("d")])
        yield* a.run(Global.locks({ voters: ["a"], lease: "6 seconds", grace: "2 seconds" }))
        const locks = yield* d.run(Global.locks({ voters: ["a"], lease: "7 seconds", grace: "2 seconds" }))
        const asked = yield* begin(locks.acquire(["x"]))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* Fiber.join(asked), [])
        const differ = "its lease is 7000 ms, and here it is 6000 ms"
        // Once, though it asks again and again.
        assert.sameMembers(logs.lines.filter((line) => line.startsWith("WARN")), [
          `WARN a locks "locks": node d has other options, and gets no vote of this one: ${differ}`,
          `WARN d locks "locks": voter a refuses this node: it has other options than this node: ${differ}`,
          "WARN d locks \"locks\": no majority of the voters a answers; refuse this node: a. No key can be had"
        ])
        const { observed } = yield* d.run(NodeRouter)
        assert.deepStrictEqual(observed.lockTables[0]?.voters, [{ node: "a", standing: "refuses" }])
        yield* a.kill
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(observed.lockTables[0]?.voters, [{ node: "a", standing: "away" }])
      }),
      logs
    )
  })
})

describe("options", () => {
  const refused = (given: Global.LocksOptions) =>
    Effect.flip(Effect.scoped(Global.locks(given))).pipe(Effect.provide(Node.layerLocal))

  it.live.each<[string, Partial<Global.LocksOptions>]>([
    ["locks \"locks\", option voters: there are 2: it takes 1, 3, 5 or 7", { voters: ["a", "b"] }],
    ["locks \"locks\", option voters: there are 0: it takes 1, 3, 5 or 7", { voters: [] }],
    ["locks \"locks\", option voters: \"a\" is in it twice", { voters: ["a", "b", "a"] }],
    ["locks \"locks\", option voters: \"a#b\" is no node ID", { voters: ["a#b"] }],
    ["locks \"locks\", option voters: \"a/\" is no node's ID: a last / gets random letters", { voters: ["a/"] }],
    ["locks \"\", option name: is no text of 1 to 100 characters", { name: "" }],
    ["locks \"locks\", option lease: is no time from 20 ms to 24 hours", { lease: 0 }],
    ["locks \"locks\", option grace: is no time from 20 ms to 24 hours", { grace: 0 }],
    ["locks \"locks\", option grace: is longer than the lease", { lease: "1 second", grace: "2 seconds" }]
  ])("are refused: %s", ([message, given]) =>
    Effect.map(refused({ ...options, ...given }), (error) => {
      assert.instanceOf(error, Global.InvalidLocks)
      assert.include(error.message, message)
    }))
})
