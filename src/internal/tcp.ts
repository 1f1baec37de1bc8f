/**
 * Wires over TCP sockets.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as os from "node:os"
import { type Address, formatAddress, parseAddress, reachable } from "./address.ts"
import { LinkError } from "./linkError.ts"
import type { Carrier, Wire, WireEvents } from "./wire.ts"

/** AEMP's socket settings: small messages leave at once, and a dead peer is noticed some day. */
const socketOptions = { noDelay: true, keepAlive: true }

/**
 * What a socket is given at once. A socket tells that bytes have left only when all that it was given has: more would
 * make a slow reader look like one that does not read.
 */
const portion = 256 * 1024

class TcpWire implements Wire {
  readonly remote: string
  private readonly socket: net.Socket
  /** What waits for its turn, and how many bytes that are. */
  private waiting: Array<Uint8Array> = []
  private waitingBytes = 0
  private feeding = false
  private drained: () => void = () => {}
  constructor(socket: net.Socket, remote: string) {
    this.socket = socket
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
      socket.destroy()
      events.closed(why)
    }
    if (socket.destroyed) {
      // It was lost before anybody looked.
      queueMicrotask(() => closed("Unexpected end-of-file"))
      return
    }
    socket.on("data", (chunk) => open && events.data(chunk))
    this.drained = () => open && events.drained()
    socket.on("error", (error: NodeJS.ErrnoException) => closed(errorText(error)))
    socket.on("end", () => closed("Unexpected end-of-file"))
    socket.on("close", () => closed("Unexpected end-of-file"))
    socket.resume()
  }
  write(bytes: Uint8Array): void {
    const { socket } = this
    if (!socket.writable) return
    if (this.waitingBytes === 0 && socket.writableLength + bytes.length <= portion) {
      socket.write(bytes)
      return
    }
    this.waiting.push(bytes)
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
    while (room > 0 && this.waiting.length > 0) {
      const bytes = this.waiting[0]!
      pieces.push(bytes.subarray(0, room))
      if (bytes.length > room) this.waiting[0] = bytes.subarray(room)
      else this.waiting.shift()
      room -= Math.min(room, bytes.length)
    }
    this.waitingBytes -= portion - room
    const last = pieces.pop()!
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.write(last, (error) => {
      if (error == null) this.feed()
    })
    socket.uncork()
  }
  end(closed: () => void): void {
    const { socket } = this
    if (socket.destroyed) return closed()
    // Those who end the connection keep within the time that they give it.
    for (const bytes of this.waiting) socket.write(bytes)
    this.waiting = []
    this.waitingBytes = 0
    socket.once("close", closed)
    // Reading on lets the other side's end arrive; what it sends is of no interest any more.
    socket.removeAllListeners("data").resume()
    socket.end()
  }
  destroy(): void {
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
    default:
      return error.message
  }
}

const malformed = (text: string) => new LinkError({ reason: "malformed_address", peer: text })

const dial = (text: string): Effect.Effect<Wire, LinkError> =>
  Effect.callback<Wire, LinkError>((resume) => {
    const address = parseAddress(text, os.hostname())
    if (address === undefined || address.port === 0) return resume(Effect.fail(malformed(text)))
    const socket = net.connect({ ...socketOptions, host: address.host, port: address.port })
    const failed = (error: NodeJS.ErrnoException): void => {
      resume(Effect.fail(new LinkError({ reason: "connect_failed", peer: text, detail: errorText(error) })))
    }
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed).pause()
      resume(Effect.succeed(new TcpWire(socket, text)))
    })
    return Effect.sync(() => socket.destroy())
  })

const listen: Carrier["listen"] = (bind, accept) => {
  const address = parseAddress(bind, os.hostname())
  if (address === undefined) return Effect.fail(malformed(bind))
  const hosts = address.host === "*" ? interfaceAddresses() : [address.host]
  return Effect.forEach(hosts, (host) => listenOn({ host, port: address.port }, accept))
}

const listenOn = (
  address: Address,
  accept: (wire: Wire) => void
): Effect.Effect<string, LinkError, Scope.Scope> =>
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

const openServer = (address: Address, accept: (wire: Wire) => void): Effect.Effect<net.Server, LinkError> =>
  Effect.callback<net.Server, LinkError>((resume) => {
    const server = net.createServer({ ...socketOptions, pauseOnConnect: true }, (socket) => {
      const remote = formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 })
      accept(new TcpWire(socket, remote))
    })
    server.once("error", (error: NodeJS.ErrnoException) => {
      const peer = formatAddress(address)
      resume(Effect.fail(new LinkError({ reason: "listen_failed", peer, detail: errorText(error) })))
    })
    server.listen({ host: address.host, port: address.port }, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })

/** What `*` stands for. */
const interfaceAddresses = (): ReadonlyArray<string> =>
  reachable(Object.values(os.networkInterfaces()).flatMap((list) => list ?? []).map((entry) => entry.address))

/** TCP, as `Transport.layerTcp` provides it. */
export const tcpCarrier: Carrier = { listen, dial }
