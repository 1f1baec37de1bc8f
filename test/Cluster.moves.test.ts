import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Node } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { balanced, Counter, heal, makeWorld, soon, test, voters } from "./clusterWorld.ts"
import { SeededRandom } from "./simulation/random.ts"
import { sized } from "./size.ts"

/** Entities have no time to finish what they have in hand. */
const config = { shardsPerGroup: 30, entityTerminationTimeout: 100 }

const keys = Array.from({ length: 9 }, (_, n) => `k${n}`)

/** A database that all nodes share: none of the calls here is stored in it. */
const storage = Effect.map(
  Layer.build(MessageStorage.layerMemory.pipe(Layer.provide(ShardingConfig.layerDefaults))),
  (context) => Context.get(context, MessageStorage.MessageStorage)
)

/** Three voters, and a node that has no vote. */
const four = Effect.fnUntraced(function*(messages?: Layer.Layer<MessageStorage.MessageStorage>) {
  const world = yield* makeWorld
  const nodes = yield* soon(
    Effect.forEach([...voters, "d"], (id) => world.start(id, { ...config, messages }), { concurrency: "unbounded" })
  )
  yield* balanced(nodes)
  const clients = yield* Effect.forEach(nodes, (node) => node.run(Counter.client))
  return { ...world, nodes, clients }
})

const shown = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "answered" : Cause.pretty(exit.cause)

/** How they end, whatever the number of those that end so. */
const endings = <A, E>(calls: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  soon(Effect.map(Effect.forEach(calls, (call) => Fiber.await(call)), (exits) => Array.from(new Set(exits.map(shown)))))

const isolated = (nodeId: string, parts: ReadonlyArray<string>, millis: number) =>
  TestNetwork.part([nodeId], parts).pipe(
    Effect.andThen(TestClock.adjust(millis)),
    Effect.andThen(heal([nodeId], parts))
  )

type World = Effect.Success<typeof makeWorld>

/** Something that takes shards from a runner, or gives it some; a node that has joined goes again. */
type Member = Effect.Success<ReturnType<World["start"]>>

const move = (random: SeededRandom, nodes: ReadonlyArray<Member>, start: ReturnType<World["start"]>) => {
  const { nodeId } = random.pick(nodes)!
  const others = nodes.map((node) => node.nodeId).filter((id) => id !== nodeId)
  const parts = random.chance(0.5) ? others : others.filter(() => random.chance(0.7))
  return random.chance(0.5)
    ? isolated(nodeId, parts, random.int(100, 6000))
    : Effect.flatMap(soon(start), (joined) =>
      Effect.andThen(
        TestClock.adjust(random.int(0, 4000)),
        soon(random.chance(0.5) ? joined.run(Node.drain({ timeout: "3 seconds" })) : joined.stop)
      ))
}

/** While shards move, calls are made and streams are read from all nodes: all are answered, and go on. */
const churned = (random: SeededRandom) =>
  Effect.gen(function*() {
    const messages = random.chance(0.5) ? Layer.succeed(MessageStorage.MessageStorage, yield* storage) : undefined
    const { clients, journal, nodes, start } = yield* four(messages)
    let beats = 0
    const streams: Array<Fiber.Fiber<void, unknown>> = []
    for (const client of clients) {
      const stream = client(random.pick(keys)!).beats()
      streams.push(yield* Effect.forkChild(Stream.runForEach(stream, () => Effect.sync(() => void beats++))))
    }
    const calls: Array<Fiber.Fiber<string, unknown>> = []
    for (let n = 0; n < sized(3, 10); n++) {
      for (const client of clients) {
        const call = client(random.pick(keys)!).slow({ millis: random.int(0, 4000) })
        calls.push(yield* Effect.forkChild(call, { startImmediately: true }))
      }
      yield* move(random, nodes, start(`e${n}`, { ...config, messages }))
    }
    assert.deepStrictEqual(yield* endings(calls), ["answered"])
    const before = beats
    yield* TestNetwork.until("all streams go on", () => beats > before + 40)
    assert.strictEqual(journal.doubled.size, 0)
    // One that waits for its next attempt takes its time to end: the clock has to move for that.
    yield* soon(Fiber.interruptAll(streams))
  })

describe("calls whose entity is interrupted since its shard moves", () => {
  test(
    "are answered where it has gone, wherever they come from: the runner that has lost it, and one that drains, too",
    Effect.gen(function*() {
      const { clients, nodes } = yield* four()
      const calls = yield* Effect.forEach(
        clients,
        (client) =>
          Effect.forEach(
            keys,
            (key) => Effect.forkChild(client(key).slow({ millis: 4000 }), { startImmediately: true })
          )
      )
      yield* TestClock.adjust("1 second")
      yield* isolated("c", ["a", "b"], 6000)
      const later = yield* Effect.forEach(
        keys,
        (key) => Effect.forkChild(clients[2]!(key).slow({ millis: 4000 }), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(nodes[2]!.run(Node.drain({ timeout: "10 seconds" })))
      assert.deepStrictEqual(yield* endings([...calls.flat(), ...later]), ["answered"])
    })
  )

  for (let seed = 1; seed <= sized(1, 40); seed++) {
    test(
      `are answered, and streams go on, whatever moves: seed ${seed}`,
      Effect.suspend(() => {
        const random = new SeededRandom(`moves ${seed}`)
        return Effect.provideService(churned(random), Random.Random, random.derive("effect"))
      })
    )
  }
})
