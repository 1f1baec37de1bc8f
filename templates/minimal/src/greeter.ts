/** A greeter. When it fails it is started again; when that does not help, its supervisor gives up, and the program ends. */
import { Effect, Layer, Schedule } from "effect"
import { Global, Node, Port, Supervisor } from "effect-mp"
import { Greeter, group } from "./protocol.ts"

const start = Port.make(Greeter, {
  greet: (name) => Effect.map(Node.id, (node) => `Hello, ${name}! This is ${node}.`)
}).pipe(Effect.tap(Global.register(group)))

/** One more restart than that within a minute, and the supervisor gives up. */
const restarts = { intensity: 5, period: "1 minute", schedule: Schedule.exponential("100 millis") } as const

export default Layer.effectDiscard(Supervisor.restart(start, { id: "greeter", ...restarts }))
