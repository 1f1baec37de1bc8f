/**
 * Brings up a node whose addresses are known: dials them one after the other until one of them is the node.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Link } from "../transport/link.ts"
import { isConnectedAlready, type LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { Carrier } from "../transport/wire.ts"
import type { NodeLog } from "./nodeLog.ts"

/** A node that is searched for, and how it is dialled. */
export interface Search {
  readonly nodeId: string
  readonly addresses: ReadonlyArray<string>
  /** `greeted` is told when somebody greets, before anybody has authenticated, and whether that is a node of our own kind. */
  readonly dial: (address: string, greeted: (isOwnKind: boolean) => void) => Effect.Effect<Link, LinkError>
  /** Whether the search goes on: the node may have come up by a connection of its own. */
  readonly isWanted: () => boolean
  /** How long the whole search may take: all addresses are dialled within it. */
  readonly connectIntervalMillis: number
  /** How long a handshake may take. */
  readonly monitorTimeoutMillis: number
  readonly log: NodeLog
  /** Attempts go on in this scope when the search is over: they may still bring the node up. */
  readonly scope: Scope.Scope
}

/** A name gets so long to be resolved before its node is dialled elsewhere, as RFC 8305 has it. */
const resolveMillis = 250
/** RFC 8305: an address gets so long before the next one is dialled beside it. */
const pacedMillis = 250
/** The same where somebody of another kind has greeted: to a Perl node a second handshake is a mistake, which it logs. */
const leastOfOtherKindMillis = 400

/**
 * Puts the addresses of names in the place of the names: each may lead to another node. A name that takes its time, or stands for nothing,
 * is left to be dialled: it holds up nobody, and says then what is wrong with it.
 */
export const resolveEach = (
  addresses: ReadonlyArray<string>,
  resolve: Carrier["resolve"]
): Effect.Effect<ReadonlyArray<string>> => {
  const resolved = (address: string): Effect.Effect<ReadonlyArray<string>> =>
    resolve(address).pipe(
      Effect.timeoutOrElse({ duration: resolveMillis, orElse: () => Effect.succeed([address]) }),
      Effect.orElseSucceed(() => [address])
    )
  return Effect.map(
    Effect.forEach(addresses, resolved, { concurrency: "unbounded" }),
    (all) => Array.from(new Set(all.flat()))
  )
}

/**
 * Dials a list of addresses, each a while after the one before it, or when that one has failed; earlier attempts go
 * on. Only a link to the node itself ends the search: an address may lead to another node by now.
 */
export const search = (wanted: Search): Effect.Effect<void, LinkError> =>
  Effect.gen(function*() {
    const { addresses, connectIntervalMillis, dial, isWanted, log, monitorTimeoutMillis, nodeId, scope } = wanted
    const paceMillis = Math.min(pacedMillis, connectIntervalMillis / (2 * addresses.length))
    const restMillis = (monitorTimeoutMillis - connectIntervalMillis) / addresses.length
    const otherKindMillis = Math.max(leastOfOtherKindMillis, Math.min(connectIntervalMillis, restMillis))
    let refused = 0
    let last: LinkError | undefined
    const done = yield* Deferred.make<void, LinkError>()
    /** The attempt where somebody of another kind has greeted, until it is over. */
    let otherKind: Deferred.Deferred<void> | undefined
    for (const address of addresses) {
      if (!isWanted()) return
      const over = yield* Deferred.make<void>()
      const greeted = (isOwnKind: boolean): void => {
        if (!isOwnKind) otherKind = over
      }
      yield* Effect.forkIn(
        Effect.matchEffect(dial(address, greeted), {
          onSuccess: (link) => link.nodeId === nodeId ? Deferred.succeed(done, undefined) : Effect.void,
          onFailure: (error) => {
            // Somebody is there; a connection that the node itself opened may be on its way.
            if (error.reason !== "connect_failed") return Effect.sync(() => failed(log, error))
            last = error
            return ++refused === addresses.length ? Deferred.fail(done, error) : Effect.void
          }
        }).pipe(Effect.ensuring(Effect.andThen(
          Effect.sync(() => {
            if (otherKind === over) otherKind = undefined
          }),
          Deferred.succeed(over, undefined)
        ))),
        scope
      )
      if (address === addresses.at(-1)) break
      const jitter = yield* Random.nextBetween(0.9, 1)
      yield* Effect.timeoutOption(Deferred.await(over), paceMillis * jitter)
      if (otherKind !== undefined) {
        yield* Effect.timeoutOption(Deferred.await(otherKind), (otherKindMillis - paceMillis) * jitter)
      }
    }
    if (last !== undefined && refused === addresses.length) return yield* last
    yield* Deferred.await(done)
  })

const failed = (log: Search["log"], error: LinkError): void => {
  if (unremarkable.has(error.reason)) log.debug(error.message)
  // Whoever stands at the address has not authenticated.
  else log.about({ error: error.reason }).warnSome(`dialled: ${error.reason}`, error.message)
}

/** Why a connection that we dialled fails though all is well, or when everybody was told already: two nodes with one ID. */
const unremarkable: ReadonlySet<LinkErrorReason> = new Set([
  ...isConnectedAlready,
  "handshake_closed",
  "tls_closed",
  "left_in_silence",
  "duplicate_node",
  "same_node_id",
  "node_id_taken"
])
