/**
 * A service that runs on one of three nodes, and moves when that one dies. The first two are the seeds of all:
 *
 * emp run --node-id a --bind 127.0.0.1:4040 --seed 127.0.0.1:4041 --service examples/failover.ts
 * emp run --node-id b --bind 127.0.0.1:4041 --seed 127.0.0.1:4040 --service examples/failover.ts
 * emp run --node-id c --seed 127.0.0.1:4040,127.0.0.1:4041 --service examples/failover.ts
 *
 * and one that asks it all the time, and says who answers, and how long nobody did:
 *
 * emp run --node-id anon/ --seed 127.0.0.1:4040,127.0.0.1:4041 --service examples/failover.ts#caller
 */
import { Global, Node, Port, Supervisor } from "effect-mp"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Oracle = Port.protocol({ ask: Port.message(Schema.Number).replies(Schema.String) })
const group = "eg_oracles"

/** In the group while it runs: whoever looks for it finds the present one. */
const oracle = Effect.gen(function*() {
  const here = yield* Node.id
  const port = yield* Port.make(Oracle, { ask: () => Effect.succeed(here) })
  yield* Global.register(port, group)
  return port
})

export default Layer.effectDiscard(Supervisor.failover(oracle, { name: "oracle", nodes: ["a", "b", "c"] }))

/** What one of many callers does: asks, and again after a moment if nobody is there or the answer does not come. */
const ask = (n: number) =>
  Effect.gen(function*() {
    const found = yield* Global.pick(group)
    if (Option.isNone(found)) return yield* Effect.sleep("5 millis")
    const port: typeof Oracle.PortId.Type = found.value
    const answer = yield* Effect.option(Port.calTimeout(port, "200 millis", "ask", n))
    if (Option.isSome(answer)) yield* answered(answer.value)
  })

let last = { by: "nobody", at: 0 }

const answered = (by: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (at) => {
    const before = last
    last = { by, at }
    if (before.by === by) return Effect.void
    return Console.log(before.at === 0 ? `${by} answers` : `${by} answers, ${at - before.at} ms after ${before.by} did`)
  })

export const caller = Effect.forEach(
  Array.from({ length: 20 }, (_, n) => n),
  (n) => Effect.forever(Effect.andThen(ask(n), Effect.yieldNow)),
  { concurrency: "unbounded", discard: true }
)
