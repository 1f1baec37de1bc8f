/** The service by HTTP: `GET /greet/NAME`, and what health checks ask for: `GET /healthz`, `GET /readyz`. */
import { Effect, Layer } from "effect"
import { Global, Node, Port } from "effect-mp"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { type Greeter, group } from "./protocol.ts"

const greet = HttpRouter.use((router) =>
  Effect.gen(function*() {
    const greeters = yield* Global.group<typeof Greeter.messages>(group)
    const ask = (name: string) =>
      // Between two lives of a greeter there is none for a moment. To greet twice does no harm: when one is lost, the next one is asked.
      greeters.call((port) => Port.cal(port, "greet", name), { whenEmpty: "wait", retry: { times: 3 } })
    const answer = HttpRouter.params.pipe(
      Effect.flatMap(({ name = "" }) => ask(name)),
      Effect.timeout("5 seconds"),
      Effect.match({
        onSuccess: (greeting) => HttpServerResponse.text(`${greeting}\n`),
        onFailure: () => HttpServerResponse.text("nobody is here to greet\n", { status: 503 })
      })
    )
    yield* router.add("GET", "/greet/:name", answer)
  })
)

export const routes = Layer.mergeAll(greet, Node.layerProbes)
