import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as inBrowser from "../../../src/internal/transport/inBrowser.ts"
import * as onNode from "../../../src/internal/transport/onNode.ts"

const carriers = [
  ["127.0.0.1:4040", inBrowser.tcpCarrier, onNode.tcpCarrier, "there are no TCP connections in a browser"],
  ["unix:/run/emp.sock", inBrowser.unixCarrier, onNode.unixCarrier, "there are no Unix sockets in a browser"],
  ["thread:0:seed", inBrowser.threadCarrier, onNode.threadCarrier, "there are no threads with nodes in a browser"],
  ["ws://127.0.0.1:1", inBrowser.webSocketCarrier(), onNode.webSocketCarrier({}), "this transport dials only"]
] as const

describe("the transports of a page", () => {
  it("are those that Node has, of the same types", () => {
    const alike: Omit<typeof onNode, "webSocketCarrier"> = inBrowser
    assert.sameMembers(Object.keys(alike), Object.keys(onNode))
  })

  it.effect.each(carriers)(
    "listen nowhere, and say why: %s",
    ([address, carrier, ofNode, why]) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(carrier.schemes ?? [""], ofNode.schemes ?? [""])
        const error = yield* Effect.flip(Effect.scoped(carrier.listen(address, () => {}, "page", () => {})))
        assert.deepInclude(error, { reason: "listen_failed", peer: address, detail: why })
      })
  )

  it.effect.each(carriers.slice(0, 3))(
    "dial nobody, and say why: %s",
    ([address, carrier, , why]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          Effect.flatMap(carrier.resolve(address), ([to = ""]) => carrier.dial(to, "page"))
        )
        assert.deepInclude(error, { reason: "connect_failed", peer: address, detail: why })
      })
  )

  it("take no certificate", () => {
    assert.throws(() => inBrowser.readCredentials(""), "wss: is encrypted all the same")
  })
})
