/** Many entities at work on five nodes, one of which is killed. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestNetwork from "../src/TestNetwork.ts"
import { balanced, soon, test, three } from "./clusterWorld.ts"
import { sized } from "./size.ts"

const entities = sized(300, 10_000)

/** Calls take so long that the node is killed in the middle of some, and before others begin. */
const millisOf = (n: number): number => n % 50 * 40

describe(`${entities} entities at work on five nodes, one of which is killed`, () => {
  test(
    "leave no call without an end, and all are answered in the end",
    Effect.gen(function*() {
      const { clients, journal, nodes, start } = yield* three
      const more = yield* soon(Effect.all([start("d"), start("e")], { concurrency: "unbounded" }))
      yield* balanced([...nodes, ...more])
      const keys = Array.from({ length: entities }, (_, n) => `k${n}`)
      const begun = () => journal.lines.filter((line) => line.endsWith("begins")).length
      const callAll = (some: ReadonlyArray<string>) =>
        Effect.forEach(
          some,
          (key, n) =>
            clients[n % clients.length]!(key).slow({ millis: millisOf(n) }).pipe(
              Effect.timeout("30 seconds"),
              Effect.exit,
              Effect.map((exit) => ({ key, exit }))
            ),
          { concurrency: "unbounded" }
        )

      const calls = yield* Effect.forkChild(callAll(keys))
      yield* TestNetwork.until("half of them are at work", () => begun() > entities / 2)
      journal.gone.add("e")
      yield* more[1]!.kill
      const ended = yield* soon(Fiber.join(calls))
      assert.lengthOf(ended, entities)

      let left = ended.flatMap(({ exit, key }) => Exit.isSuccess(exit) ? [] : [key])
      for (let retry = 0; retry < 3 && left.length > 0; retry++) {
        left = (yield* soon(callAll(left))).flatMap(({ exit, key }) => Exit.isSuccess(exit) ? [] : [key])
      }
      assert.deepStrictEqual(left, [])
      assert.strictEqual(journal.doubled.size, 0)
      const after = yield* soon(callAll(keys.slice(0, 50)))
      assert.notInclude(after.map(({ exit }) => Exit.isSuccess(exit) ? exit.value : "none"), "e")
    })
  )
})
