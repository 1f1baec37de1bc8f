/** Leases at a majority of voters, as programs have them: who gets a key, when it is free again, and what an owner knows of that. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Global from "../src/Global.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Scope.Scope

const test = (title: string, body: () => Effect.Effect<unknown, unknown, Stage>): void =>
  it.live(title, () => Effect.suspend(body).pipe(Effect.scoped, Effect.provide([TestNetwork.layer, makeLogs().layer])))

const voters = ["a", "b", "c"]
const options = { voters, lease: "6 seconds", grace: "2 seconds" } as const

/** Three nodes that vote, whose locks are ready. */
const three = Effect.gen(function*() {
  const nodes = yield* Effect.forEach(voters, (id) => TestNetwork.start(id))
  const locks = yield* Effect.forEach(nodes, (node) => node.run(Global.locks(options)))
  yield* TestClock.adjust("6 seconds")
  yield* Effect.forEach(locks, ({ ready }) => ready)
  return { nodes, locks }
})

describe("a key", () => {
  test("is granted to one owner, and to the next one when it was released", () =>
    Effect.gen(function*() {
      const { locks: [a, b] } = yield* three
      const [first] = yield* a!.acquire(["x"])
      assert.deepStrictEqual(yield* b!.acquire(["x"]), [])
      yield* a!.release(["x"])
      const [next] = yield* b!.acquire(["x"])
      assert.isAbove(next!.token, first!.token)
    }))
})
