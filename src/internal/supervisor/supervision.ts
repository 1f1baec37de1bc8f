/**
 * A supervisor at run time: one thing after the other. What happens to children and what it is asked for waits in a
 * queue; only looking at it, and ending what holds up the queue, does not.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type { Router } from "../node/router.ts"
import { Killed, type PortExit, type Reason, reasonFromCause, reasonFromExit } from "../values/reason.ts"
import { Child } from "./child.ts"
import { Budget, decide, groupOf } from "./decisions.ts"
import { ChildError, type ChildInfo, type Count, type Refusal, StartError } from "./errors.ts"
import { type Happening, Reporter } from "./events.ts"
import type { Settled, SettledSupervisor } from "./spec.ts"

/**
 * `fixed`: children with names, and specifications that stay. `dynamic`: many of one kind, that are forgotten when they
 * end. `single`: ends with its only child.
 */
export type Shape = "fixed" | "dynamic" | "single"

/** Children that wait for their restart together. */
interface Pending {
  /** In start order. */
  readonly members: Set<Child>
  timer: Fiber.Fiber<unknown> | undefined
  isCancelled: boolean
}

export class Supervision {
  readonly port: string
  readonly name: string
  readonly shape: Shape
  readonly options: SettledSupervisor
  readonly reporter: Reporter
  /** In start order. */
  readonly children = new Map<string, Child>()
  private readonly router: Router
  private readonly context: Context.Context<never>
  private readonly budget: Budget
  /** Children by the last port that they had. */
  private readonly byPort = new Map<string, Child>()
  private readonly pending = new Map<Child, Pending>()
  /** Children that somebody wants to terminate: a restart leaves them out, or goes on without them. */
  private readonly unwanted = new Set<Child>()
  /** Those among them whose start was ended for it, whether somebody still waits for that or not. */
  private readonly cancelled = new Set<Child>()
  private readonly inbox = Effect.runSync(Queue.unbounded<Effect.Effect<unknown>>())
  /** Those who asked for something, and have no answer yet. */
  private readonly waiting = new Set<Deferred.Deferred<any, any>>()
  private readonly whenOver = Deferred.makeUnsafe<never, Killed>()
  private nth = 0

  constructor(
    router: Router,
    context: Context.Context<never>,
    port: string,
    name: string,
    shape: Shape,
    options: SettledSupervisor
  ) {
    this.router = router
    this.context = context
    this.port = port
    this.name = name
    this.shape = shape
    this.options = options
    this.budget = new Budget(options.intensity, options.period)
    this.reporter = new Reporter(port, name, () => router.monotonic())
  }

  get isOver(): boolean {
    return Deferred.isDoneUnsafe(this.whenOver)
  }

  // ---- the queue

  /** Does one thing after the other, for as long as the supervisor lives. */
  get loop(): Effect.Effect<never> {
    return Effect.forever(Effect.flatten(Queue.take(this.inbox)))
  }

  /** Has something done in its turn. If nobody waits for it any more, what has not begun is not done. */
  private ask<A, E>(what: Effect.Effect<A, E>): Effect.Effect<A, E | Killed> {
    return Effect.suspend(() => {
      if (this.isOver) return Deferred.await(this.whenOver)
      const answer = Deferred.makeUnsafe<A, E | Killed>()
      this.waiting.add(answer)
      const answered = (exit: Exit.Exit<A, E>) =>
        Effect.sync(() => {
          this.waiting.delete(answer)
          Deferred.doneUnsafe(answer, exit)
        })
      this.post(
        Effect.suspend(() => this.waiting.has(answer) ? Effect.flatMap(Effect.exit(what), answered) : Effect.void)
      )
      return Effect.onInterrupt(Deferred.await(answer), () => Effect.sync(() => this.waiting.delete(answer)))
    })
  }

  private post(what: Effect.Effect<unknown>): void {
    Queue.offerUnsafe(this.inbox, what)
  }

  private report(child: Child, happening: DistributedChild): Effect.Effect<void> {
    const { id } = child.spec
    return this.reporter.report({ ...happening, child: id } as Happening, this.labelOf(id))
  }

  /** Dynamic children are all alike. */
  private labelOf(id: string): string {
    return this.shape === "dynamic" ? this.name : id
  }

  // ---- children

  /** A name for one more dynamic child. */
  nextId(): string {
    return String(++this.nth)
  }

  find(idOrPort: string): Child | undefined {
    return (this.shape === "dynamic" ? undefined : this.children.get(idOrPort)) ?? this.byPort.get(idOrPort)
  }

  add(spec: Settled): Child {
    const child = new Child(this.router, this.context, spec)
    this.children.set(spec.id, child)
    return child
  }

  private forget(child: Child): void {
    this.children.delete(child.spec.id)
    this.forgetPort(child)
    child.refuse(this.refusal("not_found", child.spec.id))
  }

  private forgetPort(child: Child): void {
    if (child.port !== undefined && this.byPort.get(child.port) === child) this.byPort.delete(child.port)
  }

  refusal(reason: Refusal, child: string): ChildError {
    return new ChildError({ reason, child, port: this.find(child)?.livePort })
  }

  /** One start of a child. What it answers is in the child. */
  start(child: Child): Effect.Effect<Exit.Exit<void, unknown>> {
    return Effect.gen({ self: this }, function*() {
      const before = child.port
      const exit = yield* child.start((port, exit) => this.post(this.ended(child, port, exit)))
      if (Exit.isSuccess(exit) && child.livePort !== undefined) {
        // Until now it could be named by its last port.
        if (before !== undefined && this.byPort.get(before) === child) this.byPort.delete(before)
        this.byPort.set(child.livePort, child)
        yield* this.report(child, { _tag: "Started", port: child.livePort, restarts: child.restarts })
      }
      return exit
    })
  }

  /** A start that somebody waits for. What cannot be started leaves nothing, or stays as it was. */
  startFirst(child: Child): Effect.Effect<unknown, StartError> {
    return Effect.flatMap(this.start(child), (exit) =>
      Exit.isSuccess(exit)
        ? Effect.succeed(child.value)
        : Effect.fail(new StartError({ child: child.spec.id, exit: Exit.failCause(exit.cause) })))
  }

  /** The start of a child that the supervisor begins with. A temporary one that ignores leaves nothing. */
  startInitial(child: Child): Effect.Effect<void, StartError> {
    return Effect.map(this.startFirst(child), () => {
      if (child.status !== "running" && child.spec.restart === "temporary") this.forget(child)
    })
  }

  /** Starts the children that the supervisor begins with as a restart does, in its turn: what fails is tried again. */
  tryInitial(children: ReadonlyArray<Child>): void {
    for (const child of children) child.status = "restarting"
    this.post(this.attempt(new Set(children)))
  }

  /** Ends a child and waits for it, within its time. */
  stop(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const exit = yield* child.stop(this.abandon(child))
      child.status = "stopped"
      if (exit !== undefined && child.port !== undefined) {
        yield* this.report(child, { _tag: "Ended", port: child.port, exit })
      }
    })
  }

  private abandon(child: Child): Effect.Effect<void> {
    return Effect.suspend(() => {
      child.giveUp()
      // A child that gets no time is not told of for taking some.
      return child.patience === 0 ? Effect.void : this.report(child, { _tag: "Abandoned", port: child.port })
    })
  }

  // ---- ends and restarts

  /** A child has ended by itself. */
  private ended(child: Child, port: string, exit: PortExit): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      // Meanwhile it was stopped, or even started again.
      if (child.status !== "running" || child.port !== port) return
      child.lastExit = exit
      child.status = "stopped"
      yield* child.cleanUp(exit, this.abandon(child))
      yield* this.report(child, { _tag: "Ended", port, exit })
      const verdict = decide(child.spec, exit, this.options.autoShutdown, () => this.isLastSignificant(child))
      if (verdict === "restart") return yield* this.restart(child, exit)
      yield* this.report(child, { _tag: "Stopped" })
      if (this.shape === "single") return yield* this.end()
      this.leaveStopped(child)
      if (verdict === "shutdown") {
        yield* this.report(child, { _tag: "ShuttingDown" })
        yield* this.end("shutdown")
      }
    })
  }

  private isLastSignificant(ended: Child): boolean {
    for (const child of this.children.values()) {
      if (child !== ended && child.spec.significant && child.status !== "stopped") return false
    }
    return true
  }

  /** Counts a restart, stops those who share the child's fate, and starts them all, at once or later. */
  private restart(child: Child, exit: PortExit): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const group = groupOf(this.options.strategy, () => Array.from(this.children.values()), child)
      const members = new Set<Child>()
      for (const other of group.toReversed()) {
        this.leavePending(other)
        yield* this.stop(other)
      }
      for (const other of group) {
        if (other !== child && other.spec.restart === "temporary") this.forget(other)
        else members.add(other)
      }
      yield* this.tryAgain(child, exit, members)
    })
  }

  /** One more attempt for a group that is stopped: now, after the delay that `child` asks for, or never again. */
  private tryAgain(child: Child, exit: PortExit, members: Set<Child>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const now = this.router.monotonic()
      const delay = this.budget.count(now) ? yield* child.delay(now, exit, this.options.period) : undefined
      if (delay === undefined) {
        yield* this.report(child, { _tag: "GaveUp", exit, restarts: child.restarts })
        const { id } = child.spec
        return yield* this.end("restart_limit", `${id} was restarted too often`, id, ...reasonFromExit(exit))
      }
      for (const member of members) {
        member.status = "restarting"
        member.restarts++
      }
      yield* this.report(child, {
        _tag: "Restarting",
        exit,
        restarts: child.restarts,
        delay: Duration.millis(delay),
        at: this.router.now() + delay,
        group: Array.from(members, (member) => member.spec.id)
      })
      if (delay === 0) return yield* this.attempt(members)
      const pending = this.wait(members)
      pending.timer = Effect.runForkWith(this.context)(
        Effect.delay(Effect.sync(() => this.postpone(pending, this.attempt(members))), delay)
      )
    })
  }

  /** A group waits: whoever is terminated meanwhile is taken out of it. */
  private wait(members: Set<Child>): Pending {
    const pending: Pending = { members, timer: undefined, isCancelled: false }
    for (const member of members) this.pending.set(member, pending)
    return pending
  }

  /** What a group waits for is done in its turn, with those who are left. */
  private postpone(pending: Pending, what: Effect.Effect<void>): void {
    this.post(Effect.suspend(() => {
      if (pending.isCancelled) return Effect.void
      for (const member of pending.members) this.pending.delete(member)
      return what
    }))
  }

  /**
   * Starts a group in order. If one of them fails, what was just started is stopped again, and all is tried once more, after
   * what happened meanwhile.
   */
  private attempt(members: Set<Child>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const started: Array<Child> = []
      for (const member of members) {
        const exit = this.unwanted.has(member) ? Exit.interrupt() : yield* this.start(member)
        if (Exit.isSuccess(exit)) {
          if (member.status === "running") started.push(member)
          else {
            members.delete(member)
            yield* this.ignored(member)
          }
          continue
        }
        // Somebody terminated it meanwhile: the others go on without it.
        if (this.cancelled.delete(member) || this.unwanted.has(member)) {
          members.delete(member)
          // A single child is not left: what was asked for is its restart.
          if (this.shape === "single") {
            const again = new Set([member])
            this.postpone(this.wait(again), this.attempt(again))
          } else this.leaveStopped(member)
          continue
        }
        for (const other of started.toReversed()) yield* this.stop(other)
        const end: PortExit = Exit.fail(new Killed({ port: this.port, reason: reasonFromCause(exit.cause) }))
        member.lastExit = end
        yield* this.report(member, { _tag: "StartFailed", exit: end })
        for (const other of members) other.status = "restarting"
        return this.postpone(this.wait(members), this.tryAgain(member, end, members))
      }
    })
  }

  /** Its start answered that there is nothing to supervise. */
  private ignored(child: Child): Effect.Effect<void> {
    this.leaveStopped(child)
    return this.shape === "single" ? this.end() : Effect.void
  }

  /** It does not run, and nothing starts it but somebody who asks for that. */
  private leaveStopped(child: Child): void {
    child.status = "stopped"
    // A single child takes its supervisor with it.
    if (this.shape === "single") return
    if (this.shape === "dynamic" || child.spec.restart === "temporary") this.forget(child)
    else child.refuse(this.refusal("stopped", child.spec.id))
  }

  private leavePending(child: Child): void {
    const pending = this.pending.get(child)
    if (pending === undefined) return
    this.pending.delete(child)
    pending.members.delete(child)
    if (pending.members.size > 0) return
    pending.isCancelled = true
    pending.timer?.interruptUnsafe()
  }

  /** The supervisor's own end. What is done at the moment is not gone on with. */
  private end(...reason: Reason): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.router.kill(this.port, reason)
      return Effect.never
    })
  }

  // ---- what can be asked for

  startChild(spec: Settled): Effect.Effect<unknown, ChildError | StartError | Killed> {
    return Effect.suspend(() => {
      let child: Child | undefined
      const start = Effect.gen({ self: this }, function*() {
        const known = this.children.get(spec.id)
        if (known !== undefined) {
          return yield* this.refusal(known.livePort === undefined ? "already_present" : "already_started", spec.id)
        }
        if (this.children.size >= this.options.maxChildren) return yield* this.refusal("max_children", spec.id)
        const added = child = this.add(spec)
        const value = yield* Effect.onError(this.startFirst(added), () => Effect.sync(() => this.forget(added)))
        if (added.status !== "running") yield* this.ignored(added)
        return value
      })
      return this.giveUpWith(this.ask(start), () => child)
    })
  }

  /** Who waits no longer does not want the child any more that is being started. */
  private giveUpWith<A, E>(asked: Effect.Effect<A, E>, child: () => Child | undefined): Effect.Effect<A, E> {
    return Effect.onInterrupt(asked, () =>
      Effect.suspend(() => {
        const starting = child()
        return starting === undefined ? Effect.void : this.cancelStart(starting)
      }))
  }

  /** What hangs in its start holds up all that is asked for. */
  private cancelStart(child: Child): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!child.isStarting) return Effect.void
      if (child.status === "restarting") this.cancelled.add(child)
      return Effect.asVoid(child.stop(this.abandon(child)))
    })
  }

  /** Twice is fine. Of a dynamic supervisor, so is a port that has ended. */
  terminateChild(idOrPort: string): Effect.Effect<void, ChildError | Killed> {
    return Effect.suspend(() => {
      const known = this.find(idOrPort)
      if (this.shape === "single" && known !== undefined) return Effect.fail(this.refusal("only_child", idOrPort))
      const terminate = Effect.gen({ self: this }, function*() {
        // What was still starting, and cannot be kept, is gone already.
        const child = this.find(idOrPort) ?? (known?.status === "stopped" ? known : undefined)
        if (child === undefined) {
          if (this.shape === "dynamic" && this.isDead(idOrPort)) return
          return yield* this.refusal("not_found", idOrPort)
        }
        this.leavePending(child)
        yield* this.stop(child)
        this.leaveStopped(child)
      })
      if (known === undefined) return this.ask(terminate)
      this.unwanted.add(known)
      return Effect.andThen(this.cancelStart(known), this.ask(terminate)).pipe(
        Effect.ensuring(Effect.sync(() => this.unwanted.delete(known)))
      )
    })
  }

  /** A port of this node that is not there any more. Of those on other nodes nobody knows. */
  private isDead(port: string): boolean {
    return port.startsWith(`${this.router.nodeId}#`) && !this.router.ports.has(port)
  }

  restartChild(id: string): Effect.Effect<unknown, ChildError | StartError | Killed> {
    return Effect.suspend(() => {
      let child: Child | undefined
      const restart = Effect.gen({ self: this }, function*() {
        const idle = child = yield* this.idle(id)
        const value = yield* this.startFirst(idle)
        if (idle.status !== "running") yield* this.ignored(idle)
        return value
      })
      return this.giveUpWith(this.ask(restart), () => child)
    })
  }

  deleteChild(id: string): Effect.Effect<void, ChildError | Killed> {
    return this.ask(Effect.map(this.idle(id), (child) => this.forget(child)))
  }

  /** A child that neither runs nor is about to. */
  private idle(id: string): Effect.Effect<Child, ChildError> {
    return Effect.suspend(() => {
      if (this.shape === "dynamic") return Effect.fail(this.refusal("dynamic", id))
      const child = this.children.get(id)
      if (child === undefined) return Effect.fail(this.refusal("not_found", id))
      if (this.shape === "single") return Effect.fail(this.refusal("only_child", id))
      return child.status === "stopped" ? Effect.succeed(child) : Effect.fail(this.refusal(child.status, id))
    })
  }

  /**
   * Ends a child and starts it again, now. It costs nothing; if it fails, the next attempt does. Many who ask for it at the same
   * time want to be rid of the same run.
   */
  restartNow(child: Child): Effect.Effect<void, Killed> {
    return Effect.suspend(() => {
      const { runs } = child
      const restart = Effect.gen({ self: this }, function*() {
        if (child.runs > runs && child.livePort !== undefined) return
        this.leavePending(child)
        yield* this.stop(child)
        child.status = "restarting"
        child.restarts++
        yield* this.attempt(new Set([child]))
      })
      return Effect.andThen(this.cancelStart(child), this.ask(restart))
    })
  }

  // ---- looking at it

  /** The present port of a child, or its next one. */
  portOf(id: string): Effect.Effect<string, ChildError | Killed> {
    return Effect.suspend(() => {
      if (this.isOver) return Deferred.await(this.whenOver)
      const child = this.find(id)
      if (child === undefined) return Effect.fail(this.refusal("not_found", id))
      // A single child that has stopped takes its supervisor with it.
      if (child.status === "stopped" && this.shape !== "single") return Effect.fail(this.refusal("stopped", id))
      return child.current as Effect.Effect<string, ChildError | Killed>
    })
  }

  get which(): ReadonlyArray<ChildInfo> {
    const now = this.router.monotonic()
    return Array.from(this.children.values(), (child) => ({
      id: child.spec.id,
      status: child.status,
      type: child.type,
      port: child.livePort,
      restarts: child.restarts,
      uptime: child.startedAt === undefined ? undefined : now - child.startedAt,
      lastReason: child.lastExit === undefined ? undefined : reasonFromExit(child.lastExit)
    }))
  }

  /** Of a dynamic supervisor there is one specification. */
  get count(): Count {
    const all = Array.from(this.children.values())
    const supervisors = all.filter((child) => child.type === "supervisor").length
    return {
      specs: this.shape === "dynamic" ? 1 : all.length,
      active: all.filter((child) => child.livePort !== undefined).length,
      supervisors,
      workers: all.length - supervisors
    }
  }

  // ---- the end

  /** Stops all children, in reverse start order; dynamic ones all at once, under one time. */
  get stopAll(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (const { timer } of this.pending.values()) timer?.interruptUnsafe()
      this.pending.clear()
      const children = Array.from(this.children.values())
      if (this.shape === "dynamic") return yield* this.stopTogether(children)
      for (const child of children.toReversed()) yield* this.stop(child)
    })
  }

  private stopTogether(children: ReadonlyArray<Child>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const endings = children.map((child) => ({ child, port: child.port, fiber: child.beginStop() }))
      const patience = Math.max(0, ...new Set(children.map((child) => child.patience)))
      const all = Effect.forEach(endings, ({ fiber }) => fiber === undefined ? Effect.void : Fiber.await(fiber), {
        discard: true
      })
      const late = Effect.suspend(() =>
        Effect.forEach(
          endings.filter(({ fiber }) => fiber !== undefined && fiber.pollUnsafe() === undefined),
          ({ child }) => this.abandon(child),
          { discard: true }
        )
      )
      const within = patience === Infinity ? all : Effect.timeoutOrElse(all, { duration: patience, orElse: () => late })
      return Effect.andThen(
        within,
        Effect.forEach(endings, ({ child, fiber, port }) => {
          child.status = "stopped"
          const exit = fiber?.pollUnsafe()
          return port === undefined || exit?._tag !== "Success" || exit.value === undefined
            ? Effect.void
            : this.report(child, { _tag: "Ended", port, exit: exit.value })
        }, { discard: true })
      )
    })
  }

  /** Ends it from outside, and waits for that. */
  get shutDown(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.isOver) return resume(Effect.void)
      const cancel = this.router.monitor(this.port, () => resume(Effect.void))
      this.router.kill(this.port, ["shutdown"])
      return Effect.sync(cancel)
    })
  }

  /** Its port ends with this reason: stops all children, then tells whoever waits for something. */
  close(reason: Reason): Effect.Effect<void> {
    return Effect.map(this.stopAll, () => {
      const error = new Killed({ port: this.port, reason })
      Deferred.doneUnsafe(this.whenOver, Effect.fail(error))
      for (const answer of this.waiting) Deferred.doneUnsafe(answer, Effect.fail(error))
      this.waiting.clear()
      for (const child of this.children.values()) child.refuse(error)
      this.reporter.end()
    })
  }
}

type WithoutChild<T> = T extends unknown ? Omit<T, "child"> : never
type DistributedChild = WithoutChild<Happening>
