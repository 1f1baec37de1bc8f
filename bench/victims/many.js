/**
 * Many nodes in one process, all of which join a network: `many.js COUNT SEED`, a seed of TCP or of NATS. Prints how many milliseconds it took until
 * the last one had joined, and nothing of what it logs.
 */
import { Global, Node, Transport } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

process.stdin.on("end", () => process.exit(1)).resume()

const [, , count, seed] = process.argv
const isOnNats = seed.startsWith("nats:")
const transport = isOnNats
  ? Transport.layerNats({ servers: `127.0.0.1:${process.env.BENCH_NATS}`, network: "many" })
  : Transport.layerTcp

const start = (n) => {
  const nodeId = `many${process.pid}-${n}`
  const node = Node.layer({ nodeId, secret: "bench", binds: [isOnNats ? "nats:" : "127.0.0.1:*"] })
  return Effect.flatMap(
    Layer.build(Layer.provideMerge(Global.layer({ seeds: [seed] }), node)),
    (context) => Effect.provide(Global.joined, context)
  )
}

const program = Effect.gen(function*() {
  const began = performance.now()
  yield* Effect.forEach(Array.from({ length: Number(count) }, (_, n) => n), start, {
    concurrency: "unbounded",
    discard: true
  })
  console.log(performance.now() - began)
  return yield* Effect.never
})

await Effect.runPromise(
  Effect.scoped(program).pipe(Effect.provide(transport), Effect.provide(Logger.layer([])))
)
