/** Who can connect to what a node shows by HTTP, and what is said of its collector. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as net from "node:net"
import { sendTelemetry, serveTelemetry } from "../../../../src/internal/cli/run/telemetry.ts"
import { makeLogs, until } from "../../../harness.ts"

const served = Effect.map(
  serveTelemetry("127.0.0.1:*", Effect.succeed([])),
  (address) => Number(address.slice(address.lastIndexOf(":") + 1))
)

/** A connection, what has come on it, and whether it is over. */
const connect = (port: number, text = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = net.connect(port, "127.0.0.1", () => void socket.write(text))
      const state = { socket, heard: "", isOver: false }
      socket.on("error", () => {}).on("data", (chunk) => void (state.heard += chunk.toString()))
      socket.on("close", () => {
        state.isOver = true
      })
      return state
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

it.live("a thousand connections that say nothing do not stay", () =>
  Effect.gen(function*() {
    const port = yield* served
    const all = yield* Effect.forEach(Array.from({ length: 1000 }), () => connect(port), { concurrency: "unbounded" })
    yield* until("most of them are over", () => all.filter(({ isOver }) => isOver).length === 900)
    for (const { socket } of all) socket.destroy()
    const asked = yield* Effect.forEach(
      Array.from({ length: 20 }),
      () => connect(port, "GET /healthz HTTP/1.0\r\n\r\n")
    )
    yield* until("somebody else is answered", () => asked.some(({ heard }) => heard.includes("200 OK")))
  }).pipe(Effect.scoped))

it.live("what is no path is refused", () =>
  Effect.gen(function*() {
    const asked = yield* connect(yield* served, "GET http://[ HTTP/1.0\r\n\r\n")
    yield* until("it is answered", () => asked.heard.includes("400 Bad Request"))
  }).pipe(Effect.scoped))

it.live("what lets the node in at its collector is in no line of the log", () =>
  Effect.gen(function*() {
    const logs = makeLogs()
    const url = "http://user:password@127.0.0.1:1/path?key=token"
    const sending = Effect.andThen(
      Effect.logInfo("something to send"),
      until("the collector does not take it", () => logs.lines.some((line) => line.includes("does not take")))
    )
    yield* Effect.provide(sending, Layer.provideMerge(sendTelemetry(url, "node"), logs.layer))
    assert.include(logs.lines.join(), "http://127.0.0.1:1/path")
    for (const part of ["user", "password", "token"]) assert.notInclude(logs.lines.join(), part)
  }), 60_000)
