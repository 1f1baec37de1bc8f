/**
 * What of transports needs Node: `#transports` is this file, or `inBrowser.ts`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LinkError } from "./linkError.ts"
import type { NatsOptions } from "./nats/options.ts"
import type { Carrier } from "./wire.ts"

export { tcpCarrier } from "./tcp.ts"
export { threadCarrier } from "./threads.ts"
export { readCredentials } from "./tls.ts"
export { unixCarrier } from "./unix.ts"
export { webSocketCarrier } from "./webSocket/carrier.ts"

/** Loaded where a node is on NATS, and nowhere else. */
export const natsCarrier = (options: NatsOptions): Effect.Effect<Carrier, LinkError, Scope.Scope> =>
  Effect.flatMap(Effect.promise(() => import("./nats/shared.ts")), ({ natsCarrier }) => natsCarrier(options))
