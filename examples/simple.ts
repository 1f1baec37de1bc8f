/**
 * The smallest program: a port, a message, and the news of its end. `node examples/simple.ts`
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const program = Effect.gen(function*() {
  const port = yield* Port.make({
    test: (data) => Console.log(`got message: ${data}`),
    stop: () => Effect.flatMap(Port.Self, (self) => Port.kil(self))
  })
  yield* Port.snd(port, "test", 123)
  yield* Port.snd(port, "stop")
  const exit = yield* Port.exit(port)
  yield* Console.log(`the port ended: ${exit._tag}`)
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
