/**
 * The smallest program: a port, a message, and the news of its end. `node examples/simple.ts`
 */
import { Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

const program = Effect.gen(function*() {
  const port = yield* Port.make({
    test: (data) => Console.log(`got message: ${data}`),
    stop: () => Effect.flatMap(Port.Self, (self) => Port.kil(self))
  })
  const ended = yield* Deferred.make<Exit.Exit<void, Port.Killed>>()
  yield* Port.mon(port, (exit) => Deferred.succeed(ended, exit))

  yield* Port.snd(port, "test", 123)
  yield* Port.snd(port, "stop")
  const exit = yield* Deferred.await(ended)
  yield* Console.log(`the port ended: ${exit._tag}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
