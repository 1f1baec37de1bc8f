/**
 * A program of `node:net` and `cbor-x` alone, as well made as can be: all messages of a turn are one CBOR array behind its length,
 * and leave in one write; what arrives is decoded where it lies, and only an array that is cut is put together.
 */
import { Decoder, Encoder } from "cbor-x"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import type { Partner } from "../workload.ts"
import type { Message } from "./mailboxes.ts"

const options = { useRecords: false, variableMapSize: true, tagUint8Array: false }

/** An array takes so many messages, or so many bytes of payload: what follows begins another one. */
const most = { messages: 1000, bytes: 64 * 1024 }

/** So much may wait to leave: the sender need not stop after each array. */
const streamOptions: net.SocketConstructorOpts & { readonly highWaterMark: number } = { highWaterMark: 1024 * 1024 }

/** Shorter ones are copied behind their length: cheaper than a second piece of a write. */
const shortBytes = 4096

export class SocketLink {
  private readonly encoder = new Encoder(options)
  private readonly decoder = new Decoder(options)
  private readonly socket: net.Socket
  private readonly handle: (message: Message) => void
  private turn: Array<Message> = []
  private payload = 0
  /** What has arrived of an array that is cut: its length, or the array as far as it is there. */
  private cut: Buffer = Buffer.alloc(0)
  private have = 0

  constructor(socket: net.Socket, handle: (message: Message, link: SocketLink) => void) {
    this.socket = socket
    this.handle = (message) => handle(message, this)
    socket.on("data", (chunk) => this.read(chunk))
    socket.on("error", () => {})
  }
  /** Whether more may be sent before the socket has drained. */
  get mayGoOn(): boolean {
    return !this.socket.writableNeedDrain
  }
  readonly drained = Effect.callback<void>((resume) => {
    if (this.mayGoOn) resume(Effect.void)
    else this.socket.once("drain", () => resume(Effect.void))
  })
  send(message: Message, payload = 0): void {
    if (this.turn.length === 0) queueMicrotask(this.flush)
    this.turn.push(message)
    this.payload += payload
    if (this.turn.length >= most.messages || this.payload >= most.bytes) this.flush()
  }
  private readonly flush = (): void => {
    if (this.turn.length === 0) return
    const body = this.encoder.encode(this.turn)
    this.turn = []
    this.payload = 0
    if (body.length < shortBytes) {
      const all = Buffer.allocUnsafe(4 + body.length)
      all.writeUInt32BE(body.length)
      all.set(body, 4)
      this.socket.write(all)
    } else {
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32BE(body.length)
      this.socket.cork()
      this.socket.write(length)
      this.socket.write(body)
      this.socket.uncork()
    }
  }
  private read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.have === 0 && chunk.length - at >= 4) {
        const end = at + 4 + chunk.readUInt32BE(at)
        if (end <= chunk.length) {
          this.handleAll(chunk.subarray(at + 4, end))
          at = end
          continue
        }
      }
      at += this.gather(chunk.subarray(at))
    }
  }
  /** Takes what belongs to the cut array, and handles it when it is whole. Answers how many bytes that were. */
  private gather(piece: Buffer): number {
    if (this.have < 4) {
      if (this.cut.length !== 4) this.cut = Buffer.allocUnsafe(4)
      const taken = piece.copy(this.cut, this.have)
      this.have += taken
      return taken
    }
    if (this.cut.length === 4) this.cut = Buffer.allocUnsafeSlow(4 + this.cut.readUInt32BE())
    const taken = piece.copy(this.cut, this.have)
    this.have += taken
    if (this.have === this.cut.length) {
      const whole = this.cut.subarray(4)
      this.cut = Buffer.alloc(0)
      this.have = 0
      this.handleAll(whole)
    }
    return taken
  }
  private handleAll(body: Buffer): void {
    for (const message of this.decoder.decode(body) as ReadonlyArray<Message>) this.handle(message)
  }
}

/** A partner that listens; `handle` gets what comes on any connection. */
export const listening = (handle: (message: Message, link: SocketLink) => void) =>
  Effect.callback<ReadonlyArray<number>>((resume) => {
    const server = net.createServer(
      { noDelay: true, ...streamOptions },
      (socket) => void new SocketLink(socket, handle)
    )
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed([(server.address() as net.AddressInfo).port])))
  })

/** A socket to such a partner. */
export const connected = ({ words }: Partner) =>
  Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const socket = new net.Socket(streamOptions)
      socket.setNoDelay().connect(Number(words[0]), () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** A link to such a partner. */
export const dialled = (partner: Partner, handle: (message: Message, link: SocketLink) => void) =>
  Effect.map(connected(partner), (socket) => new SocketLink(socket, handle))
