/**
 * A station, which knows the weather. Any number of nodes may run one:
 *
 * emp run --node-id station1 --seed 127.0.0.1:4040 --service examples/weather-station.ts
 */
import { Global, Node, Supervisor } from "effect-mp"
import * as PortRpc from "effect-mp/Rpc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { group, UnknownCity, Weather } from "./weather.ts"

const forecasts = new Map([["Oslo", "snow"], ["Rome", "sun"]])

const handlers = Weather.toLayer({
  forecast: Effect.fnUntraced(function*({ city }) {
    const forecast = forecasts.get(city)
    if (forecast === undefined) return yield* new UnknownCity({ city })
    yield* Effect.sleep("100 millis")
    return `${forecast}, says ${yield* Node.id}`
  })
})

const server = PortRpc.serve(Weather).pipe(Effect.tap(Global.register(group)), Effect.provide(handlers))

export default Layer.effectDiscard(Supervisor.restart(server, { id: "station" }))
