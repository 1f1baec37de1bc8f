/** All requests that a node port knows, whoever has registered them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Transport from "../../../src/Transport.ts"
import { collector, isUp, testOver, until } from "../../harness.ts"
import { connectRaw } from "../../rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

overTcp("any request with any arguments does no harm", (world) =>
  Effect.gen(function*() {
    const node = yield* world.start("seed")
    const raw = yield* connectRaw(node.address)
    yield* until("the node sees us", () => isUp(node, "raw"))
    const survivor = yield* collector(node)
    const values = [null, 5, -1.5, "", "x", "#", true, [], [[]], {}, { "__proto__": 1 }]
    for (const request of node.router.requests.names()) {
      for (const value of values) {
        raw.send(["", request, value], ["", request, value, value], ["", request, "x", value])
      }
    }
    raw.send([survivor.name, "alive"])
    yield* survivor.has(1)
    const answers = yield* raw.settle
    assert.isAbove(answers.length, 0)
    for (const answer of answers) assert.deepStrictEqual([answer[1], answer[3]], ["kil0", "no_such_port"])
    assert.deepStrictEqual(yield* raw.settle, [])
  }))
