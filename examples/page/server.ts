/**
 * A chat of web pages that are nodes: files, sessions, tickets and WebSockets of one HTTP server.
 *
 * npx esbuild examples/page/page.ts --bundle --minify --format=esm --outfile=examples/page/out/page.js
 * EMP_SECRET=swordfish PORT=8080 node examples/page/server.ts
 *
 * Then open http://localhost:8080 in two tabs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Global, Node, Transport } from "effect-mp"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { room } from "./host.ts"
import { answer } from "./web.ts"

const serve = Effect.gen(function*() {
  const wanted = yield* Config.Port("PORT").pipe(Config.withDefault(8080))
  const server = createServer()
  yield* Effect.callback<void>((resume) => void server.listen(wanted, "127.0.0.1", () => resume(Effect.void)))
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close().closeAllConnections()))
  const { port } = server.address() as AddressInfo
  // The page's own origin, and no other: a page from elsewhere has the cookies of its visitor, too.
  const origins = [`http://localhost:${port}`, `http://127.0.0.1:${port}`]
  const node = Node.layer({
    nodeId: "host",
    secret: yield* Config.Redacted("EMP_SECRET"),
    binds: ["ws:/nodes"],
    guests: { messagesPerSecond: 20 }
  })
  const program = Effect.gen(function*() {
    yield* room
    const context = yield* Effect.context<Node.Node>()
    server.on("request", answer(origins, Effect.runPromiseWith(context)))
    yield* Console.log(`Listening on ${origins[0]}`)
    yield* Effect.never
  })
  yield* program.pipe(
    Effect.provide(Global.layer().pipe(Layer.provideMerge(node))),
    Effect.provide(Transport.layerWebSocket({ server, origins }))
  )
})

NodeRuntime.runMain(Effect.scoped(serve))
