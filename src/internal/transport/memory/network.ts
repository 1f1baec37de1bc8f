/**
 * A network inside the process, with addresses of its own, and with everything that can happen to one. Bytes travel in
 * order, each write as one chunk, a turn of the event loop later, as over a socket, unless a route is shaped otherwise.
 *
 * Time comes from the clock and chance from the source that the network was made with: a run repeats.
 *
 * @internal
 */
import { afterIo, takeBack } from "#platform"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type Address, formatAddress, isWildcard, parseAddress } from "../../values/address.ts"
import { LinkError } from "../linkError.ts"
import type { Carrier, Wire } from "../wire.ts"
import { Connection, type End, type Listener, type Surroundings } from "./connection.ts"

interface Route {
  readonly from: string
  readonly to: string
}

interface Shape {
  readonly latency?: Duration.Input
  readonly jitter?: Duration.Input
  readonly bandwidth?: number
}

/** Times that differ by less are the same: clocks count nanoseconds, and sums of fractions are not exact. */
const tolerance = 0.001

const fits = (name: string, host: string): boolean => name === "*" || name === host

const isOn = (route: Route, from: string, to: string): boolean => fits(route.from, from) && fits(route.to, to)

/** A property of routes: what was said last of those that a route is among. */
class Property<A> {
  private said: ReadonlyArray<{ readonly route: Route; readonly value: A }> = []
  private readonly otherwise: A
  constructor(otherwise: A) {
    this.otherwise = otherwise
  }
  set(route: Route, value: A): void {
    // What was said of the same hosts, or of some of them, counts no more.
    this.said = [...this.said.filter((before) => !isOn(route, before.route.from, before.route.to)), { route, value }]
  }
  get(from: string, to: string): A {
    if (this.said.length === 0) return this.otherwise
    return this.said.findLast(({ route }) => isOn(route, from, to))?.value ?? this.otherwise
  }
}

class Network implements Surroundings {
  readonly connections = new Set<Connection>()
  private readonly latency = new Property(0)
  private readonly jitter = new Property(0)
  private readonly speed = new Property(Infinity)
  private readonly cuts = new Property(false)
  private readonly holds = new Property(false)
  /** By host: the ends that have something to tell when it goes on. */
  private readonly paused = new Map<string, Set<End>>()
  /** By host: how often it has vanished. */
  private readonly lives = new Map<string, number>()
  /** Hosts that have vanished and not come back, and whether they listened. */
  private readonly gone = new Map<string, boolean>()
  private readonly listeners = new Map<string, Listener>()
  private readonly clock: Clock.Clock
  private readonly random: Random.Random
  private readonly fork: <A>(effect: Effect.Effect<A>) => ReturnType<typeof Effect.runFork<A, never>>
  private lastPort = 10000
  /** What the clock said when it was asked last. */
  private latest = 0

  constructor(context: Context.Context<never>) {
    this.clock = Context.get(context, Clock.Clock)
    this.random = Context.get(context, Random.Random)
    this.fork = Effect.runForkWith(context)
  }

  // ---- what it is like

  now(): number {
    this.latest = Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
    return this.latest
  }
  isDue(time: number): boolean {
    return time <= this.latest || time <= this.now() + tolerance
  }
  at(time: number, act: () => void): () => void {
    if (this.isDue(time)) {
      const turn = afterIo(act)
      return () => takeBack(turn)
    }
    const fiber = this.fork(this.clock.sleep(Duration.millis(time - this.latest)))
    // Not in the fiber itself, which would keep to itself what goes wrong.
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) act()
    })
    return () => fiber.interruptUnsafe()
  }
  delay(from: string, to: string): number {
    const jitter = this.jitter.get(from, to)
    return this.latency.get(from, to) + (jitter > 0 ? jitter * this.random.nextDoubleUnsafe() : 0)
  }
  bandwidth(from: string, to: string): number {
    return this.speed.get(from, to)
  }
  isCut(from: string, to: string): boolean {
    return this.cuts.get(from, to)
  }
  isHeld(from: string, to: string): boolean {
    return this.holds.get(from, to)
  }
  life(host: string): number {
    return this.lives.get(host) ?? 0
  }
  isGone(host: string): boolean {
    return this.gone.has(host)
  }
  isPaused(host: string): boolean {
    return this.paused.has(host)
  }

  waitingFor(host: string): Set<End> | undefined {
    return this.paused.get(host)
  }
  listener(address: string): Listener | undefined {
    return this.listeners.get(address)
  }
  over(connection: Connection): void {
    this.connections.delete(connection)
  }
  private get ends(): ReadonlyArray<End> {
    return Array.from(this.connections).flatMap(({ here, there }) => [here, there])
  }

  // ---- who uses it

  readonly listen: Carrier["listen"] = (bind, accept, host) => {
    const read = parseAddress(bind.startsWith(":") ? `${anyHost}${bind}` : bind, anyHost)
    if (read === undefined) return Effect.fail(new LinkError({ reason: "malformed_address", peer: bind }))
    const address = formatAddress({ host: hostOf(read), port: read.port === 0 ? ++this.lastPort : read.port })
    const listener = { host, accept }
    return Effect.acquireRelease(
      Effect.suspend(() => {
        if (this.listeners.has(address)) {
          return Effect.fail(new LinkError({ reason: "listen_failed", peer: address, detail: "the port is in use" }))
        }
        this.listeners.set(address, listener)
        this.comesBack(host)
        return Effect.succeed([address])
      }),
      () =>
        Effect.sync(() => {
          if (this.listeners.get(address) === listener) this.listeners.delete(address)
        })
    )
  }

  readonly dial: Carrier["dial"] = (address, host) =>
    Effect.callback<Wire, LinkError>((resume) => {
      // Whoever listened comes back by listening: it is the old life that dials.
      if (this.gone.get(host) === true) return
      this.comesBack(host)
      const connection = new Connection(this, host, address, `memory:${++this.lastPort}`, (result) =>
        resume(
          typeof result === "string"
            ? Effect.fail(new LinkError({ reason: "connect_failed", peer: address, detail: result }))
            : Effect.succeed(result)
        ))
      this.connections.add(connection)
      return Effect.sync(() => connection.here.destroy())
    })

  private comesBack(host: string): void {
    if (!this.gone.delete(host)) return
    for (const { other, out } of this.ends) if (other.host === host) out.retry()
  }

  // ---- what can be done to it

  shape(route: Route, { bandwidth, jitter, latency }: Shape): void {
    if (bandwidth !== undefined && !(bandwidth > 0)) throw new RangeError(`a bandwidth of ${bandwidth} bytes a second`)
    if (latency !== undefined) this.latency.set(route, Duration.toMillis(latency))
    if (jitter !== undefined) this.jitter.set(route, Duration.toMillis(jitter))
    if (bandwidth !== undefined) this.speed.set(route, bandwidth)
  }
  cut(route: Route): void {
    this.cuts.set(route, true)
    for (const { host, other, out } of this.ends) if (isOn(route, host, other.host)) out.lose()
  }
  heal(route: Route): void {
    this.cuts.set(route, false)
    for (const { out } of this.ends) out.retry()
  }
  hold(route: Route): void {
    this.holds.set(route, true)
  }
  release(route: Route): void {
    this.holds.set(route, false)
    for (const { out } of this.ends) out.plan()
  }
  reset(route: Route, afterBytes: number): void {
    const isMeant = (from: string, to: string): boolean => isOn(route, from, to)
    for (const connection of this.connections) {
      const { here, there } = connection
      if (isMeant(here.host, there.host) || isMeant(there.host, here.host)) connection.reset(isMeant, afterBytes)
    }
  }
  vanish(host: string): void {
    let listened = this.gone.get(host) ?? false
    for (const [address, listener] of this.listeners) {
      if (listener.host !== host) continue
      this.listeners.delete(address)
      listened = true
    }
    this.lives.set(host, this.life(host) + 1)
    this.gone.set(host, listened)
    this.paused.delete(host)
    for (const end of this.ends) if (end.host === host) end.vanish()
  }
  pause(host: string): void {
    if (!this.paused.has(host)) this.paused.set(host, new Set())
  }
  resume(host: string): void {
    const waiting = this.paused.get(host)
    this.paused.delete(host)
    for (const end of waiting ?? []) end.soon()
    for (const end of this.ends) {
      if (end.host === host) end.out.goOn()
      else if (end.other.host === host) end.out.plan()
    }
  }

  /** Becomes a network without faults, where nothing takes time: nodes that are still there can part in order. */
  close(): void {
    for (const property of [this.latency, this.jitter]) property.set(anywhere, 0)
    for (const property of [this.cuts, this.holds]) property.set(anywhere, false)
    this.speed.set(anywhere, Infinity)
    this.gone.clear()
    for (const host of this.paused.keys()) this.resume(host)
    for (const { out } of this.ends) out.hurry()
  }
}

/** The host of whoever does not care. */
const anyHost = "memory"

const hostOf = ({ host }: Address): string => host === "*" || isWildcard(host) ? anyHost : host

const anywhere: Route = { from: "*", to: "*" }

/** A new network. Nodes that share it reach each other, and nobody else does. */
export const makeMemoryNetwork = Effect.contextWith((context: Context.Context<Scope.Scope>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Network(context)),
      (network) => Effect.sync(() => network.close())
    ),
    (network) => ({
      carrier: {
        listen: network.listen,
        resolve: (text: string) => {
          const read = parseAddress(text, anyHost)
          return Effect.succeed([read === undefined ? text : formatAddress({ host: hostOf(read), port: read.port })])
        },
        dial: network.dial
      } satisfies Carrier,
      faults: {
        shape: (route: Route, shape: Shape) => Effect.sync(() => network.shape(route, shape)),
        cut: (route: Route) => Effect.sync(() => network.cut(route)),
        heal: (route: Route) => Effect.sync(() => network.heal(route)),
        hold: (route: Route) => Effect.sync(() => network.hold(route)),
        release: (route: Route) => Effect.sync(() => network.release(route)),
        reset: (route: Route, afterBytes = 0) => Effect.sync(() => network.reset(route, afterBytes)),
        vanish: (host: string) => Effect.sync(() => network.vanish(host)),
        pause: (host: string) => Effect.sync(() => network.pause(host)),
        resume: (host: string) => Effect.sync(() => network.resume(host)),
        connections: Effect.sync(() => network.connections.size)
      }
    })
  )
)
