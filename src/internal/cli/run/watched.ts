/**
 * The node's side of a watchdog: it beats, and does what its watchdog says.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { isWatched, mark, readFromWatchdog, tellWatchdog } from "./channel.ts"
import { catcher } from "./logCatcher.ts"

/** The request that `emp restart` sends; answered by whether there is somebody who starts the node again. */
export const restartRequest = "emp_restart"

/**
 * Beats for as long as the scope lasts, and stops the node when the watchdog says so, or is gone. A node that is told to stop
 * twice, or by a signal as well, still stops in order: what ends it at once is its watchdog.
 */
export const obey = Effect.gen(function*() {
  if (!isWatched()) return
  // The processes that the node starts have no watchdog.
  delete process.env[mark]
  const stop = (): void => void process.kill(process.pid, "SIGTERM")
  const listener = (message: unknown): void => {
    const said = readFromWatchdog(message)
    if (said.stop) stop()
    if (said.reload) process.kill(process.pid, "SIGHUP")
    catcher.earlier(said.lines ?? [])
  }
  process.on("message", listener).on("disconnect", stop)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.off("message", listener).off("disconnect", stop)))
  // The watchdog may have gone before the node listened.
  if (!process.connected) stop()
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Effect.sync(() => tellWatchdog({ beat: true })), Effect.sleep("1 second")))
  )
})

/** Says who this process is: to its watchdog, and to those who look at the processes of the machine. */
export const beKnownAs = (nodeId: string): void => {
  process.title = `emp run ${nodeId}`
  tellWatchdog({ nodeId })
}
