/**
 * A worker: a supervised rpc server that is a member of the group. Any number of nodes may run one:
 *
 * emp run --node-id worker1 --seed 127.0.0.1:4040 --service examples/jobs/worker.ts
 */
import { Global, Node, Supervisor } from "effect-mp"
import * as PortRpc from "effect-mp/Rpc"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { group, Letter, type Order, UnknownTemplate, Workers } from "./jobs.ts"
import { tracing } from "./tracing.ts"

const templates = new Map([
  ["welcome", (name: string) => `Dear ${name}, welcome!`],
  ["reminder", (name: string) => `Dear ${name}, have you forgotten us?`]
])

const write = Effect.fn("write")(function*({ name, template }: Order) {
  const text = templates.get(template)
  if (text === undefined) return yield* new UnknownTemplate({ template })
  // What takes its time: a database, a printer.
  yield* Effect.sleep("20 millis")
  return new Letter({ text: text(name), written: yield* DateTime.now, by: yield* Node.id })
})

const handlers = Workers.toLayer({
  render: write,
  mail: (order) => Effect.tap(write(order), Console.log(`mailed ${order.id}`))
})

/** More calls than it does at once wait here: those who choose by `"least-pending"` see that. */
const server = PortRpc.serve(Workers, { concurrency: 16 }).pipe(
  Effect.tap(Global.register(group)),
  Effect.provide(handlers)
)

export const worker = Layer.effectDiscard(Effect.gen(function*() {
  const supervised = yield* Supervisor.restart(server, { id: "worker" })
  // Told to stop, it leaves the group, and gives others a moment to hear of that. Then its supervisor lets it finish what it has.
  const leave = Effect.flatMap(supervised.port, (port) => Global.del(group, port))
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.andThen(leave, Effect.sleep("100 millis"))))
}))

export default worker.pipe(Layer.provide(tracing("worker")))
