/**
 * Asks the stations for the weather, one after the other:
 *
 * emp run --node-id asker --bind 127.0.0.1:4040 --service examples/weather-asker.ts
 */
import * as PortRpc from "effect-mp/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { group, Weather } from "./weather.ts"

/** Asks any station. A question may be asked twice: when a station is lost, another one is asked. */
export const makeAsk = Effect.map(
  PortRpc.group(Weather, group),
  (stations) => (city: string) =>
    stations.call((station) => station.forecast({ city }), {
      choose: "round-robin",
      whenEmpty: "wait",
      retry: { times: 3, while: (error) => error._tag === "RpcClientError" }
    })
)

export default Effect.gen(function*() {
  const ask = yield* makeAsk
  const show = (city: string) =>
    ask(city).pipe(
      Effect.catchTag("UnknownCity", () => Effect.succeed("who knows?")),
      Effect.flatMap((forecast) => Console.log(`${city}: ${forecast}`))
    )
  yield* Effect.repeat(Effect.forEach(["Oslo", "Rome", "Atlantis"], show), Schedule.spaced("1 second"))
})
