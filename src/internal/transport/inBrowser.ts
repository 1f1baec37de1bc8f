/**
 * What a page has in the place of `onNode.ts`: WebSockets dial, by the browser's own; for all else it is said that there is none.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { bare, threadScheme, unixScheme } from "../values/address.ts"
import type { Credentials } from "./credentials.ts"
import { LinkError, type LinkErrorReason } from "./linkError.ts"
import { platformCarrier } from "./webSocket/platform.ts"
import type { Carrier } from "./wire.ts"

const absent = (scheme: string, what: string): Carrier => {
  const fail = (reason: LinkErrorReason) => (peer: string) =>
    Effect.fail(new LinkError({ reason, peer, detail: `there are no ${what} in a browser` }))
  return {
    schemes: [scheme],
    listen: fail("listen_failed"),
    resolve: (address) => Effect.succeed([address]),
    dial: fail("connect_failed")
  }
}

export const tcpCarrier = absent(bare, "TCP connections")

export const unixCarrier = absent(unixScheme, "Unix sockets")

export const threadCarrier = absent(threadScheme, "threads with nodes")

export const natsCarrier = () => Effect.succeed(absent("nats", "connections to NATS"))

export const webSocketCarrier = (): Carrier => platformCarrier

export const readCredentials = (_pem: string): Credentials => {
  throw new Error("a browser speaks no TLS inside of links: wss: is encrypted all the same")
}
