import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Transport } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { balanced, Counter, makeWorld, voters } from "./clusterWorld.ts"

const test = <A, E>(
  title: string,
  body: Effect.Effect<A, E, TestNetwork.TestNetwork | Scope.Scope | Transport.MemoryNetwork>
): void => it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

/** Three runners that have all shards between them, and their clients. */
const three = Effect.gen(function*() {
  const world = yield* makeWorld
  const nodes = yield* Effect.forEach(voters, (id) => world.start(id), { concurrency: "unbounded" }).pipe(
    TestNetwork.within("1 minute")
  )
  yield* balanced(nodes)
  const clients = yield* Effect.forEach(nodes, (node) => node.run(Counter.client))
  const keyOn = (nodeId: string) =>
    Effect.gen(function*() {
      for (let n = 0;; n++) {
        const { on } = yield* clients[0]!(`k${n}`).add({ n: 0 }).pipe(TestNetwork.within("10 seconds"))
        if (on === nodeId) return `k${n}`
      }
    })
  return { ...world, nodes, clients, keyOn }
})

describe("the entities of a cluster", () => {
  test(
    "are one for each key, wherever they are called from",
    Effect.gen(function*() {
      const { clients } = yield* three
      for (let k = 0; k < 12; k++) {
        const answers = yield* Effect.forEach(clients, (client) => client(`k${k}`).add({ n: 1 })).pipe(
          TestNetwork.within("10 seconds")
        )
        assert.deepStrictEqual(answers.map(({ total }) => total), [1, 2, 3])
        assert.lengthOf(new Set(answers.map(({ on }) => on)), 1)
      }
    })
  )

  for (const [how, limit] of [["kill", 12_000], ["vanish", 12_000], ["stop", 1000]] as const) {
    test(
      `answer elsewhere after the ${how} of their runner`,
      Effect.gen(function*() {
        const { clients, journal, keyOn, nodes } = yield* three
        const key = yield* keyOn("c")
        const before = yield* Clock.currentTimeMillis
        journal.gone.add("c")
        yield* nodes[2]![how]
        const { on } = yield* clients[0]!(key).add({ n: 1 }).pipe(TestNetwork.within("1 minute"))
        const took = (yield* Clock.currentTimeMillis) - before
        console.log(how, took)
        assert.notStrictEqual(on, "c")
        assert.isAtMost(took, limit)
      })
    )
  }
})
