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
import * as Semaphore from "effect/Semaphore"
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

/** Each letter needs a desk. Calls that wait for one are seen by those who choose by `"least-pending"`. */
const handlers = (desks: Semaphore.Semaphore) =>
  Workers.toLayer({
    render: (order) => desks.withPermit(write(order)),
    mail: (order) => desks.withPermit(Effect.tap(write(order), Console.log(`mailed ${order.id}`)))
  })

const allDesks = 16

export const worker = Layer.effectDiscard(Effect.gen(function*() {
  const desks = yield* Semaphore.make(allDesks)
  const server = PortRpc.serve(Workers).pipe(Effect.tap(Global.register(group)), Effect.provide(handlers(desks)))
  const supervised = yield* Supervisor.restart(server, { id: "worker" })
  // Told to stop, it leaves the group, gives others a moment to hear of that, and finishes the letters that it has.
  const leave = Effect.flatMap(supervised.port, (port) => Global.del(group, port))
  const finish = Effect.andThen(Effect.sleep("100 millis"), desks.take(allDesks))
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.andThen(leave, finish)))
}))

export default worker.pipe(Layer.provide(tracing("worker")))
