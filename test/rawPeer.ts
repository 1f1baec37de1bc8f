/**
 * A node made of three lines and a socket: it speaks AEMP's `json` framing by hand, sends whatever a test wants, and
 * keeps what it was sent. By itself it tells the time, and no more. It shares no code with the sources.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { secret, until } from "./harness.ts"

export interface RawPeer {
  /** The node's greeting line, nonce and auth line, as far as they have come. */
  readonly lines: Array<string>
  /** All packets so far. */
  readonly packets: Array<ReadonlyArray<unknown>>
  /** Sends bytes as they are. */
  readonly write: (bytes: string | Uint8Array) => void
  /** Sends packets in one write. */
  readonly send: (...packets: ReadonlyArray<unknown>) => void
  /** Waits for this many packets, and answers all. */
  readonly has: (count: number) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>>
  /**
   * Has the node relay a message to us: what it had to say to all before has come by then. Answers that, and forgets
   * it.
   */
  readonly settle: Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>>
  /** Whether the node has closed the connection. */
  readonly isClosed: () => boolean
  readonly closed: Effect.Effect<void>
  readonly socket: net.Socket
}

export interface RawOptions {
  readonly nodeId?: string
  readonly secret?: string
  /** What the greeting line ends in, such as `ownKind(300)`. */
  readonly keys?: string
  /** Instead of the three lines. */
  readonly opening?: string | Uint8Array
}

/** What nodes of our own kind greet with: a peer with these keys has to send beats. */
export const ownKind = (timeout: number, incarnation = "raw-incarnation"): string =>
  `;effect-mp=${incarnation};effect-mp-timeout=${timeout}`

/** The first two of the three lines. */
export const greeting = (nodeId: string, keys = ""): string =>
  `aemp;1;${nodeId};hmac_sha3_512;json${keys}\nnonce of ${nodeId}\n`

/** The three lines of the smallest possible client. */
export const opening = (nodeId: string, key = secret, keys = ""): string =>
  `${greeting(nodeId, keys)}cleartext;${Buffer.from(key, "latin1").toString("hex")};json\n`

/** Connects and says the opening. Does not wait for an answer. */
export const dialRaw = (address: string, options: RawOptions = {}): Effect.Effect<RawPeer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(openSocket(address), (socket) => Effect.sync(() => socket.destroy())),
    (socket) => {
      const nodeId = options.nodeId ?? "raw"
      const peer = conversation(socket, nodeId)
      peer.write(options.opening ?? opening(nodeId, options.secret, options.keys))
      return peer
    }
  )

/** Connects, and waits until the handshake is through. */
export const connectRaw = (address: string, options: RawOptions = {}): Effect.Effect<RawPeer, never, Scope.Scope> =>
  Effect.tap(dialRaw(address, options), (peer) => until("the node's auth line", () => peer.lines.length === 3))

/** Listens. Every connection is a peer that says the opening at once. */
export const listenRaw = (
  options: RawOptions = {}
): Effect.Effect<{ readonly address: string; readonly peers: ReadonlyArray<RawPeer> }, never, Scope.Scope> =>
  Effect.suspend(() => {
    const peers: Array<RawPeer> = []
    const nodeId = options.nodeId ?? "raw"
    const server = net.createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {})
      const peer = conversation(socket, nodeId)
      peers.push(peer)
      peer.write(options.opening ?? opening(nodeId, options.secret, options.keys))
    })
    return Effect.acquireRelease(
      Effect.callback<{ readonly address: string; readonly peers: ReadonlyArray<RawPeer> }>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          resume(Effect.succeed({ address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`, peers }))
        })
      }),
      () =>
        Effect.sync(() => {
          server.close()
          for (const peer of peers) peer.socket.destroy()
        })
    )
  })

const openSocket = (address: string): Effect.Effect<net.Socket> =>
  Effect.callback((resume) => {
    const colon = address.lastIndexOf(":")
    const socket = net.connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true })
    socket.once("error", (error) => resume(Effect.die(error)))
    socket.once("connect", () => {
      socket.removeAllListeners("error").on("error", () => {})
      resume(Effect.succeed(socket))
    })
  })

/** What is said over a connected socket. The opening is not said yet. */
export const conversation = (socket: net.Socket, nodeId: string): RawPeer => {
  const lines: Array<string> = []
  const packets: Array<ReadonlyArray<unknown>> = []
  let text = ""
  let over = false
  let fences = 0
  socket.setEncoding("utf8")
  socket.on("close", () => {
    over = true
  })
  socket.on("data", (chunk: string) => {
    text += chunk
    while (lines.length < 3) {
      const end = text.indexOf("\n")
      if (end < 0) return
      lines.push(text.slice(0, end))
      text = text.slice(end + 1)
    }
    for (let end = endOfArray(text); end > 0; end = endOfArray(text)) {
      const packet = JSON.parse(text.slice(0, end)) as ReadonlyArray<unknown>
      packets.push(packet)
      text = text.slice(end)
      if (packet[0] === "" && packet[1] === "time") tellTime(packet.slice(2))
    }
  })
  const write = (bytes: string | Uint8Array): void => void socket.write(bytes)
  // As every node does that does not hang.
  const tellTime = ([to, ...prefix]: ReadonlyArray<unknown>): void =>
    send([String(to).slice(String(to).indexOf("#") + 1), ...prefix, 1795205555.5])
  const send = (...all: ReadonlyArray<unknown>): void => write(all.map((packet) => JSON.stringify(packet)).join(""))
  const isClosed = () => over
  const closed = until("the node closes the connection", isClosed)
  const has: RawPeer["has"] = (count) =>
    Effect.as(until(`${count} packets at ${nodeId}`, () => packets.length >= count), packets)
  const settle = Effect.suspend(() => {
    const fence = ++fences
    const at = (): number => packets.findIndex((packet) => packet[0] === "fence" && packet[1] === fence)
    send(["", "snd", `${nodeId}#fence`, fence])
    return Effect.andThen(
      until("the node relays a message", () => at() >= 0),
      Effect.sync(() => packets.splice(0, at() + 1).slice(0, -1))
    )
  })
  return { lines, packets, write, send, has, settle, isClosed, closed, socket }
}

/** The index behind the array that the text begins with, or -1 if it is not whole. */
const endOfArray = (text: string): number => {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === "\\") i++
      else if (c === "\"") quoted = false
    } else if (c === "\"") quoted = true
    else if (c === "[" || c === "{") depth++
    else if ((c === "]" || c === "}") && --depth === 0) return i + 1
  }
  return -1
}
