import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as inBrowser from "../../../src/internal/node/inBrowser.ts"
import * as onNode from "../../../src/internal/node/onNode.ts"
import { NodeRouter } from "../../../src/internal/node/router.ts"
import * as Node from "../../../src/Node.ts"
import * as Port from "../../../src/Port.ts"

const why = "a node in a browser tells nothing of its ports"

describe("what a node does in a browser", () => {
  it("has the names and types that it has on Node", () => {
    const alike: typeof onNode = inBrowser
    assert.sameMembers(Object.keys(alike), Object.keys(onNode))
  })

  it.effect("refuses in words to list its ports and to have them tapped", () =>
    Effect.gen(function*() {
      const router = yield* NodeRouter
      router.requests.add("emp_ports", inBrowser.answerPorts(router))
      router.requests.add("emp_tap", inBrowser.answerTaps(router))
      const port = yield* Port.make({})
      const tapped = yield* Port.calMessage(router.nodeId, "emp_tap", port, port, { forMillis: 1000, limit: 1 })
      assert.deepStrictEqual(tapped, [why])
      assert.deepStrictEqual(yield* Port.calMessage(router.nodeId, "emp_ports", {}), [why])
    }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))

  it.effect("takes no guests, and says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(inBrowser.takeGuests(yield* NodeRouter))
      assert.strictEqual(error.message, "node option guests: a node in a browser takes none")
    }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
})
