/** Looking at the messages of one port: for a limited time, so many messages, and at nobody's cost. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tapRequest } from "../../../src/internal/node/tap.ts"
import { mostTaps, widestTapped } from "../../../src/internal/node/tapLimits.ts"
import * as Node from "../../../src/Node.ts"
import * as Port from "../../../src/Port.ts"
import * as Transport from "../../../src/Transport.ts"
import { connect, testOver, until } from "../../harness.ts"
import { quiet, sleep, test } from "../../supervised.ts"

/** A port that keeps what a tap tells it. */
const listener = Effect.gen(function*() {
  const told: Array<ReadonlyArray<unknown>> = []
  const port = yield* Port.make((...message: ReadonlyArray<unknown>) => void told.push(message))
  return { port, told, texts: () => told.flatMap(([tag, , , text]) => tag === "message" ? [text] : []) }
})

const tap = (port: string, to: string, options: unknown = { forMillis: 10_000, limit: 100 }) =>
  Effect.gen(function*() {
    const [answer] = yield* Port.calMessage(yield* Node.id, tapRequest, port, to, options)
    return answer
  })

const echo = Port.make({ say: () => Effect.void })

describe("a tap", () => {
  test("shows the messages of its port, and of no other one", () =>
    Effect.gen(function*() {
      const [port, other, ear] = [yield* echo, yield* echo, yield* listener]
      assert.isTrue(yield* tap(port, ear.port))
      yield* Port.snd(other, "say", "elsewhere")
      yield* Port.snd(port, "say", { a: [1] })
      yield* quiet
      assert.deepStrictEqual(ear.texts(), ["[\"say\",{\"a\":[1]}]"])
    }))

  test("ends when its time is over, says so, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const [port, ear] = [yield* echo, yield* listener]
      yield* tap(port, ear.port, { forMillis: 5000, limit: 100 })
      yield* sleep("5 seconds")
      yield* Port.snd(port, "say", "late")
      yield* quiet
      assert.deepStrictEqual(ear.told, [["end", "the time is over", 0]])
    }))

  test("ends when it has shown as many as it was to", () =>
    Effect.gen(function*() {
      const [port, ear] = [yield* echo, yield* listener]
      yield* tap(port, ear.port, { forMillis: 5000, limit: 2 })
      for (let n = 0; n < 5; n++) yield* Port.snd(port, "say", n)
      yield* quiet
      assert.deepStrictEqual(ear.texts(), ["[\"say\",0]", "[\"say\",1]"])
      assert.deepStrictEqual(ear.told.at(-1)?.slice(0, 1), ["end"])
    }))

  test("ends with its port, and says how that ended", () =>
    Effect.gen(function*() {
      const [port, ear] = [yield* echo, yield* listener]
      yield* tap(port, ear.port)
      yield* Port.kil(port, "broken")
      yield* quiet
      assert.deepStrictEqual(ear.told, [["end", "the port has ended: [\"broken\"]", 0]])
    }))

  test("ends when nobody listens any more, and another one may take its place", () =>
    Effect.gen(function*() {
      const port = yield* echo
      for (let n = 0; n < 2 * mostTaps; n++) {
        const ear = yield* listener
        assert.isTrue(yield* tap(port, ear.port))
        yield* Port.kil(ear.port)
        yield* quiet
      }
    }))

  test("is refused where there are as many already, and for what makes no sense", () =>
    Effect.gen(function*() {
      const [port, ear, nodeId] = [yield* echo, yield* listener, yield* Node.id]
      for (let n = 0; n < mostTaps; n++) assert.isTrue(yield* tap(port, ear.port))
      assert.include(yield* tap(port, ear.port), "taps already")
      assert.include(yield* tap(nodeId, ear.port), "is no port of a program")
      assert.include(yield* tap("elsewhere#x", ear.port), "is no port of a program")
      assert.include(yield* tap(ear.port, ear.port), "cannot listen to itself")
      for (
        const options of [{}, null, { forMillis: 1e9, limit: 1 }, { forMillis: 10, limit: 0 }, {
          forMillis: 10,
          limit: 1.5
        }]
      ) {
        assert.strictEqual(yield* tap(port, ear.port, options), "this is no tap")
      }
    }))

  test("shows no more of a message than fits, and two that listen to each other tell each other nothing", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* listener, yield* listener]
      yield* tap(one.port, two.port)
      yield* tap(two.port, one.port)
      yield* Port.snd(one.port, "x".repeat(100_000))
      yield* quiet
      assert.strictEqual(two.texts().length, 1)
      assert.isAtMost(String(two.texts()[0]).length, widestTapped + 1)
      assert.deepStrictEqual(one.texts(), [])
    }))
})

describe("a tap over a link", () => {
  testOver(Transport.layerTcp)(
    "shows where a message comes from, also one that a node port relays, and ends with the link",
    (world) =>
      Effect.gen(function*() {
        const [node, other] = [yield* world.start("node"), yield* world.start("other")]
        yield* connect(node, other)
        const port = yield* node.run(echo)
        const ear = yield* other.run(listener)
        const [begun] = yield* other.run(
          Port.calMessage("node", tapRequest, port, ear.port, { forMillis: 60_000, limit: 100 })
        )
        assert.isTrue(begun)
        yield* other.run(Port.snd(port, "say", "from afar"))
        yield* node.run(Port.snd(port, "say", "from here"))
        yield* other.run(Port.snd("node", "snd", port, "say", "relayed"))
        yield* until("all three are shown", () => ear.texts().length === 3)
        assert.sameDeepMembers(ear.told.map(([, , from, text]) => [from, text]), [
          ["other", "[\"say\",\"from afar\"]"],
          ["node", "[\"say\",\"from here\"]"],
          ["other", "[\"say\",\"relayed\"]"]
        ])
      })
  )
})
