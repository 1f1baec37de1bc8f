/** Nodes whose timers are held back, as browsers do it to pages that nobody looks at, and who hear at once what comes. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Node, Port } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"

const minute = 60_000

/** All timers that end within a minute end together, at the end of it. */
const held = (clock: Clock.Clock): Clock.Clock => ({
  ...clock,
  sleep: (duration) =>
    Effect.suspend(() => {
      const now = clock.currentTimeMillisUnsafe()
      const due = Math.ceil((now + Duration.toMillis(duration)) / minute) * minute
      return clock.sleep(Duration.millis(due - now))
    })
})

const startHeld = (nodeId: string, options?: Parameters<typeof TestNetwork.start>[1]) =>
  Clock.clockWith((clock) => Effect.provideService(TestNetwork.start(nodeId, options), Clock.Clock, held(clock)))

/** The tags of what a node is told of the end of a port, as they come. */
const ends = (node: TestNetwork.TestNode, port: string) =>
  Effect.suspend(() => {
    const told: Array<unknown> = []
    return Effect.as(
      node.run(Port.mon(port, (exit) => Effect.sync(() => told.push(exit._tag === "Failure" ? "lost" : "over")))),
      told
    )
  })

const linked = (one: TestNetwork.TestNode, other: TestNetwork.TestNode) =>
  Effect.andThen(
    one.run(Port.snd(other.nodeId, "devnull")),
    TestNetwork.until("the link", Effect.map(other.run(Node.upNodes), (up) => up.includes(one.nodeId)))
  )

const asked = ({ messages }: TestNetwork.TestNode): number =>
  messages.filter(({ message, way }) => way === "sent" && message[0] === "emp_probe").length

const test = (title: string, body: Effect.Effect<unknown, unknown, TestNetwork.TestNetwork | Scope.Scope>) =>
  it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

const makePort = (node: TestNetwork.TestNode) => node.run(Port.make({ hello: () => {} }))

describe("a node whose timers run once a minute", () => {
  test(
    "keeps its link, since it answers when it is asked for a sign of life, three times in its timeout at most",
    Effect.gen(function*() {
      const server = yield* TestNetwork.start("server")
      const page = yield* startHeld("page")
      yield* linked(page, server)
      const told = [
        yield* ends(server, yield* makePort(page)),
        yield* ends(page, yield* makePort(server)),
        yield* ends(server, "page"),
        yield* ends(page, "server")
      ]
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(told, [[], [], [], []])
      assert.isAbove(asked(server), 60)
      assert.isAtMost(asked(server), 3 * 2 * 60)
      assert.strictEqual(asked(page), 0)
    })
  )

  test(
    "keeps its streams of bytes, which have a connection of their own",
    Effect.gen(function*() {
      const server = yield* TestNetwork.start("server")
      const page = yield* startHeld("page")
      yield* linked(page, server)
      const rest = Stream.concat(
        Stream.make(new Uint8Array(5)),
        Stream.drain(Stream.fromEffect(Effect.sleep("30 minutes")))
      )
      for (const [from, to] of [[page, server], [server, page]] as const) {
        const { id, stream } = yield* to.run(Port.bytes())
        const size = yield* Effect.forkScoped(
          to.run(Stream.runFold(stream, () => 0, (sum, bytes) => sum + bytes.length)),
          { startImmediately: true }
        )
        yield* TestNetwork.within("40 minutes")(from.run(Stream.run(rest, Port.bytesTo(id))))
        assert.strictEqual(yield* Fiber.join(size), 5)
      }
    })
  )

  test(
    "is missed within the same time as any other when it is gone",
    Effect.gen(function*() {
      const server = yield* TestNetwork.start("server", { monitorTimeout: "30 seconds" })
      const page = yield* startHeld("page")
      yield* linked(page, server)
      const told = yield* ends(server, yield* makePort(page))
      yield* TestClock.adjust("10 minutes")
      yield* page.vanish
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(told, ["lost"])
    })
  )

  test(
    "misses others when it may look",
    Effect.gen(function*() {
      const server = yield* TestNetwork.start("server")
      const page = yield* startHeld("page")
      yield* linked(page, server)
      const told = yield* ends(page, yield* makePort(server))
      yield* TestClock.adjust("10 minutes")
      yield* server.vanish
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(told, ["lost"])
    })
  )
})

describe("nodes whose timers run", () => {
  test(
    "do not ask each other, however long nothing is said",
    Effect.gen(function*() {
      const nodes = yield* Effect.forEach(["a", "b", "c"], (nodeId) => TestNetwork.start(nodeId))
      for (const [nth, one] of nodes.entries()) {
        for (const other of nodes.slice(nth + 1)) yield* linked(one, other)
      }
      yield* TestClock.adjust("20 minutes")
      assert.deepStrictEqual(nodes.map(asked), [0, 0, 0])
    })
  )
})
