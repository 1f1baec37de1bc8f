/**
 * How links come about: incoming connections, dialling, and which of two connections between one pair of nodes stays.
 * Follows protocol sections 12 and 13.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { establish } from "./establish.ts"
import { type Greeting, ownKindKey } from "./greeting.ts"
import type { Identity } from "./handshake.ts"
import type { Link } from "./link.ts"
import { LinkError } from "./linkError.ts"
import type { Peer } from "./peer.ts"
import type { Router } from "./router.ts"
import type { Carrier, Wire } from "./wire.ts"

/** Where a node lives: its addresses, none if it is not known. What fills it stands above the node. */
export type FindAddresses = (nodeId: string) => Effect.Effect<ReadonlyArray<string>>

/** Settings of a node's connections. Times are in milliseconds. */
export interface ConnectionSettings {
  readonly identity: Identity
  /** How long a handshake may take. */
  readonly monitorTimeout: number
  /** How long finding and dialling a node may take. */
  readonly connectInterval: number
  readonly maxMessageSize: number
  /** Random text for the nonce: from a cryptographic source. */
  readonly makeNonce: Effect.Effect<string>
}

/** A handshake for which our auth line has gone out. */
interface Pending {
  /** The node ID of the side that dialled. */
  readonly dialler: string
  readonly over: Deferred.Deferred<void>
}

export class Connections {
  /** Set by whoever knows more nodes. */
  findAddresses: FindAddresses = () => Effect.succeed([])
  private readonly pending = new Map<string, Pending>()
  private readonly router: Router
  private readonly carrier: Carrier
  readonly settings: ConnectionSettings
  private readonly scope: Scope.Scope

  constructor(router: Router, carrier: Carrier, settings: ConnectionSettings, scope: Scope.Scope) {
    this.router = router
    this.carrier = carrier
    this.settings = settings
    this.scope = scope
  }

  /** An incoming connection: becomes a link, or is closed and logged. */
  incoming(wire: Wire): Effect.Effect<void> {
    return Effect.catch(this.handshake(wire, false), (error) =>
      // Both sides dialling at once is nothing to worry about, nor is a seed that finds itself.
      error.detail === crossing || error.reason === "self_connect"
        ? Effect.logDebug(error.message)
        : Effect.logWarning(`refused a connection from ${error.message}`)).pipe(
        Effect.annotateLogs("node", this.router.nodeId),
        Effect.asVoid
      )
  }

  /**
   * Dials one address. `greeted` is told the node ID behind it as soon as it is known, which is before anybody has
   * authenticated.
   */
  dial(address: string, greeted: (nodeId: string) => void = () => {}): Effect.Effect<Link, LinkError> {
    return Effect.flatMap(this.carrier.dial(address, this.router.nodeId), (wire) => this.handshake(wire, true, greeted))
  }

  private handshake(
    wire: Wire,
    dialled: boolean,
    greeted: (nodeId: string) => void = () => {}
  ): Effect.Effect<Link, LinkError> {
    const { settings } = this
    let asked: { readonly nodeId: string; readonly mine: Pending } | undefined
    const admit = (greeting: Greeting) => {
      greeted(greeting.nodeId)
      const mine: Pending = {
        dialler: dialled ? this.router.nodeId : greeting.nodeId,
        over: Deferred.makeUnsafe()
      }
      asked = { nodeId: greeting.nodeId, mine }
      return this.admit(greeting, mine, wire.remote)
    }
    return Effect.flatMap(settings.makeNonce, (nonce) =>
      establish(wire, {
        identity: settings.identity,
        nonce,
        admit,
        accept: (link) => this.router.linked(link),
        maxMessageSize: settings.maxMessageSize
      })).pipe(
        Effect.timeoutOrElse({
          duration: settings.monitorTimeout,
          orElse: () => Effect.fail(new LinkError({ reason: "handshake_timeout", peer: wire.remote }))
        }),
        Effect.onError(() => Effect.sync(() => wire.destroy())),
        Effect.ensuring(Effect.sync(() => {
          if (asked === undefined) return
          if (this.pending.get(asked.nodeId) === asked.mine) this.pending.delete(asked.nodeId)
          Deferred.doneUnsafe(asked.mine.over, Effect.void)
        }))
      )
  }

  /**
   * Whether our auth line may go out on a connection. A second handshake with a Perl node must never complete, and two
   * nodes that both see to that must choose the same one: it is the one dialled by the node with the smaller ID.
   */
  private admit(greeting: Greeting, mine: Pending, remote: string): Effect.Effect<void, LinkError> {
    return Effect.suspend(() => {
      const { nodeId } = greeting
      const refuse = (detail: string) =>
        Effect.fail(new LinkError({ reason: "already_connected", peer: `${remote} (node ${nodeId})`, detail }))
      const peer = this.router.peers.get(nodeId)
      if (peer?.state === "up") {
        const incarnation = greeting.keys.get(ownKindKey)
        const same = incarnation !== undefined && incarnation === peer.link?.incarnation
        return refuse(same ? crossing : `the other one is connected through ${peer.link?.address}`)
      }
      const rival = this.pending.get(nodeId)
      if (rival === undefined) {
        this.pending.set(nodeId, mine)
        return Effect.void
      }
      if (rival.dialler === mine.dialler) return refuse("another handshake with it is under way")
      if (rival.dialler < mine.dialler) return refuse(crossing)
      return Effect.andThen(Deferred.await(rival.over), this.admit(greeting, mine, remote))
    })
  }

  /** Finds a peer and dials its addresses, until it is up or the time is over. */
  connect(peer: Peer): Effect.Effect<void> {
    const { connectInterval } = this.settings
    const failed = (error: LinkError) =>
      Effect.sync(() => {
        if (peer.state === "connecting") peer.lost(error)
      })
    return Effect.flatMap(Effect.suspend(() => this.findAddresses(peer.nodeId)), (addresses) =>
      addresses.length === 0
        ? Effect.fail(new LinkError({ reason: "no_known_address", peer: peer.nodeId }))
        : this.dialAll(peer, addresses)).pipe(
        Effect.timeoutOrElse({
          duration: connectInterval,
          orElse: () => Effect.fail(new LinkError({ reason: "connect_timeout", peer: peer.nodeId }))
        }),
        // An address book of somebody else's making: its defect must not leave the peer connecting for ever.
        Effect.catchDefect((defect) => {
          const error = new LinkError({
            reason: "no_known_address",
            peer: peer.nodeId,
            detail: "the address book failed"
          })
          return Effect.andThen(Effect.logWarning(error.message, defect), Effect.fail(error))
        }),
        Effect.catch(failed),
        Effect.annotateLogs("node", this.router.nodeId)
      )
  }

  /**
   * Dials a list of addresses, each a while after the one before it, or when that one has failed; earlier attempts go
   * on. Only a link to the peer itself ends the search: an address may lead to another node by now.
   */
  private dialAll(peer: Peer, addresses: ReadonlyArray<string>): Effect.Effect<void, LinkError> {
    const { connectInterval, monitorTimeout } = this.settings
    const pace = Math.max(400, Math.min(connectInterval, (monitorTimeout - connectInterval) / addresses.length))
    const up = (): boolean => peer.state !== "connecting"
    return Effect.gen({ self: this }, function*() {
      let refused = 0
      let last: LinkError | undefined
      const done = yield* Deferred.make<void, LinkError>()
      for (const address of addresses) {
        if (up()) return
        const over = yield* Deferred.make<void>()
        // In the node's scope: an attempt that takes longer than this search may still bring the node up.
        yield* Effect.forkIn(
          Effect.matchEffect(this.dial(address), {
            onSuccess: (link) => link.nodeId === peer.nodeId ? Deferred.succeed(done, undefined) : Effect.void,
            onFailure: (error) => {
              // Somebody is there; a connection that it opened itself may be on its way.
              if (error.reason !== "connect_failed") return Effect.void
              last = error
              return ++refused === addresses.length ? Deferred.fail(done, error) : Effect.void
            }
          }).pipe(Effect.ensuring(Deferred.succeed(over, undefined))),
          this.scope
        )
        const jitter = yield* Random.nextBetween(0.9, 1)
        if (address !== addresses.at(-1)) yield* Effect.timeoutOption(Deferred.await(over), pace * jitter)
      }
      if (last !== undefined && refused === addresses.length) return yield* last
      yield* Deferred.await(done)
    })
  }
}

const crossing = "both sides opened a connection at once; the other one stays"
