/** Shared set-up for tests of the in-memory network: hosts with bare wires between them, and what their ends are told. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { Wire } from "../src/internal/transport/wire.ts"
import * as Transport from "../src/Transport.ts"

/** What systems buffer on their own, in bytes. */
export const windowSize = 256 * 1024
export const everywhere: Transport.Route = { from: "*", to: "*" }
export const there: Transport.Route = { from: "a", to: "b" }
export const back: Transport.Route = { from: "b", to: "a" }

/** One end of a connection, and what it was told. */
export class Probe {
  readonly wire: Wire
  /** `10 data hello`, `12 drained`, `20 closed why`: the time in milliseconds comes first. */
  readonly told: Array<string> = []
  readonly chunks: Array<Uint8Array> = []
  onData: (() => void) | undefined = undefined
  private readonly clock: Clock.Clock
  constructor(wire: Wire, clock: Clock.Clock) {
    this.wire = wire
    this.clock = clock
  }
  private tell(what: string): void {
    this.told.push(`${Math.round(this.clock.currentTimeMillisUnsafe() * 1000) / 1000} ${what}`)
  }
  start(): this {
    this.wire.start({
      data: (chunk) => {
        this.chunks.push(chunk)
        this.tell(`data ${chunk[0] === 0 ? `${chunk.length} zeros` : Buffer.from(chunk).toString()}`)
        this.onData?.()
      },
      drained: () => this.tell("drained"),
      closed: (why) => this.tell(`closed ${why}`)
    })
    return this
  }
  write(...texts: ReadonlyArray<string>): void {
    for (const text of texts) this.wire.write(Buffer.from(text))
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }
  get received(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }
  get closed(): ReadonlyArray<string> {
    return this.told.filter((line) => line.includes("closed")).map((line) => line.replace(/^\S+ closed /, ""))
  }
}

/** What is due now happens. */
export const settle = Effect.promise(async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
})

export const pass = (duration: Duration.Input) => Effect.andThen(TestClock.adjust(duration), settle)

/** Hosts with bare wires between them, in a network of their own. */
export class Hosts {
  readonly network: Transport.Faults
  readonly carrier: Transport.Transport["Service"]
  readonly clock: Clock.Clock
  /** Ends that were accepted, by address. */
  readonly accepted = new Map<string, Array<Probe>>()
  constructor(context: Context.Context<Transport.Transport | Transport.MemoryNetwork>, clock: Clock.Clock) {
    this.network = Context.get(context, Transport.MemoryNetwork)
    this.carrier = Context.get(context, Transport.Transport)
    this.clock = clock
  }
  /** A host that listens on `host:1`. */
  listen(host: string) {
    const probes: Array<Probe> = []
    this.accepted.set(host, probes)
    return this.carrier.listen(`${host}:1`, (wire) => probes.push(new Probe(wire, this.clock)), host)
  }
  dial(from: string, to: string) {
    return Effect.map(this.carrier.dial(`${to}:1`, from), (wire) => new Probe(wire, this.clock))
  }
  /** A connection in a network that is whole, with both ends started: the one that dialled, and the other one. */
  connection(from: string, to: string) {
    return Effect.gen({ self: this }, function*() {
      if (!this.accepted.has(to)) yield* this.listen(to)
      const here = yield* this.dial(from, to)
      yield* settle
      const ends = [here.start(), this.accepted.get(to)!.at(-1)!.start()] as const
      yield* settle
      return ends
    })
  }
}

export const makeHosts = Effect.gen(function*() {
  return new Hosts(yield* Layer.build(Transport.layerMemory), yield* Clock.clockWith(Effect.succeed))
})

/** A test with hosts of its own, under TestClock. */
export const testHosts = (
  title: string,
  body: (hosts: Hosts) => Effect.Effect<unknown, unknown, Scope.Scope>
): void => it.effect(title, () => Effect.flatMap(makeHosts, body))

/** The routes both ways, and a pair of hosts that a fault between a and b must leave alone. */
export const withBystanders = (hosts: Hosts) =>
  Effect.gen(function*() {
    const pair = yield* hosts.connection("a", "b")
    const others = [yield* hosts.connection("a", "c"), yield* hosts.connection("c", "b")]
    return {
      pair,
      unharmed: Effect.gen(function*() {
        for (const [one, other] of others) {
          one.write("fine")
          other.write("fine too")
          yield* settle
          assert.deepStrictEqual([one.text, other.text, one.closed, other.closed], ["fine too", "fine", [], []])
        }
      })
    }
  })
