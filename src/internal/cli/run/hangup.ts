/**
 * SIGHUP: whoever looks after the node asks it to read its secret and certificate again; or the terminal that it runs in is gone.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { isatty } from "node:tty"

/** Gets an element when the configuration is to be read again. A terminal that is gone ends the command, as SIGTERM does. */
export const hangups = Effect.gen(function*() {
  const reloads = yield* Queue.sliding<"reload">(1)
  const terminals = [0, 1, 2].filter(isatty)
  const heed = (): void => {
    if (terminals.some((descriptor) => !isatty(descriptor))) process.kill(process.pid, "SIGTERM")
    else Queue.offerUnsafe(reloads, "reload")
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", heed)),
    () => Effect.sync(() => process.off("SIGHUP", heed))
  )
  return reloads
})

/** Gets an element for every hangup. */
export type Reloads = Queue.Dequeue<"reload">
