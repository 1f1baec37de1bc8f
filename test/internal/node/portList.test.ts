/** What a node tells of its ports: what each is, how it fares, and which of many lead, whatever is asked. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Global from "../../../src/Global.ts"
import { PortList, portsRequest, readPorts } from "../../../src/internal/node/portList.ts"
import { sortings } from "../../../src/internal/node/portOptions.ts"
import { NodeRouter } from "../../../src/internal/node/router.ts"
import * as Node from "../../../src/Node.ts"
import * as Port from "../../../src/Port.ts"
import * as Supervisor from "../../../src/Supervisor.ts"
import { quiet, sleep, test } from "../../supervised.ts"

/** Asks the node that it runs on. */
const ask = (...options: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const [list] = yield* Port.calMessage(yield* Node.id, portsRequest, ...options)
    return Schema.decodeUnknownSync(PortList)(list)
  })

const about = (port: string) => Effect.map(ask({ ports: [port] }), ({ ports }) => ports[0]!)

const stuck = Effect.sleep("1 hour")

describe("what a port is", () => {
  test("a plain port says so, and the node's own port too", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({})
      assert.deepInclude(yield* about(port), { port, kind: "port", what: "" })
      assert.deepInclude(yield* about(yield* Node.id), { kind: "node", mailbox: 0 })
    }))

  test("a child is named after its supervisor and its ID, and a supervisor after itself, as a child too", () =>
    Effect.gen(function*() {
      const worker = Port.make({})
      const below = Supervisor.make({ name: "below", children: [{ id: "worker", start: worker }] })
      const above = yield* Supervisor.make({
        name: "above",
        children: [{ id: "inner", start: below }]
      }).pipe(Effect.orDie)
      assert.deepInclude(yield* about(above.supervisor), { kind: "supervisor", what: "above" })
      const { ports } = yield* ask()
      assert.isDefined(ports.find(({ kind, what }) => kind === "supervisor" && what === "below, above/inner"))
      assert.isDefined(ports.find(({ kind, what }) => kind === "child" && what === "below/worker"))
    }))

  test("a name of the node stands beside it", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({}).pipe(Effect.tap(Supervisor.Registry.register("printer")))
      assert.deepInclude(yield* about(port), { name: "printer" })
    }))

  it.live("a member is named after its groups", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({})
      yield* Global.register(port, "eg_printers")
      assert.deepInclude(yield* about(port), { kind: "group member", what: "eg_printers" })
    }).pipe(Effect.scoped, Effect.provide(Global.layer({ global: true })), Effect.provide(Node.layerLocal)))

  test("what ended is told of no more, and nothing is kept of it", () =>
    Effect.gen(function*() {
      const { observed } = yield* NodeRouter
      const supervisor = yield* Supervisor.make({ name: "short", children: [] }).pipe(Effect.orDie)
      yield* supervisor.stop
      yield* quiet
      assert.deepStrictEqual((yield* ask({ ports: [supervisor.supervisor] })).ports, [])
      assert.isUndefined(observed.roleOf(supervisor.supervisor))
    }))
})

describe("how a port fares", () => {
  test("messages are counted as handlers begin with them, and those that wait behind one", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({ quick: () => Effect.void, slow: () => stuck })
      for (let n = 0; n < 3; n++) yield* Port.snd(port, "quick")
      yield* quiet
      assert.deepInclude(yield* about(port), { handled: 3, mailbox: 0, oldestMillis: 0 })
      yield* Port.snd(port, "slow")
      for (let n = 0; n < 5; n++) yield* Port.snd(port, "quick")
      yield* quiet
      assert.deepInclude(yield* about(port), { handled: 4, mailbox: 5 })
    }))

  test("a message that is in hand for long is the oldest one; when it is done, the next ones are as old as they are", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({
        slow: () => Effect.sleep("10 seconds"),
        slower: () => Effect.sleep("10 seconds")
      })
      yield* Port.snd(port, "slow")
      yield* sleep("4 seconds")
      yield* Port.snd(port, "slower")
      yield* quiet
      assert.deepInclude(yield* about(port), { mailbox: 1, oldestMillis: 4000 })
      yield* sleep("7 seconds")
      assert.deepInclude(yield* about(port), { mailbox: 0, oldestMillis: 7000 })
      yield* sleep("9 seconds")
      assert.deepInclude(yield* about(port), { mailbox: 0, oldestMillis: 0, handled: 2 })
    }))

  test("what waits for a free hand grows old", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({ slow: () => stuck }, { concurrency: 2 })
      for (let n = 0; n < 5; n++) yield* Port.snd(port, "slow")
      yield* sleep("3 seconds")
      assert.deepInclude(yield* about(port), { mailbox: 3, oldestMillis: 3000 })
      // Its node would wait for what it has in hand, on a clock that stands.
      yield* Port.kil(port)
    }))

  test("its age and its monitors are told", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("5 seconds")
      yield* quiet
      const port = yield* Port.make({})
      const unmonitored = (yield* about(port)).monitors
      yield* Port.mon(port, () => Effect.void)
      yield* Port.mon(port, () => Effect.void)
      yield* sleep("90 seconds")
      assert.deepInclude(yield* about(port), { ageMillis: 90_000, monitors: unmonitored + 2 })
    }))
})

describe("which ports of many", () => {
  it.live.prop(
    "those that have handled most, and as many as asked for, whatever came in which order",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
      Schema.Int.check(
        Schema.isBetween({ minimum: 1, maximum: 10 })
      )
    ],
    ([counts, limit]) =>
      Effect.gen(function*() {
        const router = yield* NodeRouter
        for (const count of counts) {
          const port = yield* Port.make({ item: () => Effect.void })
          for (let n = 0; n < count; n++) yield* Port.snd(port, "item")
        }
        yield* quiet
        const { ports, total } = yield* readPorts(router, { sort: "handled", limit })
        const expected = counts.toSorted((a, b) => b - a).slice(0, limit)
        assert.deepStrictEqual(ports.map(({ handled }) => handled).slice(0, expected.length), expected)
        assert.strictEqual(total, counts.length + 1)
      }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)),
    { arbitrary: { runs: 50 } }
  )

  test("the node does other things between parts of a long list", () =>
    Effect.gen(function*() {
      const router = yield* NodeRouter
      yield* Effect.forEach(Array.from({ length: 50_000 }), () => Port.make({}), { discard: true })
      let turns = 0
      let isDone = false
      const count = (): void => {
        turns++
        if (!isDone) setImmediate(count)
      }
      setImmediate(count)
      for (const sort of sortings) {
        const { ports, total } = yield* readPorts(router, { sort, limit: 20 })
        assert.strictEqual(ports.length, 20)
        assert.isAtLeast(total, 50_000)
      }
      isDone = true
      assert.isAtLeast(turns, 4 * 9)
    }))

  test("whoever asks for the same at the same time gets one answer, and too many different questions are refused", () =>
    Effect.gen(function*() {
      const nodeId = yield* Node.id
      const asks = Array.from({ length: 200 }, (_, n) => Port.calMessage(nodeId, portsRequest, { limit: n + 1 }))
      const answers = yield* Effect.all(asks, { concurrency: "unbounded" })
      const refused = answers.filter(([answer]) => typeof answer === "string")
      assert.isAbove(refused.length, 0)
      assert.isBelow(refused.length, 200)
      assert.strictEqual((yield* ask({ limit: 1 })).ports.length, 1)
    }))

  test("takes any options, and says of those that make no sense that they do not", () =>
    Effect.gen(function*() {
      const nodeId = yield* Node.id
      for (
        const wrong of [5, [5], { sort: "size" }, { limit: "9" }, { limit: NaN }, { ports: [5] }, { ports: "x" }]
      ) {
        const [answer] = yield* Port.calMessage(nodeId, portsRequest, wrong)
        assert.strictEqual(answer, "these are no options of a list of ports")
      }
      for (const limit of [-5, 0, 0.5]) assert.strictEqual((yield* ask({ limit })).ports.length, 1)
      assert.isAtMost((yield* ask({ limit: 1e9 })).ports.length, 1000)
      assert.deepStrictEqual((yield* ask({ ports: ["", "#", "elsewhere#port", "__proto__"] })).ports, [])
      yield* quiet
    }))
})
