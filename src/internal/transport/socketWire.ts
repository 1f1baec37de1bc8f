/**
 * A wire over a socket, of TCP or of Unix.
 *
 * @internal
 */
import type * as net from "node:net"
import { getSystemErrorMessage } from "node:util"
import type { ReadableSocket, Reader } from "./sharedReads.ts"
import { untold, type Wire, type WireEvents } from "./wire.ts"

/**
 * What a socket is given at once. A socket tells that bytes have left only when all that it was given has: more would
 * make a slow reader look like one that does not read. Nobody is told when it has left, unless more waits behind it.
 */
const portion = untold

/** Bytes that the socket did not get yet; who wrote them wants to know when they have left. */
interface Waiting {
  readonly bytes: Uint8Array
  readonly left: (() => void) | undefined
}

export class SocketWire implements Wire {
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

/** System errors in the words that AEMP nodes use for them, or else in the system's: Node's own have call and address in them too. */
export const errorText = (error: NodeJS.ErrnoException): string => {
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
      return error.errno === undefined ? error.message : getSystemErrorMessage(error.errno)
  }
}
