/** A failover service with voters: where it runs when the network falls apart, when it stops, and what is known of that. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Global, Port, Supervisor } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Transport.Transport | Scope.Scope

const logs = makeLogs()

const test = (title: string, body: () => Effect.Effect<unknown, unknown, Stage>): void =>
  it.live(
    title,
    () => Effect.suspend(body).pipe(Effect.scoped, Effect.provide(TestNetwork.layer), Effect.provide(logs.layer))
  )

const voters = ["a", "b", "c"]
const times = { lease: "6 seconds", grace: "2 seconds" } as const

/** A run of the service: when it began, and when nothing of it was left. */
interface Run {
  readonly node: string
  readonly token: number | undefined
  readonly from: number
  to: number | undefined
}

/** Nodes that take part in a service, which notes when it runs where. */
const makeParty = (
  options: Partial<Supervisor.FailoverOptions> = {},
  whileStopping: Effect.Effect<unknown> = Effect.void
) => {
  const runs: Array<Run> = []
  const parts = new Map<string, Supervisor.Failover>()
  const nodes = new Map<string, TestNetwork.TestNode>()
  const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
  const service = (node: string) =>
    Effect.gen(function*() {
      const run: Run = { node, token: yield* Supervisor.FencingToken, from: yield* now, to: undefined }
      yield* Effect.acquireRelease(
        Effect.sync(() => runs.push(run)),
        () => Effect.andThen(whileStopping, Effect.map(now, (time) => void (run.to = time)))
      )
      return yield* Port.make({
        where: (reply) => Port.snd(reply, node),
        crash: () => Effect.fail("boom")
      })
    })
  const add = (nodeId: string) =>
    Effect.map(
      TestNetwork.start(nodeId, { monitorTimeout: "3 seconds", connectInterval: "1 second" }),
      (node) => void nodes.set(nodeId, node)
    )
  const takePart = Effect.fnUntraced(function*(nodeId: string) {
    const all = { name: "greeter", nodes: ["a", "b", "c"], voters, ...times, ...options }
    parts.set(nodeId, yield* nodes.get(nodeId)!.run(Supervisor.failover(service(nodeId), all)))
  })
  const join = (nodeId: string) => Effect.andThen(add(nodeId), takePart(nodeId))
  const running = () => runs.filter(({ to }) => to === undefined).map(({ node }) => node).toSorted().join()
  const runsOn = (where: string) => TestNetwork.until(`it runs on ${where || "no node"}`, () => running() === where)
  return { add, join, nodes, now, parts, running, runs, runsOn, takePart }
}

describe("a failover service with voters", () => {
  test("runs on the first node, when the voters have been there for a lease", () =>
    Effect.gen(function*() {
      const { join, now, running, runs, runsOn } = makeParty()
      for (const node of ["a", "b", "c"]) yield* join(node)
      yield* runsOn("a")
      assert.isAtLeast(runs[0]!.from, 6_000)
      console.log(runs, yield* now, logs.lines)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running(), "a")
      assert.strictEqual(runs.length, 1)
    }))
})
