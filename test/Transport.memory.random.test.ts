/** Whatever is done to the in-memory network: what arrives is what was written, without a hole, and nothing is left behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Wire } from "../src/internal/transport/wire.ts"
import { everywhere, type Hosts, makeHosts, pass, settle } from "./memoryHosts.ts"
import { SeededRandom } from "./simulation/random.ts"

const names = ["a", "b", "c"] as const

/** One end of a connection. Its stream says of each byte where in it the byte stands. */
class Stream {
  readonly wire: Wire
  sent = 0
  received = 0
  isClosed = false
  isDestroyed = false
  /** What must not have happened. */
  readonly wrong: Array<string> = []
  private isStarted = false
  constructor(wire: Wire) {
    this.wire = wire
  }
  write(length: number): void {
    if (this.isClosed || this.isDestroyed) return
    this.wire.write(Uint8Array.from({ length }, (_, i) => 7 * (this.sent + i)))
    this.sent += length
  }
  destroy(): void {
    this.isDestroyed = true
    this.wire.destroy()
  }
  /** Begins to read, and to check. */
  start(isLive: () => boolean, onData: () => void): void {
    if (this.isStarted) return
    this.isStarted = true
    const check = (what: string, holds = true): void => {
      if (!holds || !isLive() || this.isClosed) this.wrong.push(what)
    }
    this.wire.start({
      data: (chunk) => {
        check("data", !this.isDestroyed)
        const { received } = this
        this.received += chunk.length
        check(`a hole behind ${received}`, chunk.every((byte, i) => byte === (7 * (received + i) & 255)))
        onData()
      },
      drained: () => check(`drained with ${this.wire.buffered} bytes left`, this.wire.buffered === 0),
      closed: () => {
        check("closed")
        this.isClosed = true
      }
    })
  }
}

/** What happens in one run; `isLossless`: nothing that loses bytes. */
const run = Effect.fnUntraced(function*(seed: number, hosts: Hosts) {
  const random = new SeededRandom(`memory ${seed}`)
  const isLossless = random.chance(0.4)
  const { carrier, network } = hosts
  const lives = new Map<string, number>(names.map((name) => [name, 0]))
  const scope = yield* Effect.scope
  const streams: Array<Stream> = []
  const starts: Array<() => void> = []
  const adopt = (wire: Wire, host: string, life: number | undefined): void => {
    const stream = new Stream(wire)
    streams.push(stream)
    const isLive = () => lives.get(host) === life
    const start = () => {
      if (isLive()) stream.start(isLive, () => !isLossless && random.chance(0.05) && stream.destroy())
    }
    if (random.chance(0.8)) start()
    else starts.push(start)
  }
  const listen = (host: string) =>
    Scope.provide(carrier.listen(`${host}:1`, (wire) => adopt(wire, host, lives.get(host)), host), scope)
  const dial = (from: string, to: string) => {
    const life = lives.get(from)
    return Effect.forkScoped(
      Effect.match(carrier.dial(`${to}:1`, from), { onFailure: () => {}, onSuccess: (wire) => adopt(wire, from, life) })
    )
  }
  const host = () => random.pick(names)!
  const route = () => ({ from: random.pick([...names, "*"])!, to: random.pick([...names, "*"])! })
  const stream = (act: (stream: Stream) => void) => Effect.sync(() => streams.length > 0 && act(random.pick(streams)!))
  const vanish = (name: string) =>
    Effect.andThen(
      Effect.andThen(network.vanish(name), Effect.sync(() => lives.set(name, lives.get(name)! + 1))),
      listen(name)
    )

  const harmless: ReadonlyArray<() => Effect.Effect<unknown, unknown, Scope.Scope>> = [
    () => dial(host(), host()),
    () => dial(host(), host()),
    () => stream((one) => one.write(random.int(1, 2000))),
    () => stream((one) => one.write(random.int(1, 2000))),
    () => stream((one) => one.write(random.int(1, random.chance(0.2) ? 400_000 : 20))),
    () => pass(random.int(0, 30)),
    () => Effect.sync(() => starts.shift()?.()),
    () => network.shape(route(), { latency: random.int(0, 20) }),
    () => network.shape(route(), { jitter: random.int(0, 20), bandwidth: random.pick([1e4, 1e6, Infinity])! }),
    () => network.hold(route()),
    () => network.release(route()),
    () => network.pause(host()),
    () => network.resume(host())
  ]
  const harmful: typeof harmless = [
    () => network.cut(route()),
    () => network.heal(route()),
    () => network.reset(route(), random.pick([0, 10, 1000])),
    () => stream((one) => one.destroy()),
    () => stream((one) => one.wire.end(() => {})),
    () => random.chance(0.3) ? vanish(host()) : Effect.void
  ]
  for (const name of names) yield* listen(name)
  for (let step = 0; step < 120; step++) yield* random.pick(isLossless ? harmless : [...harmless, ...harmful])!()

  yield* network.heal(everywhere)
  yield* network.release(everywhere)
  for (const name of names) yield* network.resume(name)
  yield* network.shape(everywhere, { latency: 0, jitter: 0, bandwidth: Infinity })
  yield* pass("1 hour")
  for (const start of starts) start()
  yield* settle
  if (isLossless) {
    const sum = (count: (stream: Stream) => number) => streams.reduce((total, one) => total + count(one), 0)
    assert.strictEqual(sum(({ received }) => received), sum(({ sent }) => sent))
    assert.strictEqual(sum(({ isClosed }) => Number(isClosed)), 0)
  }
  for (const one of streams) one.destroy()
  yield* settle
  assert.deepStrictEqual(streams.flatMap(({ wrong }) => wrong), [])
})

describe("100 random runs", () => {
  it.effect.each(Array.from({ length: 100 }, (_, i) => i + 1))("seed %i", (seed) =>
    Effect.gen(function*() {
      const hosts = yield* Random.withSeed(makeHosts, seed)
      // Dials that still wait are given up with the scope.
      yield* Effect.scoped(run(seed, hosts))
      assert.strictEqual(yield* hosts.network.connections, 0)
    }))
})
