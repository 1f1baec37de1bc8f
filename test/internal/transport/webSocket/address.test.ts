import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  formatWebSocket,
  parseWebSocket,
  wrongWebSocket
} from "../../../../src/internal/transport/webSocket/address.ts"
import { isForAll, readLabel, schemeOf } from "../../../../src/internal/values/address.ts"

describe("an address of a WebSocket", () => {
  it.each([
    ["ws://host:8080/a/b", { host: "host", port: 8080, path: "/a/b" }],
    ["ws://host", { host: "host", port: 80, path: "/" }],
    ["wss://example.org/nodes", { isSecure: true, host: "example.org", port: 443, path: "/nodes" }],
    ["WS://[::1]:*", { host: "::1", port: 0, path: "/" }],
    ["ws://*:8080/é", { host: "*", port: 8080, path: "/%C3%A9" }],
    ["ws://0.0.0.0:8080/?a=b", { host: "0.0.0.0", port: 8080, path: "/", query: "?a=b" }],
    ["ws:/nodes", { host: undefined, port: 80, path: "/nodes" }]
  ])("is read: %s", (address, expected) => {
    assert.deepStrictEqual(parseWebSocket(address), { isSecure: false, query: "", ...expected })
    assert.isUndefined(wrongWebSocket(address))
    assert.include(["ws", "wss"], schemeOf(address))
    assert.isFalse(isForAll(address))
    assert.deepStrictEqual(readLabel(`${address}@vpn`), { address, label: "vpn" })
  })

  it.each([
    "ws:",
    "ws://",
    "ws:nodes",
    "wss:/nodes",
    "ws:/nodes?a",
    "ws://8080",
    "ws://8080/nodes",
    "ws://host:65536",
    "ws://host:80#a",
    "ws://me:secret@host:80/",
    "ws://host:80/a,b",
    "ws://::1:80/",
    "http://host/"
  ])("is refused in words where it is none: %s", (address) => {
    assert.strictEqual(
      wrongWebSocket(address),
      `${JSON.stringify(address)} is not of the form ws://host:port/path, wss://host:port/path, or ws:/path`
    )
  })

  it("is no host:port, though one may be named so", () => {
    assert.strictEqual(schemeOf("ws:80"), "")
    assert.isUndefined(parseWebSocket("ws:80"))
  })

  const Part = Schema.Literals(["/", "a", ".", "..", "é", "%2C", "%", ":", "*", "~", "nodes", "80"])

  it.effect.prop("stays what it is when it is written again", [Schema.Array(Part)], ([parts]) =>
    Effect.sync(() => {
      const read = parseWebSocket(`ws://host:80/${parts.join("")}`)
      if (read === undefined) return
      assert.deepStrictEqual(parseWebSocket(formatWebSocket("ws", "host:80", read.path)), read)
    }))
})
