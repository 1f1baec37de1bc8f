/**
 * What it means that a command was interrupted: by a signal, or because nobody reads what it prints any more.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { atOnce } from "./exitCodes.ts"

/** As shells have it: 128 and the number of the signal. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

/** What a run of `emp` knows of its end, which decides its exit code. */
export class Ending {
  /** The command only ends by being interrupted, and has done its work then. */
  private isEndless = false
  /** What the command prints is not all that it is for. */
  private outlivesReaders = false
  /** What was printed could not be written. */
  private isLost = false
  /** The exit code that the first signal stands for, once there was one. */
  private code: number | undefined
  /** It ends, or is about to, and no signal of somebody else was needed. */
  private isAsked = false
  private readonly end: () => void

  /** `end` ends what this is the end of, in order: the process, by itself. */
  constructor(end: () => void = () => void process.kill(process.pid, "SIGTERM")) {
    this.end = end
  }

  beEndless(outlivesReaders: boolean): void {
    this.isEndless = true
    this.outlivesReaders = outlivesReaders
  }

  /** The exit code of a command that has done its work, or was interrupted before. */
  exitCode(wasInterrupted: boolean): number {
    if (this.isLost) return 1
    return this.isEndless || !wasInterrupted ? 0 : this.code ?? atOnce
  }

  /** At the first signal, says how to end at once; at the second one, ends. */
  watchSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (this.code !== undefined) process.exit(atOnce)
        this.code = codes[signal]
        Effect.runFork(Effect.delay(Console.error("emp: still ending; a second signal ends it at once"), "5 seconds"))
      })
    }
  }

  /** Ends it in order, as the first signal does the process. One that is ending already is left alone: a second one would end it at once. */
  endInOrder(): void {
    if (this.isAsked || this.code !== undefined) return
    this.isAsked = true
    this.end()
  }

  /** Ends the process, in order, when what it prints goes nowhere. That nobody reads its log is no reason to end. */
  watchOutput(): void {
    let isOver = false
    process.stderr.on("error", () => {})
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (isOver) return
      isOver = true
      // As in `emp logs | head`: whoever has read enough has gone.
      const isUnread = error.code === "EPIPE"
      if (!isUnread) process.stderr.write(`emp: standard output: ${error.message}\n`)
      if (this.outlivesReaders) return
      if (isUnread) this.isEndless = true
      else {
        this.isLost = true
        // The command may be over, and the process about to end by itself, without asking for a code.
        process.exitCode = 1
      }
      this.endInOrder()
    })
  }
}

/** That of this run. `emp` as a part of another program leaves signals and output to that program. */
export const CurrentEnding: Context.Reference<Ending> = Context.Reference("effect-mp/Cli/CurrentEnding", {
  defaultValue: () => new Ending()
})

/** A command that only ends by being interrupted. What it prints may be all that it is for, or not. */
export const endless = <A, E, R>(
  command: Effect.Effect<A, E, R>,
  readers?: "outlives its readers"
): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentEnding, (ending) => {
    ending.beEndless(readers !== undefined)
    return command
  })
