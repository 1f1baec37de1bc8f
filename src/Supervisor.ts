/**
 * Supervisors start again what has died.
 *
 * A supervisor is a port that keeps other ports alive: it starts its children in order, monitors them, and starts again what ends, at once or
 * after a delay. When that happens too often it gives up, and its own supervisor takes over. The rules are those of OTP's `supervisor`.
 *
 * | you have                                                | begin with                                                              |
 * | ------------------------------------------------------- | ----------------------------------------------------------------------- |
 * | one service                                             | {@link restart}                                                         |
 * | a Layer whose services break                            | {@link layer}                                                           |
 * | several services, some of which need others             | {@link make}; they find each other by {@link sibling}                   |
 * | very many of one kind, that come and go                 | {@link dynamic}                                                         |
 * | a fixed number of one kind, chosen by a key             | {@link partition}                                                       |
 * | an effect that is to be done, and a stream of such jobs | {@link task}, as the start of a child; `runChild` of {@link dynamic}    |
 * | a service that is to run on another node                | {@link spawn}, as the start of a child                                  |
 * | many of one kind, on all nodes that there are           | {@link pool}                                                            |
 * | a service that must outlive its machine                 | {@link failover}                                                        |
 * | a program that ends when its supervisors give up        | {@link run} for one supervisor, {@link launch} for a Layer              |
 * | a supervisor on another node to ask                     | {@link at}; {@link tree} and {@link forest} look, {@link render} prints |
 *
 * What supervisors of any kind have is in `Handle`. `docs/supervision.md` has the rules in full: which ends are followed by a restart, how often,
 * in which order children stop, and what happens across nodes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { tellReady, untilStopped } from "./internal/node/ownThread.ts"
import { NodeRouter } from "./internal/node/router.ts"
import * as addresses from "./internal/supervisor/addresses.ts"
import * as children from "./internal/supervisor/child.ts"
import type * as decisions from "./internal/supervisor/decisions.ts"
import * as dynamics from "./internal/supervisor/dynamic.ts"
import * as errors from "./internal/supervisor/errors.ts"
import type * as reports from "./internal/supervisor/events.ts"
import * as failovers from "./internal/supervisor/failover.ts"
import * as fixeds from "./internal/supervisor/fixed.ts"
import * as leases from "./internal/supervisor/lease.ts"
import * as making from "./internal/supervisor/make.ts"
import * as owners from "./internal/supervisor/owner.ts"
import * as pools from "./internal/supervisor/pool.ts"
import * as remotes from "./internal/supervisor/remote.ts"
import { spawnOn } from "./internal/supervisor/spawnOn.ts"
import * as specs from "./internal/supervisor/spec.ts"
import * as tasks from "./internal/supervisor/task.ts"
import * as threads from "./internal/supervisor/thread.ts"
import * as trees from "./internal/supervisor/tree.ts"
import { type Killed, reasonFromExit } from "./internal/values/reason.ts"
import { Node } from "./Node.ts"
import * as Port from "./Port.ts"

// ---- what supervisors are told

/**
 * Which ends of a child are followed by a restart.
 *
 * **Details**
 *
 * - `permanent`: all ends;
 * - `transient`: those that are not in order, and that of a node that stops, which takes the child with it;
 * - `temporary`: none, and the child is forgotten;
 * - a predicate on the Exit: those of which it says so.
 *
 * An end is in order without a reason, or with one that is tagged `shutdown`. A child on another node ends when the link to that node is
 * lost, too: with `transport_error`. `linkError` of `Port.Killed` tells a predicate why it was lost.
 *
 * **Example** (A child that stays where it is)
 *
 * ```ts
 * import { Port, Supervisor } from "effect-mp"
 * import { Exit, Option } from "effect"
 *
 * // A node that stopped in order will start its work itself when it is back. What is lost otherwise is made up for.
 * const restart = (exit: Exit.Exit<void, Port.Killed>): boolean =>
 *   Option.getOrUndefined(Exit.findErrorOption(exit))?.linkError !== "node_left"
 *
 * export const worker = Supervisor.restart(Port.make({}), { restart })
 *
 * restart(Exit.fail(new Port.Killed({ port: "far#worker", reason: ["crash"] }))) // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type RestartType = decisions.RestartType

/**
 * Who is stopped and started again together with a child that is restarted: `one_for_one` nobody, `one_for_all` all others, `rest_for_one`
 * those that were started after it.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = decisions.Strategy

/**
 * When the ends of significant children end the supervisor, with the reason `shutdown`: `never`, at the end of `any_significant` one, or of
 * the last of `all_significant` ones. Ends that are followed by a restart, or were asked for, do not count.
 *
 * @category models
 * @since 0.1.0
 */
export type AutoShutdown = decisions.AutoShutdown

/**
 * How long a child may take to end when it is stopped: a `Duration.Input`, `infinity`, or `brutal`, which does not wait at all. In that time it
 * finishes the message that it has in hand, and releases what it holds. What has not ended by then is abandoned, with a warning.
 *
 * @category models
 * @since 0.1.0
 */
export type Shutdown = specs.Shutdown

/**
 * What a child is: a `worker`, or a `supervisor` itself.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildType = specs.ChildType

/**
 * What the start of a child answers: its port, something that has its `port`, the handle of another supervisor, or {@link ignore}.
 *
 * @category models
 * @since 0.1.0
 */
export type Started =
  | Port.PortId
  | { readonly port: Port.PortId }
  | { readonly supervisor: Port.PortId }
  | typeof ignore

/**
 * How a child is treated: when it is restarted, and how long it may take to start and to end.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildOptions {
  /** Which ends are followed by a restart. Default: `permanent`. */
  readonly restart?: RestartType | undefined
  /**
   * How long it may take to end when it is stopped. Default: 5 seconds; of a supervisor, which has to stop its own children, `infinity`.
   */
  readonly shutdown?: Shutdown | undefined
  /** Whether its end can be the end of the supervisor, as that one's `autoShutdown` says. Default: `false`. */
  readonly significant?: boolean | undefined
  /**
   * How long to wait before each restart; its input is the Exit. When the schedule is done, the supervisor gives up. After a quiet time as
   * long as the supervisor's `period` it begins anew. Default: no delay.
   */
  readonly schedule?: Schedule.Schedule<unknown, Exit.Exit<void, Port.Killed>> | undefined
  /**
   * What it is, for `count`, and for the default of `shutdown`. Default: a supervisor if its start answers one's handle, or else a worker.
   */
  readonly type?: ChildType | undefined
  /**
   * How long its start may take. Then it is interrupted, and has failed with a `TimeoutError`; what cannot be interrupted within the time of
   * `shutdown` is abandoned. Default: any time.
   */
  readonly startTimeout?: Duration.Input | undefined
}

/**
 * A child of {@link make}: its `id` among the children, how it starts, and how it is treated.
 *
 * **Details**
 *
 * `start` runs in a Scope of its own: what it acquires there is released when the child has ended, and before it is started again. It may
 * make a port on this node, spawn one on another ({@link spawn}), or be a {@link task} or another supervisor.
 *
 * A significant child is one that can end for good: its `restart` is not `permanent`.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildSpec<A extends Started = Started, E = unknown, R = never> =
  & Child<A, E, R>
  & (InsignificantChild | SignificantChild)

interface Child<out A, out E, out R> extends Omit<ChildOptions, "restart" | "significant"> {
  /** Its name among the children of the supervisor. */
  readonly id: string
  /** Starts it, in a Scope of its own, and answers its port. */
  readonly start: Effect.Effect<A, E, R>
}

interface InsignificantChild {
  /** Which ends are followed by a restart. Default: `permanent`. */
  readonly restart?: RestartType | undefined
  /** Whether its end can be the end of the supervisor, as that one's `autoShutdown` says. Default: `false`. */
  readonly significant?: false | undefined
}

interface SignificantChild {
  /** Which ends are followed by a restart. */
  readonly restart: "transient" | "temporary" | ((exit: Exit.Exit<void, Port.Killed>) => boolean)
  /** Whether its end can be the end of the supervisor, as that one's `autoShutdown` says. Default: `false`. */
  readonly significant?: boolean | undefined
}

/**
 * How many restarts are too many, and what a supervisor is called.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /**
   * How many restarts within `period` are allowed, of all children together; one more ends the supervisor. Default: 1, as
   * in OTP; where a child has a schedule, whose delays pace the restarts, 10. With `Infinity` and no schedule, restarts of one child are
   * 10 ms apart at least.
   */
  readonly intensity?: number | undefined
  /** The time that `intensity` counts in. Default: 5 seconds, as in OTP; where a child has a schedule, 1 minute. */
  readonly period?: Duration.Input | undefined
  /**
   * What the supervisor is called in log lines, metrics and trees. Default: `supervisor`; `supervised` of `restart` and `layer`; `pool` of
   * `pool`.
   */
  readonly name?: string | undefined
}

/**
 * What the supervisor that {@link make} makes is told, beside its children.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Limits {
  /** Who is restarted together with a child. Default: `one_for_one`. */
  readonly strategy?: Strategy | undefined
  /** Whether it ends by itself when significant children have. Default: `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
}

/**
 * How a single service is treated, that {@link restart} or {@link layer} keeps alive.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy extends Omit<ChildOptions, "significant" | "startTimeout">, Limits {
  /** What the service is called, in log lines, trees and the reason `restart_limit`. Default: `child`. */
  readonly id?: string | undefined
}

// ---- what supervisors tell

/**
 * What happened to a child. All events have the name of the `supervisor` and of the `child`; `exit` is the end or the failure that the event
 * follows, and `restarts` counts the restarts of that child so far.
 *
 * - `Started`, on a `port`;
 * - `Ended`, on a `port`: once for each `Started`;
 * - `StartFailed`, of a restart;
 * - `Restarting`: it will be started again after `delay`, at the time `at` (milliseconds since the epoch), with the children in `group`;
 * - `Waiting`: there is no link to any of the nodes that {@link spawn} is to start it on. It is started, with its `group`, when there is one,
 *   and that is no restart that counts. `again`: it was tried before, and there has been no link since;
 * - `Stopped`: it has ended by itself, and is not started again;
 * - `Abandoned`: it did not end in time when it was stopped; `Ended` follows, as if it had;
 * - `ShuttingDown`: it was significant, and the supervisor ends with it;
 * - `Dropped`: there were too many restarts of it alone (`perChild`), and the supervisor goes on without it;
 * - `GaveUp`: there were too many restarts, and the supervisor ends.
 *
 * @see {@link Handle} whose `events` tell them
 * @category models
 * @since 0.1.0
 */
export type Event = reports.Event

/**
 * A child as it is now.
 *
 * **Details**
 *
 * - `id` and `type`, as in its specification;
 * - `port`: its present port, `undefined` while it has none;
 * - `restarts`: how many it has had;
 * - `uptime`: for how many milliseconds it has been running, `undefined` if it does not run;
 * - `lastReason`: the reason list of its last end, empty if that had none;
 * - `status`: `running`; `starting`, while a start that is no restart has not answered; `restarting`, from its end until its next start has
 *   answered; `waiting`, while there is no link to any of its nodes; `ending`, from the beginning of its end until what follows is decided;
 *   `stopped`, when it has ended and is not started again.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type ChildInfo = errors.ChildInfo

/**
 * How many children there are: `specs` are specifications, `active` those that run; `supervisors` and `workers` are what they are, running or
 * not. A dynamic supervisor has one specification.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Count = errors.Count

/**
 * A specification that cannot be: which `child` (`undefined`: the supervisor itself), which `field`, its `value`, and what the `problem` is
 * with it. Nothing was started.
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidSpec = specs.InvalidSpec

/**
 * The type of an {@link InvalidSpec}.
 *
 * @category errors
 * @since 0.1.0
 */
export type InvalidSpec = specs.InvalidSpec

/**
 * A `child` whose start failed, with the `exit` of the start. Where that was the start of the whole supervisor, what had been started before
 * is stopped again.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartError = errors.StartError

/**
 * The type of a {@link StartError}.
 *
 * @category errors
 * @since 0.1.0
 */
export type StartError = errors.StartError

/**
 * What a supervisor does not do, as OTP answers it: the `reason`, the `child` that it was asked about, and its `port` if it has one.
 *
 * **Details**
 *
 * - `already_started`: a child of that name runs;
 * - `already_present`: there is one, which does not run now: `restartChild` or `deleteChild`, unless it is being restarted;
 * - `not_found`: there is none of that name or port;
 * - `running`, `restarting`: what was asked for is for children that do not run: `terminateChild` first;
 * - `stopped`: it has no port, and does not get one by itself;
 * - `max_children`: there are as many as the supervisor may have;
 * - `dynamic`: children of a dynamic supervisor have no specifications of their own, to be started again or deleted;
 * - `not_dynamic`: only children of dynamic supervisors are started by arguments;
 * - `only_child`: the supervisor has this child alone: end the supervisor instead;
 * - `malformed`: a message that is no request.
 *
 * @category errors
 * @since 0.1.0
 */
export const ChildError = errors.ChildError

/**
 * The type of a {@link ChildError}.
 *
 * @category errors
 * @since 0.1.0
 */
export type ChildError = errors.ChildError

/**
 * What a start answers that finds nothing to supervise, such as a service that is switched off: the child has no port, and its specification
 * stays. A temporary or dynamic child that ignores leaves nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ignore: unique symbol = children.ignore as never

// ---- handles

/**
 * What supervisors of all kinds have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle {
  /** The supervisor's own port: it ends when the supervisor gives up or is stopped, and may be monitored and killed. */
  readonly supervisor: Port.PortId
  /** The children in start order, as they are now. */
  readonly which: Effect.Effect<ReadonlyArray<ChildInfo>>
  /** How many children there are. */
  readonly count: Effect.Effect<Count>
  /**
   * What happens from now on; ends with the supervisor. Who lags behind by more than 10,000 events loses the oldest.
   */
  readonly events: Stream.Stream<Event>
  /**
   * Waits for the end of the supervisor: succeeds when that is in order, and fails with its reason when it gives up or is killed with
   * one.
   */
  readonly await: Effect.Effect<void, Port.Killed>
  /** Stops the children, in reverse start order, then the supervisor, and waits for that. */
  readonly stop: Effect.Effect<void>
}

/**
 * A service under supervision: the handle that {@link restart} answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervised<M extends Port.Messages = any> extends Handle {
  /**
   * The service's present port. Waits while there is none; fails with the supervisor's end when there will be none any more.
   */
  readonly port: Effect.Effect<Port.PortId<M>, Port.Killed>
  /** The present port, then each one that follows; ends with the supervisor. */
  readonly ports: Stream.Stream<Port.PortId<M>>
  /**
   * A port that stays the same: it passes what it gets on to the present one, in order, and keeps it while there is none.
   * What the service has not handled when it ends is lost; nothing is sent twice. It ends as the supervisor does.
   *
   * A call to it fails when the service ends without an answer. Callers on other nodes than that of the address are not told: they call
   * its `port` if that matters, or set a time limit.
   */
  readonly address: Port.PortId<M>
  /**
   * Ends the service and starts it again, now, and waits for that. It does not count as a failure. Those who ask at the same time get one
   * restart.
   */
  readonly restart: Effect.Effect<void, Port.Killed>
}

/**
 * A supervisor of children with names: the handle that {@link make} answers. `Ids` are the names that it was made with, as far as the compiler
 * knows them.
 *
 * **Details**
 *
 * What is asked of it fails with a {@link ChildError} where the child is not as it should be, and with the `Killed` of the supervisor when
 * that ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervisor<Ids extends string = string> extends Handle {
  /**
   * The present port of a child, or its next one while it is restarting. Of one that does not run it is a `ChildError`, `stopped`. One that was
   * added later is found by the `port` of the same supervisor as a `Supervisor.Supervisor`, which takes any ID.
   */
  port(id: Ids): Effect.Effect<Port.PortId, ChildError | Port.Killed>
  /**
   * A port that stays the same for as long as there is this child: it passes what it gets on to the child's present port, in order, and
   * keeps it while the child is being started or restarted. What is sent to a child that does not run is lost, and a call fails. A call fails
   * when the child ends without an answer, too; callers on other nodes are not told. {@link sibling} answers the same port.
   */
  address(id: Ids): Effect.Effect<Port.PortId, ChildError>
  /**
   * Adds a child and starts it, after those that there are. Answers what its start does. What cannot be started leaves nothing.
   */
  readonly startChild: <A extends Started, E, R>(
    /** The specification of a child, by its ID or its port, with the defaults filled in. */
    spec: ChildSpec<A, E, R>
  ) => Effect.Effect<A, InvalidSpec | ChildError | StartError | Port.Killed, Exclude<R, Scope.Scope>>
  /** Ends a child, by its ID or its port; its specification stays, unless it is temporary. To do so twice is fine. */
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, ChildError | Port.Killed>
  /** Starts a child that does not run. Answers what its start does; if that fails, the child stays as it is. */
  readonly restartChild: (id: string) => Effect.Effect<unknown, ChildError | StartError | Port.Killed>
  /** Forgets a child that does not run: its specification, and its address. */
  readonly deleteChild: (id: string) => Effect.Effect<void, ChildError | Port.Killed>
  /** The specification of a child, by its name or its port, with the defaults filled in. Times are in milliseconds. */
  readonly spec: (idOrPort: string) => Effect.Effect<CompleteSpec, ChildError>
}

/**
 * A child's specification with its defaults, as `spec` answers it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompleteSpec {
  /** The name of the child. */
  readonly id: string
  /** Which ends are followed by a restart. */
  readonly restart: RestartType
  /** How many milliseconds it may take to end: `Infinity` waits, 0 does not. */
  readonly shutdown: number
  /** Whether its end can be the end of the supervisor. */
  readonly significant: boolean
  /** How many milliseconds its start may take: `Infinity` is any time. */
  readonly startTimeout: number
  /** Whether it is a worker or a supervisor. */
  readonly type: ChildType
}

/**
 * What {@link dynamic} is told: how each of its children starts, by which arguments, and how it is treated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Template<Args extends ReadonlyArray<any>, A extends Started, E = unknown, R = never>
  extends Omit<ChildOptions, "significant">, Limits
{
  /**
   * Starts a child by the arguments of `startChild` or `runChild`. It runs anew, with the same ones, at each restart.
   */
  readonly start: (...args: Args) => Effect.Effect<A, E, R>
  /**
   * What a child is called, in `which`, events, logs and trees, and for `terminateChild`. While there is a child of that name, another
   * one is refused as `already_started` or `already_present`. Default: a number, by which nothing is found.
   */
  readonly id?: ((...args: Args) => string) | undefined
  /** How many children there may be, those that are restarting among them. Default: any number. */
  readonly maxChildren?: number | undefined
  /**
   * How many children are started, or started again, side by side. Default: 1, one after the other, as in OTP: then a start that takes its
   * time holds up all others, and whatever the supervisor is asked for.
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * How many restarts of each child alone are too many: with one more it is dropped, as it is when its schedule is done, and the
   * supervisor goes on. Then the restarts of all together are not counted. Default: `intensity` and `period` count the restarts of all together.
   */
  readonly perChild?: ChildLimits | undefined
}

/**
 * How many restarts of one child are too many: more than `intensity` within `period`. Default of `period`: 5 seconds; where there is a schedule,
 * 1 minute.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type ChildLimits = specs.ChildLimits

/**
 * A child that is an effect, as {@link task} makes it: its `port`, and `await`, which waits until it has ended, for its result. When it was
 * ended before it had one, `await` fails with `Killed`.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Task<A, E = never> = tasks.Task<A, E>

/**
 * What comes of a child in the end: of a {@link task} its result, of others nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type ResultOf<S> = S extends Task<infer A, unknown> ? A : void

/**
 * What a child can fail with in the end, beside `Killed`: of a {@link task} its own errors.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorOf<S> = S extends Task<unknown, infer E> ? E : never

/**
 * A supervisor of many children of one kind: the handle that {@link dynamic} answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface DynamicSupervisor<in Args extends ReadonlyArray<any>, out A extends Started> extends Handle {
  /** Starts a child with these arguments. Answers what its start does; what cannot be started leaves nothing. */
  readonly startChild: (...args: Args) => Effect.Effect<A, ChildError | StartError | Port.Killed>
  /**
   * Starts a child and waits until it is gone for good: it has ended and is not restarted, was terminated, or was dropped. Of a task it
   * answers the result, or fails as its last run did; of others it fails with how the last port ended, unless that was in order. Whoever
   * is interrupted terminates the child.
   *
   * It is what makes jobs of streams: see {@link task}.
   */
  readonly runChild: (
    ...args: Args
  ) => Effect.Effect<ResultOf<A>, ErrorOf<A> | ChildError | StartError | Port.Killed>
  /** Ends a child, by its port, or by its name if it was given one. A port of this node that has ended already is fine. */
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, ChildError | Port.Killed>
}

/**
 * A supervisor of a fixed number of children of one kind: the handle that {@link partition} answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface PartitionSupervisor<A extends Started> extends Handle {
  /**
   * The port of the partition that a key belongs to: of equal keys (`Hash.hash` of Effect) the same partition, while their number stays.
   */
  readonly port: (key: unknown) => Effect.Effect<PortOf<A>, ChildError | Port.Killed>
  /** What the start of that partition answered: of a supervisor its handle. Waits while there is none. */
  readonly child: (key: unknown) => Effect.Effect<A, ChildError | Port.Killed>
  /** How many there are. */
  readonly partitions: number
}

/** The port that a start answers. */
type PortOf<A> = A extends Port.PortId ? A
  : A extends { readonly port: infer P extends Port.PortId } ? P
  : Port.PortId

// ---- constructors

/**
 * Supervises children that have names. They are started in order, and stopped in reverse order; a child that is not up yet holds back the
 * next one.
 *
 * **When to use**
 *
 * For several services of different kinds, above all when some need others: then `strategy` says who shares whose fate. A single service is
 * simpler with {@link restart}; many of one kind are {@link dynamic}, or {@link partition} when a key chooses among them.
 *
 * **Details**
 *
 * A start that fails ends all: what was started is stopped, and the `StartError` names the child. Later, a start that fails
 * counts as one more restart, and is tried again: with all children of a `one_for_all`, and else from the one that failed on. When
 * there were too many restarts, the supervisor stops its children and ends with `["restart_limit", text, child, ...reason of the
 * child]`.
 *
 * A supervisor that is a child of another is given as its start: `{ id: "pool", start: Supervisor.make(...) }`.
 *
 * The supervisor ends with the scope that it was made in.
 *
 * **Gotchas**
 *
 * With `one_for_all` and `rest_for_one`, children that were terminated or had ended for good are started with the others,
 * as OTP does. Temporary ones are only stopped.
 *
 * One that was made outside of a port, of {@link run} and of {@link launch} may give up, and the program goes on: `await` of the handle
 * tells, and the log.
 *
 * **Example** (A worker that needs a cache)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const supervisor = yield* Supervisor.make({
 *     strategy: "rest_for_one",
 *     children: [
 *       { id: "cache", start: Port.make({ get: (reply) => Port.snd(reply, "value") }) },
 *       { id: "worker", start: Port.make({}), restart: "transient" }
 *     ]
 *   })
 *   const worker = yield* supervisor.port("worker")
 *   yield* Port.kil(yield* supervisor.port("cache"), "crash")
 *   yield* Port.exit(worker)
 *   return (yield* supervisor.port("worker")) !== worker
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => true
 * ```
 *
 * @see {@link restart} for a single service
 * @see {@link dynamic} for many of one kind
 * @category constructors
 * @since 0.1.0
 */
export const make = <const C extends ReadonlyArray<ChildSpec<Started, any, any>>>(
  options: Options & { readonly children: C }
): Effect.Effect<Supervisor<IdsOf<C[number]>>, InvalidSpec | StartError, Node | Scope.Scope | ServicesOf<C[number]>> =>
  Effect.map(fixeds.fixed(options), ({ handle }) => handle as unknown as Supervisor<IdsOf<C[number]>>)

/** All IDs, where there are no children yet. */
type IdsOf<C extends ChildSpec<Started, any, any>> = [C] extends [never] ? string : C["id"]

type ServicesOf<C> = C extends ChildSpec<any, any, infer R> ? Exclude<R, Scope.Scope> : never

/**
 * The address of another child of the same supervisor, by its `id`: for the start of a child, and for what is made there. It is known before
 * that other child was ever started.
 *
 * **When to use**
 *
 * For children of one {@link make} that talk to each other. Where there is no common supervisor, `Supervisor.Registry` gives ports names on a
 * node, and `Global.register` in the whole network.
 *
 * **Details**
 *
 * It is a port that passes what it gets on to the child's present port, as `address` of the supervisor does. Where the supervisor is a
 * child itself, children around it are found too: the nearest of that name. It fails with a `ChildError`, `not_found`, where there is none, or
 * where this is no child.
 *
 * **Gotchas**
 *
 * What is sent to a child that is started later waits for its start. A start that waits for the answer waits for itself.
 *
 * **Example** (Two that know each other)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const ping = Effect.gen(function*() {
 *   const other = yield* Supervisor.sibling("pong")
 *   return yield* Port.make({ ball: (n: number, reply) => Port.snd(other, "ball", n + 1, reply) })
 * })
 * const pong = Effect.gen(function*() {
 *   const other = yield* Supervisor.sibling("ping")
 *   return yield* Port.make({
 *     ball: (n: number, reply) => n < 5 ? Port.snd(other, "ball", n + 1, reply) : Port.snd(reply, n)
 *   })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const table = yield* Supervisor.make({ children: [{ id: "ping", start: ping }, { id: "pong", start: pong }] })
 *   return yield* Port.cal(yield* table.address("ping"), "ball", 1)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 6
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const sibling: (id: string) => Effect.Effect<Port.PortId, ChildError> = addresses.sibling

/**
 * Supervises many children of one kind, each on its own: one template, and arguments for each start. OTP's
 * `simple_one_for_one`.
 *
 * **When to use**
 *
 * For children that come and go: a port for each user, a task for each job. A number that is fixed is {@link partition}; children with names of
 * their own are {@link make}; children on all nodes of a network are {@link pool}.
 *
 * **Details**
 *
 * It starts without children: `startChild` and `runChild` of its handle start them. A child that ends for good is forgotten, with its arguments.
 * At the end all are stopped at once, under one time. From another node they are started by `Supervisor.at(port).startChild(...args)`.
 *
 * **Gotchas**
 *
 * Children are `permanent` unless the template says otherwise: one that is done is started again. Most are `transient` or `temporary`.
 *
 * With more than one restart of all children together in 5 seconds the supervisor ends, and all children with it: of many children, `perChild`
 * counts each alone.
 *
 * Arguments that come from another node are what that node says: `start` checks them.
 *
 * **Example** (A port for each job)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Supervisor.dynamic({
 *     start: (n: number) => Port.make({ square: (reply) => Port.snd(reply, n * n) }),
 *     restart: "transient"
 *   })
 *   const job = yield* pool.startChild(7)
 *   return yield* Port.cal(job, "square")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 49
 * ```
 *
 * @see {@link task} for jobs that end with a result
 * @see {@link partition} for a fixed number
 * @category constructors
 * @since 0.1.0
 */
export const dynamic = <Args extends ReadonlyArray<any>, A extends Started, E, R>(
  template: Template<Args, A, E, R>
): Effect.Effect<DynamicSupervisor<Args, A>, InvalidSpec, Node | Exclude<R, Scope.Scope> | Scope.Scope> =>
  // What children answer is known of their starts, which the rooms below know nothing of.
  dynamics.dynamic(template) as Effect.Effect<DynamicSupervisor<Args, A>, InvalidSpec, any>

/**
 * A child that is an effect: it runs in a port of its own, which ends as the effect does.
 *
 * **When to use**
 *
 * As the start of a child, wherever one goes, when what is to be kept alive is no port that handles messages: a loop, a job, a stream that is
 * drained. What handles messages is made with `Port.make`.
 *
 * **Details**
 *
 * Success is an end in order, a failure or a defect a crash, with that as its reason; one that interrupts itself ends with `interrupted`,
 * which is no end in order either. So most tasks are `transient`: done is done, and what failed is tried again. A task that is
 * stopped is interrupted, and has the time of `shutdown` for its finalizers. The effect has a Scope, which closes with its port, and
 * `Port.Self`. Messages to its port are dropped.
 *
 * Of a dynamic supervisor `runChild` answers the result in the end, however many restarts that took. With it a stream of jobs goes through
 * the supervisor by `Stream.mapEffect`: in order, or `unordered`; so many at a time as its `concurrency` says, and no more are taken from the
 * stream. A job that failed ends the stream, or `Effect.exit` makes it a result.
 *
 * **Example** (A stream of jobs)
 *
 * ```ts
 * import { Node, Supervisor } from "effect-mp"
 * import { Effect, Exit, Stream } from "effect"
 *
 * const work = (n: number) => n === 3 ? Effect.fail("three") : Effect.succeed(n * n)
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Supervisor.dynamic({
 *     start: (n: number) => Supervisor.task(work(n)),
 *     restart: "transient",
 *     perChild: { intensity: 2 }
 *   })
 *   return yield* Stream.range(1, 5).pipe(
 *     Stream.mapEffect((n) => Effect.exit(pool.runChild(n)), { concurrency: 2 }),
 *     Stream.map((exit) => Exit.isSuccess(exit) ? exit.value : "failed"),
 *     Stream.runCollect
 *   )
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))
 * ) // => [1, 4, "failed", 16, 25]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const task: <A, E, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<Task<A, E>, never, Node | Scope.Scope | Exclude<R, Port.Self | Scope.Scope>> = tasks.task

/**
 * What the thread of {@link spawnThread} gets of this process, and how long it has for its end.
 *
 * **Details**
 *
 * All but `stopTimeout` is as Node has it for a `Worker`. A thread has no arguments of the command line (`argv`) and no standard input. It has a copy
 * of the environment, secrets in it too, unless `env` says what it has instead, and the flags of Node (`execArgv`). What it writes to standard
 * output and standard error comes out at those of the process. `workerData` is a copy of what it is given. `resourceLimits` bounds its memory: a
 * thread that would need more ends, and nothing else does.
 *
 * **Example** (A thread that gets no secrets by the environment)
 *
 * ```ts
 * import type { Supervisor } from "effect-mp"
 *
 * const options: Supervisor.ThreadOptions = { env: {}, resourceLimits: { maxOldGenerationSizeMb: 512 }, stopTimeout: "10 seconds" }
 * ```
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type ThreadOptions = threads.ThreadOptions

/**
 * A thread that runs: the port that ends with it, and where its node is.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Thread = threads.Thread

/**
 * A child that is a thread of this process with a node of its own: its start runs a module in a new `Worker`, and is done when the node there has
 * started.
 *
 * **When to use**
 *
 * For work that keeps a core busy. What waits most of the time needs no thread: many ports share one. Where one crash must not end all, there are
 * processes: {@link spawn} starts a child on another node.
 *
 * **Details**
 *
 * The module runs {@link launchThread} with a Layer that has a node. `Transport.layerThreads` on both sides is the shortest way between them; how
 * the nodes find each other is as everywhere: by seeds of `Global.layer`, which may be passed on in `workerData`, or by `Node.addressBook`.
 *
 * The end of the thread is the end of the child, however it comes about: a failure of what it runs, with the same reason; an error that nobody
 * caught, with `die`; `process.exit`, with `fail` and the code, if that is not 0. None of them ends the process. A start fails with the same reason.
 * When its port ends, or its scope closes, the thread is asked to stop in order, and terminated after `stopTimeout`.
 *
 * **Gotchas**
 *
 * What ends a whole process ends all of its threads: a crash in native code, no more memory for anybody, a signal.
 *
 * Modules are loaded anew in each thread, and nothing of what they hold is shared. Where TypeScript runs by its types being taken off, the module
 * may be a `.ts` file; of a bundle it is an entry point of its own.
 *
 * **Example** (A thread that is started again when it ends)
 *
 * ```ts
 * import { Node, Port, Supervisor, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 * import { isMainThread } from "node:worker_threads"
 *
 * // In a program of several files these are modules of their own: what both sides know, and what the thread runs.
 * const Work = Port.remote("example::work")
 * const threads = (nodeId: string) =>
 *   Node.layer({ nodeId, secret: "swordfish", binds: ["thread:"] }).pipe(Layer.provide(Transport.layerThreads))
 *
 * const worker = Port.implement(Work, () =>
 *   Effect.succeed({
 *     where: (reply: Port.PortId) => Port.snd(reply, isMainThread ? "main" : "a thread"),
 *     crash: () => Effect.sync(() => setImmediate(() => { throw new Error("crashed") }))
 *   })
 * )
 *
 * const program = Effect.gen(function*() {
 *   const addresses = new Map<string, ReadonlyArray<string>>()
 *   yield* Node.addressBook((nodeId) => Effect.sync(() => addresses.get(nodeId) ?? []))
 *   const start = Supervisor.spawnThread(new URL(import.meta.url)).pipe(
 *     Effect.tap((thread) => Effect.sync(() => addresses.set(thread.nodeId, thread.addresses)))
 *   )
 *   const supervised = yield* Supervisor.restart(start, { id: "heavy" })
 *   const first = yield* supervised.port
 *   yield* Port.snd(yield* Port.spawn("worker", Work), "crash")
 *   yield* Port.exit(first)
 *   yield* supervised.port
 *   return yield* Port.cal(yield* Port.spawn("worker", Work), "where")
 * })
 *
 * if (isMainThread) {
 *   const answer = await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(threads("main"))))
 *   answer // => "a thread"
 * } else {
 *   Effect.runFork(Supervisor.launchThread(Layer.provideMerge(worker, threads("worker"))))
 * }
 * ```
 *
 * @see {@link task} for work that need not have a thread
 * @see {@link spawn} for a child on another node
 * @category constructors
 * @since 0.1.0
 */
export const spawnThread: (
  module: string | URL,
  options?: ThreadOptions
) => Effect.Effect<Thread, Killed, Node | Scope.Scope> = threads.spawnThread

/**
 * Supervises a number of children of one kind, and says which of them is in charge of a key.
 *
 * **When to use**
 *
 * Where one port, or one supervisor, has too much to do: each of `partitions` children has its share of the keys. Children that come and go are
 * {@link dynamic}; several nodes share the work by {@link pool}, or by keys with a `Global.group`.
 *
 * **Details**
 *
 * Children may be of any kind, supervisors too: then `child` answers the handle of the one that a key belongs to. They are called `0`, `1` and so
 * on, and `start` gets that number.
 *
 * **Gotchas**
 *
 * After a restart a child has another port, and another handle: ask for it each time.
 *
 * **Example** (Four counters)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const counters = yield* Supervisor.partition({
 *     partitions: 4,
 *     start: (index) => Port.make({ which: (reply) => Port.snd(reply, index) })
 *   })
 *   const one = yield* Port.cal(yield* counters.port("alice"), "which")
 *   const other = yield* Port.cal(yield* counters.port("alice"), "which")
 *   return one === other
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => true
 * ```
 *
 * **Example** (Many jobs, under several supervisors)
 *
 * ```ts
 * import { Node, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const work = (job: string) => Supervisor.task(Effect.succeed(job.toUpperCase()))
 *
 * const program = Effect.gen(function*() {
 *   const pools = yield* Supervisor.partition({
 *     partitions: 4,
 *     start: () => Supervisor.dynamic({ start: work, restart: "transient" })
 *   })
 *   const run = (job: string) => Effect.flatMap(pools.child(job), (pool) => pool.runChild(job))
 *   return yield* Effect.forEach(["fetch", "index"], run)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["FETCH", "INDEX"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const partition = <A extends Exclude<Started, typeof ignore>, E, R>(
  options: Omit<ChildOptions, "significant"> & Limits & {
    readonly partitions: number
    readonly start: (index: number) => Effect.Effect<A, E, R>
  }
): Effect.Effect<
  PartitionSupervisor<A>,
  InvalidSpec | StartError,
  Node | Exclude<R, Scope.Scope> | Scope.Scope
> => fixeds.partition(options) as Effect.Effect<PartitionSupervisor<A>, InvalidSpec | StartError, any>

/**
 * Keeps one service alive: `child` starts something in a Scope and answers its port, on this node or on another.
 *
 * **When to use**
 *
 * For a service that stands by itself. Where it is a Layer whose services others use, {@link layer} builds those again. Several services
 * that need each other are {@link make}; one that is to outlive its machine is {@link failover}.
 *
 * **Details**
 *
 * A first start that fails is the caller's error. Later, a start that fails counts as a restart that failed, and is tried
 * again. Before each restart the scope of the last start is closed. When there were too many restarts, the supervisor's
 * port ends with `["restart_limit", text, id, ...reason of the last child]`, and takes the port with it that it was made in. It ends
 * without a reason when the service has ended for good. It ends, with the service, when the scope closes that it was made in.
 *
 * **Gotchas**
 *
 * The service has another port after each restart. What is sent to the last one is lost, and a monitor tells: use `address`, which stays the
 * same, or ask for `port` each time.
 *
 * Without a `schedule` it is started again at once, and the second crash within 5 seconds is one too many. What needs something that may be
 * away for a while has a `schedule`.
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
 *   return yield* Port.cal(supervised.address, "which")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 2
 * ```
 *
 * @see {@link run} for a program that is this service
 * @see {@link layer} for services of a Layer
 * @see {@link make} for several
 * @category constructors
 * @since 0.1.0
 */
export const restart: {
  /** To be piped into: keeps one service alive, which the effect starts in a Scope. */
  (policy?: Policy): <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>
  ) => Effect.Effect<Supervised<MessagesOf<P>>, E | InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
  /** Keeps one service alive: `child` starts it in a Scope and answers its port. */
  <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>,
    policy?: Policy
  ): Effect.Effect<Supervised<MessagesOf<P>>, E | InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
} = dual(
  (args) => args.length > 1 || Effect.isEffect(args[0]),
  <P extends Exclude<Started, typeof ignore>, E, R>(child: Effect.Effect<P, E, R>, policy: Policy = {}) =>
    Effect.map(making.keep(child, policy), (kept): Supervised<MessagesOf<P>> => kept.handle)
)

/** What the port takes that a start answers. */
type MessagesOf<P> = P extends Port.PortId<infer M> ? M
  : P extends { readonly port: Port.PortId<infer M> } ? M
  : any

/**
 * The services of a Layer under supervision: the handle that {@link layer} puts under its key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rebuilt<in out Services> extends Supervised {
  /**
   * Runs an effect with the services as they are now. Waits while they are being rebuilt. Fails with `Killed` when they
   * end before the effect does, which interrupts it, or when they will not be rebuilt any more.
   */
  readonly provide: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Port.Killed, Exclude<R, Services>>
}

/**
 * A Layer whose services are built again when they fail, while their users keep the handle that they have.
 *
 * **When to use**
 *
 * For connections and clients that break, such as those of a database. A service that is a port is simpler with {@link restart}.
 *
 * **Details**
 *
 * `key` is the service that users have in their requirements: a `Rebuilt`, whose `provide` gives an effect the services as they are now.
 *
 * The services are built in a port: they fail when that port ends. What a service runs with `Port.fork` or links with
 * `Port.mon` takes them with it; `restart` of the handle is for users that find them broken. Before they are built again,
 * whatever the handle provided them to is interrupted, and when that is done, the scope of the last build is closed: both
 * within the time of `shutdown`.
 *
 * A first build that fails is the error of this Layer. When there were too many restarts, `provide` fails with `Killed`, and {@link launch} ends
 * the program.
 *
 * **Example** (A connection that is made anew)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Context, Effect, Layer } from "effect"
 *
 * class Connection extends Context.Service<Connection, { readonly nth: number }>()("Connection") {}
 * class Database extends Context.Service<Database, Supervisor.Rebuilt<Connection>>()("Database") {}
 *
 * let made = 0
 * const ConnectionLive = Layer.effect(Connection, Effect.sync(() => ({ nth: ++made })))
 * const DatabaseLive = Supervisor.layer(Database, ConnectionLive, { id: "database" })
 *
 * const program = Effect.gen(function*() {
 *   const database = yield* Database
 *   const nth = database.provide(Effect.map(Connection, (connection) => connection.nth))
 *   const first = yield* nth
 *   yield* database.restart
 *   return [first, yield* nth]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(DatabaseLive), Effect.provide(Node.layerLocal))) // => [1, 2]
 * ```
 *
 * @see {@link restart} for a service that is a port
 * @see {@link launch} for the program around it
 * @category layers
 * @since 0.1.0
 */
export const layer = <Id, Services, E, R>(
  key: Context.Key<Id, Rebuilt<Services>>,
  services: Layer.Layer<Services, E, R>,
  policy: Policy = {}
): Layer.Layer<Id, E | InvalidSpec, Node | Exclude<R, Port.Self | Scope.Scope>> => {
  const child = Effect.gen(function*() {
    const port = yield* Port.make(() => {})
    const scope = yield* Effect.scope
    // A memo map of its own: the one that this Layer is built with would give the services that have failed.
    const context = yield* Layer.buildWithMemoMap(services, Layer.makeMemoMapUnsafe(), scope).pipe(
      Effect.provideService(Port.Self, port)
    )
    const users = making.makeUsers()
    yield* Effect.addFinalizer(() => users.gone)
    return { port, context, users }
  })
  const handle = Effect.gen(function*() {
    const { handle, single } = yield* making.keep(child, policy)
    const router = yield* NodeRouter
    const provide: Rebuilt<Services>["provide"] = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.flatMap(handle.port, (port) => {
        const { context, users } = single.value as {
          readonly context: Context.Context<Services>
          readonly users: making.Users
        }
        const ended = Effect.callback<never, Killed>((resume) => {
          const cancel = router.monitor(
            port,
            (exit) => resume(Effect.fail(new Port.Killed({ port, reason: reasonFromExit(exit) })))
          )
          return Effect.sync(cancel)
        })
        return users.count(Effect.raceFirst(Effect.provideContext(effect, context), ended))
      })
    return { ...handle, provide }
  })
  return Layer.effect(key, handle) as Layer.Layer<Id, E | InvalidSpec, Node | Exclude<R, Port.Self | Scope.Scope>>
}

// ---- for as long as they last

/**
 * Makes a supervisor, lasts as long as it, and fails as it does: with `Killed` when it gives up, whose reason is
 * `["restart_limit", text, child, ...reason of the child]`. Interrupting it stops the supervisor.
 *
 * **When to use**
 *
 * As the main effect of a program, or of anything whose end is to be the supervisor's end. A program of Layers is {@link launch}. What is
 * made with {@link make}, {@link restart} and the others without either goes on beside the program: then a monitor tells, `await` of the
 * handle, and the log.
 *
 * **Details**
 *
 * A supervisor that is made in a port is linked to it: unless it ends in order, the port ends with its reason. One that `run` makes is
 * not, since its failure can be caught.
 *
 * **Example** (A program that ends with its service)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const hopeless = Effect.gen(function*() {
 *   const port = yield* Port.make({ work: () => Effect.fail("no database") })
 *   yield* Port.snd(port, "work")
 *   return port
 * })
 *
 * const program = Supervisor.restart(hopeless, { id: "worker" }).pipe(
 *   Supervisor.run,
 *   Effect.catchTag("Killed", ({ reason }) => Effect.succeed(reason.slice(0, 3)))
 * )
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(Node.layerLocal))
 * ) // => ["restart_limit", "worker was restarted too often", "worker"]
 * ```
 *
 * @see {@link launch} for supervisors in Layers
 * @category running
 * @since 0.1.0
 */
export const run = <E, R>(
  supervisor: Effect.Effect<{ readonly await: Effect.Effect<void, Port.Killed> }, E, R>
): Effect.Effect<void, E | Port.Killed, Exclude<R, Scope.Scope>> =>
  Effect.scoped(Effect.flatMap(owners.ownedBy(undefined)(supervisor), (handle) => handle.await))

/**
 * Builds a Layer and keeps it, like `Layer.launch`, until a supervisor that was made in it gives up: then it fails with `Killed`, and
 * all of the Layer is released.
 *
 * **When to use**
 *
 * For programs that are Layers; a single supervisor is {@link run}. A Layer cannot fail any more when it is built: under `Layer.launch` a program
 * goes on without a service that was given up, and only the log tells.
 *
 * **Details**
 *
 * What counts are the supervisors made in its Layers, those of `layer` and `failover` among them. One that is a child of another is that
 * one's concern, one that is made in a port takes the port with it, and one under `run` fails there. A supervisor that ends in order ends
 * nothing.
 *
 * **Example** (An application of several Layers)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const hopeless = Effect.gen(function*() {
 *   const port = yield* Port.make({ work: () => Effect.fail("no database") })
 *   yield* Port.snd(port, "work")
 *   return port
 * })
 *
 * const Jobs = Layer.effectDiscard(Supervisor.restart(hopeless, { id: "jobs" }))
 * const Greeter = Layer.effectDiscard(Supervisor.restart(Port.make({}), { id: "greeter" }))
 * const App = Layer.mergeAll(Jobs, Greeter).pipe(Layer.provide(Node.layerLocal))
 *
 * const error = await Effect.runPromise(Effect.flip(Supervisor.launch(App)))
 * error._tag === "Killed" && error.reason[2] // => "jobs"
 * ```
 *
 * @see {@link run} for a single supervisor
 * @category running
 * @since 0.1.0
 */
export const launch = <A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<never, E | Port.Killed, R> =>
  Effect.scoped(Effect.gen(function*() {
    const ended = yield* Deferred.make<void, Port.Killed>()
    const build = owners.ownedBy((exit) => void Deferred.doneUnsafe(ended, exit))(Layer.build(layer))
    // It may give up while the rest of the Layer is being built.
    yield* Effect.raceFirst(Effect.andThen(build, Effect.never), Deferred.await(ended))
    return yield* Effect.never
  }))

/**
 * What the module of a thread runs that {@link spawnThread} has started: {@link launch} for a Layer with a node, until the thread is asked to stop.
 *
 * **Details**
 *
 * When the Layer has been built, the start of the thread is done. Asked to stop, it releases the Layer, and ends. A failure is the reason that
 * the child ends with on the other side.
 *
 * **Gotchas**
 *
 * A thread ends when it has nothing left to do, as a process does: timers or sockets of the program's own that are still open hold it up until it
 * is terminated.
 *
 * In a main thread it is {@link launch}.
 *
 * **Example** (The module of a thread)
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Node, Port, Supervisor, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const Greeter = Layer.effectDiscard(Port.make({ greet: (name: string) => Effect.log(`hello ${name}`) }))
 *
 * const thread = Greeter.pipe(
 *   Layer.provideMerge(Node.layer({ nodeId: "greeter", secret: "swordfish", binds: ["thread:"] })),
 *   Layer.provide(Transport.layerThreads)
 * )
 *
 * const main = Supervisor.launchThread(thread)
 * // What the module ends with: NodeRuntime.runMain(main)
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const launchThread = <A, E, R>(
  layer: Layer.Layer<A | Node, E, R>
): Effect.Effect<void, E | Port.Killed, R> =>
  untilStopped(launch(Layer.tap(layer, (context) => Effect.provideContext(tellReady, context))))

// ---- across nodes

/**
 * How a service is treated that {@link failover} runs on one of several nodes. Ends of all kinds are followed by a restart.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailoverOptions extends Omit<Policy, "restart" | "id"> {
  /** What the service is called: the same on all nodes, and of one service alone on each. */
  readonly name: string
  /**
   * The IDs of the nodes that it may run on, this one among them, in order of preference: the same list on all of them.
   */
  readonly nodes: ReadonlyArray<string>
  /** The ID of the node that gets the service back when it returns. Default: none; the service stays where it is. */
  readonly prefer?: string | undefined
  /**
   * How long a node that has just begun waits for seeds that do not answer before it takes the nodes that it does not know of for
   * absent. Default: 10 seconds.
   */
  readonly joinTimeout?: Duration.Input | undefined
  /**
   * The IDs of 1, 3, 5 or 7 nodes: the service runs only where more than half of them have granted its lease, and so in one part of a split network
   * at most. The same list on all nodes. Default: none vote, and in a split it may run on both sides.
   */
  readonly voters?: ReadonlyArray<string> | undefined
  /**
   * How long voters keep the lease for a node that they hear nothing of: so long the service runs nowhere when its machine is gone. Default:
   * 15 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /**
   * How long voters keep it for a node whose link has broken, as that of a process that was killed; and for about how long a node runs the service
   * without an answer of them. Default: a third of the lease.
   */
  readonly grace?: Duration.Input | undefined
}

/**
 * Where a failover service runs: the ID of the `node`, and the `port`.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Place = failovers.Place

/**
 * The token of the lease that a service with `voters` runs by: what the service changes elsewhere may be told it. `undefined` of a service
 * without voters, and wherever there is none.
 *
 * **When to use**
 *
 * Where a write that comes too late would do harm: a process may be frozen between a look at its lease and what it does next. Send the token along,
 * and have it refused wherever a larger one was seen.
 *
 * **Details**
 *
 * A whole number, larger in each tenure of a node than in all before; `Global.locks` says what that takes of clocks when voters restart. It is read in
 * the start of the service, and in what the start has made: its handlers, its children. A service that is restarted on its node goes by the
 * same lease, and has the same token.
 *
 * **Example** (A service that signs what it writes)
 *
 * ```ts
 * import { Node, Port, Supervisor, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const writer = Effect.gen(function*() {
 *   const token = yield* Supervisor.FencingToken
 *   return yield* Port.make({ sign: (reply) => Port.snd(reply, token ?? "no token") })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const options = { name: "writer", nodes: ["here"], voters: ["here"], lease: "100 millis" } as const
 *   const { address } = yield* Supervisor.failover(writer, options)
 *   return typeof (yield* Port.cal(address, "sign"))
 * })
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => "number"
 * ```
 *
 * @see {@link failover} which provides it
 * @category services
 * @since 0.1.0
 */
export const FencingToken: Context.Reference<number | undefined> = leases.FencingToken

/**
 * A service that runs on one of several nodes, as one of them sees it: what {@link failover} answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failover<M extends Port.Messages = any> {
  /** The port of this node's part in it. It ends when the service cannot be kept alive here. */
  readonly supervisor: Port.PortId
  /**
   * The service's present port, on whichever node that is. Waits while there is none; fails when this node takes no part any more.
   */
  readonly port: Effect.Effect<Port.PortId<M>, Port.Killed>
  /** The ID of the node that it runs on, as far as this node knows; `undefined` while it runs nowhere. */
  readonly where: Effect.Effect<string | undefined>
  /** Where it runs, then each place that follows: also when it was only restarted, on another port. */
  readonly places: Stream.Stream<Place>
  /** A port of this node that passes on what it gets to the present one, as that of `Supervised` does. */
  readonly address: Port.PortId<M>
  /** Waits for the end of this node's part: succeeds after `stop`, and fails when the service cannot be kept alive here. */
  readonly await: Effect.Effect<void, Port.Killed>
  /** Takes no part any more. If the service runs here, it moves. */
  readonly stop: Effect.Effect<void>
}

/**
 * Runs a service on one of several nodes. Each of them calls this, with the same options; the first of `nodes` that are there
 * starts the service, and when its node dies, or cannot keep it alive, the next one does.
 *
 * **When to use**
 *
 * For a service that there is to be one of, and that must outlive its machine. Many of one kind on several nodes are {@link pool}. A child that a
 * supervisor of this node keeps alive on another one, and that may end with this node, is {@link spawn}.
 *
 * **Details**
 *
 * The nodes hold monitors on each other: the death of a process is noticed at once, that of a machine or a cable after
 * `monitorTimeout`. A node that has just begun waits for its seeds, no longer than `joinTimeout`, before it takes others for absent.
 *
 * On its node the service is supervised like one that `restart` keeps alive, its first start included. When it
 * was restarted there too often, that node's part ends with `restart_limit`, and the service moves; a supervisor of that part
 * brings the node back into play, though all others come before it for a minute, and up to an hour when that happens again. What
 * the service needs may be away for a while: give it a `schedule` that lasts longer.
 *
 * Options that cannot be are an `InvalidSpec`, such as `nodes` without this very node. Nodes that take no part find the service as they find any
 * other: let it register in a group of `Global` when it starts.
 *
 * With `voters` a node starts the service only when more than half of them have granted it the service's lease, and stops it before they may grant
 * that to another one: by the clocks of the nodes themselves it never runs twice, as `Global.locks` says it of keys. What that costs: without a
 * majority it runs nowhere; after a `kill -9` it starts elsewhere when the `grace` is over, after silence when the `lease` is; and voters that
 * start grant nothing for a lease, so that a network that starts waits for that too. A voter that is none of the `nodes` calls
 * `Global.locks({ name: "failover NAME", voters, lease, grace })`.
 *
 * **Gotchas**
 *
 * Without `voters`, in a network that is split in two, both sides may run the service: nobody can tell a node that is cut off from one that is
 * dead. When they meet again both say so in their logs, and the node that comes first in `nodes` keeps it.
 *
 * With `voters` a service whose lease cannot be refreshed has a quarter of a term to stop, which is 95 % of the grace: half of that for the message
 * that it has in hand, whatever its `shutdown` says; then it is interrupted. One that takes longer, since it ignores that, or is a supervisor whose
 * children have longer, may run twice; its node logs an error then. In all other cases the lease is given back, and the service is restarted where it
 * is, when nothing of it is left, even if that takes longer than its `shutdown`. A process that was frozen may act for a moment when it wakes up: where a late write does harm,
 * send {@link FencingToken} along.
 *
 * **Example** (On its own, a node runs it itself)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const self = yield* Node.id
 *   const service = Port.make({ hello: (reply) => Port.snd(reply, "hello") })
 *   const { address } = yield* Supervisor.failover(service, { name: "greeter", nodes: [self] })
 *   return yield* Port.cal(address, "hello")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "hello"
 * ```
 *
 * @see {@link FencingToken} for what a service with voters may send along
 * @see {@link pool} for many, on all nodes
 * @see {@link spawn} for a child on another node
 * @category constructors
 * @since 0.1.0
 */
export const failover: {
  /** To be piped into: runs the service that the effect starts on one of several nodes, each of which calls this with the same options. */
  (options: FailoverOptions): <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>
  ) => Effect.Effect<Failover<MessagesOf<P>>, InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
  /** Runs a service on one of several nodes, each of which calls this with the same options. */
  <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>,
    options: FailoverOptions
  ): Effect.Effect<Failover<MessagesOf<P>>, InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
} = dual(2, failovers.failover)

/**
 * The start of a child that lives on another node: spawns a port on the first of `nodes` that there is a link to. When it
 * is started again, it is on the same node if there still is a link to that.
 *
 * **When to use**
 *
 * As `start` in {@link make}, or the effect in {@link restart}. Many children, on all nodes that there are, are {@link pool}; a service
 * that must outlive this very node is {@link failover}. `Port.spawn` makes a port on a node once, which nothing links to this one.
 *
 * **Details**
 *
 * A port ID in the place of a node ID means the node of that port. That node has the function by `Port.implement`.
 *
 * Without a link to any of the nodes all are tried, again and again, for as long as it takes. Meanwhile the child is `waiting`: that is no
 * crash, and uses up none of its supervisor's restarts; the loss of a node that it ran on is one restart. The first time its port is known
 * at once, and keeps what is sent to it while its node is dialled. A node that drains is waited for as well, until it has begun anew.
 *
 * The port is linked: it ends when the supervisor does, when the supervisor's node does, and when the link between the two nodes is
 * lost. Outside of a supervisor it is linked to this node, and ends with the scope.
 *
 * **Gotchas**
 *
 * A Perl node knows no such link: what it runs for a supervisor whose node is gone runs on, unless its function sees to it. What was
 * lost there by a split is killed when the node is seen again, and a warning says so.
 *
 * **Example** (A worker somewhere else)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Worker = Port.protocol({ square: Port.message(Schema.Number).replies(Schema.Number) })
 * const makeWorker = Port.remote("example::worker", [], Worker)
 * const WorkerLive = Port.implement(makeWorker, () => Effect.succeed({ square: (n) => Effect.succeed(n * n) }))
 *
 * const program = Effect.gen(function*() {
 *   const self = yield* Node.id
 *   const worker = yield* Supervisor.restart(Supervisor.spawn([self], makeWorker))
 *   return yield* Port.cal(yield* worker.port, "square", 6)
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(WorkerLive), Effect.provide(Node.layerLocal))
 * ) // => 36
 * ```
 *
 * @see {@link pool} for many
 * @see {@link failover} for a service without a supervisor that everything hangs on
 * @category constructors
 * @since 0.1.0
 */
export const spawn = <Args extends ReadonlyArray<unknown>, M extends Port.Messages>(
  nodes: ReadonlyArray<string>,
  fn: Port.RemoteFunction<Args, M>,
  ...args: Args
): Effect.Effect<Port.PortId<M>, never, Node | Scope.Scope> => spawnOn(nodes, fn, args)

/**
 * What becomes of a pool's children when a node comes: with `even`, the default, some of them move there, one after the other, until no
 * node has two more than another; with `stay` they stay where they are.
 *
 * @category models
 * @since 0.1.0
 */
export type Spread = pools.Spread

/**
 * How many children {@link pool} has, and on which nodes.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolOptions<R = never> extends Pick<ChildOptions, "shutdown" | "schedule">, Limits {
  /**
   * The IDs of the nodes that children may be on: a list of them, or a Stream of such lists, of which the latest counts. A port stands for its
   * node.
   */
  readonly on: ReadonlyArray<string> | Stream.Stream<ReadonlyArray<string>, unknown, R>
  /** How many children there are in all: a whole number from 1 on. */
  readonly size: number
  /** What becomes of children when a node comes. Default: `even`. */
  readonly spread?: Spread | undefined
}

/**
 * Children of one kind on several nodes: the handle that {@link pool} answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool<M extends Port.Messages = any> extends Handle {
  /** The ports of those that run now, but for those that are about to leave their node. */
  readonly ports: Effect.Effect<ReadonlyArray<Port.PortId<M>>>
  /** One of them after the other. Waits while there is none; fails when there will be none any more. */
  readonly next: Effect.Effect<Port.PortId<M>, Port.Killed>
  /**
   * A port that passes each message on to the next one, and keeps it while there is none. A call fails when the child ends that has it; callers on
   * other nodes are not told: they set a time limit.
   */
  readonly address: Port.PortId<M>
}

/**
 * Spreads `size` children over nodes, each made there by a remote function, as evenly as can be.
 *
 * **When to use**
 *
 * For workers of one kind on all nodes that there are, looked after by one supervisor. A single child elsewhere is {@link spawn}; children
 * on this node are {@link dynamic} or {@link partition}. Where each node starts its own workers, a `Global.group` finds them, and no pool
 * is needed.
 *
 * **Details**
 *
 * Children are on those of the nodes that there are links to; the pool brings the links up. When a node is lost, its children are started on
 * the others. When one comes, some move there, as `spread` says. When one is listed no longer, its children are drained: each finishes
 * the message that it has in hand, within its `shutdown` time, gets no new one, and is started elsewhere. `which` and `tree` show where
 * each of them is. While there is no node, they are `stopped`.
 *
 * Ends that are the child's own count against `intensity`, and are followed by a restart. The loss of a node does not count, nor do ends
 * in order, or that a node does not have the function: such a node gets no children for a while, longer each time.
 *
 * A group of `Global` says which nodes there are: `Stream.map(Global.watch("workers"), ({ members }) => members)`. A node leaves it in order
 * when its member ends.
 *
 * **Gotchas**
 *
 * The supervisor is one port on this node: all children end with it. A child that moves is another one: what it knew is gone. A Perl node ends
 * at once a child that is drained.
 *
 * **Example** (Workers on all nodes of a list)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Worker = Port.protocol({ square: Port.message(Schema.Number).replies(Schema.Number) })
 * const makeWorker = Port.remote("example::pooled", [], Worker)
 * const WorkerLive = Port.implement(makeWorker, () => Effect.succeed({ square: (n) => Effect.succeed(n * n) }))
 *
 * const program = Effect.gen(function*() {
 *   const self = yield* Node.id
 *   const pool = yield* Supervisor.pool(makeWorker, { on: [self], size: 3 })
 *   return yield* Effect.forEach([1, 2, 3, 4], (n) => Effect.flatMap(pool.next, (worker) => Port.cal(worker, "square", n)))
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(WorkerLive), Effect.provide(Node.layerLocal))
 * ) // => [1, 4, 9, 16]
 * ```
 *
 * @see {@link spawn} for a single child
 * @category constructors
 * @since 0.1.0
 */
export const pool = <Args extends ReadonlyArray<unknown>, M extends Port.Messages, R = never>(
  fn: Port.RemoteFunction<Args, M>,
  options: PoolOptions<R>,
  ...args: Args
): Effect.Effect<Pool<M>, InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>> => pools.pool(fn, options, args)

// ---- supervisors elsewhere

/**
 * The supervisor on `port` did not answer within 5 seconds, or not in a way that makes sense, as the `problem` says: it is no supervisor of
 * ours, or it is too busy.
 *
 * @category errors
 * @since 0.1.0
 */
export const NoAnswer = remotes.NoAnswer

/**
 * The type of a {@link NoAnswer}.
 *
 * @category errors
 * @since 0.1.0
 */
export type NoAnswer = remotes.NoAnswer

/**
 * What a request to a supervisor on another node can fail with: {@link NoAnswer}; the {@link ChildError} or {@link StartError} that it
 * answers; or `Port.Killed`, when it has ended, or the link to its node is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export type AskError = remotes.AskError

/**
 * A supervisor that is asked by messages: what {@link at} answers. Its requests are those of the handles.
 *
 * @category models
 * @since 0.1.0
 */
export interface Remote {
  /** The children in start order, as they are now. */
  readonly which: Effect.Effect<ReadonlyArray<ChildInfo>, AskError, Node>
  /** How many children there are. */
  readonly count: Effect.Effect<Count, AskError, Node>
  /**
   * Of a dynamic supervisor: starts a child with these arguments, which travel as plain data. Answers what its start does, if that is plain data.
   */
  readonly startChild: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AskError, Node>
  /** Ends a child, by its ID or its port. */
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, AskError, Node>
  /** Starts a child that does not run. */
  readonly restartChild: (id: string) => Effect.Effect<unknown, AskError, Node>
  /** Forgets a child that does not run. */
  readonly deleteChild: (id: string) => Effect.Effect<void, AskError, Node>
  /**
   * All that is below it, as {@link tree} reads it.
   */
  readonly tree: Effect.Effect<Tree, AskError, Node>
}

/**
 * The supervisor behind a port, on any node: what it is asked for goes there as messages, and is answered as the handle would here.
 *
 * **When to use**
 *
 * For a supervisor on another node, or one whose port is all that the program has. To look at all that is below, {@link tree}; at all
 * supervisors of a node, {@link forest}.
 *
 * **Gotchas**
 *
 * It asks nobody by itself: whether there is a supervisor behind the port shows with the first request.
 *
 * **Example** (Asking by message)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Supervisor.dynamic({ start: () => Port.make({}) })
 *   const remote = Supervisor.at(pool.supervisor)
 *   yield* remote.startChild()
 *   return (yield* remote.count).active
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 1
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const at = (supervisor: Port.PortId): Remote => ({
  which: remotes.which(supervisor),
  count: remotes.count(supervisor),
  startChild: (...args) => remotes.manage(supervisor, "start", ...args),
  terminateChild: (idOrPort) => Effect.asVoid(remotes.manage(supervisor, "terminate", idOrPort)),
  restartChild: (id) => remotes.manage(supervisor, "restart", id),
  deleteChild: (id) => Effect.asVoid(remotes.manage(supervisor, "delete", id)),
  tree: tree(supervisor)
})

/**
 * A supervisor and all that is below it, as it is now: its `name`, its `port` and the `node` of that, its `strategy` (or which kind it is:
 * `dynamic`, `restart`, `failover`), its `children`, and its `owner`, the port that it was made in, if it was made in one.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Tree = trees.Tree

/**
 * A child in a {@link Tree}: a {@link ChildInfo} with the ID of its `node`. `tree` is what is below it if it is a supervisor, or text that
 * says why that could not be seen; `made` are the supervisors that were made in its port, as {@link forest} finds them.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type TreeChild = trees.TreeChild

/**
 * Looks at a supervisor and all that is below it, on whichever nodes that is.
 *
 * **When to use**
 *
 * For one supervisor. Many together, such as all of a node, are {@link forest}.
 *
 * **Details**
 *
 * A supervisor below it that does not answer is text in its place; that the first one does not answer is the error.
 *
 * @see {@link render} to print it
 * @see {@link forest} for many
 * @category accessors
 * @since 0.1.0
 */
export const tree = (supervisor: Port.PortId): Effect.Effect<Tree, AskError, Node> => trees.readTree(supervisor)

/**
 * What {@link forest} reads: `roots` are the supervisors that are below no other one of them, with all that is below them, and `silent` the ports
 * of those that have not answered.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Forest = trees.Forest

/**
 * Looks at many supervisors together, each once.
 *
 * **When to use**
 *
 * For all supervisors of a node, or of a network; one of them, with all that is below it, is {@link tree}.
 *
 * **Details**
 *
 * One that is below another one stands there, and one that was made in the port of another one's child (a service of `emp run`, which ends
 * with it) stands in what that child has `made`.
 *
 * **Example** (Two of which one is below the other)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = Supervisor.make({ name: "pool", children: [{ id: "worker", start: Port.make({}) }] })
 *   const app = yield* Supervisor.make({ name: "app", children: [{ id: "pool", start: pool }] })
 *   const { roots } = yield* Supervisor.forest([yield* app.port("pool"), app.supervisor])
 *   return roots.map((root) => root.name)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["app"]
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const forest = (supervisors: ReadonlyArray<Port.PortId>): Effect.Effect<Forest, never, Node> =>
  trees.readForest(supervisors)

/**
 * A tree as text, a line for each child: its name, its port, how long it has been running, its restarts, and its last end. Lines are
 * cut at `width` characters (80), and of more than 20 children the rest is counted.
 *
 * **Example** (A look at a supervisor)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { supervisor } = yield* Supervisor.make({
 *     name: "app",
 *     children: [{ id: "cache", start: Port.make({}) }, { id: "pool", start: Supervisor.dynamic({ start: () => Port.make({}) }) }]
 *   })
 *   return Supervisor.render(yield* Supervisor.tree(supervisor)).split("\n").length
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 3
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const render: (tree: Tree, width?: number) => string = trees.render

// ---- names

/**
 * Names for the ports of a node: each stands for one port, for as long as that lives. With them parts of a program find each other,
 * whichever of them is started first, and find the present port after a restart.
 *
 * **When to use**
 *
 * Within one node, where there is no common supervisor: between children of one {@link make}, {@link sibling} needs no names. What all
 * nodes are to find goes into a group, with `Global.register`.
 *
 * @category names
 * @since 0.1.0
 */
export * as Registry from "./internal/supervisor/registry.ts"
