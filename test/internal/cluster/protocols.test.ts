import { assert, describe, it } from "@effect/vitest"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as Runners from "effect/cluster/Runners"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { clientProtocol, serverProtocol, type Watched } from "../../../src/internal/cluster/protocols.ts"
import * as TestNetwork from "../../../src/TestNetwork.ts"
import { sized } from "../../size.ts"

const Asked = RpcGroup.make(
  EffectRpc.make("next", { payload: { n: Schema.Number }, success: Schema.Number }),
  EffectRpc.make("never", { success: Schema.Number })
)

const runner = RunnerAddress.make("b", 1)

/** What a node knows of the runner, as the test says. */
class Known implements Watched {
  readonly whenSilent = new Set<(address: string) => void>()
  private alive = true
  isAlive(): boolean {
    return this.alive
  }
  falls(): void {
    this.alive = false
    for (const tell of this.whenSilent) tell("b:1")
  }
  returns(): void {
    this.alive = true
  }
}

/** A client of the one runner, kept for as long as the test lasts: as Sharding keeps it that has not looked meanwhile. */
const called = Effect.gen(function*() {
  const [a, b] = [yield* TestNetwork.start("a"), yield* TestNetwork.start("b")]
  const handlers = Asked.toLayer({ next: ({ n }) => Effect.succeed(n + 1), never: () => Effect.never })
  yield* b.run(Layer.build(
    RpcServer.layer(Asked).pipe(
      Layer.provide(handlers),
      Layer.provide(serverProtocol("cluster", runner, () => {}))
    )
  ))
  const known = new Known()
  const client = yield* a.run(
    Effect.gen(function*() {
      const { make } = yield* Runners.RpcClientProtocol
      return yield* Effect.provideService(RpcClient.make(Asked), RpcClient.Protocol, yield* make(runner))
    }).pipe(Effect.provide(clientProtocol("cluster", known)))
  )
  return { client, known }
})

const Step = Schema.Literals(["calls", "waits", "falls silent", "returns"])

describe("the client of a runner", () => {
  it.effect.prop(
    "answers whenever the runner is there, and fails at once while it is silent, whatever came before",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function*() {
        const { client, known } = yield* called
        const soon = TestNetwork.within("1 second")
        let waiting: Array<Fiber.Fiber<number, unknown>> = []
        for (const step of [...steps, "returns", "calls"] as const) {
          if (step === "waits") waiting.push(yield* Effect.forkChild(client.never(), { startImmediately: true }))
          if (step === "calls") {
            const answer = yield* soon(Effect.exit(client.next({ n: 1 })))
            assert.strictEqual(Exit.isSuccess(answer) ? answer.value : undefined, known.isAlive() ? 2 : undefined)
          }
          if (step === "returns") known.returns()
          if (step === "falls silent") {
            known.falls()
            for (const fiber of waiting) assert.isTrue(Exit.isFailure(yield* soon(Fiber.await(fiber))))
            waiting = []
            // Nobody is back in the very turn in which he fell silent.
            yield* TestClock.adjust("1 millis")
          }
        }
      }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer)),
    { arbitrary: { runs: sized(15, 300) } }
  )
})
