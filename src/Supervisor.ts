/**
 * Supervisors start what died again.
 *
 * A supervisor is a port that keeps other ports alive: it starts its children in order, monitors them, starts again what
 * ends, at once or after a delay, and gives up when that happens too often; then its own supervisor takes over. The rules
 * are those of OTP's `supervisor`. It uses ports as programs do; what they could not do by hand is the link to a child on another
 * node.
 *
 * - `restart` keeps one service alive, and `layer` a Layer;
 * - `make` has several children that may share a fate, `dynamic` many of one kind, `partition` a fixed number of one kind;
 * - `failover` runs a service on one of several nodes, `pool` spreads children over many;
 * - `run` and `launch` make a program of them, which ends as they do;
 * - `at` asks a supervisor on another node, `tree` looks at all that is below one.
 *
 * `docs/supervision.md` says how to choose.
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
import { NodeRouter } from "./internal/node/router.ts"
import * as addresses from "./internal/supervisor/addresses.ts"
import * as children from "./internal/supervisor/child.ts"
import type * as decisions from "./internal/supervisor/decisions.ts"
import * as dynamics from "./internal/supervisor/dynamic.ts"
import * as errors from "./internal/supervisor/errors.ts"
import type * as reports from "./internal/supervisor/events.ts"
import * as failovers from "./internal/supervisor/failover.ts"
import * as fixeds from "./internal/supervisor/fixed.ts"
import * as making from "./internal/supervisor/make.ts"
import * as owners from "./internal/supervisor/owner.ts"
import * as pools from "./internal/supervisor/pool.ts"
import * as remotes from "./internal/supervisor/remote.ts"
import { spawnOn } from "./internal/supervisor/spawnOn.ts"
import * as specs from "./internal/supervisor/spec.ts"
import * as tasks from "./internal/supervisor/task.ts"
import * as trees from "./internal/supervisor/tree.ts"
import { type Killed, reasonFromExit } from "./internal/values/reason.ts"
import { Node } from "./Node.ts"
import * as Port from "./Port.ts"

// ---- what supervisors are told

/**
 * Which ends of a child are followed by a restart: `permanent` all, `transient` the abnormal ones, `temporary` none, or
 * those that a predicate says. Orderly ends are those without a reason, and with a reason that is tagged `shutdown`.
 *
 * **Details**
 *
 * A child on another node ends when that node's link is lost, too. `linkError` of the `Killed` tells a predicate why it was.
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
 * Who is restarted with a child that ended: `one_for_one` nobody, `one_for_all` all others, `rest_for_one` those that were
 * started after it.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = decisions.Strategy

/**
 * When the ends of significant children end the supervisor, with the reason `shutdown`: `never`, at the end of
 * `any_significant` one, or of the last of `all_significant` ones.
 *
 * @category models
 * @since 0.1.0
 */
export type AutoShutdown = decisions.AutoShutdown

/**
 * How long a child may take to end when it is stopped: a time, `infinity`, or `brutal`, which does not wait at all. In that time it
 * finishes the message that it has in hand, and releases what it holds. What has not ended by then is abandoned, with a warning.
 *
 * @category models
 * @since 0.1.0
 */
export type Shutdown = specs.Shutdown

/**
 * Whether a child is a supervisor itself.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildType = specs.ChildType

/**
 * What a child's start answers: its port, something that has its port, the handle of another supervisor, or `ignore`.
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
 * How a child is treated.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildOptions {
  /** Which ends are followed by a restart. Default: `permanent`. */
  readonly restart?: RestartType | undefined
  /** How long it may take to end. Default: 5 seconds; of a supervisor, which has to stop its own children, `infinity`. */
  readonly shutdown?: Shutdown | undefined
  /** Whether its end can be the end of the supervisor; see `AutoShutdown`. Default: no. */
  readonly significant?: boolean | undefined
  /**
   * How long to wait before each restart; gets the Exit. When it is done, the supervisor gives up. After a quiet time as
   * long as the supervisor's period it begins anew. Default: no delay.
   */
  readonly schedule?: Schedule.Schedule<unknown, Exit.Exit<void, Port.Killed>> | undefined
  /** Default: what its start answers tells. */
  readonly type?: ChildType | undefined
  /**
   * How long its start may take. Then it is interrupted, and has failed with a `TimeoutError`; what cannot be interrupted within the time of
   * `shutdown` is abandoned. Default: any time.
   */
  readonly startTimeout?: Duration.Input | undefined
}

/**
 * A child: its name among the children, and how it starts. What `start` acquires in its Scope is released when the child
 * has ended.
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
  readonly id: string
  readonly start: Effect.Effect<A, E, R>
}

interface InsignificantChild {
  readonly restart?: RestartType | undefined
  readonly significant?: false | undefined
}

interface SignificantChild {
  readonly restart: "transient" | "temporary" | ((exit: Exit.Exit<void, Port.Killed>) => boolean)
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
   * in OTP; where a child has a schedule, whose delays pace the restarts, 10.
   */
  readonly intensity?: number | undefined
  /** The time that `intensity` counts in. Default: 5 seconds, as in OTP; where a child has a schedule, 1 minute. */
  readonly period?: Duration.Input | undefined
  /** For log lines, metrics and trees. Default: `supervisor`, or `supervised` of one that keeps a single service. */
  readonly name?: string | undefined
}

/**
 * What a supervisor with named children is told.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Limits {
  /** Default: `one_for_one`. */
  readonly strategy?: Strategy | undefined
  /** Default: `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
}

/**
 * How a service is treated that `restart` keeps alive.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy extends Omit<ChildOptions, "significant" | "startTimeout">, Limits {
  /** What the service is called. Default: `child`. */
  readonly id?: string | undefined
}

// ---- what supervisors tell

/**
 * What happened to a child. `restarts` counts the restarts of that child so far.
 *
 * - `Started`; `Ended`, once for each `Started`; and `StartFailed`, of a restart;
 * - `Restarting`: it will be started again after `delay`, `at` this time (milliseconds of the epoch), with its `group`;
 * - `Waiting`: there is no link to any of the nodes that `spawn` is to start it on. It is started with its `group` when there is one,
 *   and that is no restart that counts. `again`: it was tried before, and there has been no link since;
 * - `Stopped`: it has ended by itself, and is not started again;
 * - `Abandoned`: it did not end in time when it was stopped; `Ended` follows, as if it had;
 * - `ShuttingDown`: it was significant, and the supervisor ends with it;
 * - `Dropped`: there were too many restarts of it alone (`perChild`), and the supervisor goes on without it;
 * - `GaveUp`: there were too many restarts, and the supervisor ends.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = reports.Event

/**
 * A child as it is now. `uptime` is in milliseconds, `lastReason` the reason list of its last end. It is `starting` while a start that
 * is no restart has not answered, `waiting` while there is no link to any of its nodes, and `ending` from the beginning of its end until
 * what follows is decided.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildInfo = errors.ChildInfo

/**
 * How many children there are: specifications, those that run, supervisors and workers. A dynamic supervisor has one
 * specification.
 *
 * @category models
 * @since 0.1.0
 */
export type Count = errors.Count

/**
 * A specification that cannot be: names the child (`undefined`: the supervisor itself), the field, its value, and what is
 * wrong with it.
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidSpec = specs.InvalidSpec

/**
 * @category errors
 * @since 0.1.0
 */
export type InvalidSpec = specs.InvalidSpec

/**
 * A child whose start failed, with the Exit of the start. What was started before it has been stopped again.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartError = errors.StartError

/**
 * @category errors
 * @since 0.1.0
 */
export type StartError = errors.StartError

/**
 * What a supervisor does not do, as OTP answers it: `already_started` (with the port), `already_present`, `not_found`,
 * `running`, `restarting`, `stopped`, `max_children`, `dynamic`, `not_dynamic`; `malformed`, of a message that is no
 * request.
 *
 * @category errors
 * @since 0.1.0
 */
export const ChildError = errors.ChildError

/**
 * @category errors
 * @since 0.1.0
 */
export type ChildError = errors.ChildError

/**
 * What a start answers that has nothing to supervise: the child has no port, and its specification stays. A temporary or
 * dynamic child that ignores leaves nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ignore: unique symbol = children.ignore as never

// ---- handles

/**
 * What all supervisors have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle {
  /** The supervisor's own port: it ends when the supervisor gives up or is stopped, and may be monitored and killed. */
  readonly supervisor: Port.PortId
  /** The children in start order, as they are now. */
  readonly which: Effect.Effect<ReadonlyArray<ChildInfo>>
  readonly count: Effect.Effect<Count>
  /** What happens from now on; ends with the supervisor. Who lags behind by more than 10,000 events loses the oldest. */
  readonly events: Stream.Stream<Event>
  /**
   * Waits for the end of the supervisor: succeeds when that is in order, and fails with its reason when it gives up or is killed with
   * one.
   */
  readonly await: Effect.Effect<void, Port.Killed>
  /** Stops the children, in reverse start order, then the supervisor. */
  readonly stop: Effect.Effect<void>
}

/**
 * A service under supervision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervised<M extends Port.Messages = any> extends Handle {
  /** The service's present port. Waits while there is none; fails when there will be none any more. */
  readonly port: Effect.Effect<Port.PortId<M>, Port.Killed>
  /** The present port, then each one that follows; ends with the supervisor. */
  readonly ports: Stream.Stream<Port.PortId<M>>
  /**
   * A port that stays the same: it passes what it gets on to the present one, in order, and keeps it while there is none.
   * What the service has not handled when it ends is lost; nothing is sent twice. It ends as the supervisor does.
   *
   * A call to it is not told when the service ends without an answer: call its `port` if that matters, or set a time limit.
   */
  readonly address: Port.PortId<M>
  /** Ends the service and starts it again, now. It does not count as a failure. Those who ask at the same time get one restart. */
  readonly restart: Effect.Effect<void, Port.Killed>
}

/**
 * A supervisor of children with names. `Ids` are those that it was made with, as far as the compiler knows them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervisor<Ids extends string = string> extends Handle {
  /**
   * The present port of a child, or its next one while it is restarting. One that was added later is found by the `port` of the same
   * supervisor as a `Supervisor.Supervisor`, which takes any ID.
   */
  port(id: Ids): Effect.Effect<Port.PortId, ChildError | Port.Killed>
  /**
   * A port that stays the same for as long as there is this child: it passes what it gets on to the child's present port, in order, and
   * keeps it while the child is being started or restarted. What is sent to a child that does not run is lost. It is the same one that
   * `Supervisor.sibling` answers.
   */
  address(id: Ids): Effect.Effect<Port.PortId, ChildError>
  /** Adds a child and starts it. Answers what its start does. What cannot be started leaves nothing. */
  readonly startChild: <A extends Started, E, R>(
    spec: ChildSpec<A, E, R>
  ) => Effect.Effect<A, InvalidSpec | ChildError | StartError | Port.Killed, Exclude<R, Scope.Scope>>
  /** Ends a child, by its name or its port; its specification stays, unless it is temporary. Twice is fine. */
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, ChildError | Port.Killed>
  /** Starts a child that does not run. Answers what its start does; if that fails, the child stays as it is. */
  readonly restartChild: (id: string) => Effect.Effect<unknown, ChildError | StartError | Port.Killed>
  /** Forgets a child that does not run. */
  readonly deleteChild: (id: string) => Effect.Effect<void, ChildError | Port.Killed>
  /** The specification of a child, by its name or its port, with the defaults filled in. Times are in milliseconds. */
  readonly spec: (idOrPort: string) => Effect.Effect<CompleteSpec, ChildError>
}

/**
 * A child's specification with its defaults. `shutdown` and `startTimeout` are in milliseconds: `Infinity` waits, 0 does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompleteSpec {
  readonly id: string
  readonly restart: RestartType
  readonly shutdown: number
  readonly significant: boolean
  readonly startTimeout: number
  readonly type: ChildType
}

/**
 * What a dynamic supervisor is told: how each of its children starts, by which arguments, and how it is treated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Template<Args extends ReadonlyArray<any>, A extends Started, E = unknown, R = never>
  extends Omit<ChildOptions, "significant">, Limits
{
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
   * supervisor goes on. Then the restarts of all together are not counted. Default: none, `intensity` and `period` count them all.
   */
  readonly perChild?: ChildLimits | undefined
}

/**
 * How many restarts of one child are too many: more than `intensity` within `period` (5 seconds; where there is a schedule, 1 minute).
 *
 * @category models
 * @since 0.1.0
 */
export type ChildLimits = specs.ChildLimits

/**
 * A child that is an effect; see `task`. `await` waits until it has ended, for its result. When it was ended before it had one, it
 * fails with `Killed`.
 *
 * @category models
 * @since 0.1.0
 */
export type Task<A, E = never> = tasks.Task<A, E>

/**
 * What comes of a child in the end: of a task its result, of others nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type ResultOf<S> = S extends Task<infer A, unknown> ? A : void

/**
 * What a child can fail with in the end, beside `Killed`: of a task its own errors.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorOf<S> = S extends Task<unknown, infer E> ? E : never

/**
 * A supervisor of many children of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface DynamicSupervisor<in Args extends ReadonlyArray<any>, out A extends Started> extends Handle {
  /** Starts a child with these arguments. Answers what its start does. */
  readonly startChild: (...args: Args) => Effect.Effect<A, ChildError | StartError | Port.Killed>
  /**
   * Starts a child and waits until it is gone for good: it has ended and is not restarted, was terminated, or was dropped. Of a task it
   * answers the result, or fails as its last run did; of others it fails with how the last port ended, unless that was in order. Whoever
   * is interrupted terminates the child.
   *
   * It is what makes jobs of streams: see `task`.
   */
  readonly runChild: (
    ...args: Args
  ) => Effect.Effect<ResultOf<A>, ErrorOf<A> | ChildError | StartError | Port.Killed>
  /** Ends a child, by its port, or by its name if it was given one. A port of this node that has ended already is fine. */
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, ChildError | Port.Killed>
}

/**
 * A supervisor of a fixed number of children of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface PartitionSupervisor<A extends Started> extends Handle {
  /** The port of the partition that a key belongs to: always the same one, while the number of partitions stays. */
  readonly port: (key: unknown) => Effect.Effect<PortOf<A>, ChildError | Port.Killed>
  /** What the start of that partition answered: of a supervisor its handle. Waits while there is none. */
  readonly child: (key: unknown) => Effect.Effect<A, ChildError | Port.Killed>
  readonly partitions: number
}

/** The port that a start answers. */
type PortOf<A> = A extends Port.PortId ? A
  : A extends { readonly port: infer P extends Port.PortId } ? P
  : Port.PortId

// ---- constructors

/**
 * Supervises children that are started in order, and stopped in reverse order. A child that is not up yet holds back the
 * next one.
 *
 * **Details**
 *
 * A start that fails ends all: what was started is stopped, and the error names the child. Later, a start that fails
 * counts as one more restart, and is tried again: with all children of a `one_for_all`, and else from the one that failed on. When
 * there were too many restarts, the supervisor stops its children and ends with `["restart_limit", text, child, ...reason of the
 * child]`.
 *
 * A supervisor that is a child of another is given as its start: `{ id: "pool", start: Supervisor.make(...) }`.
 *
 * **Gotchas**
 *
 * With `one_for_all` and `rest_for_one`, children that were terminated or had ended for good are started with the others,
 * as OTP does. Temporary ones are only stopped.
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
 * In the start of a child, and in what is made there: the address of another child of its supervisor `make`, by ID. It is known before
 * that child was ever started.
 *
 * **Details**
 *
 * It is a port that passes what it gets on to the child's present port, as `address` of the supervisor does. Where the supervisor is a
 * child itself, children around it are found too: the nearest of that name. `not_found`: there is none, or this is no child.
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
 * **Details**
 *
 * It starts without children. A child that ends for good is forgotten, with its arguments. At the end all are stopped at
 * once, under one time. From another node they are started by `Supervisor.at(port).startChild(...args)`; so `start` must
 * not take arguments for granted that come from there.
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
 * @category constructors
 * @since 0.1.0
 */
export const dynamic = <Args extends ReadonlyArray<any>, A extends Started, E, R>(
  template: Template<Args, A, E, R>
): Effect.Effect<DynamicSupervisor<Args, A>, InvalidSpec, Node | Exclude<R, Scope.Scope> | Scope.Scope> =>
  // What children answer is known of their starts, which the rooms below know nothing of.
  dynamics.dynamic(template) as Effect.Effect<DynamicSupervisor<Args, A>, InvalidSpec, any>

/**
 * A child that is an effect: it runs in a port of its own, which ends as the effect does. For every place where a child goes.
 *
 * **Details**
 *
 * Success is an end in order, a failure or a defect a crash, with that as its reason; one that interrupts itself ends with `interrupted`,
 * which is no end in order either. So `transient` is what most tasks are: done is done, and what failed is tried again. A task that is
 * stopped is interrupted, and has the time of `shutdown` for its finalizers. The effect has a Scope, which closes with its port, and
 * `Port.Self`. Messages to its port are dropped.
 *
 * Of a dynamic supervisor `runChild` answers the result in the end, however many restarts that took. With it a stream of jobs goes through
 * the supervisor like anything else goes through `Stream.mapEffect`: in order, or `unordered`; so many at a time as `concurrency` says, and
 * no more are taken from the stream; a job that failed ends the stream, or `Effect.exit` makes it a result.
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
 * Supervises a number of children of one kind, and says which of them is in charge of a key.
 *
 * **When to use**
 *
 * Where one port, or one supervisor, has too much to do. Children may be of any kind, supervisors too: then `child` answers the handle of
 * the one that a key belongs to. After a restart that is another handle: ask for it each time.
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
 * Keeps a service alive. `child` starts something in a Scope and answers its port, on this node or on another.
 *
 * **Details**
 *
 * A first start that fails is the caller's error. Later, a start that fails counts as a restart that failed, and is tried
 * again. Before each restart the scope of the last start is closed. When there were too many restarts, the supervisor's
 * port ends with `["restart_limit", text, id, ...reason of the last child]`, and takes the port with it that it was made in. It ends
 * without a reason when the service has ended for good.
 *
 * What is sent to a service that has ended is lost, and a monitor tells; `address` reaches the next one.
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
 * @category constructors
 * @since 0.1.0
 */
export const restart: {
  (policy?: Policy): <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>
  ) => Effect.Effect<Supervised<MessagesOf<P>>, E | InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
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
 * The services of a Layer under supervision: see `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rebuilt<in out Services> extends Supervised {
  /**
   * Runs an effect with the services as they are now. Waits while they are being rebuilt; fails with `Killed` when they
   * end before it does, or when they will not be rebuilt any more.
   */
  readonly provide: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Port.Killed, Exclude<R, Services>>
}

/**
 * A Layer whose services are built again when they fail, while their users keep the handle that they have.
 *
 * **Details**
 *
 * The services are built in a port: they fail when that port ends. What a service runs with `Port.fork` or links with
 * `Port.mon` takes them with it; `restart` of the handle is for users that find them broken. Before they are built again,
 * whatever the handle provided them to is interrupted, and when that is done, the scope of the last build is closed: both
 * within the time of `shutdown`.
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
 * As the main effect of a program, or of anything whose end is to be the supervisor's end. What is made with `make`, `restart` and the
 * others without it goes on beside the program: then a monitor tells, `await` of the handle, and the log.
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
 * For programs that are Layers. A Layer cannot fail any more when it is built: under `Layer.launch` a program goes on without a
 * service that was given up, and only the log tells.
 *
 * **Details**
 *
 * That are the supervisors made in its Layers, `layer` and `failover` among them. One that is a child of another is that one's concern,
 * one that is made in a port takes the port with it, and one under `run` fails there. A supervisor that ends in order ends nothing.
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

// ---- across nodes

/**
 * How a service is treated that runs on one of several nodes. Ends of all kinds are followed by a restart.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailoverOptions extends Omit<Policy, "restart" | "id"> {
  /** What the service is called, the same on all nodes. */
  readonly name: string
  /** The IDs of the nodes that it may run on, in order of preference; the same list on all of them. */
  readonly nodes: ReadonlyArray<string>
  /** The node that gets it back when it returns. Default: none; it stays where it is. */
  readonly prefer?: string | undefined
  /**
   * How long a node that has just begun waits for seeds that do not answer before it takes the nodes that it does not know of for
   * absent. Default: 10 seconds.
   */
  readonly joinTimeout?: Duration.Input | undefined
}

/**
 * Where a failover service runs.
 *
 * @category models
 * @since 0.1.0
 */
export type Place = failovers.Place

/**
 * A service that runs on one of several nodes, as one of them sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failover<M extends Port.Messages = any> {
  /** The port of this node's part in it. It ends when the service cannot be kept alive here. */
  readonly supervisor: Port.PortId
  /** The service's present port, on whichever node that is. Waits while there is none. */
  readonly port: Effect.Effect<Port.PortId<M>, Port.Killed>
  /** Where it runs, as far as this node knows. */
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
 * **Details**
 *
 * The nodes hold monitors on each other: the death of a process is noticed at once, that of a machine or a cable after
 * `monitorTimeout`. A node that has just begun waits for its seeds, no longer than `joinTimeout`, before it takes others for absent. On its
 * node the service is supervised like one that `restart` keeps alive, its first start included. When it
 * was restarted there too often, that node's part ends with `restart_limit`, and the service moves; a supervisor of that part
 * brings the node back into play, though all others come before it for a minute, and up to an hour when that happens again. What
 * the service needs may be away for a while: give it a `schedule` that lasts longer.
 *
 * **Gotchas**
 *
 * In a network that is split in two, both sides may run the service: nobody can tell a node that is cut off from one that is
 * dead. When they meet again both say so in their logs, and the node that comes first in `nodes` keeps it. What must not
 * happen twice needs a lock that survives splits, which this is not.
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
 * @category constructors
 * @since 0.1.0
 */
export const failover: {
  (options: FailoverOptions): <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>
  ) => Effect.Effect<Failover<MessagesOf<P>>, InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
  <P extends Exclude<Started, typeof ignore>, E, R>(
    child: Effect.Effect<P, E, R>,
    options: FailoverOptions
  ): Effect.Effect<Failover<MessagesOf<P>>, InvalidSpec, Node | Scope.Scope | Exclude<R, Scope.Scope>>
} = dual(2, failovers.failover)

/**
 * What a child starts with that lives on another node: spawns a port on the first of `nodes` that there is a link to. When it
 * is started again, it is on the same node if there still is a link to that.
 *
 * **Details**
 *
 * A port ID in the place of a node ID means the node of that port.
 *
 * Without a link to any of them all are tried, again and again, for as long as it takes. Meanwhile the child is `waiting`: that is no
 * crash, and uses up none of its supervisor's restarts, as the loss of a node that it ran on does. The first time its port is known
 * at once, and keeps what is sent to it while its node is dialled.
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
 * How many children there are to be, and on which nodes.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolOptions<R = never> extends Pick<ChildOptions, "shutdown" | "schedule">, Limits {
  /**
   * The nodes that children may be on: a list of them, or a Stream of such lists, of which the latest counts. A port stands for its
   * node.
   */
  readonly on: ReadonlyArray<string> | Stream.Stream<ReadonlyArray<string>, unknown, R>
  /** How many children there are in all. */
  readonly size: number
  /** Default: `even`. */
  readonly spread?: Spread | undefined
}

/**
 * Children of one kind on several nodes.
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
   * A port that passes each message on to the next one, and keeps it while there is none. Nobody tells a caller when a child ends
   * without an answer: call `next` if that matters, or set a time limit.
   */
  readonly address: Port.PortId<M>
}

/**
 * Spreads `size` children over nodes, each made there by a remote function, as evenly as can be.
 *
 * **Details**
 *
 * Children are on those of the nodes that there are links to; the pool brings them up. When a node is lost, its children are started on
 * the others. When one comes, some move there, as `spread` says. When one is listed no longer, its children are drained: each finishes
 * the message that it has in hand, within its `shutdown` time, gets no new one, and is started elsewhere. `which` and `tree` show where
 * each of them is. While there is no node, they are `stopped`.
 *
 * Ends that are the child's own count against the budget, and are followed by a restart. The loss of a node does not count, nor do ends
 * in order, or that a node does not have the function: such a node gets no children for a while, longer each time.
 *
 * A Global group says which nodes there are: `Stream.map(Global.watch("workers"), ({ members }) => members)`. A node leaves it in order
 * when its member ends.
 *
 * **Gotchas**
 *
 * A child that moves is another one: what it knew is gone. A Perl node ends a child that is drained at once.
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
 * A supervisor that did not answer, or not in a way that makes sense: it is no supervisor of ours, or it is too busy.
 *
 * @category errors
 * @since 0.1.0
 */
export const NoAnswer = remotes.NoAnswer

/**
 * @category errors
 * @since 0.1.0
 */
export type NoAnswer = remotes.NoAnswer

/**
 * What a request to a supervisor on another node can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export type AskError = remotes.AskError

/**
 * A supervisor that is asked by messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Remote {
  readonly which: Effect.Effect<ReadonlyArray<ChildInfo>, AskError, Node>
  readonly count: Effect.Effect<Count, AskError, Node>
  /** Of a dynamic supervisor: starts a child with these arguments, which travel. Answers what its start does, if that does. */
  readonly startChild: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AskError, Node>
  readonly terminateChild: (idOrPort: string) => Effect.Effect<void, AskError, Node>
  readonly restartChild: (id: string) => Effect.Effect<unknown, AskError, Node>
  readonly deleteChild: (id: string) => Effect.Effect<void, AskError, Node>
  readonly tree: Effect.Effect<Tree, AskError, Node>
}

/**
 * The supervisor behind a port, of any node: what it is asked for goes there as messages, and is answered in the same way
 * as here.
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
 * A supervisor and all that is below it, as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export type Tree = trees.Tree

/**
 * A child in a tree. `tree` is what is below it if it is a supervisor, or why that could not be seen.
 *
 * @category models
 * @since 0.1.0
 */
export type TreeChild = trees.TreeChild

/**
 * Looks at a supervisor and all that is below it, on whichever nodes that is.
 *
 * @see {@link render} to print it
 * @category accessors
 * @since 0.1.0
 */
export const tree = (supervisor: Port.PortId): Effect.Effect<Tree, AskError, Node> => trees.readTree(supervisor)

/**
 * What comes of reading many supervisors together: the `roots` are those that are below no other one of them, with all that is below them,
 * and `silent` those that have not answered.
 *
 * @category models
 * @since 0.1.0
 */
export type Forest = trees.Forest

/**
 * Looks at many supervisors together, each once: at all of a node, or of a network. One that is below another one stands there, and one that
 * was made in the port of another one's child (a service of `emp run`, which ends with it) stands in what that child has `made`.
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
 * A tree as text, a line for each child: its name, its port, how long it runs, its restarts, and its last end. Lines are
 * cut at `width` (80), and of more than 20 children the rest is counted.
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
 * Names for the ports of a node: each stands for one port, for as long as that lives. So that parts of a program find each other,
 * whichever of them is started first, and find the present port after a restart.
 *
 * @category names
 * @since 0.1.0
 */
export * as Registry from "./internal/supervisor/registry.ts"
