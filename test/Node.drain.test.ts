/** Nodes that stop in order: what is in hand is finished, and nothing new is begun. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import { begin, testOver, transports, until, within } from "./harness.ts"
import * as Schema from "effect/Schema"

const Work = Port.protocol({
  double: Port.message(Schema.Number).replies(Schema.Number),
  note: Port.message(Schema.Number)
})

describe.each(transports)("a node that drains over %s", (_, transport) => {
  const test = testOver(transport)

  test("answers the calls that it has, and is done when they are answered", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const b = yield* world.start("b")
      const free = yield* Deferred.make<void>()
      const port = yield* b.run(Port.make(Work, {
        double: (n) => Effect.as(Deferred.await(free), 2 * n),
        note: () => {}
      }))
      const calls = yield* begin(a.run(Effect.forEach([1, 2, 3], (n) => Port.cal(port, "double", n), { concurrency: 3 })))
      yield* until("the calls are there", () => b.router.ports.get(port) !== undefined && a.router.isUp("b"))
      yield* within("a message arrives", a.run(Port.calMessage("b", "time")))
      const drain = yield* begin(b.run(Node.drain()))
      yield* until("a knows", () => a.router.drains("b"))
      const refused = yield* Effect.flip(a.run(Port.cal(port, "double", 4)))
      assert.strictEqual(refused._tag === "Killed" && refused.reason[0], "draining")
      assert.isTrue(refused.isUnbegun)
      assert.isUndefined(drain.pollUnsafe())
      yield* Deferred.succeed(free, undefined)
      assert.deepStrictEqual(yield* within("the calls end", Fiber.join(calls)), [2, 4, 6])
      yield* within("it has drained", Fiber.join(drain))
    }))

  test("ends its ports with shutdown when it stops, and those that monitor them hear it", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const b = yield* world.start("b")
      const port = yield* b.run(Port.make({}))
      const ended = yield* begin(a.run(Port.exit(port)))
      yield* within("the monitor stands", a.run(Port.calMessage("b", "time")))
      yield* within("b stops", b.stop)
      const exit = yield* within("the monitor tells", Fiber.join(ended))
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((r) => r._tag === "Fail" && r.error.reason), [[
        "shutdown",
        "its node stops"
      ]])
    }))
})
