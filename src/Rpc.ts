/**
 * Effect's rpc over ports: typed services between nodes.
 *
 * A service is an `RpcGroup` of `effect/rpc`, with its handlers (`group.toLayer`), its middleware and its clients. What is here
 * carries them: a server is a port, whose ID travels in messages, is registered, monitored, supervised and spawned on other nodes as that
 * of any port.
 *
 * Calls carry what schemas can encode: classes, dates, options. They end with their answer, with an error of the domain, with a defect,
 * or with an `RpcClientError` when the server or the link to it ends before. Who is interrupted interrupts the
 * handler, wherever that runs. Streams are read at the pace of their reader, spans go on at the other side, and any number of calls are
 * under way at once.
 *
 * | you want to                                    | begin with                                                                                 |
 * | ---------------------------------------------- | ------------------------------------------------------------------------------------------ |
 * | serve a group                                  | {@link serve} in a scope, as the start of a supervised child too; {@link layer} as a Layer |
 * | let other nodes make servers here              | {@link remote} or `Port.remote`, and {@link implement}                                     |
 * | call a server                                  | {@link client}, by its address, or by an effect that finds it                              |
 * | call one of many                               | {@link group}                                                                              |
 * | know why a call failed                         | {@link killed}                                                                             |
 * | make servers and clients by Effect's own means | {@link layerServer}, {@link layerClient}                                                   |
 *
 * `docs/services.md` says when to use it, and when plain messages.
 *
 * **Gotchas**
 *
 * `effect/rpc` has an `Rpc` too: examples import this module as `PortRpc`.
 *
 * It is imported as `effect-mp/Rpc`, and is no part of `effect-mp` itself: programs that do not use it do not load it. `effect/rpc` may change
 * from one version of Effect to the next, and this with it.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as RcMap from "effect/RcMap"
import * as Result from "effect/Result"
import type * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Global from "./Global.ts"
import { NodeRouter, type Router } from "./internal/node/router.ts"
import { makeProtocol } from "./internal/rpc/connections.ts"
import { Listener } from "./internal/rpc/listener.ts"
import { serialization } from "./internal/rpc/serialization.ts"
import { reasons } from "./internal/values/reason.ts"
import type { Node } from "./Node.ts"
import * as Port from "./Port.ts"

// ---- types

declare const Serves: unique symbol

/**
 * What the port of a server takes: the calls of a group, and no messages of programs. Nobody sends any to it: a {@link client} does.
 *
 * @category models
 * @since 0.1.0
 */
export type Served<Rpcs extends EffectRpc.Any = any> = {
  readonly [Serves]?: { readonly [Call in Rpcs as Call["_tag"]]: Call }
}

/**
 * The address of a server: the ID of its port, a plain string. Where a server of some calls is wanted, one of more calls will do.
 *
 * @see {@link protocol} for the schema of addresses, to send them in messages
 * @category models
 * @since 0.1.0
 */
export type Address<Rpcs extends EffectRpc.Any = any> = Port.PortId<Served<Rpcs>>

/**
 * A client: one function for each call of the group, as `RpcClient.make` of Effect makes it. Beside their own errors, calls fail with
 * `RpcClientError`.
 *
 * @category models
 * @since 0.1.0
 */
export type Client<Rpcs extends EffectRpc.Any> = RpcClient.RpcClient<Rpcs, RpcClientError>

/**
 * Where a client finds its server: at an address, or where an effect says, such as the `port` of a supervised server. That is asked before
 * the first call, and again after each end of the connection; all calls that wait meanwhile wait for one answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Target<Rpcs extends EffectRpc.Any = any, E = never, R = never> =
  | NoInfer<Address<Rpcs>>
  | Effect.Effect<NoInfer<Address<Rpcs>>, E, R>

/**
 * What the server of a group needs in its environment: the handlers of all calls, and the middleware that they have.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerServices<Rpcs extends EffectRpc.Any> =
  | EffectRpc.ToHandler<Rpcs>
  | EffectRpc.Middleware<Rpcs>
  | EffectRpc.ServicesServer<Rpcs>

/**
 * How calls are traced, at the side of a client or of a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions {
  /** Whether there are no spans for calls: then they take a third less time. Default: `false`. */
  readonly disableTracing?: boolean | undefined
  /** What the names of spans begin with: `PREFIX.CALL`. Default: none. */
  readonly spanPrefix?: string | undefined
  /** Attributes that every span gets. Default: none. */
  readonly spanAttributes?: Record<string, unknown> | undefined
}

/**
 * Settings of a server: of {@link serve}, {@link layer} and {@link implement}.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerOptions extends CallOptions {
  /**
   * What its port is called: whoever knows its node then knows its address ({@link address}), and the server that comes after it has the same.
   * Default: a name that no other port ever has.
   */
  readonly name?: string | undefined
  /**
   * Whether guests may call it: nodes that have come with a ticket, if its node lets any in (`guests` of `Node.Options`). Default: `false`.
   */
  readonly guests?: boolean | undefined
  /** How many calls are handled at once, those of all clients together; others wait. Default: any number. */
  readonly concurrency?: number | "unbounded" | undefined
  /** Whether a defect of a handler ends its own call alone, and not all calls of that client. Default: `true`. */
  readonly disableFatalDefects?: boolean | undefined
  /** Runs when a client is gone, with the number that handlers know it by. Default: nothing. */
  readonly onDisconnect?: ((clientId: number) => Effect.Effect<void>) | undefined
}

// ---- servers

const listen = <R = never>(
  { guests = false, name }: Pick<ServerOptions, "name" | "guests"> = {}
): Effect.Effect<Listener<R>, never, Node | Scope.Scope | R> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const id = name === undefined ? router.names.localId() : yield* named(router, name)
    return new Listener(router, id, yield* Effect.context<R | Scope.Scope>(), yield* serialization, guests)
  })

const named = (router: Router, name: string): Effect.Effect<string> => {
  const id = `${router.nodeId}#${name}`
  if (name === "") return Effect.die(new TypeError("Rpc: the name of a server must not be empty"))
  return router.ports.has(id) ? Effect.die(new TypeError(`Rpc: there is a port ${id} already`)) : Effect.succeed(id)
}

const running = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  protocol: RpcServer.Protocol["Service"],
  options: ServerOptions | undefined
): Effect.Effect<never, never, ServerServices<Rpcs>> =>
  Effect.provideService(RpcServer.make(group, { disableFatalDefects: true, ...options }), RpcServer.Protocol, protocol)

/**
 * Serves a group in the current scope, and answers the address. The server is a port: it ends with the scope, or when it is killed, and
 * then all calls that are open end at both sides.
 *
 * **When to use**
 *
 * Wherever a program makes ports: as the start of a child of `Supervisor`, with `Global.register` to be found by a name, or with a `name` of its
 * own. {@link layer} is for programs that are Layers; {@link implement} for servers that other nodes ask for.
 *
 * **Details**
 *
 * Handlers come from `group.toLayer`. They run side by side, each in a scope of its own: what a call acquires is released with the
 * call, and what it forks as its child ends with it. A call is interrupted when its caller is, when the client's port or node is gone,
 * and when the server ends. A supervisor that stops the server lets calls finish, within its `shutdown` time; calls that come meanwhile are not
 * begun, and fail when it has ended.
 *
 * Calls are encoded as the `RpcSerialization` service says, if there is one: at both sides the same. Default: `layerSchemaBinary` of
 * Effect, whose bytes do not pass links that speak JSON. `layerJson` is for these, and for people who read what passes.
 *
 * What a client sends that is no rpc ends its own connection, and nothing else.
 *
 * **Gotchas**
 *
 * Where client and server are of different versions, a type that was changed is misread without an error: the bytes of `layerSchemaBinary` do not say
 * what is what. Types never change, then; fields and calls may come and go, as the table in `docs/guides/upgrades.md` has it. Over `layerJson` what
 * does not fit is a defect of the call.
 *
 * An answer that is larger than the caller's node takes (`maxMessageSize`) is a defect of the call. Answer with a stream. All that a `Stream` gives at
 * once is one message: `Stream.rechunk(1)` where the elements are large.
 *
 * When a name is given, it must be free: a second server of that name on one node is a defect.
 *
 * **Example** (A service, and a client of it)
 *
 * ```ts
 * import { Node } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { DateTime, Effect, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { name: Schema.String }) {}
 * class User extends Schema.Class<User>("User")({ name: Schema.String, born: Schema.DateTimeUtc }) {}
 *
 * const Users = RpcGroup.make(
 *   Rpc.make("find", { payload: { name: Schema.String }, success: User, error: NotFound })
 * )
 *
 * const UsersLive = Users.toLayer({
 *   find: ({ name }) =>
 *     name === "Ada"
 *       ? Effect.succeed(new User({ name, born: DateTime.makeUnsafe("1815-12-10") }))
 *       : Effect.fail(new NotFound({ name }))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* PortRpc.serve(Users)
 *   const client = yield* PortRpc.client(Users, server)
 *   const ada = yield* client.find({ name: "Ada" })
 *   const error = yield* Effect.flip(client.find({ name: "Bob" }))
 *   return [ada instanceof User, DateTime.formatIso(ada.born), error._tag]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(UsersLive), Effect.provide(Node.layerLocal))
 * ) // => [true, "1815-12-10T00:00:00.000Z", "NotFound"]
 * ```
 *
 * @see {@link layer} for a server that is a Layer
 * @see {@link implement} for one that other nodes spawn
 * @category servers
 * @since 0.1.0
 */
export const serve = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options?: ServerOptions
): Effect.Effect<Address<Rpcs>, never, Node | Scope.Scope | ServerServices<Rpcs>> =>
  Effect.map(listen<ServerServices<Rpcs>>(options), (listener) => {
    listener.run(running(group, listener.protocol, options))
    return listener.port.id
  })

/**
 * `serve` as a Layer: the server lasts as long as that. Since a Layer answers no address, the server has a name.
 *
 * **When to use**
 *
 * For programs that are made of Layers. {@link serve} answers the address, and is what supervisors start.
 *
 * **Gotchas**
 *
 * When the server's port is killed the Layer does not notice. A server that is to come back is the child of a supervisor.
 *
 * **Example** (A server and its client, each on a node of its own)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Effect, Layer, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * const Greetings = RpcGroup.make(Rpc.make("greet", { payload: { name: Schema.String }, success: Schema.String }))
 * const Server = PortRpc.layer(Greetings, { name: "greetings" }).pipe(
 *   Layer.provide(Greetings.toLayer({ greet: ({ name }) => Effect.succeed(`hello, ${name}`) })),
 *   Layer.provide(Node.layer({ nodeId: "far", secret: "swordfish", binds: ["memory:1"] }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* Node.addressBook(() => Effect.succeed(["memory:1"]))
 *   const client = yield* PortRpc.client(Greetings, PortRpc.address(Greetings, "far", "greetings"))
 *   return yield* client.greet({ name: "world" })
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.scoped,
 *   Effect.provide(Node.layer({ nodeId: "near", secret: "swordfish", binds: [] })),
 *   Effect.provide(Server),
 *   Effect.provide(Transport.layerMemory)
 * )) // => "hello, world"
 * ```
 *
 * @see {@link serve} for a server in a scope
 * @see {@link address} for where clients find it
 * @category layers
 * @since 0.1.0
 */
export const layer = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: ServerOptions & { readonly name: string }
): Layer.Layer<never, never, Node | ServerServices<Rpcs>> => Layer.effectDiscard(serve(group, options))

/**
 * The protocol of servers, for those who make them by Effect's own means: `RpcServer.layer`, `RpcServer.make`.
 *
 * **When to use**
 *
 * Where a program has its server made already, over another protocol, or needs more of `RpcServer` than {@link layer} passes on. Otherwise
 * {@link layer} is shorter.
 *
 * **Details**
 *
 * The protocol has a port with this `name`: clients find it by {@link address}.
 *
 * **Gotchas**
 *
 * There a defect of one handler ends all calls of its client, unless `disableFatalDefects` is set.
 *
 * @see {@link layerClient} for the other side
 * @category layers
 * @since 0.1.0
 */
export const layerServer = (options: { readonly name: string }): Layer.Layer<RpcServer.Protocol, never, Node> =>
  Layer.effect(RpcServer.Protocol, Effect.map(listen({ name: options.name }), (listener) => listener.protocol))

// ---- servers that others spawn

/**
 * The protocol of a server's port, as `Port.protocol` makes those of other ports.
 *
 * **When to use**
 *
 * Its `PortId` is the schema of addresses, for the messages of other ports. With it `Port.remote` declares a server that is spawned with
 * arguments: `Port.remote("example::users", [Schema.String], PortRpc.protocol(Users))`.
 *
 * @see {@link remote} for a server without arguments
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <Rpcs extends EffectRpc.Any>(
  _group: RpcGroup.RpcGroup<Rpcs>
): Port.Protocol<Served<Rpcs>> => Port.protocol<Served<Rpcs>>({})

/**
 * Declares a server that others spawn, without arguments: once for both sides. One installs it with `implement`, the other one calls
 * `Port.spawn`, or has a supervisor do it by `Supervisor.spawn`.
 *
 * **When to use**
 *
 * For servers that are wanted on whichever nodes. One with arguments is declared by `Port.remote` and {@link protocol}; one that is there anyway
 * is called by its address.
 *
 * @see {@link implement} for the side that has the handlers
 * @category constructors
 * @since 0.1.0
 */
export const remote = <Rpcs extends EffectRpc.Any>(
  name: `${string}::${string}`,
  group: RpcGroup.RpcGroup<Rpcs>
): Port.RemoteFunction<[], Served<Rpcs>> => Port.remote(name, [], protocol(group))

/**
 * Lets other nodes spawn servers of a group on this one, for as long as the layer lasts. Each server has handlers of its own, by the
 * arguments that it was spawned with.
 *
 * **When to use**
 *
 * Where others decide which servers there are: a supervisor on another node, a pool. A server that this node starts itself is {@link serve}.
 *
 * **Details**
 *
 * The address of a server is known at once: clients may call right away, and their calls wait until the handlers are made. When these cannot be
 * made, or the arguments do not fit, the server ends with the reason.
 *
 * **Example** (A counter wherever it is wanted)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Effect, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * const Counter = RpcGroup.make(Rpc.make("add", { payload: { n: Schema.Number }, success: Schema.Number }))
 * const makeCounter = Port.remote("example::counter", [Schema.Number], PortRpc.protocol(Counter))
 *
 * const CounterLive = PortRpc.implement(makeCounter, Counter, (first) => {
 *   let total = first
 *   return Counter.toLayer({ add: ({ n }) => Effect.sync(() => total += n) })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const counter = yield* Port.spawn(yield* Node.id, makeCounter, 40)
 *   const client = yield* PortRpc.client(Counter, counter)
 *   return yield* client.add({ n: 2 })
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(CounterLive), Effect.provide(Node.layerLocal))
 * ) // => 42
 * ```
 *
 * @see {@link remote} to declare what is spawned
 * @category layers
 * @since 0.1.0
 */
export const implement = <Args extends ReadonlyArray<unknown>, Rpcs extends EffectRpc.Any, E, R>(
  fn: Port.RemoteFunction<Args, Served<Rpcs>>,
  group: RpcGroup.RpcGroup<Rpcs>,
  handlers: (...args: Args) => Layer.Layer<EffectRpc.ToHandler<Rpcs>, E, R>,
  options?: Omit<ServerOptions, "name">
): Layer.Layer<
  never,
  never,
  Node | R | Exclude<EffectRpc.Middleware<Rpcs> | EffectRpc.ServicesServer<Rpcs>, Scope.Scope>
> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const router = yield* NodeRouter
    const context = yield* Effect.context<Scope.Scope | R | ServerServices<Rpcs>>()
    const chosen = yield* serialization
    const start = (name: string, args: ReadonlyArray<unknown>): void => {
      const listener = new Listener(router, `${router.nodeId}#${name}`, context, chosen, false)
      const read = fn.read?.(args) ?? Result.succeed(args)
      if (Result.isFailure(read)) return listener.port.kill(reasons.invalid_message(fn.name, read.failure))
      listener.run(Effect.suspend(() =>
        Effect.provide(running(group, listener.protocol, options), handlers(...read.success as unknown as Args), {
          local: true
        })
      ))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        router.functions.add(fn.name, start)
      ),
      (takeBack) => Effect.sync(takeBack)
    )
  }))

// ---- clients

/**
 * The address of a server with a name, for whoever knows its node. It asks nobody, and says nothing about whether there is one.
 *
 * @see {@link ServerOptions} whose `name` it is
 * @category constructors
 * @since 0.1.0
 */
export const address = <Rpcs extends EffectRpc.Any>(
  _group: RpcGroup.RpcGroup<Rpcs>,
  nodeId: string,
  name: string
): Address<Rpcs> => `${nodeId}#${name}`

const protocolFor = <Rpcs extends EffectRpc.Any, E, R>(
  target: Target<Rpcs, E, R>
): Effect.Effect<RpcClient.Protocol["Service"], never, Node | Scope.Scope | R> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<Scope.Scope | R>()
    const found = typeof target === "string" ? target : Effect.provideContext(target, context)
    return yield* makeProtocol(yield* NodeRouter, context, yield* serialization, found)
  })

/**
 * A client of a server, until the scope closes. It connects with the first call, and nothing waits for that.
 *
 * **When to use**
 *
 * For one server, with which the client stays until that ends. To choose a server for each call, {@link group}; to have the client as a service,
 * {@link layerClient}.
 *
 * **Details**
 *
 * A call ends with its answer, an error of the domain, a defect of the handler, or an `RpcClientError`:
 *
 * - when the server's port ends, in order or not, or the link to its node is lost. {@link killed} has the reason. The call may have
 *   run, or not, or in part: it is not repeated. Streams end so too, and do not go on;
 * - when the server's node is about to stop, and takes no new calls. Then `isUnbegun` of what {@link killed} answers is true: nothing of the
 *   call has begun, and it may be made again, elsewhere;
 * - when the server was not found, by a target that is an effect. Where that has failed with `Killed`, `killed` has it.
 *
 * The next call connects again. A call that is interrupted, or a client whose scope closes, interrupts the handlers at the server.
 *
 * Calls wait while the server's node takes no more, as `Port.snd` does.
 *
 * **Gotchas**
 *
 * A server that never answers keeps its callers waiting: `Effect.timeout` ends the call, and the handler.
 *
 * Both sides have to agree on how calls are encoded: see {@link serve}, also for links that speak JSON.
 *
 * **Example** (A server that is asked for anew, since its supervisor has restarted it)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Effect, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * const Lines = RpcGroup.make(Rpc.make("upper", { payload: { line: Schema.String }, success: Schema.String }))
 * const LinesLive = Lines.toLayer({ upper: ({ line }) => Effect.succeed(line.toUpperCase()) })
 *
 * const program = Effect.gen(function*() {
 *   const supervised = yield* Supervisor.restart(Effect.provide(PortRpc.serve(Lines), LinesLive))
 *   const client = yield* PortRpc.client(Lines, supervised.port)
 *   const before = yield* client.upper({ line: "before" })
 *   yield* Port.kil(yield* supervised.port, "crash")
 *   // What is on its way at that moment fails, and may be repeated by those who know that it may run twice.
 *   const after = yield* Effect.retry(client.upper({ line: "after" }), { times: 3 })
 *   return [before, after]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))
 * ) // => ["BEFORE", "AFTER"]
 * ```
 *
 * @see {@link group} for one of many servers
 * @see {@link killed} for why a call failed
 * @category clients
 * @since 0.1.0
 */
export const client = <Rpcs extends EffectRpc.Any, E = never, R = never>(
  group: RpcGroup.RpcGroup<Rpcs>,
  target: Target<Rpcs, E, R>,
  options?: CallOptions
): Effect.Effect<Client<Rpcs>, never, Node | Scope.Scope | EffectRpc.MiddlewareClient<Rpcs> | R> =>
  Effect.flatMap(
    protocolFor(target),
    (protocol) => Effect.provideService(RpcClient.make(group, options), RpcClient.Protocol, protocol)
  )

/**
 * The protocol of clients, for those who make them by Effect's own means: `RpcClient.make`. Each client has a connection of its own.
 *
 * **When to use**
 *
 * To have a client as a service of a program. In a scope, {@link client} is shorter.
 *
 * **Example** (A client as a service)
 *
 * ```ts
 * import { Node } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { Rpc, RpcClient, type RpcClientError, RpcGroup } from "effect/rpc"
 *
 * const Clock = RpcGroup.make(Rpc.make("hour", { success: Schema.Number }))
 *
 * class ClockClient extends Context.Service<
 *   ClockClient,
 *   RpcClient.FromGroup<typeof Clock, RpcClientError.RpcClientError>
 * >()("example/ClockClient") {
 *   static readonly layer = Layer.effect(ClockClient, RpcClient.make(Clock))
 * }
 *
 * const live = Effect.gen(function*() {
 *   const server = yield* PortRpc.serve(Clock)
 *   return Layer.provide(ClockClient.layer, PortRpc.layerClient(server))
 * })
 *
 * await Effect.runPromise(ClockClient.use((clock) => clock.hour()).pipe(
 *   Effect.provide(Layer.unwrap(live)),
 *   Effect.provide(Clock.toLayer({ hour: () => Effect.succeed(12) })),
 *   Effect.provide(Node.layerLocal)
 * )) // => 12
 * ```
 *
 * @see {@link client} for what calls end with
 * @see {@link layerServer} for the other side
 * @category layers
 * @since 0.1.0
 */
export const layerClient = <Rpcs extends EffectRpc.Any, E = never, R = never>(
  target: Target<Rpcs, E, R>
): Layer.Layer<RpcClient.Protocol, never, Node | Exclude<R, Scope.Scope>> =>
  Layer.effect(RpcClient.Protocol, protocolFor(target))

/**
 * Why a call failed, where that is because the connection with the server has ended, or its node takes no more calls: the `Killed` of its port.
 * `None` for other failures.
 *
 * **When to use**
 *
 * To decide whether a call is made again: in `while` of the `retry` of a {@link group}, and wherever `RpcClientError` is caught.
 *
 * **Details**
 *
 * A port that ended in order has an empty reason, and a link that was lost `["transport_error", node, text]`: then `linkError` says why, such as
 * `node_left` or `peer_silent`.
 *
 * **Example** (A server that ends)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Effect, Option } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * const Waiters = RpcGroup.make(Rpc.make("wait"))
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* PortRpc.serve(Waiters)
 *   const client = yield* PortRpc.client(Waiters, server)
 *   yield* Port.after("10 millis", Port.kil(server, "maintenance"))
 *   const error = yield* Effect.flip(client.wait())
 *   return Option.map(PortRpc.killed(error), ({ port, reason }) => [port === server, reason]).pipe(Option.getOrNull)
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.scoped,
 *   Effect.provide(Waiters.toLayer({ wait: () => Effect.never })),
 *   Effect.provide(Node.layerLocal)
 * )) // => [true, ["maintenance"]]
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const killed = (error: RpcClientError): Option.Option<Port.Killed> =>
  error.reason._tag === "RpcClientDefect" && isKilled(error.reason.cause)
    ? Option.some(error.reason.cause)
    : Option.none()

/** By its tag: another copy of this package may have made it. */
const isKilled = (cause: unknown): cause is Port.Killed => Predicate.isTagged(cause, "Killed")

// ---- groups

/**
 * The servers of a group of `Global`, as this node sees them: to choose one asks nobody. {@link group} makes one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group<Rpcs extends EffectRpc.Any> {
  /** The name of the group. */
  readonly name: string
  /** The servers that this node knows of, and takes for reachable, in the order of their IDs. */
  readonly members: Effect.Effect<ReadonlyArray<Address<Rpcs>>>
  /** The servers as they are, then whoever comes and goes. */
  readonly changes: Stream.Stream<Global.GroupChange>
  /** Waits until there are at least `count` servers, for as long as that takes, and answers them all. */
  readonly awaitMembers: (count: number) => Effect.Effect<ReadonlyArray<Address<Rpcs>>>
  /**
   * The address of a server: a target for a client that stays with it until it ends. Fails with `EmptyGroup` while there is none, unless it
   * is to wait.
   */
  readonly pick: (options?: Global.ChooseOptions) => Effect.Effect<Address<Rpcs>, Global.EmptyGroup>
  /**
   * Chooses a server and gives its client to `use`. It fails as that does, or with `EmptyGroup`. Meanwhile the server counts as busy, for
   * those who choose by `"least-pending"`.
   */
  readonly call: <A, E, R>(
    use: (client: Client<Rpcs>) => Effect.Effect<A, E, R>,
    options?: Global.CallOptions<E>
  ) => Effect.Effect<A, E | Global.EmptyGroup, R>
  /**
   * Gives `use` the clients of all servers at once, and collects what comes of it, by address. `within` is how long each may take: one that takes
   * longer has a `TimeoutError`. Default: any time.
   */
  readonly callAll: <A, E, R>(
    use: (client: Client<Rpcs>) => Effect.Effect<A, E, R>,
    options?: { readonly within?: Duration.Input | undefined }
  ) => Effect.Effect<ReadonlyMap<Address<Rpcs>, Exit.Exit<A, E | Cause.TimeoutError>>, never, R>
}

/** So long a connection that nobody uses is kept. */
const idleTime = "1 minute"

/**
 * Looks at a group of servers until the scope closes: as `Global.group`, with a client for each server that is called.
 *
 * **When to use**
 *
 * For a service that several nodes offer, when each call may go to another one. Of ports that handle messages it is `Global.group`. A
 * client that stays with a server is {@link client}; its target may be the `pick` of a group.
 *
 * **Details**
 *
 * A server becomes a member with `Global.register`, where it lives. What runs within `call` is called of one server; the next `call` may
 * choose another one. Connections are kept for calls to come, and closed when they have not been used for a minute.
 *
 * The type says that the members serve the group, and nobody checks that they do: name groups after what their members serve.
 *
 * **Gotchas**
 *
 * What fails is repeated with another server only where `retry` says so: for calls that may run twice. Without a condition errors of the
 * domain are repeated, too: `while` tells them from the loss of a server, by `killed`.
 *
 * **Example** (Workers behind a group)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import * as PortRpc from "effect-mp/Rpc"
 * import { Effect, Layer, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * const Workers = RpcGroup.make(Rpc.make("double", { payload: { n: Schema.Number }, success: Schema.Number }))
 * const WorkersLive = Workers.toLayer({ double: ({ n }) => Effect.succeed(2 * n) })
 * const worker = PortRpc.serve(Workers).pipe(Effect.tap(Global.register("workers")))
 *
 * const node = Layer.provideMerge(Global.layer(), Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] }))
 *
 * const program = Effect.gen(function*() {
 *   yield* worker
 *   const last = yield* worker
 *   const workers = yield* PortRpc.group(Workers, "workers")
 *   const double = workers.call((client) => client.double({ n: 21 }), { choose: "least-pending", retry: { times: 1 } })
 *   yield* Port.kil(last)
 *   return [yield* double, (yield* workers.members).length]
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.scoped,
 *   Effect.provide(WorkersLive),
 *   Effect.provide(node.pipe(Layer.provide(Transport.layerMemory)))
 * )) // => [42, 1]
 * ```
 *
 * @see {@link client} for a single server
 * @category groups
 * @since 0.1.0
 */
export const group = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  name: string,
  options?: CallOptions
): Effect.Effect<
  Group<Rpcs>,
  Global.InvalidEntry,
  Global.Global | Node | Scope.Scope | EffectRpc.MiddlewareClient<Rpcs>
> =>
  Effect.gen(function*() {
    const servers = yield* Global.group<Served<Rpcs>>(name)
    const clients = yield* RcMap.make({
      lookup: (server: Address<Rpcs>) => client(group, server, options),
      idleTimeToLive: idleTime
    })
    const using = <A, E, R>(use: (client: Client<Rpcs>) => Effect.Effect<A, E, R>) => (server: Address<Rpcs>) =>
      Effect.acquireUseRelease(
        Scope.make(),
        (scope) => Effect.flatMap(Scope.provide(RcMap.get(clients, server), scope), use),
        Scope.close
      )
    return {
      name,
      members: servers.members,
      changes: servers.changes,
      awaitMembers: servers.awaitMembers,
      pick: servers.pick,
      call: (use, options) => servers.call(using(use), options),
      callAll: (use, options) => servers.callAll(using(use), options)
    }
  })
