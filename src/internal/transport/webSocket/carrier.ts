/**
 * WebSockets as a transport. What needs Node's modules is loaded when somebody listens or dials.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Carrier } from "../wire.ts"
import { webSocketSchemes, wrongWebSocket } from "./address.ts"
import type { WebSocketOptions } from "./listen.ts"

const listening = Effect.promise(() => import("./listen.ts"))
const dialling = Effect.promise(() => import("./dial.ts"))

/** WebSockets, as `Transport.layerWebSocket` provides them. */
export const webSocketCarrier = (options: WebSocketOptions): Carrier => ({
  schemes: webSocketSchemes,
  wrong: wrongWebSocket,
  listen: (bind, accept, host, moved) =>
    Effect.flatMap(listening, ({ listenWith }) => listenWith(options)(bind, accept, host, moved)),
  resolve: (address) => Effect.flatMap(listening, ({ resolve }) => resolve(address)),
  dial: (address, host) => Effect.flatMap(dialling, ({ dial }) => dial(address, host))
})
