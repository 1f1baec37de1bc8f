/**
 * The children of a supervisor at run time: found by name and by port, stopped alone or together, and looked at. What is done with
 * them, and when, is up to the supervisor.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Router } from "../node/router.ts"
import { type PortExit, reasonFromExit } from "../values/reason.ts"
import { atOnce, Child, type StartListener } from "./child.ts"
import { ChildError, type ChildInfo, type Count, type Refusal, type Status } from "./errors.ts"
import type { CheckedChild } from "./spec.ts"
import type { ChildState, Report, Shape } from "./state.ts"

export class Children {
  private readonly router: Router
  private readonly context: Context.Context<never>
  private readonly shape: Shape
  private readonly hasNames: boolean
  private readonly report: (report: Report) => Effect.Effect<void>
  private readonly waitsForUs: (port: string) => boolean
  private readonly byId = new Map<string, Child>()
  /** By the last port that each had. */
  private readonly byPort = new Map<string, Child>()

  constructor(
    router: Router,
    context: Context.Context<never>,
    hasNames: boolean,
    shape: Shape,
    report: (report: Report) => Effect.Effect<void>,
    waitsForUs: (port: string) => boolean
  ) {
    this.router = router
    this.context = context
    this.shape = shape
    this.hasNames = hasNames
    this.report = report
    this.waitsForUs = waitsForUs
  }

  // ---- finding them

  get(id: string): Child | undefined {
    return this.byId.get(id)
  }

  /** Dynamic children that were given no names are found by their ports only: nobody knows of their IDs. */
  find(idOrPort: string): Child | undefined {
    return (this.hasNames ? this.byId.get(idOrPort) : undefined) ?? this.byPort.get(idOrPort)
  }

  add(spec: CheckedChild): Child {
    const child = new Child(this.router, this.context, spec, this.waitsForUs)
    this.byId.set(spec.id, child)
    return child
  }

  /** A child runs on this port. Until now it could be named by its last one, `before`. */
  moved(child: Child, port: string, before: string | undefined): void {
    if (before !== undefined && this.byPort.get(before) === child) this.byPort.delete(before)
    this.byPort.set(port, child)
  }

  forget(id: string): void {
    const child = this.byId.get(id)
    if (child === undefined) return
    this.byId.delete(id)
    if (child.port !== undefined && this.byPort.get(child.port) === child) this.byPort.delete(child.port)
    child.refuse(this.refusal("not_found", id))
    child.spec.gone?.(child)
  }

  refusal(reason: Refusal, idOrPort: string): ChildError {
    return new ChildError({ reason, child: idOrPort, port: this.find(idOrPort)?.livePort })
  }

  /** Whoever waits for the next port of any child waits in vain, and whoever waits for its end has waited long enough. */
  refuseAll(error: unknown): void {
    for (const child of this.byId.values()) {
      child.refuse(error)
      child.spec.gone?.(child)
    }
  }

  // ---- starting them

  /** Starts a child, within the time that its start may take. */
  start(child: Child, listener: StartListener): Effect.Effect<Exit.Exit<void, unknown>> {
    const { startMillis } = child.spec
    if (startMillis === undefined) return child.start(listener)
    return Effect.suspend(() => {
      let isLate = false
      const end = Effect.suspend(() => {
        isLate = child.expire()
        return isLate ? this.callOff(child) : Effect.void
      })
      const timer = Effect.runForkWith(this.context)(Effect.delay(end, startMillis))
      // What ends the start has something to tell yet when nobody waits for the start any more.
      const stopTimer = (exit: Exit.Exit<unknown>) =>
        Effect.sync(() => Exit.isFailure(exit) || !isLate ? timer.interruptUnsafe() : undefined)
      return Effect.onExit(child.start(listener), stopTimer)
    })
  }

  // ---- ending them

  /** Ends a child, or its start, and waits for that, within its time. */
  stop(child: Child): Effect.Effect<void> {
    return Effect.flatMap(child.stop(this.abandon(child)), () => this.reportEnd(child))
  }

  /** Ends the start of a child, if one is under way, and waits for that, within its time. */
  callOff(child: Child): Effect.Effect<void> {
    return child.callOff(this.abandon(child))
  }

  /** Ends them at the same time, and waits as long as the most patient one may take. */
  stopTogether(ids: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const children = ids.flatMap((id) => this.byId.get(id) ?? [])
      const endings = children.map((child) => ({ child, fiber: child.beginStop() }))
      const patienceMillis = Math.max(0, ...new Set(children.map((child) => child.patienceMillis)))
      const all = each(endings, ({ fiber }) => fiber === undefined ? Effect.void : Fiber.await(fiber))
      const late = () => endings.filter(({ fiber }) => fiber !== undefined && fiber.pollUnsafe() === undefined)
      const within = patienceMillis === Infinity ? all : Effect.timeoutOrElse(all, {
        duration: patienceMillis,
        orElse: () => {
          for (const { child } of late()) child.hurry()
          return Effect.andThen(atOnce, Effect.suspend(() => each(late(), ({ child }) => this.abandon(child))))
        }
      })
      return Effect.andThen(within, each(children, (child) => this.reportEnd(child)))
    })
  }

  /** A child has ended by itself: releases what its start acquired, within its time. */
  cleanUp(child: Child, exit: PortExit): Effect.Effect<void> {
    return Effect.flatMap(child.cleanUp(exit, this.abandon(child)), () => this.reportEnd(child))
  }

  private abandon(child: Child): Effect.Effect<void> {
    return Effect.suspend(() => {
      child.giveUp()
      // A child that gets no time is not told of for taking some.
      if (child.patienceMillis === 0) return Effect.void
      return this.report({ _tag: "Abandoned", child: child.spec.id, port: child.port })
    })
  }

  private reportEnd(child: Child): Effect.Effect<void> {
    const end = child.takeEnd()
    return end === undefined ? Effect.void : this.report({ _tag: "Ended", child: child.spec.id, ...end })
  }

  // ---- looking at them

  /** A child as it is now. */
  info({ flight, restarts, spec: { id }, status }: ChildState, now: number): ChildInfo {
    const child = this.byId.get(id)
    return {
      id,
      status: child === undefined ? status : statusOf(child, status, flight !== undefined),
      type: child?.type ?? "worker",
      port: child?.livePort,
      restarts,
      uptime: child?.startedAt === undefined ? undefined : now - child.startedAt,
      lastReason: child?.lastExit === undefined ? undefined : reasonFromExit(child.lastExit)
    }
  }

  /** Of a dynamic supervisor there is one specification. */
  get count(): Count {
    const all = Array.from(this.byId.values())
    const supervisors = all.filter((child) => child.type === "supervisor").length
    return {
      specs: this.shape === "dynamic" ? 1 : all.length,
      active: all.filter((child) => child.livePort !== undefined).length,
      supervisors,
      workers: all.length - supervisors
    }
  }
}

/** Of a child that runs, and of one that does not, the machine does not know what it is about to be. */
const statusOf = (child: Child, status: Status, isBeside: boolean): ChildInfo["status"] => {
  if (child.isEnding) return "ending"
  if (child.memory.isAway && status !== "stopped") return "waiting"
  return status === "stopped" && (child.isStarting || isBeside) ? "starting" : status
}

const each = <A>(all: ReadonlyArray<A>, act: (one: A) => Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.forEach(all, act, { discard: true })
