/** Pools: where their children are, when they move, and how they are reached. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Node, Port, Supervisor, type Transport } from "../src/index.ts"
import { connect, makeWorld, type TestNode, until, within } from "./harness.ts"
import { networkTest as test, short } from "./supervised.ts"

const Work = Port.protocol({
  who: Port.message().replies(Schema.String),
  slow: Port.message().replies(Schema.String),
  crash: Port.message()
})
const Worker = Port.remote("test::pooled", [], Work)

/** A world in which nodes have workers, and one has pools of them. */
const makeNodes = Effect.fnUntraced(function*(...ids: ReadonlyArray<string>) {
  const world = yield* makeWorld
  const here = yield* world.start("here", short)
  let busy = 0
  /** A node that is linked, and (if it `serves`) has the function. */
  const add = Effect.fnUntraced(function*(id: string, serves = true) {
    const node = yield* world.start(id, short)
    const layer = Port.implement(Worker, () =>
      Effect.succeed({
        who: () => Effect.succeed(id),
        slow: () => Effect.as(Effect.andThen(Effect.sync(() => busy++), Effect.sleep("100 millis")), `done on ${id}`),
        crash: () => Effect.fail("boom")
      }))
    if (serves) yield* node.run(Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layer, scope)))
    yield* connect(here, node)
    return node
  })
  const nodes = yield* Effect.forEach(ids, (id) => add(id))
  return { ...world, here, add, nodes, busy: () => busy }
})

/** How many of a pool's children run on each node. */
const spreadOf = (pool: Supervisor.Pool) =>
  Effect.map(pool.ports, (ports) => {
    const counts: Record<string, number> = {}
    for (const port of ports) counts[Port.nodeOf(port)] = (counts[Port.nodeOf(port)] ?? 0) + 1
    return counts
  })

const untilSpread = (pool: Supervisor.Pool, expected: Record<string, number>) =>
  until(
    `it is spread as ${JSON.stringify(expected)}`,
    () =>
      Effect.map(spreadOf(pool), (counts) =>
        Object.keys(counts).length === Object.keys(expected).length &&
        Object.entries(expected).every(([node, count]) => counts[node] === count))
  )

/** The ports of our workers that a node has. */
const workersOn = (node: TestNode, pool: Supervisor.Pool) =>
  Effect.map(
    pool.which,
    (infos) => infos.filter(({ port }) => port !== undefined && node.router.ports.has(port)).length
  )

describe("a pool", () => {
  test("has as many children on each node as on any other, and shows where each is", () =>
    Effect.gen(function*() {
      const { here } = yield* makeNodes("one", "two")
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "two"], size: 5 }))
      assert.deepStrictEqual(yield* spreadOf(pool), { one: 3, two: 2 })
      const tree = yield* here.run(Supervisor.tree(pool.supervisor))
      assert.deepStrictEqual(tree.children.map(({ node }) => node), ["one", "two", "one", "two", "one"])
      assert.strictEqual(tree.name, "pool")
      assert.deepStrictEqual(yield* pool.count, { specs: 5, active: 5, supervisors: 0, workers: 5 })
    }))

  test("gives its children one after the other, and so does its address", () =>
    Effect.gen(function*() {
      const { here } = yield* makeNodes("one", "two", "three")
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "two", "three"], size: 3 }))
      const ask = (times: number, port: Effect.Effect<Port.PortId<typeof Work.messages>, Port.Killed>) =>
        Effect.forEach(
          Array.from({ length: times }),
          () => within("an answer", Effect.flatMap(port, (port) => here.run(Port.cal(port, "who"))))
        )
      const all = ["one", "three", "two"]
      assert.deepStrictEqual((yield* ask(3, pool.next)).toSorted(), all)
      assert.deepStrictEqual((yield* ask(3, Effect.succeed(pool.address))).toSorted(), all)
    }))

  test("asks the children of a node that drains no more, and has them on the others when they are done", () =>
    Effect.gen(function*() {
      const { busy, here, nodes } = yield* makeNodes("one", "two")
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "two"], size: 4, intensity: 0 }))
      yield* untilSpread(pool, { one: 2, two: 2 })
      const ports = yield* pool.ports
      const calls = yield* Effect.forkChild(
        Effect.forEach(ports, (port) => here.run(Port.cal(port, "slow")), { concurrency: "unbounded" })
      )
      yield* until("all are at work", () => busy() === 4)
      const passedOn = yield* Effect.forkChild(
        Effect.forEach(ports, () => here.run(Port.cal(pool.address, "slow")), { concurrency: "unbounded" })
      )
      yield* within("the drain", nodes[0]!.run(Node.drain()))
      yield* untilSpread(pool, { two: 4 })
      assert.sameMembers(
        yield* within("the calls", Fiber.join(calls)),
        ["done on one", "done on one", "done on two", "done on two"]
      )
      assert.lengthOf(yield* within("the calls", Fiber.join(passedOn)), 4)
      for (let n = 0; n < 8; n++) {
        assert.strictEqual(yield* here.run(Effect.flatMap(pool.next, (port) => Port.cal(port, "who"))), "two")
      }
    }))

  const ways = [
    [
      "is cut off",
      (_node: TestNode, network: Transport.MemoryNetwork["Service"]) =>
        Effect.forEach([{ from: "here", to: "one" }, { from: "one", to: "here" }], network.cut)
    ],
    ["stops", (node: TestNode) => node.stop]
  ] as const
  for (const [how, lose] of ways) {
    test(`has the children of a node that ${how} on the others, and its budget is as before`, (network) =>
      Effect.gen(function*() {
        const { here, nodes } = yield* makeNodes("one", "two")
        const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "two"], size: 6, intensity: 0 }))
        yield* untilSpread(pool, { one: 3, two: 3 })
        yield* lose(nodes[0]!, network)
        yield* untilSpread(pool, { two: 6 })
        assert.strictEqual((yield* pool.count).active, 6)
      }))
  }

  test("moves some to a node that comes, until it is even", () =>
    Effect.gen(function*() {
      const { add, here } = yield* makeNodes("one")
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "two", "three"], size: 6, intensity: 0 }))
      yield* untilSpread(pool, { one: 6 })
      yield* add("two")
      yield* untilSpread(pool, { one: 3, two: 3 })
      yield* add("three")
      yield* untilSpread(pool, { one: 2, two: 2, three: 2 })
    }))

  test("leaves them where they are if it is to, and places new ones where there are fewest", () =>
    Effect.gen(function*() {
      const { add, here } = yield* makeNodes("one")
      const options = { on: ["one", "two"], size: 3, spread: "stay", intensity: 5 } as const
      const pool = yield* here.run(Supervisor.pool(Worker, options))
      const [first, ...others] = yield* pool.ports
      yield* add("two")
      yield* here.run(Port.snd(first!, "crash"))
      yield* untilSpread(pool, { one: 2, two: 1 })
      assert.isTrue((yield* pool.ports).filter((port) => others.includes(port)).length === 2)
    }))

  test("waits for its first node", () =>
    Effect.gen(function*() {
      const { add, here } = yield* makeNodes()
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one"], size: 2, intensity: 0 }))
      assert.deepStrictEqual((yield* pool.which).map(({ status }) => status), ["stopped", "stopped"])
      const next = yield* Effect.forkScoped(pool.next)
      yield* add("one")
      assert.strictEqual(Port.nodeOf(yield* within("a child", Fiber.join(next))), "one")
      yield* untilSpread(pool, { one: 2 })
    }))

  test("drains a node that is listed no longer: what is in hand is answered, and nothing new goes there", () =>
    Effect.gen(function*() {
      const { busy, here, nodes } = yield* makeNodes("one", "two")
      const lists = yield* Queue.unbounded<ReadonlyArray<string>>()
      yield* Queue.offer(lists, ["one", "two"])
      const pool = yield* here.run(
        Supervisor.pool(Worker, { on: Stream.fromQueue(lists), size: 4, intensity: 0 })
      )
      yield* untilSpread(pool, { one: 2, two: 2 })
      const onTwo = (yield* pool.ports).filter((port) => Port.nodeOf(port) === "two")
      yield* Queue.offer(lists, ["one"])
      // Calls go on meanwhile: whoever is drained answers what it has in hand.
      const calls: Array<string> = []
      while ((yield* spreadOf(pool))["two"] !== undefined) {
        const before = busy()
        const call = yield* Effect.forkScoped(here.run(Port.cal(onTwo[0]!, "slow")))
        yield* until("it is busy", () => busy() > before)
        calls.push(yield* within("the answer", Fiber.join(call)))
      }
      assert.isTrue(calls.length > 0 && calls.every((answer) => answer === "done on two"))
      yield* untilSpread(pool, { one: 4 })
      yield* until("they have ended there", () => onTwo.every((port) => !nodes[1]!.router.ports.has(port)))
    }))

  test("keeps a node that is listed again at once", () =>
    Effect.gen(function*() {
      const { here } = yield* makeNodes("one", "two")
      const lists = yield* Queue.unbounded<ReadonlyArray<string>>()
      yield* Queue.offer(lists, ["one", "two"])
      const pool = yield* here.run(
        Supervisor.pool(Worker, { on: Stream.fromQueue(lists), size: 4, intensity: 0 })
      )
      yield* untilSpread(pool, { one: 2, two: 2 })
      const before = yield* pool.ports
      yield* Queue.offerAll(lists, [["one"], ["one", "two"]])
      yield* Effect.sleep("2500 millis")
      assert.deepStrictEqual(yield* pool.ports, before)
    }))

  test("has none on a node that does not have the function, and does not give up for that", () =>
    Effect.gen(function*() {
      const { add, here } = yield* makeNodes("one")
      yield* add("bare", false)
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["bare", "one"], size: 3, intensity: 0 }))
      yield* untilSpread(pool, { one: 3 })
    }))

  test("gives up when its children crash too often", () =>
    Effect.gen(function*() {
      const { here } = yield* makeNodes("one")
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one"], size: 2, intensity: 1, name: "workers" }))
      yield* Effect.forEach(yield* pool.ports, (port) => here.run(Port.snd(port, "crash")))
      const killed = yield* within("its end", Effect.flip(pool.await))
      assert.strictEqual(killed.reason[0], "restart_limit")
      assert.strictEqual((yield* Effect.flip(pool.next)).reason[0], "restart_limit")
    }))

  test("ends its children with it, and leaves nothing", () =>
    Effect.gen(function*() {
      const { here, nodes } = yield* makeNodes("one")
      const listeners = here.router.listeners.size
      const ports = [here.router.ports.size, nodes[0]!.router.ports.size]
      const pool = yield* here.run(Supervisor.pool(Worker, { on: ["one", "nowhere"], size: 3 }))
      yield* until("they are there", () => Effect.map(workersOn(nodes[0]!, pool), (count) => count === 3))
      yield* within("its end", pool.stop)
      yield* until("all is as before", () =>
        here.router.listeners.size === listeners && here.router.ports.size === ports[0] &&
        nodes[0]!.router.ports.size === ports[1])
    }))

  for (
    const [field, options] of [
      ["size", { on: ["one"], size: 0 }],
      ["size", { on: ["one"], size: 1.5 }],
      ["on", { on: [""], size: 1 }],
      ["spread", { on: ["one"], size: 1, spread: "wide" as never }],
      ["intensity", { on: ["one"], size: 1, intensity: -1 }]
    ] as const
  ) {
    test(`is refused with ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const { here } = yield* makeNodes()
        const error = yield* here.run(Effect.flip(Supervisor.pool(Worker, options)))
        assert.strictEqual(error.field, field)
      }))
  }
})
