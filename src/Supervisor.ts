/**
 * Supervisors start what died again.
 *
 * `Supervisor.restart` keeps one service alive: it starts the child, monitors its port, and starts it again, at once or
 * after a delay, until that happened too often. It uses nothing but `Port`: everything it does, a program could do by
 * hand.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Killed, type PortExit, reasonFromCause, reasonFromExit } from "./internal/killed.ts"
import { countRestart, isRestarted, type RestartType, type Window } from "./internal/restart.ts"
import type { Node } from "./Node.ts"
import * as Port from "./Port.ts"

/**
 * How a supervised child is treated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** For log lines and events. Default: `child`. */
  readonly id?: string | undefined
  /**
   * Which ends are followed by a restart: `permanent` all, `transient` the abnormal ones, `temporary` none, or a predicate
   * on the Exit. Orderly ends are those without a reason, and with a reason that is tagged `shutdown`. Default:
   * `permanent`.
   */
  readonly restart?: RestartType | undefined
  /** How long to wait before each restart; gets the Exit. When it is done, there are no more. Default: no delay. */
  readonly schedule?: Schedule.Schedule<unknown, Exit.Exit<void, Killed>> | undefined
  /**
   * How many restarts within `period` are allowed; one more ends the supervisor. Default: 1, as in OTP; with a schedule,
   * whose delays pace the restarts, 10.
   */
  readonly intensity?: number | undefined
  /** The time that `intensity` counts in. Default: 5 seconds, as in OTP; with a schedule, 1 minute. */
  readonly period?: Duration.Input | undefined
  /** How long the child may take to end when it is stopped, before it is abandoned. Default: 5 seconds. */
  readonly shutdown?: Duration.Input | undefined
}

/**
 * What happened to a supervised child. `restarts` counts those before this event.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly _tag: "Started"; readonly port: Port.PortId; readonly restarts: number }
  | { readonly _tag: "Ended"; readonly port: Port.PortId; readonly exit: Exit.Exit<void, Killed> }
  | { readonly _tag: "StartFailed"; readonly exit: Exit.Exit<void, Killed> }
  | { readonly _tag: "Waiting"; readonly delay: Duration.Duration }
  | { readonly _tag: "GaveUp"; readonly exit: Exit.Exit<void, Killed>; readonly restarts: number }
  | { readonly _tag: "Stopped" }

/**
 * A child under supervision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervised<M extends Port.Messages = any> {
  /** The supervisor's own port: it ends when the supervisor gives up or is stopped, and may be monitored and killed. */
  readonly supervisor: Port.PortId
  /** The child's present port. Waits while there is none; fails when there will be none any more. */
  readonly port: Effect.Effect<Port.PortId<M>, Killed>
  /** What happens from now on; ends with the supervisor. */
  readonly events: Stream.Stream<Event>
  /** Ends the child and starts it again. It does not count as a failure. */
  readonly restart: Effect.Effect<void>
  /** Stops the child, then the supervisor. */
  readonly stop: Effect.Effect<void>
}

/**
 * Keeps a child alive. `child` starts something in a Scope and returns its port, on this node or on another.
 *
 * **Details**
 *
 * A first start that fails is the caller's error. Later, a start that fails counts as a restart that failed, and is tried
 * again. Before each restart the scope of the last start is closed. When there were too many restarts, the supervisor's
 * port ends with `["restart_limit", text, ...reason of the last child]`, and whoever monitors it takes over.
 *
 * What is sent to a child that has ended is lost, and a monitor tells; ask for `port` again to reach the next one.
 *
 * **Example** (A service that comes back)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   let starts = 0
 *   const service = Effect.suspend(() => {
 *     const nth = ++starts
 *     return Port.make({ which: (reply) => Port.snd(reply, nth) })
 *   })
 *   const supervised = yield* Supervisor.restart(service)
 *   const first = yield* supervised.port
 *   yield* Port.kil(first, "crash")
 *   yield* Port.exit(first)
 *   const second = yield* supervised.port
 *   return yield* Port.cal(second, "which")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const restart = <M extends Port.Messages, E, R>(
  child: Effect.Effect<Port.PortId<M>, E, R>,
  policy: Policy = {}
): Effect.Effect<Supervised<M>, E, Node | Scope.Scope | Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const supervisor = yield* Port.make(() => {})
    const guard = yield* Port.peval(supervisor, makeGuard(child, settle(policy))).pipe(Effect.orDie)
    const first = yield* Effect.flatten(Port.peval(supervisor, Effect.exit(guard.start)).pipe(Effect.orDie)).pipe(
      Effect.tapCause((cause) => Port.kil(supervisor, ...reasonFromCause(cause)))
    )
    yield* Port.peval(supervisor, Port.fork(guard.watch(first))).pipe(Effect.orDie)
    return {
      supervisor,
      port: guard.port,
      events: guard.events,
      restart: guard.restart,
      stop: Effect.andThen(Port.kil(supervisor, "shutdown"), Port.exit(supervisor)).pipe(
        Effect.asVoid,
        Effect.provideContext(yield* Effect.context<Node>())
      )
    }
  })

interface Settled {
  readonly id: string
  readonly type: RestartType
  readonly schedule: Schedule.Schedule<unknown, PortExit>
  readonly intensity: number
  readonly period: number
  readonly shutdown: Duration.Input
}

const settle = (policy: Policy): Settled => ({
  id: policy.id ?? "child",
  type: policy.restart ?? "permanent",
  schedule: policy.schedule ?? Schedule.spaced(0),
  intensity: policy.intensity ?? (policy.schedule === undefined ? 1 : 10),
  period: Duration.toMillis(policy.period ?? (policy.schedule === undefined ? "5 seconds" : "1 minute")),
  shutdown: policy.shutdown ?? "5 seconds"
})

/** A child that runs: its port, and what ends with it. */
interface Running<M extends Port.Messages> {
  readonly port: Port.PortId<M>
  /** Part of the supervisor's scope. Closing it stops the child, if it still runs, and closes the scope of its start. */
  readonly place: Scope.Closeable
  /** It is not to be stopped any more: on a node that is gone, that would wait for a connection. */
  ended: boolean
}

/** Made in the supervisor's port: what it starts ends with that port. */
const makeGuard = <M extends Port.Messages, E, R>(
  child: Effect.Effect<Port.PortId<M>, E, R>,
  policy: Settled
) =>
  Effect.gen(function*() {
    const parent = yield* Effect.scope
    const self = yield* Port.Self
    const context = yield* Effect.context<Node | Exclude<R, Scope.Scope>>()
    const listeners = new Set<Queue.Queue<Event, Cause.Done>>()
    let present = Deferred.makeUnsafe<Port.PortId<M>, Killed>()
    let asked = false
    let restarts = 0
    /** The supervisor stops its child: what ends now is not started again. */
    let stopping = false
    let over = false

    const report = (event: Event): Effect.Effect<void> => {
      for (const queue of listeners) Queue.offerUnsafe(queue, event)
      return Effect.logDebug(`supervised ${policy.id}: ${event._tag}`, event)
    }

    const start: Effect.Effect<Running<M>, E, Node | Exclude<R, Scope.Scope>> = Effect.gen(function*() {
      const place = yield* Scope.fork(parent)
      const scope = yield* Scope.make()
      let running: Running<M> | undefined
      yield* Scope.addFinalizerExit(place, (exit) =>
        Effect.suspend(() => {
          if (running === undefined || running.ended) return Scope.close(scope, exit)
          stopping = true
          return Effect.flatMap(stopChild(running.port), (ended) =>
            // What an abandoned child holds on to must not hold us up.
            ended ? Scope.close(scope, exit) : Effect.asVoid(Effect.forkDetach(Scope.close(scope, exit))))
        }))
      const port = yield* Scope.provide(child, scope).pipe(
        Effect.onError((cause) => Scope.close(place, Exit.failCause(cause)))
      )
      running = { port, place, ended: false }
      yield* Deferred.succeed(present, port)
      yield* report({ _tag: "Started", port, restarts })
      return running
    })

    /** Ends a child, on this node or on another. Answers whether it ended in time. */
    const stopChild = (port: Port.PortId): Effect.Effect<boolean> =>
      Effect.andThen(Port.kil(port, "shutdown"), Port.exit(port)).pipe(
        Effect.as(true),
        Effect.timeoutOrElse({
          duration: policy.shutdown,
          orElse: () =>
            Effect.as(Effect.logWarning(`supervised ${policy.id}: ${port} did not end in time and is abandoned`), false)
        }),
        Effect.provideContext(context)
      )

    /** Starts again until it works; each failure counts. Ends with `undefined` when there were too many. */
    const startAgain = Effect.fnUntraced(function*(exit: PortExit, next: Next) {
      for (let last = exit;;) {
        const delay = yield* next(last)
        if (delay === undefined) {
          yield* report({ _tag: "GaveUp", exit: last, restarts })
          yield* Effect.logError(`supervised ${policy.id}: too many restarts, giving up`, ...reasonFromExit(last))
          yield* Port.kil(self, "restart_limit", `${policy.id} was restarted too often`, ...reasonFromExit(last))
          return undefined
        }
        if (Duration.toMillis(delay) > 0) {
          yield* report({ _tag: "Waiting", delay })
          yield* Effect.sleep(delay)
        }
        restarts++
        const started = yield* Effect.exit(start)
        if (Exit.isSuccess(started)) return started.value
        last = Exit.fail(new Killed({ port: self, reason: reasonFromCause(started.cause) }))
        yield* report({ _tag: "StartFailed", exit: last })
      }
    })

    const watch = (first: Running<M>) =>
      Effect.gen(function*() {
        const pace = yield* makePace(policy)
        for (let running: Running<M> | undefined = first; running !== undefined;) {
          const exit: PortExit = yield* Port.exit(running.port)
          if (stopping) return
          present = Deferred.makeUnsafe()
          running.ended = true
          yield* Scope.close(running.place, exit)
          yield* report({ _tag: "Ended", port: running.port, exit })
          if (asked) {
            asked = false
            running = yield* startAgain(exit, pace.free())
          } else if (isRestarted(policy.type, exit)) {
            yield* Effect.logWarning(`supervised ${policy.id}: ended, restarting`, ...reasonFromExit(exit))
            running = yield* startAgain(exit, pace.counted)
          } else {
            yield* report({ _tag: "Stopped" })
            return yield* Port.kil(self)
          }
        }
      })

    yield* Effect.addFinalizer((exit) => {
      const reason = reasonFromExit(exit)
      return Effect.sync(() => {
        over = true
        if (Deferred.isDoneUnsafe(present)) present = Deferred.makeUnsafe()
        Deferred.doneUnsafe(present, Exit.fail(new Killed({ port: self, reason })))
        for (const queue of listeners) Queue.endUnsafe(queue)
      })
    })

    return {
      start,
      watch,
      port: Effect.suspend(() => Deferred.await(present)),
      events: Stream.callback<Event>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() => over ? Queue.endUnsafe(queue) : listeners.add(queue)),
          () => Effect.sync(() => listeners.delete(queue))
        )
      ),
      restart: Effect.suspend(() => {
        if (over || !Deferred.isDoneUnsafe(present)) return Effect.void
        asked = true
        return Effect.asVoid(Effect.flatMap(Effect.orDie(Deferred.await(present)), stopChild))
      })
    }
  })

/** How long to wait before the next restart; `undefined` if there must be none. */
type Next = (exit: PortExit) => Effect.Effect<Duration.Duration | undefined>

/** The budget and the delays of one supervisor. */
const makePace = Effect.fnUntraced(function*(policy: Settled) {
  let step = yield* Schedule.toStep(policy.schedule)
  let window: Window = []
  /** When the last restart is or was due: a quiet time begins there, not with its delay. */
  let due: number | undefined
  const counted: Next = Effect.fnUntraced(function*(exit: PortExit) {
    const now = yield* Clock.currentTimeMillis
    // After a quiet time the delays begin anew.
    if (due === undefined || now - due >= policy.period) step = yield* Schedule.toStep(policy.schedule)
    const counted = countRestart(window, now, policy)
    if (counted === undefined) return undefined
    window = counted
    const next = yield* Effect.exit(step(now, exit))
    if (Exit.isFailure(next)) return undefined
    const delay = next.value[1]
    due = now + Duration.toMillis(delay)
    return delay
  })
  /** A restart that was asked for costs nothing; if it fails, the next one does. */
  const free = (): Next => {
    let first = true
    return (exit) => {
      if (!first) return counted(exit)
      first = false
      return Effect.succeed(Duration.zero)
    }
  }
  return { counted, free }
})
