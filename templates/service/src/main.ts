/**
 * A node, a supervised service, and HTTP in front of it. What stands below is started first and ends last: HTTP answers when the service
 * is there; told to stop, the program takes no more requests and answers those that it has, then the node drains, and ends.
 */
import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Runtime } from "effect"
import { Global, Node, Supervisor, Transport } from "effect-mp"
import greeter from "./greeter.ts"
import { routes } from "./http.ts"
import { listen } from "./listen.ts"

const drained = Layer.effectDiscard(Effect.addFinalizer(() => Node.drain()))

const program = listen(routes).pipe(
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
