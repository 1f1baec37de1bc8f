/**
 * Names for the ports of a node: each name stands for one port, for as long as that lives.
 *
 * It is known on this node alone and needs no network, like Elixir's `Registry`, or Erlang's `register` and `whereis`. So that parts
 * of a program find each other, whichever of them is started first, and find the present port after a restart. What all nodes of a
 * network are to find goes into a group of `Global`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { localNamesOf } from "../node/localNames.ts"
import { NodeRouter } from "../node/router.ts"

declare const Names: unique symbol

/**
 * A name that says which messages its port takes. It is a plain string, and equal to the same name without a type.
 *
 * @category models
 * @since 0.1.0
 */
export type Name<M extends Port.Messages> = string & { readonly [Names]: M }

/**
 * A name that says nothing of its port: any text.
 *
 * @category models
 * @since 0.1.0
 */
export type PlainName = string & { readonly [Names]?: never }

/**
 * The `name` belongs to another port of this node, which is told as `port`.
 *
 * @category errors
 * @since 0.1.0
 */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", {
  name: Schema.String,
  port: Schema.String
}) {
  override get message(): string {
    return `the name ${JSON.stringify(this.name)} is taken: the port ${this.port} has it`
  }
}

/**
 * A name for ports of a protocol: only those are registered under it, and what is looked up by it takes the protocol's messages.
 *
 * **When to use**
 *
 * For names that several parts of a program share. Any text is a name too, of a port of which the compiler knows nothing.
 *
 * **Gotchas**
 *
 * Types are all that it adds. Who registers under the same text without this can register anything.
 *
 * **Example** (A name that both sides share)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Cache = Port.protocol({ get: Port.message(Schema.String).replies(Schema.String) })
 * const cacheName = Supervisor.Registry.name("cache", Cache)
 *
 * const program = Effect.gen(function*() {
 *   const made = yield* Port.make(Cache, { get: (key) => Effect.succeed(`value of ${key}`) })
 *   yield* Supervisor.Registry.register(made, cacheName)
 *   const found = yield* Supervisor.Registry.await(cacheName)
 *   return yield* Port.cal(found, "get", "a")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "value of a"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const name = <M extends Port.Messages>(text: string, _protocol: Port.Protocol<M>): Name<M> => text as Name<M>

/**
 * Gives a port a name on this node, for as long as it lives. A name that another port has is refused with `NameTaken`; to give a port
 * the name that it has already is fine. A port may have several.
 *
 * **When to use**
 *
 * In the start of a supervised service: when it is started again, its last port has ended, and the name is free.
 *
 * **Gotchas**
 *
 * The port comes first, then the name: both are strings. What is none dies with a TypeError.
 *
 * A port that was killed has its name until it has ended, finalizers included. One of another node loses it when the link to that node is
 * lost.
 *
 * **Example** (Taken)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* Port.make({}).pipe(Effect.tap(Supervisor.Registry.register("printer")))
 *   const second = yield* Port.make({})
 *   const { port } = yield* Effect.flip(Supervisor.Registry.register(second, "printer"))
 *   yield* Port.kil(first)
 *   yield* Port.exit(first)
 *   yield* Supervisor.Registry.register(second, "printer")
 *   return port === first
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => true
 * ```
 *
 * @category names
 * @since 0.1.0
 */
export const register: {
  /** To be piped into: gives a port a name that has a protocol, for as long as the port lives. */
  <M extends Port.Messages>(name: Name<M>): (port: Port.PortId<M>) => Effect.Effect<void, NameTaken, Node>
  /** To be piped into: gives a port a name on this node, for as long as the port lives. */
  (name: PlainName): (port: Port.PortId) => Effect.Effect<void, NameTaken, Node>
  /** Gives a port a name that has a protocol, for as long as the port lives. The port comes first, then the name. */
  <M extends Port.Messages>(port: Port.PortId<M>, name: Name<M>): Effect.Effect<void, NameTaken, Node>
  /** Gives a port a name on this node, for as long as the port lives. The port comes first, then the name. */
  (port: Port.PortId, name: PlainName): Effect.Effect<void, NameTaken, Node>
} = dual(
  2,
  (port: Port.PortId, name: string): Effect.Effect<void, NameTaken, Node> =>
    Effect.flatMap(NodeRouter, (router) => {
      // The bare ID of a node is its node port, which nobody gives a name: most likely a name stands in the place of the port.
      if (!Port.isPortId(port) || Port.nodeOf(port) === port) {
        return Effect.die(
          new TypeError(`Supervisor.Registry.register: ${JSON.stringify(port)} is no port that can have a name`)
        )
      }
      const holder = localNamesOf(router).add(name, port)
      return holder === port ? Effect.void : Effect.fail(new NameTaken({ name, port: holder }))
    })
)

/**
 * Takes a name from a port, which may be given to another one then. A name that the port does not have is left alone.
 *
 * @category names
 * @since 0.1.0
 */
export const unregister: {
  /** To be piped into: takes a name from a port, if the port has it. */
  (name: string): (port: Port.PortId) => Effect.Effect<void, never, Node>
  /** Takes a name from a port, if the port has it. The port comes first, then the name. */
  (port: Port.PortId, name: string): Effect.Effect<void, never, Node>
} = dual(
  2,
  (port: Port.PortId, name: string): Effect.Effect<void, never, Node> =>
    Effect.map(NodeRouter, (router) => localNamesOf(router).remove(name, port))
)

/**
 * The port that has a name now, if one has.
 *
 * **When to use**
 *
 * To ask once, where it is no mistake that nobody has the name. {@link await} waits for one, {@link watch} follows it.
 *
 * @see {@link await} to wait for it
 * @category names
 * @since 0.1.0
 */
export const lookup: {
  /** The port that has a name with a protocol now, if one has. */
  <M extends Port.Messages>(name: Name<M>): Effect.Effect<Option.Option<Port.PortId<M>>, never, Node>
  /** The port that has a name now, if one has. */
  (name: PlainName): Effect.Effect<Option.Option<Port.PortId>, never, Node>
} = (name: string): Effect.Effect<Option.Option<Port.PortId>, never, Node> =>
  Effect.map(NodeRouter, (router) => Option.fromUndefinedOr(localNamesOf(router).find(name)))

/**
 * The port that has a name: waits until one has, for as long as that takes.
 *
 * **When to use**
 *
 * By whoever may be started before the service that it needs. {@link lookup} does not wait.
 *
 * **Example** (A client that is started before its service)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Effect.forkChild(Effect.flatMap(Supervisor.Registry.await("greeter"), (port) => Port.cal(port, "hello")))
 *   yield* Port.make({ hello: (reply) => Port.snd(reply, "hello") }).pipe(Effect.tap(Supervisor.Registry.register("greeter")))
 *   return yield* Fiber.join(client)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "hello"
 * ```
 *
 * @category names
 * @since 0.1.0
 */
const await_: {
  /** The port that has a name with a protocol: waits until one has. */
  <M extends Port.Messages>(name: Name<M>): Effect.Effect<Port.PortId<M>, never, Node>
  /** The port that has a name: waits until one has. */
  (name: PlainName): Effect.Effect<Port.PortId, never, Node>
} = (name: string): Effect.Effect<Port.PortId, never, Node> =>
  Effect.flatMap(NodeRouter, (router) =>
    Effect.callback<Port.PortId>((resume) => {
      const names = localNamesOf(router)
      const present = names.find(name)
      if (present !== undefined) return resume(Effect.succeed(present))
      const cancel = names.watch(name, (port) => {
        if (port === undefined) return
        cancel()
        resume(Effect.succeed(port))
      })
      return Effect.sync(cancel)
    }))

/**
 * The port that has a name: waits until one has.
 *
 * **When to use**
 *
 * By whoever may be started before the service that it needs. {@link lookup} does not wait.
 *
 * @category names
 * @since 0.1.0
 */
export { await_ as await }

/** Of a name that changes all the time so many changes are kept for who is slow. */
const backlog = 100

/**
 * Who has a name: the present port, then each change, `None` when nobody has it any more.
 *
 * **When to use**
 *
 * To keep up with a service through its restarts. {@link lookup} looks once, {@link await} waits for the first port.
 *
 * **Details**
 *
 * The stream lasts until it is interrupted. Who lags behind by more than 100 changes loses the oldest.
 *
 * **Example** (Following a service through its restarts)
 *
 * ```ts
 * import { Node, Port, Supervisor } from "effect-mp"
 * import { Effect, Option, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const service = Effect.tap(Port.make({}), Supervisor.Registry.register("service"))
 *   yield* Supervisor.restart(service)
 *   return yield* Supervisor.Registry.watch("service").pipe(
 *     Stream.tap((port) => Option.isSome(port) ? Port.kil(port.value, "crash") : Effect.void),
 *     Stream.map(Option.isSome),
 *     Stream.take(3),
 *     Stream.runCollect
 *   )
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => [true, false, true]
 * ```
 *
 * @category names
 * @since 0.1.0
 */
export const watch: {
  /** Who has a name with a protocol: the present port, then each change, `None` when nobody has it any more. */
  <M extends Port.Messages>(name: Name<M>): Stream.Stream<Option.Option<Port.PortId<M>>, never, Node>
  /** Who has a name: the present port, then each change, `None` when nobody has it any more. */
  (name: PlainName): Stream.Stream<Option.Option<Port.PortId>, never, Node>
} = (name: string): Stream.Stream<Option.Option<Port.PortId>, never, Node> =>
  Stream.callback((queue) =>
    Effect.acquireRelease(
      Effect.map(NodeRouter, (router) => {
        const names = localNamesOf(router)
        const tell = (port: string | undefined): void => void Queue.offerUnsafe(queue, Option.fromUndefinedOr(port))
        tell(names.find(name))
        return names.watch(name, tell)
      }),
      (cancel) => Effect.sync(cancel)
    ), { bufferSize: backlog, strategy: "sliding" })

/**
 * All names that ports of this node have now, and whose they are.
 *
 * @category names
 * @since 0.1.0
 */
export const all: Effect.Effect<ReadonlyMap<string, Port.PortId>, never, Node> = Effect.map(
  NodeRouter,
  (router) => localNamesOf(router).all
)
