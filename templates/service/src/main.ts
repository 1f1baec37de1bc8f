/**
 * A node, a supervised service, and HTTP in front of it. What stands below is started first and ends last: HTTP answers when the service
 * is there; told to stop, the program takes no more requests and answers those that it has, then the node drains, and ends.
 */
import { NodeFileSystem, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Cause, Config, Effect, Exit, Layer, Runtime } from "effect"
import { Global, Node, Supervisor, Transport } from "effect-mp"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import greeter from "./greeter.ts"
import { routes } from "./http.ts"

const listening = NodeHttpServer.layerConfig(createServer, {
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(8080))
})

const drained = Layer.effectDiscard(Effect.addFinalizer(() => Node.drain()))

const program = HttpRouter.serve(routes, { disableLogger: true }).pipe(
  Layer.provide(listening),
  Layer.provide(drained),
  Layer.provide(greeter),
  Layer.provide(Global.layerProfile("greeter")),
  Layer.provide([Transport.layerTcp, NodeFileSystem.layer])
)

// A supervisor that gives up ends the program, with 1. To be told to stop (SIGTERM, SIGINT) is no failure.
NodeRuntime.runMain(Supervisor.launch(program), {
  teardown: (exit, end) =>
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? end(0) : Runtime.defaultTeardown(exit, end)
})
