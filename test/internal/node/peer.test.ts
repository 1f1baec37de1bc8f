import { assert, describe, it } from "@effect/vitest"
import { Peer, type PeerHost } from "../../../src/internal/node/peer.ts"
import { Counts } from "../../../src/internal/port/counts.ts"
import type { LinkErrorReason } from "../../../src/internal/transport/linkError.ts"
import { reasonFromExit } from "../../../src/internal/values/reason.ts"

/** A peer whose node looks for it in vain, and why the node has lost it. */
const lookedFor = () => {
  const lost: Array<LinkErrorReason> = []
  const host: PeerHost = {
    nodeId: "here",
    counts: new Counts(),
    unheard: (what) => assert.fail(what),
    connect: () => {},
    hasRead: () => {},
    damaged: () => {},
    receive: () => undefined,
    cameUp: () => {},
    wentDown: (_peer, _wasUp, error) => void lost.push(error.reason)
  }
  return { peer: new Peer(host, "there"), lost }
}

describe("messages that wait for a link", () => {
  it("are a million at most: with one more the search is given up, all of them are dropped, and monitors fire", () => {
    const { lost, peer } = lookedFor()
    const fired: Array<ReadonlyArray<unknown>> = []
    peer.monitor("", (exit) => void fired.push(reasonFromExit(exit)))
    for (let i = 0; i < 1_000_000; i++) peer.request("x")
    assert.deepStrictEqual([peer.queued, peer.state, lost, fired], [1_000_000, "connecting", [], []])
    peer.request("x")
    assert.deepStrictEqual([peer.queued, peer.state, lost], [0, "down", ["buffer_overflow"]])
    assert.deepStrictEqual(fired, [
      ["transport_error", "there", "more was sent to the other node than can wait for it"]
    ])
    peer.request("x")
    assert.strictEqual(peer.queued, 0)
  })

  it("leave no room above 10,000: those who can wait do, until there is nothing to wait for", async () => {
    const { peer } = lookedFor()
    const released: Array<string> = []
    for (let i = 0; i < 9999; i++) peer.request("x")
    assert.isTrue(peer.hasRoom)
    peer.request("x")
    assert.isFalse(peer.hasRoom)
    peer.when("room", () => released.push("one"))
    const giveUp = peer.when("room", () => released.push("other"))
    giveUp()
    assert.deepStrictEqual([released, peer.senders], [[], 1])
    for (let i = 0; i < 1_000_000; i++) peer.request("x")
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual([released, peer.senders], [["one"], 0])
  })
})
