/**
 * A service that sends the time to all receivers every second, wherever they are, and says when one is gone. The sender of
 * AnyEvent::MP's introduction does the same:
 *
 * emp run --node-id anon/ --seed 127.0.0.1:4040 --service examples/sender.ts
 */
import { Global, Port } from "effect-mp"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { group, type Receiver } from "./protocol.ts"

const watch = Global.mon(group).pipe(
  Stream.runForEach(({ added }) =>
    Effect.forEach(added, (port) => Port.mon(port, () => Console.log(`receiver ${port} is gone`)))
  )
)

const sendToAll = Effect.gen(function*() {
  // A sender may be there before the network is.
  const receivers: ReadonlyArray<typeof Receiver.PortId.Type> = yield* Effect.catchTag(
    Global.find(group),
    "NoMaster",
    () => Effect.succeed([])
  )
  const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  yield* Effect.forEach(receivers, (port) => Port.snd(port, "test", seconds))
})

export default Effect.all([watch, Effect.repeat(sendToAll, Schedule.spaced("1 second"))], {
  concurrency: "unbounded",
  discard: true
})
