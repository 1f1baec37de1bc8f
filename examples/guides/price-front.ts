/**
 * Prices by HTTP, asked of the nodes that know them. The front is a program with a node of its own, the seed of the network:
 *
 * EMP_SECRET=swordfish EMP_NODEID=front EMP_BINDS=127.0.0.1:4040 node examples/guides/price-front.ts
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Config, Effect, Exit, Layer } from "effect"
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

/** What is first when the program is to end: it says that it is not ready, and answers on until others have noticed. */
const notice = Layer.effectDiscard(Effect.gen(function*() {
  const time = yield* Config.Duration("NOTICE").pipe(Config.withDefault("5 seconds"))
  yield* Effect.addFinalizer(() => Effect.all([Node.drain(), Effect.sleep(time)], { concurrency: 2, discard: true }))
}))

// It starts from the last line to the first, and stops from the first to the last.
const program = notice.pipe(
  Layer.provide(http),
  Layer.provide(Shop.layer),
  Layer.provide(node)
)

NodeRuntime.runMain(Supervisor.launch(program), {
  // A signal is the end that it is meant to have.
  teardown: (exit, leave) => leave(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
})
