/** What the nodes of the example run and call: a counter for each key, and one keeper of the time for all. */
import { Node } from "effect-mp"
import * as Entity from "effect/cluster/Entity"
import * as Singleton from "effect/cluster/Singleton"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"

export const Counter = Entity.make("Counter", [
  Rpc.make("add", {
    payload: { n: Schema.Number },
    success: Schema.Struct({ total: Schema.Number, on: Schema.String })
  })
])

/** What it has counted is lost when it moves: it would be kept in a database. */
export const CounterLive = Counter.toLayer(Effect.gen(function*() {
  const { host } = yield* Entity.CurrentRunnerAddress
  let total = 0
  return Counter.of({ add: ({ payload }) => Effect.sync(() => ({ total: total += payload.n, on: host })) })
}))

export const KeeperLive = Singleton.make(
  "keeper",
  Effect.gen(function*() {
    const here = yield* Node.id
    yield* Console.log(`the keeper begins on ${here}`)
    return yield* Effect.forever(Effect.andThen(Effect.sleep("1 second"), Console.log(`the keeper is on ${here}`)))
  })
)
