/**
 * Connections of the in-memory network: what an end tells its owner, and what it does to the other end.
 *
 * @internal
 */
import { afterIo } from "#platform"
import type { Wire, WireEvents } from "../wire.ts"
import { type Conditions, Way, type WayEnd, type WayEvents, windowSize } from "./way.ts"

/** What connections have to know of their network. */
export interface Surroundings extends Conditions {
  /** How often the host has vanished. */
  life(host: string): number
  /** Who waits for a paused host to go on; undefined if it is not paused. */
  waitingFor(host: string): Set<End> | undefined
  listener(address: string): Listener | undefined
  /** Nobody holds an end of the connection any more. */
  over(connection: Connection): void
}

export interface Listener {
  readonly host: string
  readonly accept: (wire: Wire) => void
}

const eof = "Unexpected end-of-file"
const resetByPeer = "Connection reset by peer"
const refused = "Connection refused"

/** One end of a connection, as the host that holds it sees it. */
export class End implements Wire, WayEnd {
  readonly remote: string
  /** Of an end that nobody has accepted yet: where the other side hopes to get to. */
  host: string
  state: "unborn" | "open" | "ended" | "closed" | "vanished" = "unborn"
  other!: End
  /** From here to the other end. */
  out!: Way
  /** Given the end when it is connected, or why it is not. */
  private ready: ((result: End | string) => void) | undefined = undefined
  private isConnected = false
  /** The life of the host that its owner lives in. */
  private life = 0
  private readonly network: Surroundings
  private readonly connection: Connection
  private events: WireEvents | undefined = undefined
  private arrived: Array<Uint8Array> = []
  private unread = 0
  private isDrained = false
  private why: string | undefined = undefined
  private whenClosed: (() => void) | undefined = undefined

  constructor(network: Surroundings, connection: Connection, host: string, remote: string) {
    this.network = network
    this.connection = connection
    this.host = host
    this.remote = remote
  }

  // ---- for its owner

  get buffered(): number {
    return this.isOver ? 0 : this.out.buffered
  }

  start(events: WireEvents): void {
    this.events = events
    queueMicrotask(() => this.deliver())
  }

  write(bytes: Uint8Array): void {
    if (this.state === "open" && bytes.length > 0) this.out.put(bytes)
  }

  end(closed: () => void): void {
    if (this.state !== "open") return void afterIo(closed)
    this.state = "ended"
    this.whenClosed = closed
    this.out.put("close")
  }

  destroy(): void {
    this.arrived = []
    if (this.isOver) return
    this.state = "closed"
    this.why = eof
    // As much as a system has taken over still leaves.
    this.out.truncate(windowSize)
    this.out.put("close")
    this.connection.letGo()
    // As over a socket, this side is told as well.
    this.soon()
  }

  // ---- for the network

  /** Whether nobody holds it, or nobody any more. */
  get isOver(): boolean {
    return this.state !== "open" && this.state !== "ended"
  }

  get isVanished(): boolean {
    return this.state === "vanished"
  }

  get room(): number {
    const reads = this.events !== undefined && this.network.waitingFor(this.host) === undefined
    return reads || this.state !== "open" ? Infinity : windowSize - this.unread
  }

  /** Somebody is about to hold it. */
  open(ready: (result: End | string) => void): void {
    this.state = "open"
    this.life = this.network.life(this.host)
    this.ready = ready
  }

  connected(): void {
    this.isConnected = true
    this.deliver()
  }

  take(bytes: Uint8Array): void {
    // As over a socket, what comes behind our own end is of no interest.
    if (this.state === "ended") return
    this.arrived.push(bytes)
    this.unread += bytes.length
    this.deliver()
  }

  /** What came does not fit to what the host knows: both sides have to give the connection up. */
  refuse(): void {
    this.close(resetByPeer)
    if (!this.other.isOver) this.out.put("reset")
    this.deliver()
  }

  reset(): void {
    this.close(this.isConnected ? resetByPeer : refused)
    this.deliver()
  }

  /** The connection is gone, and the owner has not been told yet. What was written here has nobody to go to. */
  close(why: string): void {
    if (this.isOver) return
    this.state = "closed"
    this.why = why
    this.out.clear()
    this.connection.letGo()
  }

  drained(): void {
    this.isDrained = true
    this.deliver()
  }

  drainedSoon(): void {
    this.isDrained = true
    this.soon()
  }

  /** The host is gone, and its owner with it. */
  vanish(): void {
    if (this.state === "unborn") return
    this.state = "vanished"
    this.arrived = []
    this.out.clear()
    this.other.abandoned()
    this.connection.letGo()
    afterIo(() => this.tellEnded())
  }

  /** The other end has vanished. Nobody is told, unless it was to answer a connect. */
  private abandoned(): void {
    this.out.lose()
    if (this.isConnected) return
    this.close(refused)
    this.soon()
  }

  /** Tells the owner in the next turn of the event loop: what somebody does must not call him back. */
  soon(): void {
    afterIo(() => this.deliver())
  }

  /** Tells the owner what there is to tell, unless its process stands still. */
  deliver(): void {
    if (this.life !== this.network.life(this.host)) return
    const waiting = this.network.waitingFor(this.host)
    if (waiting !== undefined) return void waiting.add(this)
    this.tellReady()
    if (this.events !== undefined) this.tellEvents(this.events)
    if (this.isOver) this.tellEnded()
  }

  private tellEnded(): void {
    const { whenClosed } = this
    this.whenClosed = undefined
    whenClosed?.()
  }

  private tellReady(): void {
    const { ready } = this
    if (ready === undefined || !this.isConnected && !this.isOver) return
    this.ready = undefined
    ready(this.isConnected ? this : this.why ?? resetByPeer)
  }

  private tellEvents(events: WireEvents): void {
    const hadRoom = this.unread < windowSize
    for (let chunk = this.arrived.shift(); chunk !== undefined; chunk = this.arrived.shift()) {
      this.unread -= chunk.length
      events.data(chunk)
    }
    if (!hadRoom) this.other.out.plan()
    // More may have been written since.
    if (this.isDrained && !this.isOver && this.buffered === 0) events.drained()
    this.isDrained = false
    if (this.why === undefined || this.events === undefined) return
    this.events = undefined
    events.closed(this.why)
  }
}

/** A connection, from the moment somebody dials until nobody holds an end of it any more. */
export class Connection {
  /** The end of the side that dialled, and the other one. */
  readonly here: End
  readonly there: End
  private readonly network: Surroundings
  private readonly address: string

  /** Dials. `ready` is given the end that connected, or told why there is none. */
  constructor(
    network: Surroundings,
    host: string,
    address: string,
    ownAddress: string,
    ready: (result: Wire | string) => void
  ) {
    this.network = network
    this.address = address
    const here = new End(network, this, host, address)
    const there = new End(network, this, "", ownAddress)
    here.other = there
    there.other = here
    here.out = new Way(network, here, there, this.eventsOf(here))
    there.out = new Way(network, there, here, this.eventsOf(there))
    this.here = here
    this.there = there
    this.locate()
    here.open(ready)
    here.out.put("connect")
  }

  /** What arrives at the other end of what this end sends. */
  private eventsOf(from: End): WayEvents {
    return {
      locate: () => this.locate(),
      arrived: () => this.arrived(),
      closed: (isGap) => this.closed(from, isGap),
      break: () => this.break()
    }
  }

  /** Who listens may have changed since. A host that nobody knows has no name: only routes to all hosts lead there. */
  private locate(): void {
    this.there.host = this.network.listener(this.address)?.host ?? ""
  }

  /** The connect has come. */
  private arrived(): void {
    const { address, network, there } = this
    const listener = network.listener(address)
    if (listener === undefined) return there.out.put("reset")
    there.open(() => {
      // A paused process may have stopped to listen before it heard of this one.
      if (network.listener(address) === listener) listener.accept(there)
      else there.refuse()
    })
    there.out.put("connected")
    there.connected()
  }

  /** The close that one end sent has come to the other one. */
  private closed(from: End, isGap: boolean): void {
    const to = from.other
    if (isGap || to.state === "vanished") return to.refuse()
    to.close(eof)
    to.deliver()
    from.close(eof)
    from.deliver()
  }

  /** Lets so many bytes of what is on its way on one of the routes through, then breaks. */
  reset(isMeant: (from: string, to: string) => boolean, bytes: number): void {
    let isEmpty = true
    for (const { host, other, out } of [this.here, this.there]) {
      if (!isMeant(host, other.host)) out.lose()
      else if (out.truncate(bytes)) {
        out.put("break")
        isEmpty = false
      }
    }
    if (isEmpty) this.break()
  }

  /** Both ends are told of a reset. */
  break(): void {
    for (const end of [this.here, this.there]) {
      end.close(resetByPeer)
      end.soon()
    }
  }

  /** What is on its way between two ends that are over is of no interest. */
  letGo(): void {
    if (!this.here.isOver || !this.there.isOver) return
    this.here.out.clear()
    this.there.out.clear()
    this.network.over(this)
  }
}
