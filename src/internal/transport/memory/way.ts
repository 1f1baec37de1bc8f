/**
 * What is on its way in the in-memory network: when it leaves, when it arrives, and what becomes of it if it does not.
 *
 * @internal
 */

/** What the way of bytes has to know of its network. Routes lead from one host to another. */
export interface Conditions {
  /** Milliseconds of a clock that never jumps. */
  now(): number
  /** Whether a time has come. */
  isDue(time: number): boolean
  /** Calls back at a time, in another turn of the event loop. Answers how to call it off. */
  at(time: number, act: () => void): () => void
  /** How long what leaves now will be on its way, in milliseconds. */
  delay(from: string, to: string): number
  /** Bytes per second. */
  bandwidth(from: string, to: string): number
  /** What arrives is lost. */
  isCut(from: string, to: string): boolean
  /** What arrives waits. */
  isHeld(from: string, to: string): boolean
  /** Has vanished and not come back. */
  isGone(host: string): boolean
  /** Its process stands still. */
  isPaused(host: string): boolean
}

/** One end of a connection, as the way that leads to it or away from it knows it. */
export interface WayEnd {
  readonly host: string
  readonly isVanished: boolean
  readonly isOver: boolean
  /** How many more bytes the host takes. */
  readonly room: number
  /** The other end took the connect. */
  connected(): void
  take(bytes: Uint8Array): void
  /** The system of the other end says that there is no such connection. */
  reset(): void
  /** Something came that does not fit to what the host knows. */
  refuse(): void
  /** All that this end has written has arrived. */
  drained(): void
  /** The same, in the next turn of the event loop. */
  drainedSoon(): void
}

/** What arrives and concerns both ends of the connection. */
export interface WayEvents {
  /** A connect is about to arrive: who listens there may have changed. */
  locate(): void
  arrived(): void
  /** The close has come to the end `to`. `isGap`: behind bytes that were lost. */
  closed(isGap: boolean): void
  break(): void
}

/** What system buffers hold: what nobody reads, or what is lost, counts as unsent from here on only. */
export const windowSize = 256 * 1024
/**
 * Bytes, or what systems tell each other. `break` is a reset that both ends learn of at once, `gap` stands for bytes behind
 * some that were lost.
 */
type Parcel = Uint8Array | "connect" | "connected" | "close" | "reset" | "break" | "gap"

/** Systems say it again and again until it arrives. */
const isConnect = (parcel: Parcel): boolean => parcel === "connect" || parcel === "connected"

const sizeOf = (parcel: Parcel): number => typeof parcel === "string" ? 0 : parcel.length

/** One direction of a connection. Everything arrives in the order in which it was put in. */
export class Way {
  private readonly network: Conditions
  private readonly from: WayEnd
  private readonly to: WayEnd
  private readonly events: WayEvents
  /** `at` is when it arrives: not known before it has left. */
  private queue: Array<{ readonly parcel: Parcel; readonly at: number }> = []
  /** How many of them have left. */
  private departed = 0
  private queuedBytes = 0
  private lostBytes = 0
  /** Something was lost: nothing arrives behind it. */
  private hasGap = false
  /** When the one that left last arrives. */
  private lastAt = 0
  /** When the next one may leave; 0 if the line has nothing to do. */
  private freeAt = 0
  /** When the way is to be advanced next, and how to call that off. */
  private wakeAt = 0
  private callOff: (() => void) | undefined = undefined

  constructor(network: Conditions, from: WayEnd, to: WayEnd, events: WayEvents) {
    this.network = network
    this.from = from
    this.to = to
    this.events = events
  }

  get buffered(): number {
    return this.queuedBytes + Math.max(0, this.lostBytes - windowSize)
  }

  put(parcel: Parcel): void {
    if (this.departed === this.queue.length) this.rest()
    this.queue.push({ parcel, at: Infinity })
    this.queuedBytes += sizeOf(parcel)
    if (this.isBlackHole) this.lose()
    else {
      this.depart()
      this.plan()
    }
  }

  private get isBlackHole(): boolean {
    const { from, network, to } = this
    return network.isCut(from.host, to.host) || to.isVanished && network.isGone(to.host)
  }

  /** What may leave by now does. The line takes one portion at a time, so that a change of its speed shows soon. */
  private depart(): void {
    const { from, network, to } = this
    for (let next = this.queue[this.departed]; next !== undefined; next = this.queue[this.departed]) {
      if (!network.isDue(this.freeAt) || this.isStopped(next.parcel)) return
      let { parcel } = next
      const bandwidth = network.bandwidth(from.host, to.host)
      const portion = Math.ceil(bandwidth / 100)
      if (typeof parcel !== "string" && parcel.length > portion) {
        const rest = parcel.subarray(portion)
        parcel = parcel.subarray(0, portion)
        this.queue.splice(this.departed + 1, 0, { parcel: rest, at: Infinity })
      }
      const delay = network.delay(from.host, to.host)
      // Where nothing takes time nobody needs to know it.
      if (this.freeAt === 0 && (delay > 0 || bandwidth < Infinity)) this.freeAt = network.now()
      this.freeAt += 1000 * sizeOf(parcel) / bandwidth
      this.lastAt = Math.max(this.lastAt, this.freeAt + delay)
      this.queue[this.departed++] = { parcel, at: this.lastAt }
    }
  }

  /** A paused process sends nothing; what its system answers by itself still leaves. */
  private isStopped(parcel: Parcel): boolean {
    return parcel !== "connected" && parcel !== "reset" && this.network.isPaused(this.from.host)
  }

  /** Whether what is due has to wait all the same. */
  private isStuck(parcel: Parcel): boolean {
    const { from, network, to } = this
    if (parcel === "connect") this.events.locate()
    if (network.isHeld(from.host, to.host)) return true
    if (parcel === "connected") return network.isCut(from.host, to.host)
    if (parcel === "connect") return network.isCut(from.host, to.host) || network.isCut(to.host, from.host)
    return sizeOf(parcel) > 0 && to.room <= 0
  }

  /** Sees to it that the way is advanced when there is something to do. */
  plan(): void {
    const [first] = this.queue
    const next = this.queue[this.departed]
    const arrival = this.departed === 0 || this.isStuck(first!.parcel) ? Infinity : first!.at
    const departure = next === undefined || this.isStopped(next.parcel) ? Infinity : this.freeAt
    const wakeAt = Math.min(arrival, departure)
    if (wakeAt === Infinity || this.callOff !== undefined && this.wakeAt <= wakeAt) return
    this.cancel()
    this.wakeAt = wakeAt
    this.callOff = this.network.at(wakeAt, this.advance)
  }

  private cancel(): void {
    this.callOff?.()
    this.callOff = undefined
  }

  private readonly advance = (): void => {
    this.callOff = undefined
    this.depart()
    for (let [first] = this.queue; first !== undefined && this.network.isDue(first.at); [first] = this.queue) {
      if (this.isStuck(first.parcel)) break
      this.arrive(first.parcel, first.at)
    }
    this.plan()
  }

  private arrive(parcel: Parcel, at: number): void {
    const { to } = this
    this.queue.shift()
    this.departed--
    switch (parcel) {
      case "connect":
        return this.events.arrived()
      case "connected":
        return to.connected()
      case "close":
        return this.events.closed(this.hasGap)
      case "reset":
        return to.reset()
      case "break":
        return this.events.break()
      case "gap":
        return to.refuse()
      default: {
        const taken = parcel.subarray(0, to.room)
        if (taken.length < parcel.length) {
          this.queue.unshift({ parcel: parcel.subarray(taken.length), at })
          this.departed++
        }
        this.queuedBytes -= taken.length
        if (this.hasGap || to.isOver) to.refuse()
        else to.take(taken)
        if (this.buffered === 0) this.from.drained()
      }
    }
  }

  /** What is on its way does not arrive. */
  lose(): void {
    const before = this.buffered
    const connects = this.queue.filter(({ parcel }) => isConnect(parcel))
    this.hasGap ||= connects.length < this.queue.length
    this.lostBytes += this.queuedBytes
    this.queuedBytes = 0
    this.queue = connects
    this.departed = connects.filter(({ at }) => at < Infinity).length
    this.cancel()
    if (before > 0 && this.buffered === 0) this.from.drainedSoon()
  }

  /** What is sent arrives again. The bytes that never left, since system buffers were full, come behind those lost. */
  retry(): void {
    if (this.lostBytes > windowSize && !this.isBlackHole) this.put("gap")
    else this.plan()
  }

  /** Keeps so many bytes of what is on its way, and nothing behind them. Answers whether there are any. */
  truncate(bytes: number): boolean {
    let room = bytes
    this.queuedBytes = 0
    const all = this.queue
    this.queue = []
    for (const { at, parcel } of all) {
      const kept = typeof parcel === "string" ? parcel : parcel.subarray(0, room)
      if (sizeOf(kept) === 0 && !isConnect(kept)) break
      this.queue.push({ parcel: kept, at })
      room -= sizeOf(kept)
      this.queuedBytes += sizeOf(kept)
    }
    this.departed = this.queue.filter(({ at }) => at < Infinity).length
    return this.queuedBytes > 0
  }

  /** What is on its way arrives as soon as it can. */
  hurry(): void {
    this.lastAt = this.freeAt = 0
    this.queue = this.queue.map(({ at, parcel }) => ({ parcel, at: at < Infinity ? this.lastAt : at }))
    this.plan()
  }

  /** Lets go of everything. */
  clear(): void {
    this.cancel()
    this.queue = []
    this.departed = this.queuedBytes = this.lostBytes = 0
    this.hasGap = false
  }

  /** The sender, which was paused, goes on: the time that has passed was not the line's. */
  goOn(): void {
    this.rest()
    this.plan()
  }

  private rest(): void {
    if (this.network.isDue(this.freeAt)) this.freeAt = 0
  }
}
