/** HTTP on one node, the greeter on another one. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Global } from "effect-mp"
import * as TestNetwork from "effect-mp/TestNetwork"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import greeter from "../src/greeter.ts"
import { routes } from "../src/http.ts"

it.effect("is answered by whichever node has a greeter, and says so when there is none", () =>
  Effect.gen(function*() {
    const front = yield* TestNetwork.start("front", { services: Global.layer() })
    // They load a module, which takes no time of the test's clock.
    const handler = yield* front.run(HttpRouter.toHttpEffect(routes))
    const get = (path: string) =>
      front.run(handler).pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://front${path}`))
        ),
        Effect.map(HttpServerResponse.toWeb),
        TestNetwork.within("10 seconds"),
        Effect.flatMap((response) => Effect.promise(async () => [response.status, await response.text()]))
      )

    assert.deepStrictEqual(yield* get("/greet/Ada"), [503, "nobody is here to greet\n"])
    const back = Layer.provideMerge(greeter, Global.layer({ seeds: ["front:1"] }))
    yield* TestNetwork.start("back", { services: back })
    assert.deepStrictEqual(yield* get("/greet/Ada"), [200, "Hello, Ada! This is back.\n"])
  }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))
