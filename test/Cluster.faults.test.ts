import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Cluster from "../src/Cluster.ts"
import { Port } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { makeWorld, Refused, soon, statusOf, test, three, voters } from "./clusterWorld.ts"

/** How a call ends within a time. */
const ended = <A, E>(call: Effect.Effect<A, E>) => soon(Effect.exit(Effect.timeout(call, "30 seconds")))

const defectOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "none"

describe("an entity", () => {
  test(
    "whose handler fails answers with its error",
    Effect.gen(function*() {
      const { clients, keyOn } = yield* three
      for (const key of [yield* keyOn("a"), yield* keyOn("c")]) {
        const error = yield* soon(Effect.flip(clients[0](key).fails()))
        assert.instanceOf(error, Refused)
      }
    })
  )

  test(
    "whose handler interrupts itself does that to its caller, and once",
    Effect.gen(function*() {
      const { clients, journal, keyOn } = yield* three
      for (const key of [yield* keyOn("a"), yield* keyOn("c")]) {
        const exit = yield* ended(clients[0](key).interrupts())
        assert.isTrue(Exit.hasInterrupts(exit))
        assert.lengthOf(journal.lines.filter((line) => line.endsWith(`${key} interrupts`)), 1)
      }
    })
  )

  test(
    "is given calls whose answers nobody waits for, and they are over before it has answered",
    Effect.gen(function*() {
      const { clients, journal, keyOn } = yield* three
      for (const key of [yield* keyOn("a"), yield* keyOn("c")]) {
        yield* TestNetwork.within("1 second")(clients[0](key).slow({ millis: 5000 }, { discard: true }))
        yield* TestNetwork.until("it is done", () => journal.lines.some((line) => line.endsWith(`${key} is done`)))
      }
    })
  )

  test(
    "whose handler throws begins anew and tries again, as Effect has it; others go on meanwhile",
    Effect.gen(function*() {
      const { clients, journal, twoKeysOn } = yield* three
      const [key, other] = yield* twoKeysOn("c")
      const call = yield* Effect.forkChild(ended(clients[0](key).throws()))
      yield* TestNetwork.until(
        "it has tried more than once",
        () => journal.lines.filter((line) => line === `c ${key} throws`).length > 1
      )
      assert.strictEqual((yield* soon(clients[0](other).add({ n: 1 }))).on, "c")
      assert.match(defectOf(yield* soon(Fiber.join(call))), /Timeout/)
    })
  )

  test(
    "that never answers keeps its caller waiting, and nobody else",
    Effect.gen(function*() {
      const { clients, twoKeysOn } = yield* three
      const [key, other] = yield* twoKeysOn("c")
      const call = yield* Effect.forkChild(ended(clients[0](key).never()))
      assert.strictEqual((yield* soon(clients[0](key).add({ n: 1 }))).total, 1)
      assert.strictEqual((yield* soon(clients[0](other).add({ n: 1 }))).total, 1)
      assert.match(defectOf(yield* soon(Fiber.join(call))), /Timeout/)
    })
  )

  test(
    "whose answer does not fit its schema, or is larger than a node takes, ends that call with a defect",
    Effect.gen(function*() {
      const { clients, keyOn } = yield* three
      const key = yield* keyOn("c")
      assert.match(defectOf(yield* ended(clients[0](key).wrong())), /MalformedMessage|Expected/)
      assert.notMatch(defectOf(yield* ended(clients[0](key).large({ bytes: 70 * 1024 * 1024 }))), /Timeout|none/)
      assert.strictEqual((yield* soon(clients[0](key).add({ n: 1 }))).on, "c")
    })
  )
})

describe("a runner", () => {
  test(
    "whose server is killed gives its shards to others",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes } = yield* three
      const key = yield* keyOn("c")
      const server = `c#effect_mp::cluster::cluster::${(yield* statusOf(nodes[2])).runner!.slice(2)}`
      yield* nodes[0].run(Port.kil(server, "by mistake"))
      const { on } = yield* soon(clients[0](key).add({ n: 1 }))
      assert.notStrictEqual(on, "c")
      assert.strictEqual(journal.doubled.size, 0)
    })
  )

  test(
    "that begins while a call is under way, and stops in the middle of it, leaves the call an answer",
    Effect.gen(function*() {
      const { clients, start } = yield* three
      const keys = Array.from({ length: 8 }, (_, n) => `k${n}`)
      const calls = yield* Effect.forkChild(
        Effect.forEach(keys, (key) => clients[1](key).slow({ millis: 2000 }), { concurrency: "unbounded" })
      )
      const late = yield* soon(start("late"))
      yield* TestClock.adjust("1 second")
      yield* late.stop
      assert.lengthOf(yield* soon(Fiber.join(calls)), 8)
    })
  )
})

describe("a durable call", () => {
  const Ledger = Entity.make("Ledger", [
    EffectRpc.make("book", {
      payload: { id: Schema.String, millis: Schema.Number },
      success: Schema.String,
      primaryKey: ({ id }) => id
    }).annotate(ClusterSchema.Persisted, true)
  ])

  /** Nodes with one database for all of them, and where calls have begun. */
  const ledgerWorld = Effect.gen(function*() {
    const { network } = yield* makeWorld
    const begun: Array<string> = []
    const LedgerLive = Ledger.toLayer(Effect.gen(function*() {
      const { host } = yield* Entity.CurrentRunnerAddress
      return Ledger.of({
        book: ({ payload }) =>
          Effect.sync(() => void begun.push(host)).pipe(Effect.andThen(Effect.sleep(payload.millis)), Effect.as(host))
      })
    }))
    const storage = yield* MessageStorage.MessageStorage
    const services = LedgerLive.pipe(
      Layer.provideMerge(Cluster.layer({ voters, messages: Layer.succeed(MessageStorage.MessageStorage, storage) })),
      Layer.provideMerge(network)
    )
    const startAll = soon(
      Effect.forEach(voters, (id) => TestNetwork.start(id, { services }), { concurrency: "unbounded" })
    )
    return { begun, startAll }
  })
  const withDatabase = Effect.provide(MessageStorage.layerMemory.pipe(Layer.provide(ShardingConfig.layerDefaults)))

  test(
    "whose runner dies is answered by another one, and is not carried out again with the same key",
    Effect.gen(function*() {
      const { begun, startAll } = yield* ledgerWorld
      const nodes = yield* startAll
      yield* TestNetwork.until(
        "all have shards",
        Effect.map(
          Effect.forEach(nodes, statusOf),
          (all) => all.every(({ runners, shards }) => runners.length === 3 && shards.held > 50)
        )
      )
      yield* TestClock.adjust("3 seconds")
      const ledgers = yield* nodes[0]!.run(Ledger.client)
      let n = 0
      for (; begun.at(-1) !== "c"; n++) yield* soon(ledgers(`k${n}`).book({ id: "first", millis: 0 }))
      const key = `k${n - 1}`
      const before = begun.length
      const call = yield* Effect.forkChild(ledgers(key).book({ id: "second", millis: 5000 }), {
        startImmediately: true
      })
      yield* TestNetwork.until("it has begun", () => begun.length > before)
      yield* nodes[2]!.kill
      const on = yield* soon(Fiber.join(call))
      assert.notStrictEqual(on, "c")
      const carriedOut = begun.length
      assert.strictEqual(yield* soon(ledgers(key).book({ id: "second", millis: 5000 })), on)
      assert.strictEqual(begun.length, carriedOut)
    }).pipe(withDatabase)
  )

  test(
    "that was under way when all nodes lost their power is carried out when they are back, without its caller",
    Effect.gen(function*() {
      const { begun, startAll } = yield* ledgerWorld
      const before = yield* startAll
      const ledgers = yield* before[0]!.run(Ledger.client)
      // It takes longer than what is left of the leases: what goes on behind the scenes after the end of a machine does not answer it.
      const payload = { id: "once", millis: 30_000 }
      const call = ledgers("key").book(payload)
      yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestNetwork.until("it has begun", () => begun.length === 1)
      for (const { vanish } of before) yield* vanish
      const after = yield* startAll
      yield* TestNetwork.until("it has begun again", () => begun.length > 1)
      const again = soon((yield* after[1]!.run(Ledger.client))("key").book(payload))
      const on = yield* again
      assert.strictEqual(on, begun.at(-1))
      const carriedOut = begun.length
      assert.strictEqual(yield* again, on)
      assert.lengthOf(begun, carriedOut)
    }).pipe(withDatabase)
  )
})
