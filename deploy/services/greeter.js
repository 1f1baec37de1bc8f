/** A service to try a deployment with: members of the group `greeters`, each of which says where it is. */
import { Global, Node, Port, Supervisor } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const greeter = Effect.gen(function*() {
  const nodeId = yield* Node.id
  return yield* Port.make({
    greet: (name, reply) => Port.snd(reply, `Hello, ${name}, from ${nodeId}`)
  })
}).pipe(Effect.tap(Global.register("greeters")))

export default Layer.effectDiscard(Supervisor.restart(greeter, { id: "greeter" }))
