/**
 * A data connection: a wire whose handshake is done, and the end of a stream of bytes that it serves.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { linger } from "../link.ts"
import { LinkError } from "../linkError.ts"
import type { Wire, WireEvents } from "../wire.ts"
import type { Flow, Outlet } from "./flow.ts"
import { beatWanted, FrameReader, frames, head } from "./frames.ts"

/**
 * Beyond this many unsent bytes the sender waits, whatever the receiver has room for: no turn of the event loop is longer for it. It is more
 * than what sockets take without telling that it has left.
 */
const highWater = 512 * 1024

const onlyLent = (): void => {}

export class Channel implements WireEvents, Outlet {
  readonly nodeId: string
  readonly flow: Flow
  /** Bytes that have come, and that were sent. */
  received = 0
  sent = 0
  private readonly wire: Wire
  private readonly reader: FrameReader
  private readonly lost: (error: LinkError) => void
  private isClosed = false

  /** `lost` is told, once, that the connection is gone though the flow is not over. */
  constructor(wire: Wire, nodeId: string, flow: Flow, lost: (error: LinkError) => void) {
    this.wire = wire
    this.nodeId = nodeId
    this.flow = flow
    this.reader = new FrameReader({
      bytes: (piece) => flow.bytes(piece),
      frame: (kind, value, text) => kind === frames.beat ? this.beaten(value) : flow.frame(kind, value, text)
    })
    this.lost = lost
  }

  get buffered(): number {
    return this.wire.buffered
  }

  get isFull(): boolean {
    return this.wire.buffered >= highWater
  }

  write(bytes: Uint8Array): void {
    if (this.isClosed) return
    this.sent += bytes.length
    // They may be a program's, which sends them elsewhere too: lent, and not given.
    this.wire.write(bytes, onlyLent)
  }

  beat(): void {
    this.write(head(frames.beat, 0))
  }

  /** Asks for a beat. */
  probe(): void {
    this.write(head(frames.beat, beatWanted))
  }

  private beaten(value: number): undefined {
    // What has not left yet will be a sign as well; and who asks without reading gets no more for it.
    if (value === beatWanted && this.wire.buffered === 0) this.beat()
  }

  data(chunk: Uint8Array): void {
    if (this.isClosed || this.flow.isOver) return
    this.received += chunk.length
    const wrong = this.reader.read(chunk)
    if (wrong !== undefined) {
      this.lose(new LinkError({ reason: "bad_packet", peer: this.nodeId, detail: `on a data connection: ${wrong}` }))
    }
  }

  drained(): void {
    if (!this.isClosed) this.flow.drained()
  }

  closed(why: string): void {
    this.lose(new LinkError({ reason: "link_lost", peer: this.nodeId, detail: why }))
  }

  /** The connection is of no further use: closes it at once. */
  lose(error: LinkError): void {
    if (this.isClosed) return
    this.isClosed = true
    this.wire.destroy()
    if (!this.flow.isOver) this.lost(error)
  }

  giveUp(error: LinkError): void {
    this.lose(error)
  }

  /** The flow is over: what it said last leaves yet, within bounds. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isClosed) return Effect.void
      this.isClosed = true
      return linger(this.wire)
    })
  }
}
