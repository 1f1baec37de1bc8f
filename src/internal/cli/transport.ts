/**
 * The transports that nodes of the command line have. `config/keys.ts` knows the schemes of their addresses.
 *
 * @internal
 */
import * as Transport from "../../Transport.ts"

export const layerTransport = Transport.any([
  Transport.layerTcp,
  Transport.layerUnix,
  Transport.layerWebSocket(),
  Transport.layerThreads
])
