/**
 * One child of a supervisor at run time: it starts, it ends, it is stopped, each within its time. What follows from that is up to the
 * supervisor.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { type Router, Witness } from "../node/router.ts"
import { isPortId, nodeOf } from "../values/portId.ts"
import { exitFromReason, isForeseen, Killed, type PortExit, reasonFromCause, reasons } from "../values/reason.ts"
import { isStartError } from "./errors.ts"
import { Memory, Parent, Starter, unreachable } from "./spawnOn.ts"
import type { CheckedChild, ChildType } from "./spec.ts"

/** What a start answers that has nothing to supervise. Documented as `Supervisor.ignore`. */
export const ignore: unique symbol = Symbol.for("effect-mp/Supervisor/ignore")

/** What a child has while it runs. */
interface Run {
  readonly port: string
  /** By the clock that never jumps. */
  readonly startedAt: number
  /** Closed when the child has ended: what its start acquired. */
  readonly scope: Scope.Closeable
  /** Its port has begun to end by itself. */
  isEnding: boolean
  /** It has not ended within its time: the child goes on without it. */
  isLate: boolean
  /** Ends that time. */
  timer: Fiber.Fiber<unknown> | undefined
  /** How its port ended, once it has. */
  exit: PortExit | undefined
}

/** A start that has not answered yet. */
interface Starting {
  fiber: Fiber.Fiber<void, unknown> | undefined
  /** It has taken longer than it may. */
  isExpired: boolean
  /** Somebody has ended the start: an answer that still comes counts for nothing. */
  isCancelled: boolean
  /** Done when the start has left, with all that it acquired released: for those who ended it. */
  left: Deferred.Deferred<void> | undefined
  /** Whoever waits for the start waits no longer. */
  readonly abandon: () => void
}

/** Who is told what becomes of a start. */
export interface StartListener {
  /** It runs on this port; its last one was `before`. Told within the start, so that nobody else learns of the port earlier. */
  readonly started: (child: Child, port: string, before: string | undefined) => void
  /** The port has ended by itself. */
  readonly ended: (child: Child, port: string, exit: PortExit) => void
}

/** An end that waits for something. */
interface Ending {
  readonly fiber: Fiber.Fiber<PortExit>
  /** The port, if the child is stopped. One that has ended by itself has none any more. */
  readonly port: string | undefined
}

export class Child {
  spec: CheckedChild
  type: ChildType
  /** The last port that it had. */
  port: string | undefined = undefined
  /** What its start answered. */
  value: unknown = undefined
  /** How often it was up. */
  runs = 0
  /** How many want it terminated, and wait for that: a restart leaves it out, or goes on without it. */
  unwanted = 0
  lastExit: PortExit | undefined = undefined
  /** The port of the supervisor. */
  readonly supervisor: string
  private readonly router: Router
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** Whether something in a port waits for its supervisor: then it could not be waited for. */
  private readonly waitsForUs: (port: string) => boolean
  private run: Run | undefined = undefined
  /** The run whose end nobody has been told of yet. */
  private untold: Run | undefined = undefined
  /** What waits for the end of a run that is stopped or released at the moment. */
  private ending: Ending | undefined = undefined
  private starting: Starting | undefined = undefined
  /** What its starts remember. */
  readonly memory = new Memory()
  /** Who waits for its next port. */
  private next: Deferred.Deferred<string, unknown> | undefined = undefined
  private step: ((now: number, exit: PortExit) => Effect.Effect<number | undefined>) | undefined = undefined
  /** Whenever it is stopped, the message that it has in hand is not waited for. */
  private hasNoTime = false
  /** When the last restart is or was due: a quiet time begins there, not with its delay. */
  private due: number | undefined = undefined

  constructor(
    router: Router,
    context: Context.Context<never>,
    spec: CheckedChild,
    waitsForUs: (port: string) => boolean
  ) {
    this.router = router
    this.fork = Effect.runForkWith(context)
    this.supervisor = Context.get(context, Parent) ?? ""
    this.spec = spec
    this.waitsForUs = waitsForUs
    this.type = spec.type ?? "worker"
  }

  get id(): string {
    return this.spec.id
  }

  /** The time that it has to end. */
  get patienceMillis(): number {
    return this.spec.patienceMillis ?? (this.type === "supervisor" ? Infinity : 5000)
  }

  /** Its port, unless that has ended, or begun to. */
  get livePort(): string | undefined {
    return this.run?.exit === undefined && this.run?.isEnding === false ? this.run.port : undefined
  }

  get startedAt(): number | undefined {
    return this.run?.startedAt
  }

  get isStarting(): boolean {
    return this.starting !== undefined
  }

  // ---- starting

  /** Starts it. Answers the Exit of the start; if that failed, when what it acquired has been released. */
  start(listener: StartListener): Effect.Effect<Exit.Exit<void, unknown>> {
    return Effect.callback((resume) => {
      const scope = Scope.makeUnsafe()
      const answer = (exit: Exit.Exit<void, unknown>): void => {
        resume(Effect.succeed(starting.isExpired ? Exit.fail(tookTooLong(this.spec.startMillis)) : exit))
      }
      const starting: Starting = {
        fiber: undefined,
        isExpired: false,
        isCancelled: false,
        left: undefined,
        abandon: () => answer(Exit.interrupt())
      }
      this.starting = starting
      this.memory.beginStart()
      starting.fiber = this.fork(
        Effect.updateContext(this.spec.start, this.contextIn(scope)).pipe(
          Effect.flatMap((value) => this.started(starting, value, scope, listener)),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
      )
      // The start may have had itself ended before it had to wait for anything, when there was no fiber to interrupt yet.
      if (starting.isCancelled) starting.fiber.interruptUnsafe()
      starting.fiber.addObserver((exit) => {
        if (Exit.isFailure(exit) && !starting.isCancelled) this.startFailed(exit.cause)
        if (this.starting === starting) this.startIsOver()
        if (starting.left !== undefined) Deferred.doneUnsafe(starting.left, Exit.void)
        answer(exit)
      })
    })
  }

  /** What was asked to end has not failed; and what a port, or a child below, failed with was told there. */
  private startFailed(cause: Cause.Cause<unknown>): void {
    const error = Cause.squash(cause)
    if (isStartError(error) || error instanceof Killed || isForeseen(reasonFromCause(cause))) return
    // It waits for its nodes, which its supervisor says.
    if (unreachable(cause) !== undefined) return
    this.crashed(`the child ${this.spec.id} could not be started`, cause)
  }

  private crashed(what: string, cause: Cause.Cause<unknown>): void {
    this.router.log.of("Supervisor").about({ child: this.spec.id }).crash(what, "child", cause)
  }

  /** The time that its start may take is over. Answers whether there is a start to end. */
  expire(): boolean {
    const { starting } = this
    if (starting === undefined || starting.isCancelled || this.run !== undefined) return false
    starting.isExpired = true
    return true
  }

  /** What a start runs in, beside the services of its specification. */
  private contextIn(scope: Scope.Scope) {
    return (context: Context.Context<never>): Context.Context<Scope.Scope> =>
      Context.add(Context.add(Context.add(context, Starter, this.memory), Witness, this.memory), Scope.Scope, scope)
  }

  private started(
    starting: Starting,
    value: unknown,
    scope: Scope.Closeable,
    listener: StartListener
  ): Effect.Effect<void> {
    if (starting.isCancelled) return Effect.interrupt
    this.value = value
    if (value === ignore) return Scope.close(scope, Exit.void)
    const port = portOf(value)
    if (port === undefined) return Effect.die(new TypeError("a child's start has to answer a port"))
    if (isSupervisor(value) && this.spec.type === undefined) this.type = "supervisor"
    const startedAt = this.router.monotonic()
    const run: Run = { port, scope, startedAt, isEnding: false, isLate: false, timer: undefined, exit: undefined }
    this.run = this.untold = run
    this.runs++
    const before = this.port
    this.port = port
    const early = this.memory.endStart(port)
    listener.started(this, port, before)
    this.watch(run, early, listener)
    // A port that has ended already is nothing to wait for.
    if (this.next !== undefined && early === undefined && this.isThere(port)) {
      Deferred.doneUnsafe(this.next, Effect.succeed(port))
      this.next = undefined
    }
    return Effect.void
  }

  /** `early`: how its port has ended, or has begun to, before the start had answered. */
  private watch(run: Run, early: PortExit | undefined, listener: StartListener): void {
    const { port } = run
    if (early !== undefined && !this.router.ports.has(port)) return this.ended(run, early, listener)
    this.router.monitor(port, (exit) => this.ended(run, exit, listener))
    if (early !== undefined) return this.beginsToEnd(run, early, listener)
    this.router.watchEnding(port, {
      child: this,
      ending: (_port, exit) => this.beginsToEnd(run, exit, listener)
    })
  }

  /** Whether a port lives, as far as this node knows: of ports of other nodes only a monitor will tell. */
  private isThere(port: string): boolean {
    return nodeOf(port) !== this.router.nodeId || this.router.ports.has(port)
  }

  private startIsOver(): void {
    this.starting = undefined
    this.memory.endStart(undefined)
  }

  // ---- ending

  private ended(run: Run, exit: PortExit, listener: StartListener): void {
    if (run.exit !== undefined) return
    run.exit = exit
    run.timer?.interruptUnsafe()
    if (this.run === run) listener.ended(this, run.port, exit)
  }

  /** Its port begins to end by itself. From now on it has its time for that; then the supervisor goes on without it. */
  private beginsToEnd(run: Run, exit: PortExit, listener: StartListener): void {
    run.isEnding = true
    // Most ports end in the turn that comes now.
    this.router.soon(`the end of the child ${this.spec.id} is not watched`, () => {
      if (run.exit !== undefined || this.run !== run || this.patienceMillis === Infinity) return
      const late = Effect.sync(() => {
        run.isLate = true
        this.ended(run, exit, listener)
      })
      run.timer = this.fork(Effect.delay(late, this.patienceMillis))
    })
  }

  /** Whether it ran, and is not done with its end: its port ends, or what its start acquired is released. */
  get isEnding(): boolean {
    return this.ending !== undefined || this.run !== undefined && this.livePort === undefined
  }

  /**
   * Ends it, if it runs or is being started, and releases what its start acquired. Waits as long as its time; what has not ended then
   * is abandoned.
   */
  stop(abandon: Effect.Effect<unknown>): Effect.Effect<void> {
    return Effect.suspend(() => this.within(this.beginStop(), abandon))
  }

  /** Ends its start, if one is under way, and waits for that as `stop` does. */
  callOff(abandon: Effect.Effect<unknown>): Effect.Effect<void> {
    return Effect.suspend(() => this.within(this.cancelStart(), abandon))
  }

  /** Begins to end the child, and answers the fiber that waits for its end. If it is ending already, that is the same fiber. */
  beginStop(): Fiber.Fiber<PortExit | undefined> | undefined {
    const { run } = this
    if (run === undefined) return this.ending?.fiber ?? this.cancelStart()
    // A second monitor, which stands behind the monitors of others: those hear of the child's end before the supervisor ends.
    const ended = Effect.callback<PortExit>((resume) => {
      if (run.exit !== undefined) return resume(Effect.succeed(run.exit))
      this.router.monitor(run.port, (exit) => resume(Effect.succeed(run.exit ??= exit)))
      this.endPort(run.port)
    })
    return this.finish(Effect.tap(ended, (exit) => this.release(Scope.close(run.scope, exit))), run.port)
  }

  /**
   * A port is let finish the message that it has in hand, within its time; on another node only where that is over some day, since
   * nobody here knows whether the message waits for this supervisor.
   */
  private endPort(port: string): void {
    const isFinite = this.patienceMillis < Infinity || nodeOf(port) === this.router.nodeId
    const hasTime = !this.hasNoTime && this.patienceMillis > 0 && isFinite && !this.waitsForUs(port)
    if (hasTime) this.router.finish(port, reasons.shutdown())
    else this.router.kill(port, reasons.shutdown())
  }

  /** Whenever it is stopped from now on, or is being stopped already, it has no time for the message that it has in hand. */
  denyTime(): void {
    this.hasNoTime = true
    this.hurry()
  }

  /** If it is being stopped, it has no more time for the message that it has in hand. */
  hurry(): void {
    if (this.ending?.port !== undefined) this.router.kill(this.ending.port, reasons.shutdown())
  }

  /** It has ended by itself: releases what its start acquired, within its time. */
  cleanUp(exit: PortExit, abandon: Effect.Effect<unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { run } = this
      this.lastExit = exit
      this.run = undefined
      const closing = run === undefined ? undefined : Scope.closeUnsafe(run.scope, exit)
      if (closing === undefined) return Effect.void
      const fiber = this.finish(Effect.as(this.release(closing), exit), undefined)
      // It had its time already.
      return run?.isLate === true ? Effect.asVoid(abandon) : this.within(fiber, abandon)
    })
  }

  /** Waits for an end, as long as its time. What it still has in hand then is ended; if that does not help at once, it is abandoned. */
  private within(fiber: Fiber.Fiber<unknown> | undefined, abandon: Effect.Effect<unknown>): Effect.Effect<void> {
    if (fiber === undefined) return Effect.void
    const ended = Effect.asVoid(Fiber.await(fiber))
    if (this.patienceMillis === Infinity) return ended
    const late = Effect.suspend(() => {
      this.hurry()
      return Effect.andThen(atOnce, Effect.suspend(() => fiber.pollUnsafe() === undefined ? abandon : Effect.void))
    })
    return Effect.timeoutOrElse(ended, { duration: this.patienceMillis, orElse: () => Effect.asVoid(late) })
  }

  /** The child runs no more, and is gone when this is done. */
  private finish(end: Effect.Effect<PortExit>, port: string | undefined): Fiber.Fiber<PortExit> {
    this.run = undefined
    const fiber = this.fork(Effect.tap(end, (exit) =>
      Effect.sync(() => {
        this.lastExit = exit
      })))
    const ending = { fiber, port }
    this.ending = ending
    fiber.addObserver(() => {
      if (this.ending === ending) this.ending = undefined
    })
    return fiber
  }

  /** The child has not ended in time: nobody waits for that any more. */
  giveUp(): void {
    this.ending = undefined
    this.starting?.abandon()
    this.startIsOver()
  }

  /** The end of the last run, for the one who tells of it: each is told once. What was abandoned counts as stopped. */
  takeEnd(): { readonly port: string; readonly exit: PortExit } | undefined {
    const run = this.untold
    if (run === undefined || run === this.run || this.ending !== undefined) return undefined
    this.untold = undefined
    return { port: run.port, exit: run.exit ?? exitFromReason(run.port, reasons.shutdown()) }
  }

  /** A finalizer that dies is a mistake in the child, and ends neither the supervisor nor anybody else. */
  private release(closing: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.catchCause(
      closing,
      (cause) => Effect.sync(() => this.crashed(`a finalizer of the child ${this.spec.id} failed`, cause))
    )
  }

  /** Ends the start that is under way, and answers what waits until it has left. */
  private cancelStart(): Fiber.Fiber<undefined> | undefined {
    const { starting } = this
    if (starting === undefined) return undefined
    starting.isCancelled = true
    const left = starting.left ??= Deferred.makeUnsafe()
    starting.fiber?.interruptUnsafe()
    return this.fork(Effect.as(Deferred.await(left), undefined))
  }

  // ---- its port, for those who want to wait for it

  /** The present port, or the next one. */
  get current(): Effect.Effect<string, unknown> {
    return Effect.suspend(() => {
      const port = this.livePort
      // A node that is about to stop ends it when it is done, and it is started elsewhere.
      if (port !== undefined && !this.router.takesNoCalls(nodeOf(port))) return Effect.succeed(port)
      return Deferred.await(this.next ??= Deferred.makeUnsafe())
    })
  }

  /** There is no next port: whoever waits for it gets this error. */
  refuse(error: unknown): void {
    if (this.next !== undefined) Deferred.doneUnsafe(this.next, Effect.fail(error))
    this.next = undefined
  }

  // ---- pace

  /** How long to wait before it is started again, in milliseconds; `undefined` if its schedule is done. */
  delay(now: number, exit: PortExit, quietMillis: number): Effect.Effect<number | undefined> {
    const { schedule } = this.spec
    if (schedule === undefined) return Effect.succeed(0)
    return Effect.gen({ self: this }, function*() {
      // After a quiet time the delays begin anew.
      if (this.step === undefined || this.due === undefined || now - this.due >= quietMillis) {
        const step = yield* Schedule.toStep(schedule)
        // A schedule that is done is an answer; one that dies is a mistake, and takes the supervisor with it.
        this.step = (now, exit) =>
          Pull.catchDone(
            Effect.map(step(now, exit), (next) => Duration.toMillis(next[1])),
            () => Effect.succeed(undefined)
          )
      }
      // A schedule may go by the calendar; all else goes by the clock that never jumps.
      const delay = yield* this.step(this.router.now(), exit)
      if (delay !== undefined) this.due = now + delay
      return delay
    })
  }
}

const tookTooLong = (millis: number | undefined) =>
  new Cause.TimeoutError(`it took longer than ${Duration.format(Duration.millis(millis ?? 0))}`)

/** As long as it takes to end what can be interrupted and has nothing to wait for. */
export const atOnce = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

/** A start answers a port, something with a port, or the handle of another supervisor. */
const portOf = (value: unknown): string | undefined => {
  if (isPortId(value)) return value
  if (typeof value !== "object" || value === null) return undefined
  if ("supervisor" in value && isPortId(value.supervisor)) return value.supervisor
  return "port" in value && isPortId(value.port) ? value.port : undefined
}

const isSupervisor = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "supervisor" in value && isPortId(value.supervisor)
