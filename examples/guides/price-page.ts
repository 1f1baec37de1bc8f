/** A page that asks for prices, as a node of the network that knows them. */
import * as Global from "effect-mp/Global"
import * as Node from "effect-mp/Node"
import * as Port from "effect-mp/Port"
import * as Transport from "effect-mp/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { group, Prices } from "./prices.ts"

const node = Layer.provideMerge(
  Global.layer({ seeds: ["ws://127.0.0.1:8080/nodes"] }),
  Node.layer({ nodeId: "page/", secret: "swordfish" })
).pipe(Layer.provide(Transport.layerWebSocketClient))

const program = Effect.gen(function*() {
  const shop = yield* Global.group<typeof Prices.messages>(group)
  yield* shop.awaitMembers(1)
  const price = yield* shop.call((member) => Port.cal(Prices, member, "price", "tea"))
  yield* Effect.log(`tea is ${price}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(node)))
