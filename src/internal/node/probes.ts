/**
 * What an orchestrator asks of a node by HTTP: whether its process lives, and whether it is ready for work.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"

/**
 * `/healthz` is answered by whoever turns the event loop. `/readyz` is 503 as long as the node lacks something, with what it lacks, a line for
 * each.
 */
export const probes = (
  lacks: Effect.Effect<ReadonlyArray<string>>
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use((router) =>
    Effect.andThen(
      router.add("GET", "/healthz", HttpServerResponse.text("ok\n")),
      router.add(
        "GET",
        "/readyz",
        Effect.map(lacks, (what) =>
          what.length === 0
            ? HttpServerResponse.text("ready\n")
            : HttpServerResponse.text(`${what.join("\n")}\n`, { status: 503 }))
      )
    )
  )
