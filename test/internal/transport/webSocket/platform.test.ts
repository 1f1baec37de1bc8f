/** What the platform's WebSocket cannot do for us, and what its wire does about that. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { platformCarrier } from "../../../../src/internal/transport/webSocket/platform.ts"
import type { Wire } from "../../../../src/internal/transport/wire.ts"
import { until } from "../../../harness.ts"
import { root } from "../../../processes.ts"

/** A server that does this with each connection. */
const serve = (work: (socket: NodeWS.WebSocket) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<NodeWS.WebSocketServer>((resume) => {
      const server = new NodeWS.WebSocketServer({ host: "127.0.0.1", port: 0 })
      server.on("connection", work)
      server.once("listening", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        for (const socket of server.clients) socket.terminate()
        server.close()
      })
  ).pipe(Effect.map((server) => `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}`))

const follow = (wire: Wire): Array<string> => {
  const told: Array<string> = []
  wire.start({
    data: (chunk) => void told.push(`${chunk.length} bytes`),
    drained: () => void told.push("drained"),
    closed: (why) => void told.push(`closed: ${why}`)
  })
  return told
}

describe("the platform's WebSocket", () => {
  it.live.each<[string, (socket: NodeWS.WebSocket) => void, string]>([
    ["text", (socket) => socket.send("text"), "closed: what came is text"],
    [
      "much before it is asked",
      (socket) => socket.send(new Uint8Array(2 * 1024 * 1024)),
      "closed: the other side says much before it is asked"
    ],
    ["nothing, and closes", (socket) => socket.close(4000), "closed: Unexpected end-of-file"],
    ["nothing, and is gone", (socket) => socket.terminate(), "closed: Connection reset by peer"]
  ])("to a server that says %s is closed, and tells why at start", ([, work, expected]) =>
    Effect.gen(function*() {
      const wire = yield* platformCarrier.dial(yield* serve(work), "node")
      yield* Effect.sleep("50 millis")
      const told = follow(wire)
      yield* until("it is closed", () => told.length > 0)
      assert.deepStrictEqual(told, [expected])
    }))

  it.effect("goes on by what comes where no timer runs: all leaves, and that is told", () =>
    Effect.gen(function*() {
      let received = 0
      const wire = yield* platformCarrier.dial(
        yield* serve((socket) => {
          socket.on("message", (data: Buffer) => {
            received += data.length
            socket.send(new Uint8Array(1))
          })
        }),
        "node"
      )
      const told = follow(wire)
      const size = 4 * 1024 * 1024
      wire.write(new Uint8Array(size))
      assert.isAbove(wire.buffered, 0)
      yield* TestClock.withLive(until("all has left", () => received === size && told.includes("drained")))
      assert.strictEqual(told.filter((what) => what === "drained").length, 1)
      wire.destroy()
    }))

  it.live("tells that it is closed though the other side never answers", () =>
    Effect.gen(function*() {
      const stopped: Array<NodeWS.WebSocket> = []
      const wire = yield* platformCarrier.dial(
        yield* serve((socket) => {
          stopped.push(socket)
          socket.pause()
        }),
        "node"
      )
      const told = follow(wire)
      for (let n = 0; n < 100; n++) wire.write(new Uint8Array(64 * 1024))
      assert.isAbove(wire.buffered, 0)
      wire.destroy()
      assert.strictEqual(wire.buffered, 0)
      yield* until("it is closed", () => told.length > 0)
      assert.deepStrictEqual(told, ["closed: Unexpected end-of-file"])
    }))

  it.live("has left once for every message, large and small, when it is drained", () =>
    Effect.gen(function*() {
      let bytes = 0
      const wire = yield* platformCarrier.dial(
        yield* serve((socket) =>
          socket.on("message", (data) => {
            bytes += (data as Buffer).length
          })
        ),
        "node"
      )
      const told = follow(wire)
      let left = 0
      for (let n = 0; n < 50; n++) wire.write(new Uint8Array(n % 10 === 0 ? 700_000 : 1000), () => left++)
      yield* until("all has left", () => told.includes("drained"))
      assert.strictEqual(left, 50)
      yield* until("all has come", () => bytes === 5 * 700_000 + 45 * 1000)
      yield* Effect.sync(() => wire.destroy())
    }))

  it.live("says where nobody answers", () =>
    Effect.gen(function*() {
      for (const address of ["ws://127.0.0.1:1", "ws:/nodes", "ws://127.0.0.1:*", "ws://*:80"]) {
        const { reason } = yield* Effect.flip(platformCarrier.dial(address, "node"))
        assert.strictEqual(reason, address === "ws://127.0.0.1:1" ? "connect_failed" : "malformed_address", address)
      }
    }))

  it("needs no module of Node's, and none of its globals", () => {
    for (const file of ["platform", "address"]) {
      const text = readFileSync(`${root}src/internal/transport/webSocket/${file}.ts`, "utf8")
      assert.notMatch(text, /"node:|\b(?:Buffer|process|setImmediate)\b/, file)
    }
  })
})
