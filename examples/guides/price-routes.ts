/** What is asked by HTTP, and what each way that a call can end is answered with. */
import { Context, Effect, Layer } from "effect"
import { Global, Node, Port } from "effect-mp"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { group, Prices } from "./prices.ts"

/** Those who know the prices. It is there when the first of them is. */
export class Shop extends Context.Service<Shop>()("Shop", {
  make: Effect.tap(Global.group<typeof Prices.messages>(group), ({ awaitMembers }) => awaitMembers(1))
}) {
  static readonly layer = Layer.effect(Shop, Shop.make)
}

/** So long a request may take, and one member where another one may be asked. */
const patience = "5 seconds"
const patienceWithOne = "2 seconds"

const later = HttpServerResponse.jsonUnsafe({ error: "try again" }, { status: 503, headers: { "retry-after": "1" } })
const unsure = HttpServerResponse.jsonUnsafe({ error: "nobody knows whether it was done" }, { status: 502 })

const item = Effect.map(HttpRouter.params, ({ item = "" }) => item)

const price = Effect.gen(function*() {
  const shop = yield* Shop
  const name = yield* item
  // A question does no harm: when a node is lost, or takes too long, another one is asked.
  const price = yield* shop.call((member) => Port.calTimeout(member, patienceWithOne, "price", name), {
    retry: { times: 2, while: (error) => error._tag === "TimeoutError" || error.reason[0] === "transport_error" }
  }).pipe(Effect.timeout(patience))
  return yield* HttpServerResponse.json({ price })
}).pipe(Effect.catchTag(["EmptyGroup", "Killed", "TimeoutError"], () => Effect.succeed(later)))

const sell = Effect.gen(function*() {
  const shop = yield* Shop
  const name = yield* item
  const sold = yield* shop.call((member) => Port.calTimeout(member, patience, "sell", name))
  return yield* HttpServerResponse.json({ sold })
}).pipe(
  Effect.catchTag("EmptyGroup", () => Effect.succeed(later)),
  Effect.catchTag("Killed", ({ isUnbegun }) => Effect.succeed(isUnbegun ? later : unsure)),
  Effect.catchTag("TimeoutError", () => Effect.succeed(unsure))
)

/** While the node is not ready, whoever comes by a connection that stands is told to come by a new one, which leads elsewhere. */
const elsewhere = HttpRouter.middleware(
  Effect.map(Effect.context<Node.Node>(), (node) => (respond) =>
    Effect.gen(function*() {
      const response = yield* respond
      const lacks = yield* Effect.provideContext(Node.lacks, node)
      return lacks.length === 0 ? response : HttpServerResponse.setHeader(response, "connection", "close")
    })),
  { global: true }
)

export const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/prices/:item", price),
  HttpRouter.add("POST", "/sales/:item", sell),
  Node.layerProbes,
  elsewhere
)
