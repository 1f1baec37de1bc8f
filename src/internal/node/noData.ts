/**
 * Streams of bytes as the rest of a node sees them: what nodes say to each other of them, and what a node answers of which no program has
 * anything to do with them.
 *
 * @internal
 */
import type { Greeting } from "../transport/handshake/greeting.ts"
import type { Link } from "../transport/link.ts"
import type { LinkError } from "../transport/linkError.ts"
import type { Wire, WireEvents } from "../transport/wire.ts"

/** Requests among our own kind. `NUMBER` is what the two nodes call the connection; nobody else knows it. */
export const dataRequests = {
  /** `emp_bytes ID NUMBER`: the sender of this would send bytes to the receiver's place of this ID. */
  begin: "emp_bytes",
  /** `emp_bytes_dial NUMBER [WHY]`: the receiver of this is to dial; the sender expects it, and could not dial itself, if it says why. */
  dial: "emp_bytes_dial",
  /** `emp_bytes_off NUMBER REASON [DETAIL]`: nothing will come of it. */
  off: "emp_bytes_off"
} as const

/** The streams of bytes of a node. */
export interface Data {
  /** How many there are. */
  readonly count: number
  /** Whether there is none, and nobody has to be told that one is over. */
  readonly isIdle: boolean
  /** Calls back as soon as there is none. */
  awaitIdle(act: () => void): void
  /** Whether bytes of guests are awaited under this ID. */
  isOpenToGuests(id: string): boolean
  /** How many streams there are with such nodes. */
  countWith(isOne: (nodeId: string) => boolean): number
  /** Another node would send bytes to a place of ours. */
  begins(link: Link, id: unknown, number: string): void
  /** It expects us to dial. */
  dials(link: Link, number: string, why: unknown): void
  /** Nothing will come of it. */
  off(link: Link, number: string, reason: unknown, detail: unknown): void
  /** Whether somebody who has proven who it is dials for a stream of bytes that this node knows. */
  isExpected(number: string, greeting: Greeting): boolean
  /** The handshake of a connection is done: answers what goes on with it, or nothing, if nobody waits for it any more. */
  attach(number: string, greeting: Greeting, wire: Wire): WireEvents | undefined
  /** The link with a node is lost, and with it all streams of bytes. */
  wentDown(nodeId: string, error: LinkError): void
}

/** What answers need of the node. */
interface DataHost {
  readonly nodeId: string
  drains(nodeId: string): boolean
  request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void
}

/** Those of a node that has none. */
export const noData = (host: DataHost): Data => ({
  count: 0,
  isIdle: true,
  awaitIdle: (act) => act(),
  isOpenToGuests: () => false,
  countWith: () => 0,
  begins: ({ nodeId }, _id, number) =>
    host.request(nodeId, dataRequests.off, number, host.drains(host.nodeId) ? "draining" : "not_expected"),
  dials: ({ nodeId }, number) => host.request(nodeId, dataRequests.off, number, "not_expected"),
  off: () => {},
  isExpected: () => false,
  attach: () => undefined,
  wentDown: () => {}
})
