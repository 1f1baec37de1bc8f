/**
 * Knows the prices. Any number of nodes may run it:
 *
 * emp run --node-id prices1 --seed 127.0.0.1:4040 --service examples/guides/price-service.ts
 */
import { Global, Port, Supervisor } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { group, Prices } from "./prices.ts"

const prices = new Map([["tea", 3], ["cake", 4]])

const service = Effect.suspend(() => {
  let sold = 0
  return Port.make(Prices, {
    // What takes its time: a database, another service.
    price: (item) => Effect.as(Effect.sleep("20 millis"), prices.get(item) ?? null),
    sell: () => Effect.sync(() => ++sold)
  }, { concurrency: { price: 100 }, invalid: "refuse" })
})

export default Layer.effectDiscard(
  Supervisor.restart(Effect.tap(service, Global.register(group)), { id: "prices" })
)
