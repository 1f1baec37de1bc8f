/**
 * Prices by HTTP, asked of the nodes that know them. The front is a program with a node of its own, the seed of the network:
 *
 * EMP_SECRET=swordfish EMP_NODEID=front EMP_BINDS=127.0.0.1:4040 node examples/guides/price-front.ts
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Config, Effect, Exit, Layer, Runtime } from "effect"
import { Global, Node, Supervisor, Transport } from "effect-mp"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { routes, Shop } from "./price-routes.ts"

const node = Layer.provideMerge(Global.layerConfig(), Node.layerConfig()).pipe(
  Layer.provide([Transport.layerTcp, NodeFileSystem.layer])
)

const http = HttpRouter.serve(routes, { disableLogger: true }).pipe(
  Layer.provide(NodeHttpServer.layerConfig(createServer, {
    host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
    port: Config.Port("PORT").pipe(Config.withDefault(8080))
  }))
)

/** First when the program is to end: it is not ready any more, and answers on until others have noticed. */
const notice = Layer.effectDiscard(Effect.gen(function*() {
  const time = yield* Config.Duration("NOTICE").pipe(Config.withDefault("5 seconds"))
  yield* Effect.addFinalizer(() => Effect.andThen(Effect.forkDetach(Node.drain()), Effect.sleep(time)))
}))

/** When there are no requests any more: what other nodes have asked of services of this program is answered before these close. */
const drained = Layer.effectDiscard(Effect.addFinalizer(() => Node.drain()))

// It starts from the last line to the first, and stops from the first to the last.
const program = notice.pipe(
  Layer.provide(http),
  Layer.provide(drained),
  Layer.provide(Shop.layer),
  Layer.provide(node)
)

NodeRuntime.runMain(Supervisor.launch(program), {
  // A signal is the end that it is meant to have.
  teardown: (exit, end) =>
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? end(0) : Runtime.defaultTeardown(exit, end)
})
