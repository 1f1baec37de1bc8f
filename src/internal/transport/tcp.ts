/**
 * Wires over TCP sockets.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as dns from "node:dns"
import * as net from "node:net"
import * as os from "node:os"
import { type Address, formatAddress, parseAddress, reachable } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import { accepted, type ReadableSocket, Reader } from "./sharedReads.ts"
import type { Carrier, Wire, WireEvents } from "./wire.ts"

/** AEMP's socket settings: small messages leave at once, and a dead peer is noticed some day. */
const socketOptions = { noDelay: true, keepAlive: true }

/**
 * What a socket is given at once. A socket tells that bytes have left only when all that it was given has: more would
 * make a slow reader look like one that does not read.
 */
const portion = 256 * 1024

/** Bytes that the socket did not get yet; who wrote them wants to know when they have left. */
interface Waiting {
  readonly bytes: Uint8Array
  readonly left: (() => void) | undefined
}

class TcpWire implements Wire {
  readonly remote: string
  private readonly socket: net.Socket
  private readonly reader: Reader
  /** What waits for its turn, and how many bytes that are. */
  private waiting: Array<Waiting> = []
  private waitingBytes = 0
  private feeding = false
  private drained: () => void = () => {}
  constructor({ reader, socket }: ReadableSocket, remote: string) {
    this.socket = socket
    this.reader = reader
    this.remote = remote
    // Until `start`, and behind the end, nobody else listens: an error without a listener would end the process.
    socket.on("error", () => {})
  }
  get buffered(): number {
    return this.socket.writableLength + this.waitingBytes
  }
  start(events: WireEvents): void {
    const { socket } = this
    let open = true
    const closed = (why: string): void => {
      if (!open) return
      open = false
      this.reader.stop()
      socket.destroy()
      events.closed(why)
    }
    if (socket.destroyed) {
      // It was lost before anybody looked.
      queueMicrotask(() => closed("Unexpected end-of-file"))
      return
    }
    this.reader.take = (chunk) => events.data(chunk)
    this.drained = () => open && events.drained()
    socket.on("error", (error: NodeJS.ErrnoException) => closed(errorText(error)))
    socket.on("end", () => closed("Unexpected end-of-file"))
    socket.on("close", () => closed("Unexpected end-of-file"))
    socket.resume()
  }
  write(bytes: Uint8Array, left?: () => void): void {
    const { socket } = this
    if (!socket.writable) return
    if (this.waitingBytes === 0 && socket.writableLength + bytes.length <= portion) {
      // What is lost with the socket may still be in use by the system.
      socket.write(bytes, left && ((error) => error ?? left()))
      return
    }
    this.waiting.push({ bytes, left })
    this.waitingBytes += bytes.length
    if (!this.feeding) this.feed()
  }
  /** Gives the socket its next portion, as often as the one before has left. */
  private feed(): void {
    const { socket } = this
    this.feeding = this.waitingBytes > 0
    if (!this.feeding) return this.drained()
    const pieces: Array<Uint8Array> = []
    let room = portion
    // Taken out all at once: there may be very many small ones.
    let whole = 0
    while (room > 0 && whole < this.waiting.length) {
      const { bytes, left } = this.waiting[whole]!
      pieces.push(bytes.subarray(0, room))
      if (bytes.length > room) this.waiting[whole] = { bytes: bytes.subarray(room), left }
      else whole++
      room -= Math.min(room, bytes.length)
    }
    const taken = this.waiting.splice(0, whole)
    this.waitingBytes -= portion - room
    const last = pieces.pop()!
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.write(last, (error) => {
      if (error != null) return
      for (const { left } of taken) left?.()
      this.feed()
    })
    socket.uncork()
  }
  end(closed: () => void): void {
    const { socket } = this
    if (socket.destroyed) return closed()
    // Those who end the connection keep within the time that they give it.
    for (const { bytes } of this.waiting) socket.write(bytes)
    this.waiting = []
    this.waitingBytes = 0
    socket.once("close", closed)
    // Reading on lets the other side's end arrive; what it sends is of no interest any more.
    this.reader.stop()
    socket.resume()
    socket.end()
  }
  destroy(): void {
    this.reader.stop()
    this.socket.destroy()
  }
}

/** System errors in the words that AEMP nodes use for them. */
const errorText = (error: NodeJS.ErrnoException): string => {
  switch (error.code) {
    case "ECONNRESET":
      return "Connection reset by peer"
    case "EPIPE":
      return "Broken pipe"
    case "ETIMEDOUT":
      return "Connection timed out"
    case "ECONNREFUSED":
      return "Connection refused"
    case "EADDRINUSE":
      return "the port is in use"
    case "EADDRNOTAVAIL":
      return "this host does not have the address"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name cannot be resolved"
    default:
      return error.message
  }
}

const malformed = (text: string) => new LinkError({ reason: "malformed_address", peer: text })

/** How names become addresses; `dns.lookup` is one. */
export type Lookup = net.LookupFunction

const failedToConnect = (peer: string, error: NodeJS.ErrnoException) =>
  new LinkError({ reason: "connect_failed", peer, detail: errorText(error) })

const resolveWith = (lookup: Lookup): Carrier["resolve"] => (text) => {
  const address = parseAddress(text, os.hostname())
  if (address === undefined || address.port === 0) return Effect.fail(malformed(text))
  if (net.isIP(address.host) !== 0) return Effect.succeed([text])
  return lookUp(lookup, address.host).pipe(
    Effect.mapError((error) => failedToConnect(text, error)),
    Effect.map((hosts) => hosts.map((host) => formatAddress({ host, port: address.port })))
  )
}

/** A name with several addresses: one after the other is tried. */
const dialWith = (lookup: Lookup): Carrier["dial"] => (text) =>
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

const failedToListen = (peer: string, error: NodeJS.ErrnoException) =>
  new LinkError({ reason: "listen_failed", peer, detail: errorText(error) })

/**
 * A name with several addresses is listened on at all of them. One that this host does not have (`localhost` may name an
 * IPv6 address where there is no IPv6) is left out, as long as there is another one.
 */
const listenWith = (lookup: Lookup): Carrier["listen"] => (bind, accept) => {
  const address = parseAddress(bind, os.hostname())
  if (address === undefined) return Effect.fail(malformed(bind))
  return Effect.gen(function*() {
    const hosts = yield* hostsOf(lookup, address.host).pipe(Effect.mapError((error) => failedToListen(bind, error)))
    const bound: Array<string> = []
    const missing: Array<NodeJS.ErrnoException> = []
    for (const host of hosts) {
      yield* listenOn({ host, port: address.port }, accept).pipe(
        Effect.matchEffect({
          onSuccess: (text) => Effect.sync(() => bound.push(text)),
          onFailure: (error) =>
            isNotHere(error)
              ? Effect.sync(() => missing.push(error))
              : Effect.fail(failedToListen(formatAddress({ host, port: address.port }), error))
        })
      )
    }
    const [first] = missing
    if (first === undefined) return bound
    if (bound.length === 0) return yield* failedToListen(bind, first)
    yield* Effect.logInfo(
      `${bind} also stands for an address that this host does not have: listening on ${bound.join(", ")}`
    )
    return bound
  })
}

const isNotHere = (error: NodeJS.ErrnoException): boolean =>
  error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT"

/** The addresses to listen on for a host: all interfaces, all that a name stands for, or itself. */
const hostsOf = (lookup: Lookup, host: string): Effect.Effect<ReadonlyArray<string>, NodeJS.ErrnoException> => {
  if (host === "*") return Effect.sync(interfaceAddresses)
  return net.isIP(host) !== 0 ? Effect.succeed([host]) : lookUp(lookup, host)
}

/** All addresses of a name, each once. */
const lookUp = (lookup: Lookup, name: string): Effect.Effect<ReadonlyArray<string>, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    lookup(name, { all: true }, (error, found) => {
      if (error !== null) return resume(Effect.fail(error))
      const all = Array.isArray(found) ? found.map(({ address }) => address) : [found]
      resume(Effect.succeed(Array.from(new Set(all))))
    })
  })

const listenOn = (
  address: Address,
  accept: (wire: Wire) => void
): Effect.Effect<string, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.map(
    // It stops listening at once. Connections have an owner of their own.
    Effect.acquireRelease(openServer(address, accept), (server) => Effect.sync(() => server.close()), {
      interruptible: true
    }),
    (server) => {
      const bound = server.address() as net.AddressInfo
      return formatAddress({ host: bound.address, port: bound.port })
    }
  )

const openServer = (address: Address, accept: (wire: Wire) => void): Effect.Effect<net.Server, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    const server = net.createServer({ ...socketOptions, pauseOnConnect: true }, (socket) => {
      const remote = formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 })
      accept(new TcpWire(accepted(socket), remote))
    })
    server.once("error", (error) => resume(Effect.fail(error)))
    server.listen({ host: address.host, port: address.port }, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })

/** What `*` stands for. A machine without a network has itself. */
const interfaceAddresses = (): ReadonlyArray<string> => {
  const all = Object.values(os.networkInterfaces()).flatMap((list) => list ?? []).map((entry) => entry.address)
  const found = reachable(all)
  return found.length > 0 ? found : ["127.0.0.1"]
}

/** TCP with another way from names to addresses. */
export const tcpCarrierWith = (lookup: Lookup): Carrier => ({
  listen: listenWith(lookup),
  resolve: resolveWith(lookup),
  dial: dialWith(lookup)
})

/** TCP, as `Transport.layerTcp` provides it. */
export const tcpCarrier: Carrier = tcpCarrierWith(dns.lookup)
