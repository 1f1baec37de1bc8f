/**
 * A node on one of two hosts: `node host.ts NODE ADDRESS SEED`. Monitors a port of every other node, and says when it finds
 * one, hears from it, and loses it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Global from "../../src/Global.ts"
import * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import * as Transport from "../../src/Transport.ts"

const [nodeId = "", address = "", seed = ""] = process.argv.slice(2)
const group = "hosts"

/** Calls a port, and waits until its monitor fires. */
const keep = (port: string) =>
  Effect.gen(function*() {
    const lost = yield* Deferred.make<unknown>()
    yield* Port.mon(port, (exit) => Deferred.succeed(lost, exit._tag))
    yield* Effect.ignore(Effect.andThen(Port.cal(port, "hello"), Console.log("hello")))
    yield* Console.log(`lost: ${String(yield* Deferred.await(lost))}`)
    yield* Effect.sleep("100 millis")
  }).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const own = yield* Port.make({ hello: (reply) => Port.snd(reply, "hello") })
  yield* Global.register(own, group)
  yield* Console.log("ready")
  yield* Stream.runForEach(
    Global.watch(group),
    ({ joined }) =>
      Effect.forEach(joined.filter((port) => port !== own), (port) => Effect.forkScoped(Effect.forever(keep(port))))
  )
})

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.provide(Layer.provideMerge(
      Global.layer({ seeds: [seed], global: seed === address }),
      Layer.provide(
        Node.layer({ nodeId, secret: "hosts", binds: [address], monitorTimeout: "2 seconds" }),
        Transport.layerTcp
      )
    )),
    Effect.orDie
  )
)
