import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Node, Port, Transport } from "../src/index.ts"
import { nameOf } from "../src/internal/values/portId.ts"
import { connect, roundTrip, type TestNode, testOver, transports, until } from "./harness.ts"
import { connectRaw } from "./rawPeer.ts"
import { SeededRandom } from "./simulation/random.ts"

const Shop = Port.protocol({
  open: Port.message(Schema.Struct({ day: Schema.String })),
  price: Port.message(Schema.String).replies(Schema.Number)
})

/** What a newer node may think that a shop is. */
const NewerShop = Port.protocol({
  price: Port.message(Schema.Number).replies(Schema.Number),
  discount: Port.message().replies(Schema.Number)
})

const makeShop = (options?: Port.Options) =>
  Effect.gen(function*() {
    const [days, asked]: [Array<unknown>, Array<string>] = [[], []]
    const port = yield* Port.make(Shop, {
      open: (day, ...more) => {
        days.push([day, ...more])
      },
      price: (of) => {
        asked.push(of)
        return Effect.succeed(3)
      }
    }, options)
    return { port, newer: port as string as Port.PortId<typeof NewerShop.messages>, days, asked }
  })

const refusing = makeShop({ invalid: "refuse" })

/** What wrong messages consist of, and some that are right. */
const anything = ["open", "price", "x", "", 1, NaN, null, true, [], { day: "monday" }, { day: 1 }, "there#nobody"]

const refusedBy = (node: TestNode) => Effect.map(node.run(Node.gauges), (held) => held.refusedMessages)

describe("a port that refuses what is wrong", () => {
  it.effect("is made by one of two words", () =>
    Effect.gen(function*() {
      // @ts-expect-error: neither of them
      const made = yield* Effect.exit(Port.make({}, { invalid: "drop" }))
      assert.match(String(made), /Port.make: invalid must be one of kill, refuse; it is drop/)
    }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))

  it.live("fails a call on its own node, and goes on", () =>
    Effect.gen(function*() {
      const { newer, port } = yield* refusing
      const { port: asked, reason } = yield* Effect.flip(Port.cal(newer, "discount"))
      assert.deepStrictEqual(reason, ["unhandled_message", "no callback found for message 'discount'"])
      assert.notStrictEqual(asked, port)
      assert.strictEqual(yield* Port.cal(port, "price", "tea"), 3)
      assert.strictEqual((yield* Node.gauges).refusedMessages, 1)
    }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))

  it.live("leaves alone a port that is named in the message and waits for no answer", () =>
    Effect.gen(function*() {
      const { port } = yield* refusing
      const named = yield* Port.make({ ask: () => Effect.succeed(1) })
      const untyped: Port.PortId = port
      yield* Port.snd(untyped, "discount", named)
      yield* Port.cal(port, "price", "tea")
      yield* Port.snd(named, "ask")
      assert.strictEqual((yield* Node.gauges).ports, 2)
    }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
})

for (const [name, layer] of transports) {
  const test = testOver(layer)

  describe(`a port that refuses what is wrong, over ${name}`, () => {
    test("fails calls of other nodes with the reason, and serves those that are right", (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { newer, port } = yield* there.run(refusing)
        const wrong = yield* Effect.flip(here.run(Port.cal(newer, "price", 5)))
        const unknown = yield* Effect.flip(here.run(Port.cal(newer, "discount")))
        assert.match(String(wrong.reason[1]), /message "price": Expected string/)
        assert.deepStrictEqual(
          [wrong.reason[0], unknown.reason[0], nameOf(wrong.port) === nameOf(port)],
          ["invalid_message", "unhandled_message", false]
        )
        assert.strictEqual(yield* here.run(Port.cal(port, "price", "tea")), 3)
        assert.strictEqual(yield* refusedBy(there), 2)
      }))

    test("lives through any message, counts those that it refused, and logs a few", (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { asked, days, port } = yield* there.run(refusing)
        yield* connect(here, there)
        const untyped: Port.PortId = port
        const random = new SeededRandom("wrong messages")
        const messages = Array.from({ length: 300 }, () =>
          Array.from({ length: random.int(0, 4) }, () => random.pick(anything)))
        for (const message of messages) {
          yield* here.run(Port.snd(untyped, ...message))
        }
        yield* roundTrip(here, there)
        assert.strictEqual(yield* here.run(Port.cal(port, "price", "tea")), 3)
        assert.strictEqual(days.length + asked.length + (yield* refusedBy(there)), messages.length + 1)
        assert.isAtMost(
          world.logs.filter((line) =>
            line.includes("refused a message")
          ).length,
          5
        )
      }))

    test("takes more than its schemas name: fields, and arguments", (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { days, port } = yield* there.run(makeShop())
        const untyped: Port.PortId = port
        yield* here.run(Port.snd(untyped, "open", { day: "monday", until: 5 }, "at once"))
        assert.strictEqual(yield* here.run(Port.cal(untyped, "price", "tea", "green", { from: "China" })), 3)
        assert.deepStrictEqual(days, [[{ day: "monday", until: 5 }, "at once"]])
      }))

    test("ends with a wrong message where nothing else was asked for, and so do its calls", (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { newer, port } = yield* there.run(makeShop())
        const waiting = yield* Effect.forkScoped(here.run(Port.exit(port)))
        yield* connect(here, there)
        const killed = yield* Effect.flip(here.run(Port.cal(newer, "discount")))
        assert.deepStrictEqual([killed.port, killed.reason[0]], [port, "unhandled_message"])
        yield* Fiber.join(waiting)
      }))
  })
}

const overTcp = testOver(Transport.layerTcp)

describe("a port that refuses what is wrong", () => {
  overTcp("says nothing to a node of another kind that has no word for it", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const { port } = yield* node.run(refusing)
      const raw = yield* connectRaw(node.address)
      raw.send([nameOf(port), "price", 5, "raw#reply"])
      yield* until("it is refused", () => Effect.map(refusedBy(node), (count) => count === 1))
      assert.deepStrictEqual(yield* raw.settle, [])
    }))
})
