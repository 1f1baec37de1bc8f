/**
 * What it means that a command was interrupted: by a signal, or because nobody reads what it prints any more.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** The exit code of a process that a second signal ends. */
export const atOnce = 130

/** As shells have it: 128 and the number of the signal. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

let isEndless = false
let outlivesReaders = false
let isLost = false
let code: number | undefined

/** A command that only ends by being interrupted has done its work then. What it prints may be all that it is for, or not. */
export const endless = <A, E, R>(
  command: Effect.Effect<A, E, R>,
  readers?: "outlives its readers"
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    isEndless = true
    outlivesReaders = readers !== undefined
    return command
  })

/** The exit code of a command that has done its work, or was interrupted before. */
export const exitCode = (wasInterrupted: boolean): number => {
  if (isLost) return 1
  return isEndless || !wasInterrupted ? 0 : code ?? atOnce
}

/** Says how to end at once, and does it, at a second signal. */
export const watchSignals = (): void => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (code !== undefined) process.exit(atOnce)
      code = codes[signal]
      Effect.runFork(Effect.delay(Console.error("emp: still ending; a second signal ends it at once"), "5 seconds"))
    })
  }
}

/** Ends the process, in order, when what it prints goes nowhere. That nobody reads its log is no reason to end. */
export const watchOutput = (): void => {
  let isOver = false
  process.stderr.on("error", () => {})
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isOver) return
    isOver = true
    // As in `emp logs | head`: whoever has read enough has gone.
    const isUnread = error.code === "EPIPE"
    if (!isUnread) process.stderr.write(`emp: standard output: ${error.message}\n`)
    if (outlivesReaders) return
    if (isUnread) isEndless = true
    else {
      isLost = true
      // All may be over but for the end of the process.
      process.exitCode = 1
    }
    process.kill(process.pid, "SIGTERM")
  })
}
