/**
 * A supervisor at run time. It tells its machine (`machine.ts`) what happens, and carries out what the machine says, one thing after
 * the other. Ends of children and requests wait in a queue. Two things do not: looking at the supervisor, and ending a start that
 * hangs and holds up the queue.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { type PortId, Self } from "../../Port.ts"
import type { Router } from "../node/router.ts"
import { Killed, type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import { Addresses, openAddress } from "./addresses.ts"
import { asking, waitsFor } from "./asks.ts"
import { type Child, ignore, type StartListener } from "./child.ts"
import { Children } from "./children.ts"
import { type ChildError, type ChildInfo, type Count, type Refusal, StartError } from "./errors.ts"
import { type Happening, Reporter } from "./events.ts"
import { type Flight, Flights } from "./flights.ts"
import * as machine from "./machine.ts"
import { awaitLink, Memory, unreachable } from "./spawnOn.ts"
import type { CheckedChild, CheckedSupervisor, GoneChild } from "./spec.ts"
import {
  type Action,
  type Cause,
  find,
  inOrder,
  make,
  type Report,
  type Result,
  type Shape,
  type State
} from "./state.ts"

/** Why the supervisor did not do what it was asked for. */
type Failure = ChildError | StartError

export class Supervision {
  readonly port: string
  readonly name: string
  readonly shape: Shape
  readonly options: CheckedSupervisor
  readonly reporter: Reporter
  private readonly router: Router
  private readonly context: Context.Context<never>
  private state: State
  /** What the machine has said. */
  private todo: Array<Action> = []
  /** How much of that is done, or was begun. */
  private done = 0
  private readonly children: Children
  private readonly addresses: Addresses
  private readonly flights: Flights<Deferred.Deferred<any, any>>
  /** What wakes the groups that wait. */
  private readonly timers = new Map<number, Fiber.Fiber<unknown>>()
  /** Children whose restart was ended while it hung, because somebody wanted to terminate or restart them. */
  private readonly calledOff = new Set<Child>()
  private readonly inbox = Effect.runSync(Queue.unbounded<() => Effect.Effect<void>>())
  /** Those who asked for something, and have no answer yet. */
  private readonly waiting = new Set<Deferred.Deferred<any, any>>()
  /** The one of them whose request is worked on. */
  private served: Deferred.Deferred<any, any> | undefined = undefined
  /** What the last start answered. */
  private value: unknown = undefined
  /** Why the request that is worked on is not done. */
  private failure: Failure | undefined = undefined
  /** The first children are up. */
  private readonly begun = Deferred.makeUnsafe<void, StartError>()
  /** What its port ends with. */
  private reason: Reason | undefined = undefined
  private readonly whenOver = Deferred.makeUnsafe<never, Killed>()
  private nth = 0

  constructor(
    router: Router,
    context: Context.Context<never>,
    port: string,
    name: string,
    shape: Shape,
    options: CheckedSupervisor,
    specs: ReadonlyArray<CheckedChild>,
    hasNames: boolean
  ) {
    this.router = router
    this.context = context
    this.port = port
    this.name = name
    this.shape = shape
    this.options = options
    this.state = make(shape, port, options, specs)
    this.children = new Children(
      router,
      context,
      hasNames,
      shape,
      (report) => this.report(report),
      (port) => waitsFor(router, port, this)
    )
    for (const spec of specs) this.children.add(spec)
    this.addresses = new Addresses(router, (id) => openAddress(router, context, port, this.nextPort(id)))
    this.flights = new Flights(options.concurrency, (flight) => this.fly(flight))
    this.reporter = new Reporter(port, name, () => router.monotonic())
  }

  get isOver(): boolean {
    return Deferred.isDoneUnsafe(this.whenOver)
  }

  /** Whether its port has begun to end. */
  get isEnding(): boolean {
    return this.reason !== undefined
  }

  // ---- the queue

  /**
   * Does one thing after the other, for as long as the supervisor lives. It may be interrupted wherever it waits: what a child is in the
   * middle of is known to the child, and `close` goes on from there.
   */
  get loop(): Effect.Effect<never> {
    return Effect.forever(Effect.flatMap(Queue.take(this.inbox), (turn) => turn()))
  }

  /** Has the machine hear of something when all that waits is done, and does what the machine says then. */
  private post(event: () => Result): void {
    Queue.offerUnsafe(this.inbox, () => {
      this.step(event())
      return this.work
    })
  }

  /**
   * Makes a request of the machine when all that waits is done. `event` may find that there is nothing left to do. A request whose
   * asker waits no longer is dropped, if its turn has not come yet. The start of `unwanted` need not be waited for.
   */
  private ask<A, E extends Failure = never>(
    event: () => Result | undefined,
    answer: () => A,
    unwanted?: Child
  ): Effect.Effect<A, E | Killed> {
    return this.asked((isInPort) => {
      if (this.isOver) return Deferred.await(this.whenOver)
      // What the supervisor waits for must not wait for the supervisor.
      if (isInPort && this.reason !== undefined) return new Killed({ port: this.port, reason: this.reason })
      const asked = Deferred.makeUnsafe<A, Failure | Killed>()
      this.waiting.add(asked)
      Queue.offerUnsafe(this.inbox, () => {
        if (!this.waiting.has(asked)) return Effect.void
        this.served = asked
        this.failure = undefined
        const result = event()
        if (result !== undefined) this.step(result)
        return Effect.map(this.work, () => {
          this.served = undefined
          // A start beside others answers when it has landed.
          if (this.flights.of(asked) === undefined) this.answer(asked, answer)
        })
      })
      const waiting = Deferred.await(asked) as Effect.Effect<A, E | Killed>
      return Effect.onInterrupt(
        unwanted === undefined ? waiting : Effect.andThen(this.callOff(unwanted), waiting),
        () => this.withdraw(asked)
      )
    })
  }

  /** The request that was worked on is done, or not. Nobody may wait for that any more. */
  private answer(asked: Deferred.Deferred<any, any>, answer: () => unknown): void {
    if (!this.waiting.delete(asked)) return
    Deferred.doneUnsafe(asked, this.failure === undefined ? Exit.succeed(answer()) : Exit.fail(this.failure))
  }

  /** Waits for this supervisor, perhaps in a port that it supervises. */
  private asked<A, E>(wait: (isInPort: boolean) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const self = Context.getOrUndefined(context, Self)
      const effect = Effect.suspend(() => {
        if (self !== undefined) this.children.find(self)?.hurry()
        return wait(self !== undefined)
      })
      return asking(this.router, self, this, effect)
    })
  }

  /** An asker waits no longer. If a child is being started for it at the moment, that start is ended. */
  private withdraw(asked: Deferred.Deferred<any, any>): Effect.Effect<void> {
    this.waiting.delete(asked)
    const flight = this.flights.of(asked)
    if (flight !== undefined) return this.withdrawFlight(flight)
    const { work } = this.state
    const child = this.served === asked && work._tag === "StartChild" ? this.children.get(work.id) : undefined
    return child === undefined ? Effect.void : this.callOff(child)
  }

  private withdrawFlight(flight: Flight<Deferred.Deferred<any, any>>): Effect.Effect<void> {
    const child = this.children.get(flight.id)
    if (child === undefined) return Effect.void
    if (!this.flights.takeBack(flight)) return this.callOff(child)
    this.land(flight, undefined, Exit.interrupt(), true)
    return Effect.void
  }

  // ---- the machine

  private step([state, actions]: Result): void {
    this.state = state
    for (const action of actions) this.todo.push(action)
  }

  /** Carries out what the machine says, until it has nothing more to say. */
  private readonly work: Effect.Effect<void> = Effect.suspend(() =>
    Effect.whileLoop({
      while: () => {
        if (this.done < this.todo.length) return true
        this.todo.length = this.done = 0
        return false
      },
      body: () => this.carryOut(this.todo[this.done++]!),
      step: () => {}
    })
  )

  private carryOut(action: Action): Effect.Effect<unknown> {
    const stopped = () => this.step(machine.stopped(this.state, this.router.monotonic()))
    switch (action._tag) {
      case "Start":
        return this.start(action.id)
      case "StartBeside": {
        const known = find(this.state, action.id)
        if (known !== undefined && this.children.get(action.id) === undefined) this.children.add(known.spec)
        this.flights.add(action.id, this.served)
        return Effect.void
      }
      case "Stop":
        return Effect.map(this.withChild(action.id, (child) => this.children.stop(child)), stopped)
      case "StopTogether":
        return Effect.map(this.children.stopTogether(action.ids), stopped)
      case "CleanUp": {
        const { exit, id } = action.cause
        return Effect.map(
          this.withChild(id, (child) => this.children.cleanUp(child, exit)),
          () => this.step(machine.cleanedUp(this.state, this.router.monotonic()))
        )
      }
      case "Pace":
        return this.pace(action.cause, action.now)
      case "Report":
        return this.report(action.report)
      case "Wait":
        this.wait(action.group, action.delayMillis)
        return Effect.void
      case "WaitForNode":
        this.waitFor(action.group, awaitLink(this.router, this.children.get(action.id)?.memory ?? new Memory()))
        return Effect.void
      case "CancelWait":
        this.timers.get(action.group)?.interruptUnsafe()
        this.timers.delete(action.group)
        return Effect.void
      case "StaysDown":
        this.staysDown(action.id)
        return Effect.void
      case "Forget":
        this.children.forget(action.id)
        this.addresses.end(action.id)
        this.dropFlight(action.id)
        return Effect.void
      case "Refuse":
        this.failure = this.children.refusal(action.reason, action.id)
        return Effect.void
      case "FailStart":
        this.failure = new StartError({ child: action.id, exit: action.exit })
        this.staysDown(action.id)
        return Effect.void
      case "End":
        return this.end(action.reason)
    }
  }

  /** Ends its own port, which interrupts this. */
  private end(reason: Reason): Effect.Effect<never> {
    this.router.kill(this.port, reason)
    return Effect.never
  }

  private start(id: string): Effect.Effect<void> {
    const known = find(this.state, id)
    if (known === undefined) return Effect.void
    const child = this.children.get(id) ?? this.children.add(known.spec)
    if (known.status === "restarting" && child.unwanted > 0) {
      this.step(machine.startFailed(this.state, Exit.interrupt(), true))
      return Effect.void
    }
    return Effect.map(this.children.start(child, this.listener), (exit) => {
      if (Exit.isFailure(exit)) {
        const isCalledOff = this.calledOff.delete(child) || child.unwanted > 0
        const { failed, isAway } = failureOf(exit)
        return this.step(machine.startFailed(this.state, failed, isCalledOff, isAway))
      }
      this.value = child.value
      if (child.value === ignore) this.step(machine.ignored(this.state))
    })
  }

  /** Starts a child beside others. */
  private fly(flight: Flight<Deferred.Deferred<any, any>>): void {
    const child = this.children.get(flight.id)
    if (child === undefined) return this.flights.left()
    const isUnwanted = find(this.state, flight.id)?.status === "restarting" && child.unwanted > 0
    const start = isUnwanted ? Effect.succeed(Exit.interrupt()) : this.children.start(child, this.listener)
    Effect.runForkWith(this.context)(Effect.map(start, (exit) => {
      const isCalledOff = this.calledOff.delete(child) || child.unwanted > 0
      this.land(flight, child.value, exit, isCalledOff)
      this.flights.left()
    }))
  }

  /** What has come of a start beside others is told, and whoever waits for it is answered, when its turn comes. */
  private land(
    flight: Flight<Deferred.Deferred<any, any>>,
    value: unknown,
    exit: Exit.Exit<void, unknown>,
    isCalledOff: boolean
  ): void {
    Queue.offerUnsafe(this.inbox, () => {
      const { failed, isAway } = Exit.isFailure(exit) ? failureOf(exit) : succeeded
      this.failure = failed && new StartError({ child: flight.id, exit: failed })
      if (this.flights.landed(flight) && (failed !== undefined || value === ignore)) {
        this.step(machine.landed(this.state, flight.id, failed, isCalledOff, isAway))
      }
      return Effect.map(this.work, () => {
        if (flight.asker !== undefined) this.answer(flight.asker, () => value)
      })
    })
  }

  /** A child is gone, perhaps before its start has begun. */
  private dropFlight(id: string): void {
    const asker = this.flights.drop(id)?.asker
    if (asker === undefined || !this.waiting.delete(asker)) return
    Deferred.doneUnsafe(asker, Exit.fail(new StartError({ child: id, exit: Exit.interrupt() })))
  }

  /** What children tell by themselves, beside what comes of an action. */
  private readonly listener: StartListener = {
    started: (child, port, before) => {
      this.children.moved(child, port, before)
      this.step(machine.started(this.state, child.spec.id, port))
      // The machine keeps of a specification what is needed again.
      child.spec = find(this.state, child.spec.id)?.spec ?? child.spec
    },
    ended: (child, port, exit) => {
      const isAway = child.memory.wasUnreached(port, exit)
      this.post(() => machine.ended(this.state, { id: child.spec.id, port, exit, isAway }))
    }
  }

  /** Whoever waits for its next port waits in vain. */
  private staysDown(id: string): void {
    this.children.get(id)?.refuse(this.children.refusal("stopped", id))
  }

  private withChild(id: string, act: (child: Child) => Effect.Effect<void>): Effect.Effect<void> {
    const child = this.children.get(id)
    return child === undefined ? Effect.void : act(child)
  }

  private pace({ exit, id }: Cause, now: number): Effect.Effect<void> {
    const child = this.children.get(id)
    const delay = child === undefined ? Effect.succeed(0) : child.delay(now, exit, this.options.periodMillis)
    return Effect.map(delay, (millis) => this.step(machine.paced(this.state, millis)))
  }

  private wait(group: number, delayMillis: number): void {
    if (delayMillis === 0) this.due(group)
    else this.waitFor(group, Effect.sleep(delayMillis))
  }

  private waitFor(group: number, time: Effect.Effect<void>): void {
    const fiber = Effect.runForkWith(this.context)(Effect.map(time, () => this.due(group)))
    if (fiber.pollUnsafe() === undefined) this.timers.set(group, fiber)
  }

  private due(group: number): void {
    this.timers.delete(group)
    this.post(() => machine.due(this.state, group, this.router.monotonic()))
  }

  private report(report: Report): Effect.Effect<void> {
    const child = this.children.get(report.child)
    if (report._tag === "Started" && report.restarts > 0) this.router.observed.restarts++
    if ((report._tag === "StartFailed" || report._tag === "Waiting") && child !== undefined) {
      child.lastExit = report.exit
    }
    // Dynamic children are all alike: log lines of them are summed up under the name of the supervisor.
    return this.reporter.report(this.completed(report, child), this.shape === "dynamic" ? this.name : report.child)
  }

  private completed(report: Report, child: Child | undefined): Happening {
    switch (report._tag) {
      case "Restarting":
        return { ...report, at: this.router.now() + Duration.toMillis(report.delay) }
      case "Waiting":
        return { ...report, again: (child?.memory.waits ?? 0) > 0 }
      default:
        return report
    }
  }

  // ---- the first starts

  /**
   * Has the children started that the supervisor begins with, before anything else that waits in the queue. The result waits for that. If
   * one fails, the supervisor ends.
   */
  begin(): Effect.Effect<void, StartError> {
    Queue.offerUnsafe(this.inbox, () => {
      this.step(machine.start(this.state))
      return Effect.flatMap(this.work, () => {
        const begun = this.failure?._tag === "StartError" ? Exit.fail(this.failure) : Exit.void
        Deferred.doneUnsafe(this.begun, begun)
        // Those that had nothing to supervise.
        for (const { spec, status } of inOrder(this.state)) if (status === "stopped") this.staysDown(spec.id)
        return Exit.isSuccess(begun) ? Effect.void : this.end(reasonFromExit(begun))
      })
    })
    return Deferred.await(this.begun)
  }

  /** The same as if they were restarted: a start that fails is tried again. There is nothing to wait for. */
  beginTrying(): Effect.Effect<void> {
    this.post(() => machine.startAsRestarts(this.state))
    return Effect.void
  }

  // ---- what can be asked for

  /** A name for one more dynamic child. */
  nextId(): string {
    return String(++this.nth)
  }

  startChild(spec: CheckedChild): Effect.Effect<unknown, ChildError | StartError | Killed> {
    return this.ask(
      () => machine.startChild(this.state, spec, this.children.get(spec.id)?.livePort !== undefined),
      () => this.value
    )
  }

  /** Starts a child, and waits until it is gone for good. Whoever waits no longer ends it. */
  runChild(spec: CheckedChild): Effect.Effect<GoneChild, ChildError | StartError | Killed> {
    return Effect.suspend(() => {
      const gone = Deferred.makeUnsafe<GoneChild>()
      const watched = { ...spec, gone: (child: GoneChild) => void Deferred.doneUnsafe(gone, Exit.succeed(child)) }
      const end = Effect.suspend(() => {
        const child = this.children.get(spec.id)
        return child?.spec.gone === watched.gone ? Effect.ignore(this.terminate(child)) : Effect.void
      })
      return Effect.onInterrupt(Effect.andThen(this.startChild(watched), Deferred.await(gone)), () => end)
    })
  }

  private terminate(child: Child): Effect.Effect<void, ChildError | Killed> {
    const { id } = child.spec
    return this.leavingOut(
      child,
      () => machine.terminateChild(this.state, id, this.children.get(id) === child ? id : undefined, true)
    )
  }

  /** Somebody wants a child to be terminated: until that is done, no restart starts it. */
  private leavingOut(child: Child, event: () => Result): Effect.Effect<void, ChildError | Killed> {
    return Effect.suspend(() => {
      child.unwanted++
      const done = this.ask<void, ChildError>(event, () => {}, child)
      return Effect.ensuring(done, Effect.sync(() => child.unwanted--))
    })
  }

  /** Ends a child. It may have been terminated before; of a dynamic supervisor, its port may have ended. */
  terminateChild(idOrPort: string): Effect.Effect<void, ChildError | Killed> {
    return Effect.suspend(() => {
      const known = this.children.find(idOrPort)
      if (this.shape === "single" && known !== undefined) {
        return Effect.fail(this.children.refusal("only_child", idOrPort))
      }
      const terminate = (): Result => {
        // A child that was known, and is not there any more, was being started and could not be kept.
        const isKnown = known !== undefined || this.shape === "dynamic" && this.isDead(idOrPort)
        return machine.terminateChild(this.state, idOrPort, this.children.find(idOrPort)?.spec.id, isKnown)
      }
      return known === undefined
        ? this.ask<void, ChildError>(terminate, () => {})
        : this.leavingOut(known, terminate)
    })
  }

  /** A port of this node that is not there any more. Of those on other nodes nobody knows. */
  private isDead(port: string): boolean {
    return port.startsWith(`${this.router.nodeId}#`) && !this.router.ports.has(port)
  }

  restartChild(id: string): Effect.Effect<unknown, ChildError | StartError | Killed> {
    return this.ask(() => machine.restartChild(this.state, id), () => this.value)
  }

  deleteChild(id: string): Effect.Effect<void, ChildError | Killed> {
    return this.ask(() => machine.deleteChild(this.state, id), () => {})
  }

  /** Ends a single child and starts it again. Many who ask for that at the same time get one restart: all meant the same run. */
  renew(child: Child): Effect.Effect<void, Killed> {
    return Effect.suspend(() => {
      const { runs } = child
      const isDone = (): boolean => child.runs > runs && child.livePort !== undefined
      return this.ask<void>(() => isDone() ? undefined : machine.renew(this.state, child.spec.id), () => {}, child)
    })
  }

  /** Ends the start of a child, if one is under way: a start that hangs holds up the queue. */
  private callOff(child: Child): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!child.isStarting) return Effect.void
      if (find(this.state, child.spec.id)?.status === "restarting") this.calledOff.add(child)
      return this.children.callOff(child)
    })
  }

  // ---- looking at it

  /** The present port of a child, or its next one. */
  portOf(id: string): Effect.Effect<string, ChildError | Killed> {
    return Effect.suspend(() => {
      if (this.isOver) return Deferred.await(this.whenOver)
      const child = this.children.find(id)
      if (child === undefined) return Effect.fail(this.children.refusal("not_found", id))
      // A single child that has stopped takes its supervisor with it.
      const isStopped = this.shape !== "single" && find(this.state, child.spec.id)?.status === "stopped"
      if (isStopped) return Effect.fail(this.children.refusal("stopped", id))
      return child.current as Effect.Effect<string, ChildError | Killed>
    })
  }

  /** The same where nobody is told that there is none; and what has not been started yet is waited for. */
  private nextPort(id: string): Effect.Effect<string | undefined, Killed> {
    return Effect.suspend(() => {
      if (this.isOver) return Deferred.await(this.whenOver)
      const child = this.children.get(id)
      if (child === undefined) return Effect.succeed(undefined)
      const isToBeStarted = child.isStarting || child.runs === 0 && !Deferred.isDoneUnsafe(this.begun)
      if (!isToBeStarted && find(this.state, id)?.status === "stopped") return Effect.succeed(undefined)
      return Effect.catchTag(
        child.current as Effect.Effect<string, ChildError | Killed>,
        "ChildError",
        () => Effect.succeed(undefined)
      )
    })
  }

  /** A port that stays the same, whatever port the child has. `undefined`: there is no such child. */
  addressOf(id: string): PortId | undefined {
    return this.children.get(id) === undefined ? undefined : this.addresses.of(id)
  }

  find(idOrPort: string): Child | undefined {
    return this.children.find(idOrPort)
  }

  refusal(reason: Refusal, idOrPort: string): ChildError {
    return this.children.refusal(reason, idOrPort)
  }

  get which(): ReadonlyArray<ChildInfo> {
    const now = this.router.monotonic()
    return inOrder(this.state).map((child) => this.children.info(child, now))
  }

  get count(): Count {
    return this.children.count
  }

  // ---- the end

  /** Waits until it has stopped its children and ends, and fails with its reason. */
  get gone(): Effect.Effect<never, Killed> {
    return Deferred.await(this.whenOver)
  }

  /** Ends it from outside, and waits for that. */
  get shutDown(): Effect.Effect<void> {
    return this.asked(() =>
      Effect.callback((resume) => {
        if (this.isOver) return resume(Effect.void)
        const cancel = this.router.monitor(this.port, () => resume(Effect.void))
        this.router.kill(this.port, reasons.shutdown())
        return Effect.sync(cancel)
      })
    )
  }

  /**
   * The supervisor's port ends with this reason, and nothing carries out any more what the machine has said: tells what is to be told
   * yet, stops all children, whatever they are in the middle of, then fails whatever somebody still waits for.
   */
  close(reason: Reason): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.reason = reason
      const { work } = this.state
      const first = work._tag === "StartFirst" ? work.children[work.at] : undefined
      this.todo = this.todo.slice(this.done).filter(isTelling)
      this.done = 0
      this.flights.clear()
      this.step(machine.stop(this.state))
      return Effect.andThen(this.work, Effect.suspend(() => this.over(reason, first ?? "")))
    })
  }

  private over(reason: Reason, first: string): Effect.Effect<void> {
    const error = new Killed({ port: this.port, reason })
    Deferred.doneUnsafe(this.begun, Exit.fail(new StartError({ child: first, exit: Exit.interrupt() })))
    Deferred.doneUnsafe(this.whenOver, Exit.fail(error))
    for (const asked of this.waiting) Deferred.doneUnsafe(asked, Exit.fail(error))
    this.waiting.clear()
    this.children.refuseAll(error)
    return this.reporter.end
  }
}

/** What tells somebody of something that has happened, and begins nothing. */
const isTelling = ({ _tag }: Action): boolean =>
  _tag === "Report" || _tag === "StaysDown" || _tag === "Forget" || _tag === "CancelWait"

/** How a start has failed; and whether that was for want of a link to the child's nodes. */
const failureOf = ({ cause }: Exit.Failure<unknown, unknown>) => {
  const away = unreachable(cause)
  return { failed: away ?? Exit.failCause(cause), isAway: away !== undefined }
}

const succeeded = { failed: undefined, isAway: false }
