/**
 * How a node reaches others, as the node itself sees it. `connections.ts` does it through a transport; a node without one
 * has nobody to reach.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Channel } from "../transport/data/channel.ts"
import type { Link } from "../transport/link.ts"
import { LinkError } from "../transport/linkError.ts"
import { bare, inScopes, wrongSeed } from "../values/address.ts"
import type { GuestLimits } from "./guestLimits.ts"
import { check, type InvalidOption } from "./options.ts"
import type { Renewal } from "./ownProof.ts"
import type { Peer } from "./peer.ts"

/** Where a node lives: its addresses, none if it is not known. What fills it stands above the node. */
export type FindAddresses = (nodeId: string) => Effect.Effect<ReadonlyArray<string>>

export interface Network {
  /** Listens on all addresses, as long as the scope is open. Others can dial `addresses` from then on. */
  listen(binds: ReadonlyArray<string>): Effect.Effect<void, LinkError, Scope.Scope>
  /** From now on no node is searched for: whoever waits for one is told at once. */
  stop(): void
  /** Addresses under which others reach this node, now. Those with a label are for nodes that dial by it. */
  readonly addresses: ReadonlyArray<string>
  /** Why nobody is reached now, over no transport that this node has or listens on; `undefined` if that is not so. */
  readonly away: string | undefined
  /** `watcher` is called when `addresses` has changed. The result ends that. */
  onMoved(watcher: () => void): () => void
  /** What is wrong with the address of a seed; `undefined` if nothing is. */
  wrongSeed(text: string): string | undefined
  /** Of these addresses those that this node dials, without their labels, the best first. */
  dialable(addresses: ReadonlyArray<string>): ReadonlyArray<string>
  /** How many incoming connections are in their handshakes. */
  readonly handshaking: number
  /** Changes what handshakes that begin later go by. */
  renew(renewal: Renewal): Effect.Effect<void, InvalidOption>
  /** What guests may take of this node; `undefined`: none are let in. */
  readonly guestLimits: GuestLimits | undefined
  /** Whether this node is a guest itself. */
  readonly isGuest: boolean
  /** A ticket of the first secret, for a node ID and until so many seconds after 1970; nothing without a secret. */
  ticketFor(nodeId: string, expires: number): string | undefined
  /** Whether the guest of a link has proven that it has another ticket, which ends then. */
  isNewTicket(link: Link, expires: number, proof: string): boolean
  /** How long a handshake may take, and the cap of all retry delays. */
  readonly monitorTimeoutMillis: number
  /** How large a message this node takes: bytes. */
  readonly maxMessageSize: number
  /** Asks this address book, until the result takes it back. Of several the one that came last is asked. */
  addressBook(find: FindAddresses): () => void
  /** Looks for a peer, in the background. Ends in its `up` or `lost`. */
  search(peer: Peer): void
  /** The addresses that this one stands for: it may be a name with several. */
  resolve(address: string): Effect.Effect<ReadonlyArray<string>, LinkError>
  /**
   * Dials one address. `authenticated` is told the node ID behind it as soon as that is proven: before the link is up, and even
   * if there will be none, since there is another one with the node.
   */
  dial(address: string, authenticated?: (nodeId: string) => void): Effect.Effect<Link, LinkError>
  /** Whether this side has dialled the link. */
  hasDialled(link: Link): boolean
  /** Dials the node of a link for a data connection of this number, which both know of. */
  dialData(link: Link, number: string): Effect.Effect<void, LinkError>
  /** Watches over a data connection as over its link, until the result ends that. */
  watch(channel: Channel, link: Link): () => void
}

/** That of a node without a transport. */
export const noNetwork: Network = {
  listen: () => Effect.void,
  stop: () => {},
  addresses: [],
  away: undefined,
  onMoved: () => () => {},
  wrongSeed: (text) => wrongSeed(text, [bare]),
  dialable: (addresses) => inScopes(addresses, []),
  handshaking: 0,
  // Nobody asks what it proves itself with; what is wrong is wrong here too.
  renew: (renewal) => Effect.asVoid(check(renewal, "local", "")),
  guestLimits: undefined,
  isGuest: false,
  ticketFor: () => undefined,
  isNewTicket: () => false,
  monitorTimeoutMillis: 30_000,
  maxMessageSize: Infinity,
  addressBook: () => () => {},
  search: (peer) => peer.lost(new LinkError({ reason: "no_known_address", peer: peer.nodeId })),
  resolve: (address) => Effect.succeed([address]),
  dial: (address) => Effect.fail(new LinkError({ reason: "no_network", peer: address })),
  hasDialled: () => false,
  dialData: ({ nodeId }) => Effect.fail(new LinkError({ reason: "no_network", peer: nodeId })),
  watch: () => () => {}
}
