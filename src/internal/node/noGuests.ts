/**
 * The guests of a node as the rest of it sees them, and what a node does about them that takes none.
 *
 * @internal
 */
import type { Message } from "../port/receiver.ts"
import type { Link } from "../transport/link.ts"
import type { LinkErrorReason } from "../transport/linkError.ts"
import type { Peer } from "./peer.ts"
import { Registry, type Request } from "./registry.ts"

/** The guests of a node. */
export interface GuestsOfNode {
  /** What rooms above do with requests of guests. */
  readonly requests: Registry<Request>
  /** Functions by which guests may have ports made. */
  readonly functions: Registry<true>
  /** Whether the network has a node with this ID, as far as whoever keeps the addresses knows. */
  isKnown: (nodeId: string) => boolean
  /** How many there are. */
  readonly count: number
  /** When the ticket of a guest ends, in milliseconds since 1970; nothing of a node that is no guest, or is gone. */
  untilOf(nodeId: string): number | undefined
  /** Whether a port of this node is open to all guests. */
  isOpen(port: string): boolean
  /** Why a guest that says it has this ticket is not let in; nobody has authenticated yet. */
  refusalOf(
    nodeId: string,
    expires: number | undefined,
    address: string
  ): readonly [LinkErrorReason, string] | undefined
  /** A guest has a link. */
  linked(peer: Peer, link: Link, until: number): void
  wentDown(nodeId: string): void
  receive(peer: Peer, name: unknown, message: Message): void
  /** What has come and is no message, a part of one or signs of life, counts as well. */
  hasRead(peer: Peer): void
  /** A guest follows a family, until `unfollow` or the end of its link. `begin` answers how to end that. */
  follow(nodeId: string, family: string, begin: () => () => void): void
  unfollow(nodeId: string, family: string): void
}

export const notTaken: readonly [LinkErrorReason, string] = ["auth_failed", "it is a guest, and this node takes none"]

/** Those of a node that takes none. */
export const noGuests = (): GuestsOfNode => ({
  requests: new Registry(),
  functions: new Registry(),
  isKnown: () => false,
  count: 0,
  untilOf: () => undefined,
  isOpen: () => false,
  refusalOf: () => notTaken,
  linked: () => {},
  wentDown: () => {},
  receive: () => {},
  hasRead: () => {},
  follow: () => {},
  unfollow: () => {}
})
