/**
 * What a node logs where no effect runs: in callbacks of sockets, of watchers and of the run queue. It goes to the loggers
 * that the node was made with, and every line bears the node's ID.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { isForeseen, type PortExit, reasonFromExit, showReason } from "../values/reason.ts"

export class NodeLog {
  private readonly nodeId: string
  private readonly context: Context.Context<never>

  constructor(nodeId: string, context: Context.Context<never>) {
    this.nodeId = nodeId
    this.context = context
  }

  private write(line: Effect.Effect<void>): void {
    Effect.runForkWith(this.context)(Effect.annotateLogs(line, "node", this.nodeId))
  }

  debug(text: string): void {
    this.write(Effect.logDebug(text))
  }

  warn(text: string, ...details: ReadonlyArray<unknown>): void {
    this.write(Effect.logWarning(text, ...details))
  }

  /** What operators must see. */
  alarm(text: string): void {
    this.write(Effect.logError(text))
  }

  /** A port has ended, and nobody monitored it. */
  unmonitored(port: string, exit: PortExit): void {
    if (isForeseen(reasonFromExit(exit))) return
    this.warn(`port ${port}, which nobody monitored, has ended: ${showReason(exit)}`)
  }

  /** Runs what others made the node do: a failure must not end in their caller, which may be a socket. */
  guarded(what: string, body: () => void): void {
    try {
      body()
    } catch (error) {
      this.warn(what, error)
    }
  }
}
