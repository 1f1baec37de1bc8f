import { assert, describe, it } from "@effect/vitest"
import {
  readTicket,
  renewalProof,
  ticketKey,
  writeTicket
} from "../../../../src/internal/transport/handshake/ticket.ts"

/** Made by hand: HMAC-SHA3-512(secret, "effect-mp guest ticket 1" LF EXPIRES LF NODEID). */
const vectors = [
  {
    secret: "testsecret",
    nodeId: "guest/1",
    expires: 1795205555,
    key:
      "f614448308ceab92eee0922d38721e50efe564d2452f8c3146fa5e226c374e0bf44da36a32f43d0ad68d5c0dc241f888fbb46ac18087c4fa15e1a9cf89331895",
    encoded: "Z3Vlc3QvMQ"
  },
  {
    secret: "s\u00fccret",
    nodeId: "g\u00e4st",
    expires: 1,
    key:
      "213fadfb6127407f1bf7e84fc0995b52a543f9d97b43a5458787437da9a66b30c9d2bf3dbfd4560df1869909fe94239d46e60316294cd7da29c9f3b6d3ff2f38",
    encoded: "Z-RzdA"
  }
] as const

describe("a ticket", () => {
  it.each(vectors)("of $nodeId is the key of its secret, and text", ({ encoded, expires, key, nodeId, secret }) => {
    assert.strictEqual(ticketKey(secret, nodeId, expires), key)
    const text = writeTicket({ nodeId, expires, key })
    assert.strictEqual(text, `emp-guest.${expires}.${key}.${encoded}`)
    assert.deepStrictEqual(readTicket(` ${text}\n`), { nodeId, expires, key })
  })

  it("is of its node ID, its end and its secret", () => {
    const keys = [
      ticketKey("a", "b", 1),
      ticketKey("b", "b", 1),
      ticketKey("a", "a", 1),
      ticketKey("a", "b", 11),
      // What stands before a line end is no part of what stands behind it.
      ticketKey("a", "1\nb", 1),
      renewalProof({ key: "a", nodeId: "b", expires: 1 }, { guest: "x", host: "y" }),
      renewalProof({ key: "a", nodeId: "b", expires: 1 }, { guest: "y", host: "x" })
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  const [{ encoded, key }] = vectors
  it.each([
    ["", "nothing"],
    ["swordfish", "a secret"],
    [`emp-guest.01.${key}.${encoded}`, "an end with a zero before it"],
    [`emp-guest.1e9.${key}.${encoded}`, "an end that is no number"],
    [`emp-guest.1234567890123.${key}.${encoded}`, "an end in milliseconds"],
    [`emp-guest.1.${key.toUpperCase()}.${encoded}`, "a key in capitals"],
    [`emp-guest.1.${key.slice(1)}.${encoded}`, "a key that is cut"],
    [`emp-guest.1.${key}.`, "no node ID"],
    [`emp-guest.1.${key}.${Buffer.from("a;b").toString("base64url")}`, "what is no node ID"],
    [`emp-guest.1.${key}.${encoded}.x`, "more than it may"]
  ])("is not %j", (text) => assert.isUndefined(readTicket(text)))
})
