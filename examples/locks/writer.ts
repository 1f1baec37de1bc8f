/**
 * A service that writes, and runs on one of three nodes: never on two, for those that vote give it to one. Kill that one (`kill -9`), or freeze it
 * (`kill -STOP`), and another one goes on; when it thaws (`kill -CONT`), it ends, and what it writes late is refused:
 *
 * emp run --node-id a --bind 127.0.0.1:4060 --seed 127.0.0.1:4061 --service examples/locks/writer.ts
 * emp run --node-id b --bind 127.0.0.1:4061 --seed 127.0.0.1:4060 --service examples/locks/writer.ts
 * emp run --node-id c --bind 127.0.0.1:4062 --seed 127.0.0.1:4060,127.0.0.1:4061 --service examples/locks/writer.ts
 */
import { Node, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { write } from "./ledger.ts"

const writer = Effect.gen(function*() {
  const here = yield* Node.id
  /** Each node that runs the service has a larger one than all before it. */
  const token = (yield* Supervisor.FencingToken) ?? 0
  const note = (text: string) =>
    Effect.flatMap(
      write("writer", token, `${here} ${text}`),
      (isWritten) => isWritten ? Effect.void : Console.log(`${here} is refused: token ${token} is an old one`)
    )
  yield* note("begins")
  yield* Console.log(`${here} writes, with token ${token}`)
  yield* Effect.addFinalizer(() => Effect.andThen(note("ends"), Console.log(`${here} writes no more`)))
  yield* Effect.forkScoped(Effect.forever(Effect.delay(note("goes on"), "100 millis")))
  return yield* Port.make({ where: (reply) => Port.snd(reply, here) })
})

const nodes = ["a", "b", "c"]

export default Layer.effectDiscard(
  Supervisor.failover(writer, { name: "writer", nodes, voters: nodes, lease: "3 seconds", grace: "1500 millis" })
)
