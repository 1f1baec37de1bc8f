/**
 * A failover service on nodes that are started together, more or less: in any order, with all kinds of seeds, of which some may be
 * down.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { Port, Supervisor, Transport } from "../src/index.ts"
import { makeMeshWorld, type MeshNode } from "./meshWorld.ts"
import { SeededRandom } from "./simulation/random.ts"
import { sized } from "./size.ts"
import { quiet } from "./supervised.ts"

interface Host {
  readonly id: string
  readonly bind: string
  readonly seeds: ReadonlyArray<string>
  readonly startMillis: number
  /** Whether it takes part in the failover. */
  readonly isPart: boolean
}

interface Scenario {
  readonly hosts: ReadonlyArray<Host>
  readonly latency: number
  readonly jitter: number
  /** Whether there is a seed that comes up. */
  readonly isMesh: boolean
}

const deadSeed = "memory:9"

/** Within the time that seeds are waited for by default. */
const lastStartMillis = 9000

/** When each of the hosts starts: at the same time, one after the other, some late, or at any time. */
const drawStarts = (random: SeededRandom, count: number): ReadonlyArray<number> => {
  const order = random.shuffle(Array.from({ length: count }, (_, nth) => nth))
  switch (random.pick(["together", "in turn", "late", "any"] as const)) {
    case "together":
      return order.map(() => 0)
    case "in turn":
      return order.map((nth) => 900 * nth)
    case "late":
      return order.map((nth) => nth % 2 === 0 ? 0 : random.int(lastStartMillis - 500, lastStartMillis))
    default:
      return order.map(() => random.int(0, lastStartMillis))
  }
}

const bindOf = (nth: number): string => `memory:${100 + nth}`

const draw = (random: SeededRandom): Scenario => {
  const count = random.int(2, 5)
  const starts = drawStarts(random, count + 2)
  const dead = random.chance(1 / 3) ? [deadSeed] : []
  const parts = Array.from({ length: count }, (_, nth) => nth)
  const host = (nth: number, isPart: boolean, seeds: ReadonlyArray<string>): Host => ({
    id: `${isPart ? "part" : "seed"}${nth}`,
    bind: bindOf(nth),
    seeds,
    startMillis: starts[nth]!,
    isPart
  })
  const network = { latency: random.pick([0, 5, 50])!, jitter: random.pick([0, 5, 50])! }
  switch (random.pick(["apart", "among", "one", "down"] as const)) {
    case "apart": {
      const others = random.chance(1 / 2) ? [count] : [count, count + 1]
      const seeds = [...others.map(bindOf), ...dead]
      const hosts = [...others.map((nth) => host(nth, false, seeds)), ...parts.map((nth) => host(nth, true, seeds))]
      return { ...network, hosts, isMesh: true }
    }
    case "among": {
      const seeds = [...parts.slice(0, random.int(1, count)).map(bindOf), ...dead]
      return { ...network, hosts: parts.map((nth) => host(nth, true, seeds)), isMesh: true }
    }
    case "one": {
      const first = random.int(0, count - 1)
      const hosts = parts.map((nth) => host(nth, true, nth === first ? [] : [bindOf(first), ...dead]))
      return { ...network, hosts, isMesh: true }
    }
    default:
      return { ...network, hosts: parts.map((nth) => host(nth, true, [deadSeed])), isMesh: false }
  }
}

/** Runs a scenario, and answers where the service runs in the end, and who ran it together with whom though they saw each other. */
const play = Effect.fnUntraced(function*({ hosts, jitter, latency }: Scenario, joinTimeout?: Duration.Input) {
  const network = yield* Transport.MemoryNetwork
  yield* network.shape({ from: "*", to: "*" }, { latency, jitter })
  const { start } = yield* makeMeshWorld
  const nodes = new Map<string, MeshNode>()
  const running = new Set<string>()
  const together = new Set<string>()
  const starts: Array<readonly [id: string, atMillis: number]> = []
  let most = 0
  let now = 0
  const look = (): void => {
    most = Math.max(most, running.size)
    for (const one of running) {
      for (const other of running) {
        if (one < other && (nodes.get(one)?.router.isUp(other) || nodes.get(other)?.router.isUp(one))) {
          together.add(`${one} and ${other} at ${now} ms`)
        }
      }
    }
  }
  const service = (id: string) =>
    Effect.andThen(
      Effect.acquireRelease(
        Effect.sync(() => {
          running.add(id)
          starts.push([id, now])
          look()
        }),
        () => Effect.sync(() => running.delete(id))
      ),
      Port.make({})
    )
  const ids = hosts.filter(({ isPart }) => isPart).map(({ id }) => id)
  const begin = Effect.fnUntraced(function*({ bind, id, isPart, seeds }: Host) {
    const node = yield* start(id, { binds: [bind], seeds, global: seeds.length === 0 })
    nodes.set(id, node)
    node.router.listeners.add({ up: look, down: () => {} })
    if (isPart) yield* node.run(Supervisor.failover(service(id), { name: "one", nodes: ids, joinTimeout }))
  })
  const toStart = hosts.toSorted((one, other) => one.startMillis - other.startMillis)
  const stepMillis = 25
  for (; now < lastStartMillis + 20_000; now += stepMillis) {
    while (toStart[0] !== undefined && toStart[0].startMillis <= now) yield* begin(toStart.shift()!)
    yield* quiet
    yield* TestClock.adjust(stepMillis)
    look()
  }
  // So that they can part without the clock.
  yield* network.shape({ from: "*", to: "*" }, { latency: 0, jitter: 0 })
  yield* TestClock.adjust("1 second")
  return { running: Array.from(running), together: Array.from(together), starts, most }
})

describe("nodes that are started together", () => {
  const scenarios = sized(25, 600)
  it.effect(
    `never run the service at once where they see each other, and one of them runs it: ${scenarios} times`,
    () =>
      Effect.gen(function*() {
        for (let seed = 1; seed <= scenarios; seed++) {
          const random = new SeededRandom(`cold start ${seed}`)
          const scenario = draw(random.derive("scenario"))
          const result = yield* play(scenario).pipe(
            Effect.scoped,
            Effect.provide(Transport.layerMemory),
            Effect.provideService(Random.Random, random)
          )
          const what = `seed ${seed}: ${JSON.stringify([scenario, result], undefined, 1)}`
          assert.deepStrictEqual(result.together, [], what)
          if (scenario.isMesh) assert.deepStrictEqual([result.running.length, result.most], [1, 1], what)
          else assert.strictEqual(result.running.length, scenario.hosts.length, what)
        }
      })
  )
})

describe("a node that is started alone, though others may run the service too", () => {
  const startOf = Effect.fnUntraced(function*(seeds: ReadonlyArray<string>, joinTimeout?: Duration.Input) {
    const alone = { id: "part0", bind: "memory:1", seeds, startMillis: 0, isPart: true }
    const hosts = [alone, { ...alone, id: "part1", startMillis: Infinity }]
    const { starts } = yield* play({ hosts, latency: 0, jitter: 0, isMesh: true }, joinTimeout).pipe(
      Effect.scoped,
      Effect.provide(Transport.layerMemory)
    )
    return starts[0]![1]
  })

  for (
    const [what, seeds] of [["has no seeds", []], ["is its own seed", ["memory:1"]]] as const
  ) {
    it.effect(`runs it at once if it ${what}`, () =>
      Effect.map(startOf(seeds), (millis) => assert.isAtMost(millis, 200)))
  }

  for (
    const [what, joinTimeout, millis] of [
      ["ten seconds", undefined, 10_000],
      ["as long as it is told", "3 seconds", 3000],
      ["no time if it is told so", 0, 0]
    ] as const
  ) {
    it.effect(`waits ${what} for a seed that is down, and not much longer`, () =>
      Effect.map(startOf([deadSeed], joinTimeout), (start) => {
        assert.isAtLeast(start, millis)
        assert.isAtMost(start, millis + 2500)
      }))
  }
})
