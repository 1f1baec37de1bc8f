import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import { NodeRouter, type Router } from "./internal/node/router.ts"
import { makeProtocol } from "./internal/rpc/connections.ts"
import { Listener } from "./internal/rpc/listener.ts"
import { serialization } from "./internal/rpc/serialization.ts"
import { reasons } from "./internal/values/reason.ts"
import type { Node } from "./Node.ts"
import * as Port from "./Port.ts"

declare const Serves: unique symbol

export type Served<Rpcs extends EffectRpc.Any = any> = { readonly [Serves]?: (rpcs: Rpcs) => void }

export type Address<Rpcs extends EffectRpc.Any = any> = Port.PortId<Served<Rpcs>>

export type Client<Rpcs extends EffectRpc.Any> = RpcClient.RpcClient<Rpcs, RpcClientError>

export type ServerServices<Rpcs extends EffectRpc.Any> =
  | EffectRpc.ToHandler<Rpcs>
  | EffectRpc.Middleware<Rpcs>
  | EffectRpc.ServicesServer<Rpcs>

export interface CallOptions {
  readonly disableTracing?: boolean | undefined
  readonly spanPrefix?: string | undefined
  readonly spanAttributes?: Record<string, unknown> | undefined
}

export interface ServerOptions extends CallOptions {
  readonly name?: string | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly disableFatalDefects?: boolean | undefined
  readonly onDisconnect?: ((clientId: number) => Effect.Effect<void>) | undefined
}

const listen = <R = never>(name: string | undefined): Effect.Effect<Listener<R>, never, Node | Scope.Scope | R> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const id = name === undefined ? router.names.localId() : yield* named(router, name)
    return new Listener(router, id, yield* Effect.context<R | Scope.Scope>(), yield* serialization)
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

export const serve = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options?: ServerOptions
): Effect.Effect<Address<Rpcs>, never, Node | Scope.Scope | ServerServices<Rpcs>> =>
  Effect.map(listen<ServerServices<Rpcs>>(options?.name), (listener) => {
    listener.run(running(group, listener.protocol, options))
    return listener.port.id
  })

export const layer = <Rpcs extends EffectRpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: ServerOptions & { readonly name: string }
): Layer.Layer<never, never, Node | ServerServices<Rpcs>> => Layer.effectDiscard(serve(group, options))

export const layerServer = (options: { readonly name: string }): Layer.Layer<RpcServer.Protocol, never, Node> =>
  Layer.effect(RpcServer.Protocol, Effect.map(listen(options.name), (listener) => listener.protocol))

export type Target<Rpcs extends EffectRpc.Any = any, E = never, R = never> =
  | Address<Rpcs>
  | Effect.Effect<Address<Rpcs>, E, R>

const protocolFor = <Rpcs extends EffectRpc.Any, E, R>(
  target: Target<Rpcs, E, R>
): Effect.Effect<RpcClient.Protocol["Service"], never, Node | Scope.Scope | R> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<Scope.Scope | R>()
    const found = typeof target === "string" ? target : Effect.provideContext(target, context)
    return yield* makeProtocol(yield* NodeRouter, context, yield* serialization, found)
  })

export const client = <Rpcs extends EffectRpc.Any, E = never, R = never>(
  group: RpcGroup.RpcGroup<Rpcs>,
  target: Target<Rpcs, E, R>,
  options?: CallOptions
): Effect.Effect<Client<Rpcs>, never, Node | Scope.Scope | EffectRpc.MiddlewareClient<Rpcs> | R> =>
  Effect.flatMap(
    protocolFor(target),
    (protocol) => Effect.provideService(RpcClient.make(group, options), RpcClient.Protocol, protocol)
  )

export const layerClient = <Rpcs extends EffectRpc.Any, E = never, R = never>(
  target: Target<Rpcs, E, R>
): Layer.Layer<RpcClient.Protocol, never, Node | Exclude<R, Scope.Scope>> =>
  Layer.effect(RpcClient.Protocol, protocolFor(target))

export const killed = (error: RpcClientError): Option.Option<Port.Killed> =>
  error.reason._tag === "RpcClientDefect" && isKilled(error.reason.cause)
    ? Option.some(error.reason.cause)
    : Option.none()

/** By its tag: another copy of this package may have made it. */
const isKilled = (cause: unknown): cause is Port.Killed => Predicate.isTagged(cause, "Killed")

export const protocol = <Rpcs extends EffectRpc.Any>(
  _group: RpcGroup.RpcGroup<Rpcs>
): Port.Protocol<Served<Rpcs>> => Port.protocol<Served<Rpcs>>({})

export const address = <Rpcs extends EffectRpc.Any>(
  _group: RpcGroup.RpcGroup<Rpcs>,
  nodeId: string,
  name: string
): Address<Rpcs> => `${nodeId}#${name}`

export const remote = <Rpcs extends EffectRpc.Any>(
  name: `${string}::${string}`,
  group: RpcGroup.RpcGroup<Rpcs>
): Port.RemoteFunction<[], Served<Rpcs>> => Port.remote(name, [], protocol(group))

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
      const listener = new Listener(router, `${router.nodeId}#${name}`, context, chosen)
      const wrong = fn.check?.(args)
      if (wrong !== undefined) return listener.port.kill(reasons.invalid_message(fn.name, wrong))
      listener.run(Effect.suspend(() =>
        Effect.provide(running(group, listener.protocol, options), handlers(...args as unknown as Args), {
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
