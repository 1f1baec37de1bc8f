/** A worker. Any number of nodes may run one; told to stop, a node finishes the jobs that it has. */
import { Effect, Layer, Schedule } from "effect"
import { Global, Node, Supervisor } from "effect-mp"
import * as PortRpc from "effect-mp/Rpc"
import { group, Workers } from "./protocol.ts"

const jobs = Workers.toLayer({
  count: Effect.fnUntraced(function*({ text }) {
    // In the place of what takes its time.
    yield* Effect.sleep("500 millis")
    return { words: text.split(/\s+/).filter(Boolean).length, worker: yield* Node.id }
  })
})

/** More jobs than it does at once wait for it, and those who choose by `"least-pending"` see that. */
const server = PortRpc.serve(Workers, { concurrency: 8 }).pipe(
  Effect.tap(Global.register(group)),
  Effect.provide(jobs)
)

/** One more restart than that within a minute, and the supervisor gives up. */
const restarts = { intensity: 5, period: "1 minute", schedule: Schedule.exponential("100 millis") } as const

export default Layer.effectDiscard(Supervisor.restart(server, { id: "worker", ...restarts }))
