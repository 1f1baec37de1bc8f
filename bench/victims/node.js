/**
 * A program with a node and a port, and nothing else: what it loads is part of what its end takes. JavaScript, since what strips
 * types takes memory too. Prints its address and its port, and nothing of what it logs.
 */
import { Node, Port, Transport } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

process.stdin.on("end", () => process.exit(1)).resume()

const program = Effect.gen(function*() {
  const port = yield* Port.make({})
  const [address] = yield* Node.addresses
  console.log(address, port)
  return yield* Effect.never
})

const node = Node.layer({ nodeId: `victim${process.pid}`, secret: "bench", binds: ["127.0.0.1:*"] })
await Effect.runPromise(
  Effect.scoped(program).pipe(Effect.provide(Layer.provide(node, Transport.layerTcp)), Effect.provide(Logger.layer([])))
)
