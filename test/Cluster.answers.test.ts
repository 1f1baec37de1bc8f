import { assert, describe } from "@effect/vitest"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Cluster from "../src/Cluster.ts"
import { Node } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { makeWorld, soon, statusOf, test, voters } from "./clusterWorld.ts"

const order = (tag: "book" | "keep") =>
  EffectRpc.make(tag, {
    payload: { id: Schema.String },
    success: Schema.String,
    primaryKey: ({ id }) => id
  }).annotate(ClusterSchema.Persisted, true)

/** What is ordered takes three seconds. The call of `keep` goes on when its caller has gone. */
const Desk = Entity.make("Desk", [order("book"), order("keep").annotate(ClusterSchema.Uninterruptible, "client")])

/** Three runners with a database in common, and what they have begun and done. */
const three = Effect.gen(function*() {
  const { network } = yield* makeWorld
  const lines: Array<string> = []
  const serve = ({ payload: { id } }: { readonly payload: { readonly id: string } }) =>
    Effect.gen(function*() {
      const here = yield* Node.id
      lines.push(`${id} begins on ${here}`)
      yield* Effect.sleep("3 seconds")
      lines.push(`${id} is done`)
      return here
    })
  const { storage } = yield* MessageStorage.MemoryDriver.pipe(
    Effect.provide(Layer.provide(MessageStorage.MemoryDriver.layer, ShardingConfig.layer()))
  )
  const messages = Layer.succeed(MessageStorage.MessageStorage, storage)
  const start = (nodeId: string, kept?: typeof messages) =>
    TestNetwork.start(nodeId, {
      services: Desk.toLayer(Effect.succeed(Desk.of({ book: serve, keep: serve })), { concurrency: "unbounded" }).pipe(
        Layer.provideMerge(Cluster.layer({ voters, messages: kept })),
        Layer.provideMerge(network)
      )
    })
  const [a, b, c] = yield* soon(
    Effect.all([start("a", messages), start("b", messages), start("c", messages)], { concurrency: "unbounded" })
  )
  yield* TestNetwork.until(
    "each has its part of the shards",
    Effect.map(Effect.forEach([a, b, c], statusOf), (all) => all.every(({ shards }) => shards.held === 100))
  )
  return { lines, start, nodes: [a, b, c] as const, desks: yield* a.run(Desk.client) }
})

describe("durable calls", () => {
  test(
    "that a node has in hand are carried out and answered while it drains, and by nobody else",
    Effect.gen(function*() {
      const { desks, lines, nodes } = yield* three
      // So many that each node has some of them, wherever chance has put their shards.
      const ids = Array.from({ length: 40 }, (_, n) => `${n}`)
      const calls = yield* Effect.forEach(ids, (id) => Effect.forkChild(desks(`desk${id}`).book({ id })))
      yield* TestNetwork.until("all are at work", () => lines.length === ids.length)
      assert.isTrue(lines.some((line) => line.endsWith("on c")))
      yield* soon(nodes[2].run(Node.drain({ timeout: "10 seconds" })))
      const answers = yield* soon(Effect.forEach(calls, Fiber.join))
      assert.deepStrictEqual(
        ids.map((id, n) => `${id} begins on ${answers[n]}`).toSorted(),
        lines.slice(0, ids.length).toSorted()
      )
      assert.lengthOf(lines, 2 * ids.length)
    })
  )

  test(
    "are answered although a node has come that keeps none, and takes no part",
    Effect.gen(function*() {
      const { desks, lines, start } = yield* three
      const other = yield* soon(start("other"))
      yield* TestNetwork.until(
        "it says what it lacks",
        Effect.map(
          statusOf(other),
          ({ refusal }) => /^[abc] has messages, which this node has not$/.test(refusal ?? "")
        )
      )
      const [lacked = ""] = yield* other.run(Node.lacks)
      assert.match(lacked, /^a part in cluster cluster: [abc] has messages, which this node has not$/)
      const calls = Array.from({ length: 12 }, (_, n) => desks(`desk${n}`).book({ id: `${n}` }))
      assert.notInclude(yield* soon(Effect.all(calls, { concurrency: "unbounded" })), "other")
      assert.lengthOf(lines, 2 * calls.length)
    })
  )

  test(
    "end for good with the patience of their caller, unless he cannot interrupt them",
    Effect.gen(function*() {
      const { desks, lines } = yield* three
      const impatient = { book: desks("desk").book({ id: "1" }), keep: desks("desk").keep({ id: "2" }) }
      const late = Effect.all([impatient.book, impatient.keep].map((call) => Effect.timeoutOption(call, "1 second")))
      assert.isTrue((yield* soon(late)).every(({ _tag }) => _tag === "None"))
      const again = yield* soon(Effect.all([impatient.book, impatient.keep].map(Effect.exit)))
      assert.deepStrictEqual(again.map(({ _tag }) => _tag), ["Failure", "Success"])
      assert.deepStrictEqual(lines.filter((line) => line.endsWith("is done")), ["2 is done"])
    })
  )
})
