/**
 * What is logged of the links of a node: that one stands, and why one was lost.
 *
 * @internal
 */
import type { Link } from "../transport/link.ts"
import { inWords, type LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import type { NodeLog } from "./nodeLog.ts"
import type { Peer } from "./peer.ts"

/** What the other side of a link is, where, and whether others can read along. */
const describeLink = ({ address, kind, security }: Link): string =>
  `${kind === "own" ? "effect-mp" : "AnyEvent::MP"} at ${address}, ${security.tls?.version ?? "without TLS"}`

/** Guests come and go as their users like: whoever wants to read that asks for it. */
export const tellOfLink = (log: NodeLog, link: Link): void =>
  link.guestUntil === undefined
    ? log.life("up", `node ${link.nodeId} is up: ${describeLink(link)}`, link.nodeId)
    : log.debug(`guest ${link.nodeId} is here: ${describeLink(link)}`)

/** Why links end that would stand otherwise, and may end for that again. */
const mistakes: ReadonlySet<LinkErrorReason> = new Set([
  "ended_by_peer",
  "bad_packet",
  "packet_too_large",
  "unsendable",
  "not_for_guests",
  "guest_limit",
  "buffer_overflow"
])

/** In words. When this node stops, it loses all of them, and says nothing. */
export const tellOfLoss = (nodeLog: NodeLog, { isGuest, nodeId }: Peer, error: LinkError): void => {
  const log = nodeLog.about({ error: error.reason })
  // There may be many of them, and each may come again.
  if (isGuest && mistakes.has(error.reason)) {
    log.about({ peer: nodeId }).warnSome("mistakes of guests", `lost the link to guest ${error.message}`)
  } else if (isGuest) log.debug(`guest ${nodeId} is gone: ${inWords(error)}`)
  else if (mistakes.has(error.reason)) {
    log.about({ peer: nodeId }).warnSome(`mistakes of ${nodeId}`, `lost the link to ${error.message}`)
  } else if (error.reason === "node_left") log.life("down", `node ${nodeId} has left: it stopped in order`, nodeId)
  else if (error.reason !== "node_stopped") log.life("down", `node ${nodeId} is down: ${inWords(error)}`, nodeId)
}
