/**
 * SIGHUP: whoever looks after the node asks it to read its configuration again; or the terminal that it runs in is gone. The
 * watchdog listens too, and is without the library.
 *
 * @internal
 */
import { isatty } from "node:tty"

/** A terminal that is gone ends this process, as SIGTERM does. The result takes the listener back. */
export const heedHangups = (reload: () => void): () => void => {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  const heed = (): void => {
    if (terminals.some((descriptor) => !isatty(descriptor))) process.kill(process.pid, "SIGTERM")
    else reload()
  }
  process.on("SIGHUP", heed)
  return () => void process.off("SIGHUP", heed)
}
