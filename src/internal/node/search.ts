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

/** A node that is searched for, and how it is dialled. */
export interface Search {
  readonly nodeId: string
  readonly addresses: ReadonlyArray<string>
  readonly dial: (address: string) => Effect.Effect<Link, LinkError>
  /** Whether the search goes on: the node may have come up by a connection of its own. */
  readonly isWanted: () => boolean
  /** How long to wait for an address before the next one is dialled beside it. */
  readonly paceMillis: number
  /** Attempts go on in this scope when the search is over: they may still bring the node up. */
  readonly scope: Scope.Scope
}

/**
 * Dials a list of addresses, each a while after the one before it, or when that one has failed; earlier attempts go
 * on. Only a link to the node itself ends the search: an address may lead to another node by now.
 */
export const search = (
  { addresses, dial, isWanted, nodeId, paceMillis, scope }: Search
): Effect.Effect<void, LinkError> =>
  Effect.gen(function*() {
    let refused = 0
    let last: LinkError | undefined
    const done = yield* Deferred.make<void, LinkError>()
    for (const address of addresses) {
      if (!isWanted()) return
      const over = yield* Deferred.make<void>()
      yield* Effect.forkIn(
        Effect.matchEffect(dial(address), {
          onSuccess: (link) => link.nodeId === nodeId ? Deferred.succeed(done, undefined) : Effect.void,
          onFailure: (error) => {
            // Somebody is there; a connection that the node itself opened may be on its way.
            if (error.reason !== "connect_failed") {
              return unremarkable.has(error.reason) ? Effect.logDebug(error.message) : Effect.logWarning(error.message)
            }
            last = error
            return ++refused === addresses.length ? Deferred.fail(done, error) : Effect.void
          }
        }).pipe(Effect.ensuring(Deferred.succeed(over, undefined))),
        scope
      )
      const jitter = yield* Random.nextBetween(0.9, 1)
      if (address !== addresses.at(-1)) yield* Effect.timeoutOption(Deferred.await(over), paceMillis * jitter)
    }
    if (last !== undefined && refused === addresses.length) return yield* last
    yield* Deferred.await(done)
  })

/** Why a connection that we dialled fails though all is well, or when everybody was told already: two nodes with one ID. */
const unremarkable: ReadonlySet<LinkErrorReason> = new Set([
  ...isConnectedAlready,
  "handshake_closed",
  "duplicate_node",
  "same_node_id",
  "node_id_taken"
])
