/** Jobs by HTTP: `POST /count` with a text. Told to stop, it answers the requests that it has. */
import { NodeHttpServer } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { makeCount } from "./pool.ts"

export const routes = HttpRouter.use((router) =>
  Effect.gen(function*() {
    const count = yield* makeCount
    const answer = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) => request.text),
      Effect.flatMap(count),
      Effect.timeout("30 seconds"),
      Effect.matchEffect({
        onSuccess: (counted) => HttpServerResponse.json(counted),
        onFailure: ({ message }) => HttpServerResponse.json({ problem: message }, { status: 503 })
      })
    )
    yield* router.add("POST", "/count", answer)
  })
)

const listening = NodeHttpServer.layerConfig(createServer, {
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(8080))
})

export default HttpRouter.serve(routes, { disableLogger: true }).pipe(Layer.provide(listening))
