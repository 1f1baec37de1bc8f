/** Answers requests on `HOST` and `PORT`. Told to stop, it takes no more, and answers those that it has. */
import { NodeHttpServer } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

const server = NodeHttpServer.layerConfig(createServer, {
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(8080))
})

/** The routes first, which may have to look around in the network: what is asked before they are there would never be answered. */
export const listen = <E, R>(routes: Layer.Layer<never, E, R>) =>
  Layer.unwrap(Effect.map(
    HttpRouter.toHttpEffect(routes),
    (answer) => HttpServer.serve(answer).pipe(HttpServer.withLogAddress, Layer.provide(server))
  ))
