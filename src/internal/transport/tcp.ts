/**
 * The network of the machine: what its names and addresses stand for, and how they are dialled. `tcpListen.ts` listens.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as dns from "node:dns"
import * as os from "node:os"
import { formatAddress, parseAddress } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import { connect } from "./sockets.ts"
import { errorText, SocketWire } from "./socketWire.ts"
import { hostsOf, listenWith, type Machine, malformed, told } from "./tcpListen.ts"
import type { Carrier } from "./wire.ts"

const failedToConnect = (peer: string, error: NodeJS.ErrnoException) =>
  new LinkError({ reason: "connect_failed", peer, detail: errorText(error) })

/** `*:4040` and the like stand for this host's own addresses, as binds do. */
const resolveWith = (machine: Machine): Carrier["resolve"] => (text) => {
  const address = parseAddress(text, os.hostname())
  if (address === undefined || address.port === 0) return Effect.fail(malformed(text))
  return hostsOf(machine, address.host).pipe(
    Effect.mapError((error) => failedToConnect(text, error)),
    Effect.map((hosts) => hosts.flatMap((host) => told(machine, { host, port: address.port })).map(formatAddress))
  )
}

/** A name with several addresses: one after the other is tried. */
const dialWith = ({ lookup }: Machine): Carrier["dial"] => (text) => {
  const address = parseAddress(text, os.hostname())
  if (address === undefined || address.port === 0) return Effect.fail(malformed(text))
  return Effect.mapBoth(connect({ host: address.host, port: address.port, lookup }), {
    onSuccess: (socket) => new SocketWire(socket, text),
    onFailure: (error) => failedToConnect(text, error)
  })
}

/** The addresses that the interfaces of this machine have now. */
const interfaceAddresses = (): ReadonlyArray<string> => {
  try {
    return Object.values(os.networkInterfaces()).flatMap((list) => list ?? []).map((entry) => entry.address)
  } catch {
    // Some systems do not let everybody look.
    return []
  }
}

/** The machine that we run on. */
export const thisMachine: Machine = { interfaces: interfaceAddresses, lookup: dns.lookup }

/** TCP on a machine that knows other names, or has other interfaces. */
export const tcpCarrierWith = (other: Partial<Machine>): Carrier => {
  const machine = { ...thisMachine, ...other }
  return { listen: listenWith(machine), resolve: resolveWith(machine), dial: dialWith(machine) }
}

/** TCP, as `Transport.layerTcp` provides it. */
export const tcpCarrier: Carrier = tcpCarrierWith({})
