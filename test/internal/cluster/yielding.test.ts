import { assert, describe } from "@effect/vitest"
import * as Entity from "effect/cluster/Entity"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Cluster from "../../../src/Cluster.ts"
import { Global } from "../../../src/index.ts"
import * as TestNetwork from "../../../src/TestNetwork.ts"
import { balanced, soon, statusOf, test } from "../../clusterWorld.ts"

const Slow = Entity.make("Slow", [EffectRpc.make("here", { success: Schema.String })])

/** An entity that takes a while to end: so whoever wants it to end again finds that it is about to. */
const slow = Slow.toLayer(
  Effect.gen(function*() {
    const { host } = yield* Entity.CurrentRunnerAddress
    yield* Effect.addFinalizer(() => Effect.sleep(300))
    return Slow.of({ here: () => Effect.succeed(host) })
  })
)

/** So many fibers begin at most in a test that is sound: of what begins more, it is the end. */
const mostFibers = 50_000

describe("a runner in a program whose fibers do not yield", () => {
  test(
    "that loses the majority ends its entities, though they take a while for it, and has them again with a majority",
    Effect.gen(function*() {
      let fibers = 0
      const unyielding = Layer.mergeAll(
        Layer.succeed(References.PreventSchedulerYield, true),
        Layer.succeed(References.MaxOpsBeforeYield, Infinity),
        Layer.succeed(Metric.FiberRuntimeMetrics, {
          recordFiberStart: () => {
            if (++fibers > mostFibers) throw new Error("fibers begin without end")
          },
          recordFiberEnd: () => {}
        })
      )
      const services = slow.pipe(
        Layer.provideMerge(Cluster.layer({ voters: ["a"], lease: "1 second", grace: "1 second" })),
        Layer.provideMerge(Global.layer({ seeds: ["a:1", "b:1"] }))
      )
      const voter = yield* soon(TestNetwork.start("a", { services }))
      const runner = yield* soon(TestNetwork.start("b", { services: Layer.provide(services, unyielding) }))
      yield* balanced([voter, runner])
      const client = yield* runner.run(Slow.client)
      const answers = Effect.forEach(keys, (key) => Effect.timeout(client(key).here(), "30 seconds"))
      assert.include(yield* soon(answers), "b")
      yield* voter.kill
      yield* TestNetwork.until("the runner has no entities", Effect.map(statusOf(runner), isEmpty))
      yield* soon(TestNetwork.start("a", { services }))
      assert.include(yield* soon(answers), "b")
      assert.isBelow(fibers, mostFibers)
    })
  )
})

const keys = Array.from({ length: 8 }, (_, n) => `k${n}`)

const isEmpty = ({ entities }: Cluster.Status): boolean => Object.values(entities).every((count) => count === 0)
