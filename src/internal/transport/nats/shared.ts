/**
 * Brokers that the nodes of a process share: those with equal options have one connection.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { LinkError } from "../linkError.ts"
import type { Carrier } from "../wire.ts"
import { type Broker, makeBroker } from "./broker.ts"
import { carrierOf } from "./carrier.ts"
import type { NatsOptions } from "./options.ts"

interface Shared {
  users: number
  readonly scope: Scope.Closeable
  readonly broker: Deferred.Deferred<Broker, LinkError>
}

/** By what is equal: options that are plain, and the way to connect that a program has. */
const all = new Map<NatsOptions["connect"], Map<string, Shared>>()

const brokersOf = ({ connect }: NatsOptions): Map<string, Shared> => {
  const found = all.get(connect) ?? new Map<string, Shared>()
  all.set(connect, found)
  return found
}

const keyOf = ({ credentials, network, servers, tls }: NatsOptions): string =>
  JSON.stringify([servers, network, credentials, tls])

const join = (options: NatsOptions): Effect.Effect<Shared> =>
  Effect.gen(function*() {
    const brokers = brokersOf(options)
    const found = brokers.get(keyOf(options))
    if (found !== undefined) {
      found.users++
      return found
    }
    const scope = yield* Scope.make()
    const shared: Shared = { users: 1, scope, broker: Deferred.makeUnsafe() }
    brokers.set(keyOf(options), shared)
    yield* Effect.forkIn(Deferred.into(Scope.provide(makeBroker(options), scope), shared.broker), scope)
    return shared
  })

/** Whoever comes from now on has a broker of its own: this one is about to close. */
const leave = (options: NatsOptions, shared: Shared): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (--shared.users > 0) return Effect.void
    const brokers = brokersOf(options)
    brokers.delete(keyOf(options))
    if (brokers.size === 0) all.delete(options.connect)
    return Scope.close(shared.scope, Exit.void)
  })

/** The transport with these options, which is kept as long as somebody uses it. */
export const natsCarrier = (options: NatsOptions): Effect.Effect<Carrier, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const { broker } = yield* Effect.acquireRelease(join(options), (shared) => leave(options, shared))
    const found = yield* Deferred.await(broker)
    yield* Deferred.await(found.tried)
    return carrierOf(found)
  })
