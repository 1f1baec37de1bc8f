/**
 * A wire over a socket on which WebSocket is spoken, from its opening handshake on: of the side that dialled, or of the one that accepted.
 *
 * @internal
 */
import * as crypto from "node:crypto"
import type * as net from "node:net"
import { Reader } from "../sharedReads.ts"
import { SocketWire } from "../socketWire.ts"
import type { Wire, WireEvents } from "../wire.ts"
import { binaryHeader, closeCodes, closeFrame, FrameReader, longestHeader, maskedBinary, pongFrame } from "./frames.ts"

/** Others hold a whole message before they look at it: none of ours is larger. */
const mostInMessage = 64 * 1024

/** While so much waits, nobody is answered who only asks whether we are there. */
const mostBeforePong = 64 * 1024

export class WebSocketWire implements Wire {
  readonly remote: string
  private readonly socket: net.Socket
  private readonly inner: SocketWire
  private readonly isDialler: boolean
  private readonly frames: FrameReader
  private events: WireEvents | undefined
  /** Nothing more is written. */
  private isOver = false
  private isTold = false

  /** `head` is what has come behind the opening handshake. */
  constructor(socket: net.Socket, head: Uint8Array, remote: string, isDialler: boolean) {
    const reader = new Reader()
    // Until `start` the other side keeps what it sends.
    socket.pause()
    if (head.length > 0) socket.unshift(head)
    socket.on("data", (chunk: Uint8Array) => reader.take(chunk))
    this.socket = socket
    this.remote = remote
    this.isDialler = isDialler
    this.inner = new SocketWire({ socket, reader }, remote)
    this.frames = new FrameReader(!isDialler, {
      data: (bytes) => this.events?.data(bytes),
      ping: (payload) => {
        if (this.inner.buffered < mostBeforePong) this.inner.write(pongFrame(payload, this.mask()))
      },
      close: () => this.refuse(closeCodes.normal, "Unexpected end-of-file"),
      wrong: (code, why) => this.refuse(code, `what came is no WebSocket: ${why}`)
    })
  }

  private mask(): Uint8Array | undefined {
    return this.isDialler ? nextMask() : undefined
  }

  get buffered(): number {
    return this.inner.buffered
  }

  start(events: WireEvents): void {
    this.events = events
    this.inner.start({
      data: (chunk) => this.frames.take(chunk),
      drained: () => this.isOver || events.drained(),
      closed: (why) => this.tell(why)
    })
  }

  private tell(why: string): void {
    if (this.isTold) return
    this.isTold = true
    this.isOver = true
    this.frames.stop()
    this.events?.closed(why)
  }

  /** The connection ends for something that has come. */
  private refuse(code: number, why: string): void {
    this.sayClose(code)
    this.inner.destroy()
    this.tell(why)
  }

  private sayClose(code: number): void {
    if (!this.isOver) this.inner.write(closeFrame(code, this.mask()))
    this.isOver = true
    this.frames.stop()
  }

  write(bytes: Uint8Array, left?: () => void): void {
    if (this.isOver) return
    for (let at = 0; at < bytes.length; at += mostInMessage) {
      const message = bytes.subarray(at, at + mostInMessage)
      const isLast = at + message.length === bytes.length
      if (this.isDialler) this.writeMasked(message)
      else this.writePlain(message, isLast ? left : undefined)
    }
    // What those send who dial is a copy.
    if (this.isDialler && left !== undefined) queueMicrotask(left)
  }

  private writeMasked(message: Uint8Array): void {
    if (message.length <= smallMessage) return this.inner.write(maskedBinary(message, nextMask()))
    const memory = spare.pop() ?? new Uint8Array(mostInMessage + longestHeader)
    this.inner.write(maskedBinary(message, nextMask(), memory), () => {
      if (spare.length < mostSpare) spare.push(memory)
    })
  }

  /** Header and message leave at once. */
  private writePlain(message: Uint8Array, left: (() => void) | undefined): void {
    this.socket.cork()
    this.inner.write(binaryHeader(message.length))
    this.inner.write(message, left)
    this.socket.uncork()
  }

  end(closed: () => void): void {
    this.sayClose(closeCodes.normal)
    this.inner.end(closed)
  }

  destroy(): void {
    this.sayClose(closeCodes.normal)
    this.inner.destroy()
  }
}

/** Memory for masked messages that are larger than this, which is written into again when they have left. */
const smallMessage = 8 * 1024
const spare: Array<Uint8Array<ArrayBuffer>> = []
const mostSpare = 32

/** Nobody who sees what somebody sends may know what comes next: that is what masks are for. */
const masks = new Uint8Array(8192)
let maskAt = masks.length

const nextMask = (): Uint8Array => {
  if (maskAt === masks.length) {
    crypto.randomFillSync(masks)
    maskAt = 0
  }
  return masks.subarray(maskAt, maskAt += 4)
}
