/**
 * A service that prints what it is sent, and can be found by others: the receiver of AnyEvent::MP's introduction. A message that it
 * cannot take ends its port, and it goes on with another one:
 *
 * emp run --node-id receiver --bind 127.0.0.1:4040 --service examples/receiver.ts
 */
import { Global, Node, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { group, Receiver } from "./protocol.ts"

const receiver = Effect.gen(function*() {
  const here = yield* Node.id
  const port = yield* Port.make(Receiver, {
    test: (data) => Console.log(`${here} got:`, data)
  })
  yield* Global.register(port, group)
  return port
})

export default Layer.effectDiscard(Supervisor.restart(receiver))
