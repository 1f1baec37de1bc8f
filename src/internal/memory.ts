/**
 * Wires between nodes of one process: an in-memory network with addresses of its own. Bytes travel in order, each write
 * as one chunk, a turn of the event loop later, as over a socket.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { LinkError } from "./linkError.ts"
import type { Carrier, Wire, WireEvents } from "./wire.ts"

class MemoryWire implements Wire {
  readonly remote: string
  /** The other end. Set right after both exist. */
  peer: MemoryWire | undefined = undefined
  buffered = 0
  private events: WireEvents | undefined = undefined
  private arrived: Array<Uint8Array> = []
  private closedWith: string | undefined = undefined
  private told = false

  constructor(remote: string) {
    this.remote = remote
  }
  start(events: WireEvents): void {
    this.events = events
    queueMicrotask(() => this.deliver())
  }
  write(bytes: Uint8Array): void {
    const { peer } = this
    if (this.closedWith !== undefined || peer === undefined) return
    this.buffered += bytes.length
    setImmediate(() => {
      this.buffered -= bytes.length
      peer.arrived.push(bytes)
      peer.deliver()
      if (this.buffered === 0 && this.closedWith === undefined) this.events?.drained()
    })
  }
  end(closed: () => void): void {
    this.destroy()
    setImmediate(closed)
  }
  destroy(): void {
    if (this.closedWith !== undefined) return
    this.closedWith = "closed"
    // Behind what was written. This side is told as well, as over a socket.
    setImmediate(() => {
      this.peer?.close("Unexpected end-of-file")
      this.deliver()
    })
  }
  private close(why: string): void {
    if (this.closedWith !== undefined) return
    this.closedWith = why
    this.deliver()
  }
  private deliver(): void {
    const { events } = this
    if (events === undefined || this.told) return
    if (this.closedWith === "closed") this.arrived = []
    for (let chunk = this.arrived.shift(); chunk !== undefined; chunk = this.arrived.shift()) events.data(chunk)
    if (this.closedWith !== undefined && !this.told) {
      this.told = true
      events.closed(this.closedWith)
    }
  }
}

/** A new network. Nodes that share it reach each other, and nobody else does. */
export const makeMemoryCarrier = (): Carrier => {
  const listeners = new Map<string, (wire: Wire) => void>()
  let lastPort = 10000

  const listen: Carrier["listen"] = (bind, accept) => {
    const [host = "", port = ""] = bind.split(":")
    const known = host === "" || host === "*" ? "memory" : host
    const address = `${known}:${port === "" || port === "*" || port === "0" ? ++lastPort : port}`
    if (listeners.has(address)) {
      return Effect.fail(new LinkError({ reason: "listen_failed", peer: address, detail: "the port is in use" }))
    }
    return Effect.acquireRelease(
      Effect.sync(() => {
        listeners.set(address, accept)
        return [address]
      }),
      () => Effect.sync(() => listeners.delete(address))
    )
  }

  const dial: Carrier["dial"] = (address) =>
    Effect.suspend(() => {
      const accept = listeners.get(address)
      if (accept === undefined) {
        return Effect.fail(new LinkError({ reason: "connect_failed", peer: address, detail: "Connection refused" }))
      }
      const here = new MemoryWire(address)
      const there = new MemoryWire(`memory:${++lastPort}`)
      here.peer = there
      there.peer = here
      accept(there)
      return Effect.succeed(here)
    })

  return { listen, dial }
}
