/**
 * The network of a run: connections between hosts, which are processes here, with everything that can happen to them.
 */
import * as Effect from "effect/Effect"
import { LinkError } from "../../src/internal/linkError.ts"
import type { Carrier, Wire, WireEvents } from "../../src/internal/wire.ts"
import type { ProcessClock, SimulatedClock } from "./clock.ts"
import type { Shape } from "./plan.ts"
import type { SeededRandom } from "./random.ts"

/** From one host to another; `*` is any. */
export interface Route {
  readonly from: string
  readonly to: string
}

const matches = (route: Route, from: string, to: string): boolean =>
  (route.from === "*" || route.from === from) && (route.to === "*" || route.to === to)

interface Listener {
  readonly host: string
  readonly accept: (wire: Wire) => void
}

export class Network {
  private readonly clock: SimulatedClock
  private readonly owner: ProcessClock
  readonly random: SeededRandom
  private readonly listeners = new Map<string, Listener>()
  private readonly ends = new Set<End>()
  private readonly shapes: Array<{ readonly route: Route; readonly shape: Shape }> = []
  private blocked: Array<Route> = []
  private readonly paused = new Set<string>()
  private readonly vanished = new Set<string>()
  /** Connections that a paused host has not accepted yet. */
  private waiting: Array<{ readonly host: string; readonly accept: () => void }> = []
  /** Called when a route opens. */
  private opened: Array<() => void> = []
  private lastPort = 0

  constructor(clock: SimulatedClock, owner: ProcessClock, random: SeededRandom) {
    this.clock = clock
    this.owner = owner
    this.random = random
  }

  get now(): number {
    return this.clock.now
  }

  /** Calls back at a time: a turn of the event loop later if it is now. */
  at(time: number, act: () => void): void {
    if (time <= this.now) setImmediate(act)
    else this.clock.lieDown(this.owner, Math.ceil(time - this.now), act)
  }

  readonly carrier: Carrier = {
    listen: (bind, accept, host) =>
      this.listeners.has(bind)
        ? Effect.fail(new LinkError({ reason: "listen_failed", peer: bind, detail: "the port is in use" }))
        : Effect.acquireRelease(
          Effect.sync(() => {
            this.listeners.set(bind, { host, accept })
            return [bind]
          }),
          () => Effect.sync(() => this.listeners.delete(bind))
        ),
    dial: (address, host) =>
      Effect.callback((resume) => {
        let isGivenUp = false
        const refused = () =>
          resume(Effect.fail(new LinkError({ reason: "connect_failed", peer: address, detail: "Connection refused" })))
        const arrive = (): void => {
          if (isGivenUp || this.vanished.has(host)) return
          const listener = this.listeners.get(address)
          if (listener === undefined) return refused()
          const { accept, host: to } = listener
          if (this.isBlocked(host, to) || this.isBlocked(to, host)) {
            this.opened.push(arrive)
            return
          }
          const here = new End(this, host, to, address)
          const there = new End(this, to, host, `memory:${10_000 + ++this.lastPort}`)
          here.other = there
          there.other = here
          this.ends.add(here).add(there)
          if (this.paused.has(to)) this.waiting.push({ host: to, accept: () => accept(there) })
          else accept(there)
          resume(Effect.succeed(here))
        }
        const to = this.listeners.get(address)?.host
        this.at(this.now + (to === undefined ? 0 : this.delay(host, to, 0)), arrive)
        return Effect.sync(() => {
          isGivenUp = true
        })
      })
  }

  shapeOf(from: string, to: string): Shape {
    return this.shapes.findLast(({ route }) => matches(route, from, to))?.shape ?? { latency: 0, jitter: 0 }
  }

  /** How long so many bytes take. */
  delay(from: string, to: string, bytes: number): number {
    const { bandwidth, jitter, latency } = this.shapeOf(from, to)
    return latency + this.random.between(0, jitter) + (bandwidth === undefined ? 0 : 1000 * bytes / bandwidth)
  }

  isBlocked(from: string, to: string): boolean {
    return this.blocked.some((route) => matches(route, from, to))
  }

  isPaused(host: string): boolean {
    return this.paused.has(host)
  }

  gone(end: End): void {
    this.ends.delete(end)
  }

  // ---- what can be done to it

  shape(route: Route, shape: Shape): void {
    this.shapes.push({ route, shape })
  }

  /** Nothing gets through. What is sent waits, as TCP would send it again. */
  cut(route: Route): void {
    this.blocked.push(route)
  }

  heal(route: Route): void {
    const at = this.blocked.findIndex(({ from, to }) => from === route.from && to === route.to)
    if (at >= 0) this.blocked.splice(at, 1)
    const opened = this.opened
    this.opened = []
    for (const act of opened) act()
    for (const end of this.ends) end.pump()
  }

  hold(route: Route): void {
    this.cut(route)
  }

  release(route: Route): void {
    this.heal(route)
  }

  /** Connections break, at both ends, when so many more bytes have arrived. */
  reset(route: Route, afterBytes = 0): void {
    for (const end of this.ends) if (matches(route, end.host, end.remoteHost)) end.breakAfter(afterBytes)
  }

  /** The host is gone: nobody hears of it. */
  vanish(host: string): void {
    this.vanished.add(host)
    for (const end of this.ends) if (end.host === host) end.vanish()
    for (const [address, listener] of this.listeners) if (listener.host === host) this.listeners.delete(address)
  }

  pause(host: string): void {
    this.paused.add(host)
  }

  resume(host: string): void {
    this.paused.delete(host)
    const ready = this.waiting.filter((one) => one.host === host)
    this.waiting = this.waiting.filter((one) => one.host !== host)
    for (const { accept } of ready) accept()
    for (const end of this.ends) if (end.host === host) end.deliver()
  }

  /** The ends of connections that somebody holds. */
  get held(): ReadonlyArray<string> {
    return Array.from(this.ends).filter((end) => !end.isOver).map(({ host, remoteHost }) => `${host} to ${remoteHost}`)
  }
}

type Item = { readonly at: number; readonly bytes: Uint8Array } | { readonly at: number; readonly bytes: undefined }

/** One end of a connection. */
class End implements Wire {
  readonly remote: string
  readonly host: string
  readonly remoteHost: string
  other!: End
  buffered = 0
  private readonly network: Network
  private events: WireEvents | undefined = undefined
  /** What is on its way from here, and what has come. */
  private outgoing: Array<Item> = []
  private arrived: Array<Uint8Array> = []
  private closedWith: string | undefined = undefined
  private state: "open" | "ended" | "vanished" = "open"
  private told = false
  private lastAt = 0
  private left: number | undefined = undefined
  private whenEnded: () => void = () => {}

  constructor(network: Network, host: string, remoteHost: string, remote: string) {
    this.network = network
    this.host = host
    this.remoteHost = remoteHost
    this.remote = remote
  }

  start(events: WireEvents): void {
    this.events = events
    queueMicrotask(() => this.deliver())
  }

  write(bytes: Uint8Array): void {
    if (this.state !== "open" || this.closedWith !== undefined) return
    this.buffered += bytes.length
    this.put(bytes)
  }

  private put(bytes: Uint8Array | undefined): void {
    const { host, network, remoteHost } = this
    const due = network.now + Math.round(network.delay(host, remoteHost, bytes?.length ?? 0))
    this.lastAt = Math.max(this.lastAt, due)
    this.outgoing.push({ at: this.lastAt, bytes })
    network.at(this.lastAt, () => this.pump())
  }

  /** Moves what is due to the other side, unless the way is blocked. */
  pump(): void {
    const { network } = this
    while (this.outgoing[0] !== undefined && this.outgoing[0].at <= network.now) {
      if (this.state === "vanished" || network.isBlocked(this.host, this.remoteHost)) return
      if (this.other.state === "vanished") return
      const { bytes } = this.outgoing.shift()!
      if (bytes === undefined) {
        this.other.close("Unexpected end-of-file")
        this.closedWith ??= "closed"
        this.whenEnded()
        network.gone(this)
        continue
      }
      this.buffered -= bytes.length
      if (this.left !== undefined) {
        const rest = this.left
        this.left -= bytes.length
        if (this.left < 0) {
          if (rest > 0) this.other.take(bytes.subarray(0, rest))
          this.break()
          return
        }
      }
      this.other.take(bytes)
      if (this.buffered === 0 && this.state === "open" && this.closedWith === undefined) this.events?.drained()
    }
  }

  private take(bytes: Uint8Array): void {
    if (this.state !== "open") return
    // Now and then in two pieces: where one write ends means nothing.
    const cut = this.network.random.chance(0.1) ? this.network.random.int(1, bytes.length) : bytes.length
    this.arrived.push(bytes.subarray(0, cut))
    if (cut < bytes.length) this.arrived.push(bytes.subarray(cut))
    this.deliver()
  }

  deliver(): void {
    const { events, network } = this
    if (events === undefined || this.told || network.isPaused(this.host)) return
    for (let chunk = this.arrived.shift(); chunk !== undefined; chunk = this.arrived.shift()) events.data(chunk)
    if (this.closedWith === undefined || this.told) return
    this.told = true
    if (this.outgoing.length === 0) network.gone(this)
    events.closed(this.closedWith)
  }

  private close(why: string): void {
    if (this.closedWith !== undefined || this.state === "vanished") return
    this.closedWith = why
    this.outgoing = []
    this.buffered = 0
    this.whenEnded()
    this.deliver()
  }

  end(closed: () => void): void {
    if (this.state !== "open" || this.closedWith !== undefined) return void setImmediate(closed)
    this.state = "ended"
    this.whenEnded = () => setImmediate(closed)
    this.put(undefined)
  }

  destroy(): void {
    if (this.isOver) return
    const first = this.state === "open"
    this.state = "ended"
    this.closedWith = "closed"
    this.arrived = []
    this.buffered = 0
    this.outgoing = this.outgoing.filter(({ bytes }) => bytes === undefined)
    if (first) this.put(undefined)
    // This side is told as well, as over a socket.
    setImmediate(() => this.deliver())
  }

  /** Whether nobody here holds it any more. */
  get isOver(): boolean {
    return this.closedWith !== undefined || this.state === "vanished"
  }

  breakAfter(bytes: number): void {
    if (bytes === 0) this.break()
    else this.left = bytes
  }

  private break(): void {
    this.close("Connection reset by peer")
    this.other.close("Connection reset by peer")
  }

  vanish(): void {
    this.state = "vanished"
    this.network.gone(this)
  }
}
