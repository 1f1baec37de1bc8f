/** The test kit: time and the network in step, the ends of nodes and of networks, and what a test is told that waits in vain. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"
import { sized } from "./size.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Scope.Scope

const onNetwork = <A, E>(body: Effect.Effect<A, E, Stage>): Effect.Effect<A, E> =>
  body.pipe(Effect.scoped, Effect.provide([TestNetwork.layer, makeLogs().layer]))

const test = (title: string, body: () => Effect.Effect<unknown, unknown, Stage>): void =>
  it.live(title, () => onNetwork(Effect.suspend(body)))

const everywhere: Transport.Route = { from: "*", to: "*" }

const shape = (shape: Transport.Shape) =>
  Effect.flatMap(Transport.MemoryNetwork, (network) => network.shape(everywhere, shape))

const pair = (options?: Parameters<typeof TestNetwork.start>[1]) =>
  Effect.all([TestNetwork.start("a", options), TestNetwork.start("b", options)])

/** Every node that goes down from now on, as `node` hears of it. */
const downs = (node: TestNetwork.TestNode) =>
  Effect.gen(function*() {
    const heard: Array<Node.NodeEvent> = []
    const keep = (event: Node.NodeEvent) => Effect.sync(() => event._tag === "Down" && heard.push(event))
    yield* node.run(Stream.runForEach(Node.events, keep)).pipe(Effect.forkScoped({ startImmediately: true }))
    yield* TestNetwork.settle
    return heard
  })

const echo = Port.make({ echo: (value, reply) => Port.snd(reply, value) })

const diesWith = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "it did not")

describe("the clock of a network", () => {
  test("stands still until the test moves it, whatever the nodes do", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const port = yield* b.run(echo)
      for (let n = 0; n < 20; n++) assert.strictEqual(yield* a.run(Port.cal(port, "echo", n)), n)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  test("gives links that are well a whole hour, and none of them is lost", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      yield* a.run(Port.calMessage("b", "time"))
      const lost = yield* downs(a)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(lost, [])
      assert.deepStrictEqual(yield* b.run(Node.upNodes), ["a"])
      assert.strictEqual(yield* Clock.currentTimeMillis, Duration.toMillis("1 hour"))
    }))

  it.effect("is not that of the test around it", () =>
    Effect.gen(function*() {
      yield* onNetwork(TestClock.adjust("1 hour"))
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  test("shows when messages came, on routes that take their time", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const came: Array<number> = []
      const port = yield* b.run(Port.make(() => Effect.map(Clock.currentTimeMillis, (now) => void came.push(now))))
      yield* a.run(Port.calMessage("b", "time"))
      yield* shape({ latency: "50 millis" })
      // What happens on the way is due in the middle of the adjustment.
      yield* a.run(Port.after("100 millis", port, "hello"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(came, [150])
    }))

  test("may be set to a date, which links survive too", () =>
    Effect.gen(function*() {
      const [a] = yield* pair()
      yield* a.run(Port.calMessage("b", "time"))
      const lost = yield* downs(a)
      yield* TestClock.setTime(Date.UTC(1970, 0, 1, 1))
      yield* TestClock.setTime(Date.UTC(1970, 0, 1))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(lost, [])
      assert.strictEqual(yield* Clock.currentTimeMillis, 60_000)
    }))

  it.live.prop(
    "goes on, in whole milliseconds, whatever fractions programs wait for",
    [
      Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 400 }))).check(Schema.isMinLength(1))
    ],
    ([pauses]) =>
      onNetwork(Effect.gen(function*() {
        const came: Array<number> = []
        const note = Effect.map(Clock.currentTimeMillis, (now) => void came.push(now))
        const beat = Effect.repeat(note, Schedule.fixed("500 millis"))
        yield* Effect.forkScoped(beat, { startImmediately: true })
        for (const pause of pauses) {
          const late = Effect.andThen(Effect.andThen(Effect.sleep(pause), note), beat)
          yield* Effect.forkScoped(late, { startImmediately: true })
        }
        yield* TestClock.adjust("20 seconds")
        assert.isTrue(came.every(Number.isInteger))
        const beats = came.filter((time) => time > 0).length
        assert.isAtLeast(beats, 40 + 40 * pauses.length)
        assert.isAtMost(beats, 40 + 42 * pauses.length)
        assert.strictEqual(yield* Clock.currentTimeMillis, 20_000)
        // The test itself may move it by fractions: all go on.
        const before = came.length
        for (const pause of pauses) yield* TestClock.adjust(pause)
        yield* TestClock.adjust("20 seconds")
        assert.isAtLeast(came.length - before, 39 * (1 + pauses.length))
      })),
    { arbitrary: { runs: sized(30, 300) } }
  )

  it.live.prop(
    "makes the same run of the same seed",
    [Schema.String],
    ([seed]) => {
      const run = onNetwork(Effect.gen(function*() {
        yield* shape({ latency: "5 millis", jitter: "20 millis" })
        const services = Global.layer({ seeds: ["a:1"] })
        const [a, b] = [yield* TestNetwork.start("a", { services }), yield* TestNetwork.start("b", { services })]
        const port = yield* b.run(Effect.tap(echo, (port) => Global.register(port, "echoes")))
        yield* a.run(Global.awaitGroup("echoes", 1)).pipe(TestNetwork.within("1 minute"))
        yield* a.run(Port.cal(port, "echo", "hello")).pipe(TestNetwork.within("1 minute"))
        const now = yield* Clock.currentTimeMillis
        return [now, b.messages]
      })).pipe(Random.withSeed(seed))
      return Effect.map(Effect.all([run, run]), ([one, other]) => assert.deepStrictEqual(one, other))
    },
    { arbitrary: { runs: 5 } }
  )
})

describe("waiting", () => {
  test("for rest takes as many turns as there is something to do", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      let returns = 0
      const there: Port.PortId = yield* b.run(Port.make((from: Port.PortId, left: number) => Port.snd(from, left)))
      const here: Port.PortId = yield* a.run(Port.make((left: number) => {
        returns++
        return left > 0 ? Port.snd(there, here, left - 1) : Effect.void
      }))
      yield* a.run(Port.snd(there, here, 499))
      yield* TestNetwork.settle
      assert.strictEqual(returns, 500)
    }))

  test("for rest dies where there is none", () =>
    Effect.gen(function*() {
      const a = yield* TestNetwork.start("a")
      let isOver = false
      const restless = Effect.whileLoop({ while: () => !isOver, body: () => Effect.yieldNow, step: () => {} })
      yield* Effect.forkScoped(restless)
      yield* a.run(Port.make({}))
      assert.include(yield* diesWith(TestNetwork.settle), "does not come to rest")
      isOver = true
    }))

  test("in vain says for what, and for how long", () =>
    Effect.gen(function*() {
      const told = yield* diesWith(TestNetwork.until("the moon is blue", () => false, "90 seconds"))
      assert.include(told, "waited in vain for 1m 30s: the moon is blue")
      assert.strictEqual(yield* Clock.currentTimeMillis, 90_000)
    }))

  test("ends when the condition holds, and no later", () =>
    Effect.gen(function*() {
      let isTrue = false
      yield* Effect.forkScoped(Effect.delay(Effect.sync(() => void (isTrue = true)), "12 seconds"))
      yield* TestNetwork.until("it is true", () => isTrue)
      assert.strictEqual(yield* Clock.currentTimeMillis, 12_000)
    }))

  test("asks conditions that have to ask other nodes, and hands on their errors", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      yield* shape({ latency: "10 millis" })
      const port = yield* b.run(echo)
      const asked = a.run(Port.cal(port, "echo", true)).pipe(TestNetwork.within("1 second"))
      yield* TestNetwork.until("an answer", Effect.map(asked, (answer) => answer === true))
      yield* b.run(Port.kil(port, "gone"))
      const error = yield* Effect.flip(TestNetwork.until("an answer", Effect.as(asked, true)))
      assert.strictEqual(error._tag, "Killed")
    }))

  test("for an effect has its value, its error, or interrupts it", () =>
    Effect.gen(function*() {
      const slow = Effect.sleep("3 seconds")
      assert.strictEqual(yield* Effect.as(slow, 42).pipe(TestNetwork.within("1 minute")), 42)
      assert.strictEqual(
        yield* Effect.flip(Effect.andThen(slow, Effect.fail("no"))).pipe(TestNetwork.within("1 minute")),
        "no"
      )
      let interrupted = false
      const endless = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      assert.include(yield* diesWith(endless.pipe(TestNetwork.within("1 minute"))), "1m")
      assert.isTrue(interrupted)
      assert.strictEqual(yield* Clock.currentTimeMillis, 66_000)
    }))
})

describe("a node of a test", () => {
  class Own extends Context.Service<Own, { readonly nodeId: string }>()("Own") {}
  const own = Layer.effect(Own, Effect.map(Node.Node, ({ nodeId }) => ({ nodeId })))

  test("has its services for itself, though others have the same Layer", () =>
    Effect.gen(function*() {
      for (const nodeId of ["a", "b"]) {
        const node = yield* TestNetwork.start(nodeId, { services: own })
        assert.strictEqual((yield* node.run(Own)).nodeId, nodeId)
      }
    }))

  test("that cannot start says why, and leaves nothing", () =>
    Effect.gen(function*() {
      yield* TestNetwork.start("a")
      const error = yield* Effect.flip(TestNetwork.start("b", { binds: ["a:1"] }))
      assert.strictEqual(error._tag, "LinkError")
      assert.strictEqual(
        yield* Effect.flip(TestNetwork.start("b", { services: Layer.effectDiscard(Effect.fail("no")) })),
        "no"
      )
      yield* TestNetwork.start("b")
    }))

  test("may have a name that chance makes longer", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* TestNetwork.start("w/"), yield* TestNetwork.start("w/")]
      assert.notStrictEqual(one.nodeId, other.nodeId)
      const port = yield* other.run(echo)
      assert.strictEqual(yield* one.run(Port.cal(port, "echo", 1)), 1)
    }))

  test("with Global finds nobody whom the network does not know", () =>
    Effect.gen(function*() {
      const a = yield* TestNetwork.start("a", { services: Global.layer() })
      yield* TestNetwork.start("b")
      const exit = yield* a.run(Port.exit("b#port")).pipe(TestNetwork.within("1 minute"))
      assert.include(String(exit), "connect timeout")
    }))

  test("that stops says so, and its successor takes its place", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      yield* a.run(Port.calMessage("b", "time"))
      const lost = yield* downs(a)
      yield* b.stop
      yield* TestNetwork.settle
      assert.deepStrictEqual(lost.map((event) => event._tag === "Down" && event.orderly), [true])
      yield* TestNetwork.start("b")
      yield* a.run(Port.calMessage("b", "time"))
    }))

  test("that stops has the time that its handlers take", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const slow = yield* b.run(
        Port.make({ slow: (reply) => Effect.andThen(Effect.sleep("4 seconds"), Port.snd(reply, "done")) })
      )
      const call = yield* Effect.forkScoped(a.run(Port.cal(slow, "slow")), { startImmediately: true })
      yield* TestNetwork.settle
      yield* b.stop
      const exit = call.pollUnsafe()
      assert.deepStrictEqual(exit, Exit.succeed("done"))
    }))

  test("that is killed is missed at once, and reaches nobody any more", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const heard: Array<unknown> = []
      const port = yield* a.run(Port.make((...message) => void heard.push(message)))
      yield* b.run(Port.snd(port, "alive"))
      yield* b.run(Port.after("1 second", port, "from the dead"))
      yield* TestNetwork.settle
      const lost = yield* downs(a)
      yield* b.kill
      yield* TestNetwork.settle
      assert.deepStrictEqual(lost.map((event) => event._tag === "Down" && event.orderly), [false])
      const next = yield* TestNetwork.start("b")
      yield* next.run(Port.snd(port, "reborn"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(heard, [["alive"], ["reborn"]])
      assert.deepStrictEqual(yield* a.run(Node.upNodes), ["b"])
    }))

  test("that has vanished is missed in time, and reaches nobody any more, its successor notwithstanding", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const heard: Array<unknown> = []
      const port = yield* a.run(Port.make((...message) => void heard.push(message)))
      yield* b.run(Port.snd(port, "alive"))
      yield* b.run(Effect.forkScoped(Effect.forever(Effect.delay(Port.snd(port, "from the dead"), "1 second"))))
      yield* TestNetwork.settle
      const lost = yield* downs(a)
      yield* b.vanish
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(lost, [])
      const next = yield* TestNetwork.start("b")
      yield* next.run(Port.snd(port, "reborn"))
      yield* TestClock.adjust("2 minutes")
      assert.lengthOf(lost, 1)
      assert.deepStrictEqual(heard, [["alive"], ["reborn"]])
    }))

  test("shows its messages as they were when they went", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const list = [1]
      const port = yield* b.run(Port.make((list: Array<number>) => void list.push(3)))
      yield* a.run(Port.snd(port, list))
      yield* TestNetwork.settle
      list.push(2)
      const of = (node: TestNetwork.TestNode) =>
        node.messages.filter((line) => line.port === port).map(({ message, node, way }) => [way, node, message])
      assert.deepStrictEqual(of(a), [["sent", "b", [[1]]]])
      assert.deepStrictEqual(of(b), [["received", "a", [[1]]]])
    }))

  test("keeps of bytes that are seen of a larger memory no more than those", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      const port = yield* b.run(Port.make((bytes: Uint8Array) => void bytes))
      yield* a.run(Port.snd(port, new Uint8Array(1024 * 1024).fill(7).subarray(10, 12)))
      yield* TestNetwork.settle
      const kept = [a, b].flatMap(({ messages }) =>
        messages.filter((line) => line.port === port).flatMap(({ message }) => message)
      )
      assert.deepStrictEqual(kept, [new Uint8Array([7, 7]), new Uint8Array([7, 7])])
      for (const bytes of kept) assert.isTrue(bytes instanceof Uint8Array && bytes.buffer.byteLength === 2)
    }))
})

describe("a network that falls apart", () => {
  test("has two sides that do not hear each other until it is healed", () =>
    Effect.gen(function*() {
      const nodes = yield* Effect.forEach(["a", "b", "c"], (nodeId) => TestNetwork.start(nodeId))
      const [a, b, c] = nodes as [TestNetwork.TestNode, TestNetwork.TestNode, TestNetwork.TestNode]
      for (const one of nodes) for (const { nodeId } of nodes) yield* one.run(Port.calMessage(nodeId, "time"))
      yield* TestNetwork.part(["a"], ["b", "c"])
      for (const [one, others] of [[a, ""], [b, "c"], [c, "b"]] as const) {
        const sees = Effect.map(one.run(Node.upNodes), (up) => up.join() === others)
        yield* TestNetwork.until(`${one.nodeId} sees "${others}"`, sees)
      }
      yield* (yield* Transport.MemoryNetwork).heal(everywhere)
      yield* a.run(Port.calMessage("b", "time")).pipe(TestNetwork.within("1 minute"))
      yield* c.run(Port.calMessage("a", "time")).pipe(TestNetwork.within("1 minute"))
    }))
})

const nodeIds = ["a", "b", "c"] as const
const Host = Schema.Literals(nodeIds)
const Routed = { from: Schema.Literals(["*", ...nodeIds]), to: Schema.Literals(["*", ...nodeIds]) }
const Step = Schema.Union([
  Schema.Struct({ what: Schema.Literals(["start", "stop", "kill", "vanish", "pause", "resume"]), host: Host }),
  Schema.Struct({ what: Schema.Literals(["cut", "heal", "hold", "release", "reset", "slow"]), ...Routed }),
  Schema.Struct({ what: Schema.Literals(["settle", "wait"]) })
])

/** Does what a test may do, in any order. */
const play = Effect.fnUntraced(function*(steps: ReadonlyArray<typeof Step.Type>) {
  const network = yield* Transport.MemoryNetwork
  const running = new Map<string, TestNetwork.TestNode<Node.Node | Global.Global>>()
  const services = Global.layer({ seeds: nodeIds.map((nodeId) => `${nodeId}:1`) })
  const start = (host: string) =>
    Effect.map(TestNetwork.start(host, { services }), (node) => void running.set(host, node))
  const end = (host: string, way: "stop" | "kill" | "vanish") => {
    const node = running.get(host)
    running.delete(host)
    return node === undefined ? Effect.void : node[way]
  }
  for (const step of steps) {
    switch (step.what) {
      case "start":
        if (!running.has(step.host)) yield* start(step.host)
        break
      case "stop":
      case "kill":
      case "vanish":
        yield* end(step.host, step.what)
        break
      case "pause":
      case "resume":
        yield* network[step.what](step.host)
        break
      case "slow":
        yield* network.shape(step, { latency: "100 millis", jitter: "1 second" })
        break
      case "settle":
        yield* TestNetwork.settle
        break
      case "wait":
        yield* TestClock.adjust("20 seconds")
        break
      default:
        yield* network[step.what](step)
    }
  }
  return { network, running, start }
})

describe("whatever is done to a network", () => {
  it.live.prop(
    "its nodes find each other when it is well again, and it ends",
    [Schema.Array(Step)],
    ([steps]) =>
      onNetwork(Effect.gen(function*() {
        const { network, running, start } = yield* play(steps)
        yield* Effect.forEach(nodeIds, network.resume)
        yield* Effect.all([network.heal(everywhere), network.release(everywhere)])
        yield* Effect.forEach(nodeIds, (nodeId) => running.has(nodeId) ? Effect.void : start(nodeId))
        const areLinked = Effect.map(
          Effect.forEach(running.values(), (node) => node.run(Node.upNodes)),
          (seen) => seen.every((up) => up.length === 2)
        )
        yield* TestNetwork.until("all see each other", areLinked, "10 minutes")
      })),
    { arbitrary: { runs: sized(50, 500) } }
  )

  it.live.prop(
    "it ends, even if it is never well again",
    [Schema.Array(Step)],
    ([steps]) => onNetwork(play(steps)),
    { arbitrary: { runs: sized(50, 500) } }
  )
})

describe("the end of a network", () => {
  const call = (a: TestNetwork.TestNode, b: TestNetwork.TestNode) =>
    Effect.gen(function*() {
      const slow = yield* b.run(Port.make({ slow: (_reply) => Effect.sleep("1 hour") }))
      yield* Effect.forkScoped(a.run(Port.cal(slow, "slow")), { startImmediately: true })
      yield* TestNetwork.settle
    })

  for (
    const [what, fault] of [
      ["is whole", () => Effect.void],
      ["is slow", () => shape({ latency: "1 second" })],
      ["is cut", ({ cut }) => cut(everywhere)],
      ["is held", ({ hold }) => hold(everywhere)],
      ["has lost a node", ({ vanish }) => vanish("b")],
      ["has a node that stands still", ({ pause }) => pause("b")]
    ] satisfies ReadonlyArray<
      readonly [string, (network: Transport.Faults) => Effect.Effect<void, never, Transport.MemoryNetwork>]
    >
  ) {
    test(`comes by itself where it ${what}, with a call in hand`, () =>
      Effect.gen(function*() {
        const [a, b] = yield* pair()
        yield* call(a, b)
        yield* fault(yield* Transport.MemoryNetwork)
      }))
  }

  it.effect("comes by itself under the clock of it.effect, with ports in the scope of the test", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pair()
      yield* call(a, b)
    }).pipe(Effect.provide([TestNetwork.layer, makeLogs().layer])))
})
