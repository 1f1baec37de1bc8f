/**
 * A node that holds a lock until something happens to it. Its arguments are the address of the voters' seed, and the options of the locks; it
 * prints `held` when it has it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Global, Node, Transport } from "../../src/index.ts"

const [seed = "", options = "{}"] = process.argv.slice(2)
const lockOptions: Global.LocksOptions = JSON.parse(options)

const node = Layer.provideMerge(
  Global.layer({ seeds: [seed] }),
  Node.layer({ nodeId: "victim", secret: "bench", binds: ["127.0.0.1:*"] })
)

const program = Effect.gen(function*() {
  const locks = yield* Global.locks(lockOptions)
  yield* locks.hold("x")
  yield* Console.log("held")
  return yield* Effect.never
})

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.provide(Layer.provide(node, Transport.layerTcp)),
    Effect.provide(Logger.layer([]))
  )
)
