/**
 * What a node logs where no effect runs: in callbacks of sockets, of watchers and of the run queue. It goes to the loggers
 * that the node was made with, and every line bears the node's ID and the room that it comes from. What others can cause is told a few
 * times a minute, and counted beyond that.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Annotations } from "../port/receiver.ts"
import { isCommand } from "../values/commandId.ts"
import type { Module } from "../values/modules.ts"
import {
  isForeseen,
  isTagged,
  type PortExit,
  type Reason,
  reasonFromExit,
  reasons,
  type ReasonTag,
  showReason
} from "../values/reason.ts"
import { LogLimiter } from "./logLimiter.ts"

type Level = "Debug" | "Info" | "Warn" | "Error"

/** What all that one node logs has in common. */
class Bounds {
  /** The ends of ports that were told with their causes. */
  readonly reported = new WeakSet<PortExit>()
  private readonly limiters = new Map<Level, LogLimiter>()
  isClosed = false

  /** Lines of one level keep none of another from being told. */
  limiter(level: Level): LogLimiter {
    const known = this.limiters.get(level)
    if (known !== undefined) return known
    const limiter = new LogLimiter()
    this.limiters.set(level, limiter)
    return limiter
  }

  get levels(): Iterable<Level> {
    return this.limiters.keys()
  }
}

export class NodeLog {
  private readonly nodeId: string
  private readonly annotations: Annotations
  private readonly context: Context.Context<Scope.Scope>
  private readonly bounds: Bounds

  /** The scope is the node's. */
  constructor(
    nodeId: string,
    context: Context.Context<Scope.Scope>,
    annotations: Annotations = { module: "Node" satisfies Module },
    bounds = new Bounds()
  ) {
    this.nodeId = nodeId
    this.context = context
    this.annotations = annotations
    this.bounds = bounds
  }

  /** The same log, for what another room has to say on this node. */
  of(module: Module): NodeLog {
    return this.about({ module })
  }

  /** The same log, whose lines say more of what they are about: `error` is a tag that `emp errors` explains. */
  about(annotations: Annotations): NodeLog {
    return new NodeLog(this.nodeId, this.context, { ...this.annotations, ...annotations }, this.bounds)
  }

  private write(level: Level, text: string, details: ReadonlyArray<unknown> = []): void {
    this.fork(Effect.logWithLevel(level)(text, ...details))
  }

  private fork(lines: Effect.Effect<void>): Fiber.Fiber<unknown> {
    // A port may have been made by one of another node, whose lines it must not bear.
    const annotations = Object.assign({ node: "" }, this.annotations, { node: this.nodeId })
    return Effect.runForkWith(this.context)(Effect.annotateLogs(lines, annotations))
  }

  debug(text: string): void {
    this.write("Debug", text)
  }

  info(text: string): void {
    this.write("Info", text)
  }

  /** What cannot happen often. */
  warn(text: string, ...details: ReadonlyArray<unknown>): void {
    this.write("Warn", text, details)
  }

  /** What keeps the node from its work. */
  error(text: string, ...details: ReadonlyArray<unknown>): void {
    this.write("Error", text, details)
  }

  /**
   * What happens in the life of the node, perhaps to its link with another one; as often as `warnSome`. Nobody has to read of the nodes
   * of commands, and their own have nothing to say.
   */
  life(kind: string, text: string, peer?: string): void {
    const log = peer === undefined ? this : this.about({ peer })
    if (isCommand(this.nodeId) || isCommand(peer ?? "")) log.debug(text)
    else log.limited("Info", `${kind} ${peer ?? ""}`, text, [])
  }

  /**
   * What others can cause: a few lines of one kind are told within a minute, the rest are counted. `kind` is what has happened
   * and who did it. Strangers are one and the same, whatever they say of themselves.
   */
  warnSome(kind: string, text: string, ...details: ReadonlyArray<unknown>): void {
    this.limited("Warn", kind, text, details)
  }

  /** What operators must see; as often as `warnSome`. */
  alarm(kind: string, text: string): void {
    this.limited("Error", kind, text, [])
  }

  /**
   * Code of users failed: told where that happens, with the cause, as often as `warnSome`. One kind is what fails in one place of one
   * service.
   */
  crash(what: string, kind: string, cause: unknown): void {
    const told = Cause.isCause(cause) ? cause : Cause.die(cause)
    this.limited("Error", `${kind}: ${frameOf(told)} ${String(this.annotations["service"] ?? "")}`, what, [told])
  }

  private limited(level: Level, kind: string, text: string, details: ReadonlyArray<unknown>): void {
    const verdict = this.bounds.limiter(level).line(kind, text, this.monotonicMillis())
    if (verdict._tag === "tell") return this.write(level, text, details)
    if (verdict._tag === "leaveOut" || this.bounds.isClosed) return
    const tell = Effect.suspend(() => {
      const summary = verdict.summary()
      return summary === undefined ? Effect.void : Effect.logWithLevel(level)(summary)
    })
    Fiber.runIn(
      this.fork(Effect.andThen(Effect.sleep(verdict.afterMillis), tell)),
      Context.get(this.context, Scope.Scope)
    )
  }

  private monotonicMillis(): number {
    return Number(Context.get(this.context, Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
  }

  /** The node stops: what was left out is told now. */
  close(): void {
    this.bounds.isClosed = true
    for (const level of this.bounds.levels) {
      for (const summary of this.bounds.limiter(level).close()) this.write(level, summary)
    }
  }

  /**
   * What runs in a port has failed, and the port ends for that. What somebody has asked for, or what follows from the loss of a node, is
   * no mistake of the port.
   */
  crashed(port: string, exit: PortExit, cause: Cause.Cause<unknown>): void {
    this.bounds.reported.add(exit)
    const reason = reasonFromExit(exit)
    const text = `port ${port} failed: ${showReason(exit)}`
    if (isForeseen(reason)) this.debug(text)
    else this.about(errorOf(reason)).crash(text, "port", cause)
  }

  /** A port has ended, and nobody monitored it. */
  unmonitored(port: string, exit: PortExit): void {
    const reason = reasonFromExit(exit)
    if (isForeseen(reason) || this.bounds.reported.has(exit)) return
    const kind = `unmonitored: ${reasonTagOf(reason) ?? "another"}`
    const text = `port ${port}, which nobody monitored, has ended: ${showReason(exit)}`
    this.of("Port").about({ port, ...errorOf(reason) }).warnSome(kind, text)
  }

  /**
   * Runs what others made the node do: a failure must not end in their caller, which may be a socket. `what` is told, and is the
   * kind of the line too.
   */
  guarded(what: string, body: () => void): void {
    try {
      body()
    } catch (error) {
      this.crash(what, what, error)
    }
  }
}

/** The tag of a reason that is one of our own. */
const reasonTagOf = (reason: Reason): ReasonTag | undefined =>
  (Object.keys(reasons) as ReadonlyArray<ReasonTag>).find((tag) => isTagged(reason, tag))

const errorOf = (reason: Reason): Annotations => {
  const tag = reasonTagOf(reason)
  return tag === undefined ? {} : { error: tag }
}

/** Of an error's name and of the place that it comes from, so many characters tell one kind from another. */
const widestKind = 200

/** What failed, and where in the code: of two that are alike in that, one mistake is the cause. To look at an error may run its code. */
const frameOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  try {
    if (!(error instanceof Error)) return typeof error
    const [frame = ""] = /^ +at .*$/m.exec(String(error.stack)) ?? []
    return `${error.name}${frame}`.slice(0, widestKind)
  } catch {
    return "unreadable"
  }
}
