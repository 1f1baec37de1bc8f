/**
 * The network of the machine: what its names and addresses stand for, and how they are dialled. `tcpListen.ts` listens.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as dns from "node:dns"
import * as net from "node:net"
import * as os from "node:os"
import { formatAddress, parseAddress } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import { Reader } from "./sharedReads.ts"
import { hostsOf, listenWith, type Machine, malformed, told } from "./tcpListen.ts"
import { errorText, socketOptions, TcpWire } from "./tcpWire.ts"
import type { Carrier, Wire } from "./wire.ts"

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
const dialWith = ({ lookup }: Machine): Carrier["dial"] => (text) =>
  Effect.callback<Wire, LinkError>((resume) => {
    const address = parseAddress(text, os.hostname())
    if (address === undefined || address.port === 0) return resume(Effect.fail(malformed(text)))
    const reader = new Reader()
    const socket = net.connect({
      ...socketOptions,
      host: address.host,
      port: address.port,
      lookup,
      onread: reader.onread
    })
    const failed = (error: NodeJS.ErrnoException): void => {
      resume(Effect.fail(failedToConnect(text, firstOf(error))))
    }
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed).pause()
      resume(Effect.succeed(new TcpWire({ socket, reader }, text)))
    })
    return Effect.sync(() => socket.destroy())
  })

/** Where all addresses of a name failed, the first of them says why. */
const firstOf = (error: NodeJS.ErrnoException): NodeJS.ErrnoException =>
  error instanceof AggregateError ? error.errors[0] as NodeJS.ErrnoException : error

/** The addresses that the interfaces of this machine have now. */
const interfaceAddresses = (): ReadonlyArray<string> => {
  try {
    return Object.values(os.networkInterfaces()).flatMap((list) => list ?? []).map((entry) => entry.address)
  } catch {
    // Some systems do not let everybody look.
    return []
  }
}

/** TCP on a machine that knows other names, or has other interfaces. */
export const tcpCarrierWith = (
  { interfaces = interfaceAddresses, lookup = dns.lookup }: Partial<Machine>
): Carrier => {
  const machine = { lookup, interfaces }
  return { listen: listenWith(machine), resolve: resolveWith(machine), dial: dialWith(machine) }
}

/** TCP, as `Transport.layerTcp` provides it. */
export const tcpCarrier: Carrier = tcpCarrierWith({})
