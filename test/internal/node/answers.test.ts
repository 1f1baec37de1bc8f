/** Answers of the node port that may be far larger than what they answer. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Port from "../../../src/Port.ts"
import * as Transport from "../../../src/Transport.ts"
import { collector, isUp, type TestNode, testOver, until } from "../../harness.ts"
import { connectRaw, type RawPeer } from "../../rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

/** A node, and `raw` connected to it. */
const test = (
  title: string,
  body: (node: TestNode, raw: RawPeer) => ReturnType<Parameters<typeof overTcp>[1]>
): void =>
  overTcp(title, (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the node sees us", () => isUp(node, "raw"))
      yield* body(node, raw)
    }))

describe("answers that are larger than their questions", () => {
  const ports = (node: TestNode) => node.run(Effect.all(Array.from({ length: 100 }, () => Port.make({}))))
  const asked = (to: string) => Array.from({ length: 2000 }, () => ["", "emp_ports", to, {}])

  /** Asks, and waits until all that was asked is answered, or is not. */
  const ask = Effect.fnUntraced(function*(node: TestNode, raw: RawPeer, to: string) {
    const behind = yield* collector(node)
    raw.send(...asked(to), [behind.name, "behind it"])
    yield* behind.has(1)
    yield* node.run(Port.calMessage(node.id, "emp_ports", {}))
  })

  test("do not wait for a node that does not exist", (node, raw) =>
    Effect.gen(function*() {
      yield* ports(node)
      yield* ask(node, raw, "nobody#x")
      yield* until("nobody is searched for", () => !node.router.peers.has("nobody"))
      assert.strictEqual(node.router.counts.dropped.no_link, 0)
    }))

  test("do not wait for who does not read", (node, raw) =>
    Effect.gen(function*() {
      yield* ports(node)
      raw.socket.pause()
      yield* ask(node, raw, "raw#x")
      yield* until("the link is full", () => !node.router.hasRoom("raw#x"))
      yield* ask(node, raw, "raw#x")
      assert.isBelow(node.router.linkTo("raw")?.buffered ?? Infinity, 4 * 1024 * 1024)
      raw.socket.resume()
    }))
})
