/**
 * The transports that nodes of the command line have. `config/keys.ts` knows the schemes of their addresses.
 *
 * @internal
 */
import * as Transport from "../../Transport.ts"
import type { RunOptions } from "../config/options.ts"
import { natsScheme } from "../transport/nats/address.ts"
import { schemeOf, splitAddresses } from "../values/address.ts"

const always = [Transport.layerTcp, Transport.layerUnix, Transport.layerWebSocket(), Transport.layerThreads]

type Options = Pick<RunOptions, "binds" | "seeds" | "nats" | "natsNetwork" | "natsCredentials">

/** NATS is one of them where a server is named, or an address wants one: nobody else needs its package. */
export const layerTransport = ({ binds = [], nats, natsCredentials, natsNetwork, seeds }: Options) =>
  nats === undefined && !splitAddresses([...binds, ...seeds]).some((address) => schemeOf(address) === natsScheme)
    ? Transport.any(always)
    : Transport.any([
      ...always,
      Transport.layerNats({ servers: nats, network: natsNetwork, credentials: natsCredentials })
    ])
