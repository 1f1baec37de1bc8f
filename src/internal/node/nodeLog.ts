/**
 * What a node logs where no effect runs: in callbacks of sockets, of watchers and of the run queue. It goes to the loggers
 * that the node was made with, and every line bears the node's ID. What others can cause is told a few times a minute, and
 * counted beyond that.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import {
  isForeseen,
  isTagged,
  type PortExit,
  reasonFromExit,
  reasons,
  type ReasonTag,
  showReason
} from "../values/reason.ts"
import { LogLimiter } from "./logLimiter.ts"

/** Writes a line at some level. */
type Write = (text: string, ...details: ReadonlyArray<unknown>) => void

export class NodeLog {
  private readonly nodeId: string
  private readonly context: Context.Context<Scope.Scope>
  private readonly limiter = new LogLimiter()
  private isClosed = false

  /** The scope is the node's. */
  constructor(nodeId: string, context: Context.Context<Scope.Scope>) {
    this.nodeId = nodeId
    this.context = context
  }

  private write(line: Effect.Effect<void>): Fiber.Fiber<unknown> {
    return Effect.runForkWith(this.context)(Effect.annotateLogs(line, "node", this.nodeId))
  }

  debug(text: string): void {
    this.write(Effect.logDebug(text))
  }

  info(text: string): void {
    this.write(Effect.logInfo(text))
  }

  /** What cannot happen often. */
  readonly warn: Write = (text, ...details) => void this.write(Effect.logWarning(text, ...details))

  /** What keeps the node from its work. */
  readonly error: Write = (text, ...details) => void this.write(Effect.logError(text, ...details))

  /**
   * What others can cause: a few lines of one kind are told within a minute, the rest are counted. `kind` is what has happened
   * and who did it. Strangers are one and the same, whatever they say of themselves.
   */
  warnSome(kind: string, text: string, ...details: ReadonlyArray<unknown>): void {
    this.limited(this.warn, kind, text, details)
  }

  /** What operators must see; as often as `warnSome`. */
  alarm(kind: string, text: string): void {
    this.limited((line) => void this.write(Effect.logError(line)), kind, text, [])
  }

  private limited(write: Write, kind: string, text: string, details: ReadonlyArray<unknown>): void {
    const verdict = this.limiter.line(kind, text, this.monotonicMillis())
    if (verdict._tag === "tell") return write(text, ...details)
    if (verdict._tag === "leaveOut" || this.isClosed) return
    const tell = Effect.sync(() => {
      const summary = verdict.summary()
      if (summary !== undefined) write(summary)
    })
    Fiber.runIn(
      this.write(Effect.andThen(Effect.sleep(verdict.afterMillis), tell)),
      Context.get(this.context, Scope.Scope)
    )
  }

  private monotonicMillis(): number {
    return Number(Context.get(this.context, Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
  }

  /** The node stops: what was left out is told now. */
  close(): void {
    this.isClosed = true
    for (const summary of this.limiter.close()) this.warn(summary)
  }

  /** A port has ended, and nobody monitored it. */
  unmonitored(port: string, exit: PortExit): void {
    const reason = reasonFromExit(exit)
    if (isForeseen(reason)) return
    const tag = (Object.keys(reasons) as ReadonlyArray<ReasonTag>).find((tag) => isTagged(reason, tag)) ?? "another"
    this.warnSome(`unmonitored: ${tag}`, `port ${port}, which nobody monitored, has ended: ${showReason(exit)}`)
  }

  /**
   * Runs what others made the node do: a failure must not end in their caller, which may be a socket. `what` is told, and is the
   * kind of the line too.
   */
  guarded(what: string, body: () => void): void {
    try {
      body()
    } catch (error) {
      this.warnSome(what, what, error)
    }
  }
}
