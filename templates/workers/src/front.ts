/** Jobs by HTTP: `POST /count` with a text. */
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { listen } from "./listen.ts"
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

export default listen(routes)
