/**
 * What a node holds at a moment, in numbers.
 *
 * @internal
 */
import type { Router } from "./router.ts"

/** Documented as `Node.Gauges`. */
export interface Gauges {
  /** Ports that live, without the node port. */
  readonly ports: number
  /** Other nodes that there is a link to. */
  readonly links: number
  /** Other nodes that are being found and dialled. */
  readonly searches: number
  /** Incoming connections that have not become links yet. */
  readonly handshakes: number
  /** Ends of streams of bytes that are open, or about to be: `Port.bytes`, `Port.bytesTo`. */
  readonly byteStreams: number
  /** Messages that wait for a link. */
  readonly queuedMessages: number
  /** Bytes that were sent on links, and have not left the process. */
  readonly unsentBytes: number
  /** Senders that wait for room on a link. */
  readonly waitingSenders: number
  /** How many messages ports have refused since the node started: the option `invalid` of `Port.make`. */
  readonly refusedMessages: number
}

export const read = (router: Router): Gauges => {
  const peers = Array.from(router.peers.values())
  const sum = (of: (peer: (typeof peers)[number]) => number): number =>
    peers.reduce((total, peer) => total + of(peer), 0)
  return {
    ports: router.ports.size - 1,
    links: sum((peer) => peer.state === "up" ? 1 : 0),
    searches: sum((peer) => peer.state === "connecting" ? 1 : 0),
    handshakes: router.network.handshaking,
    byteStreams: router.data.count,
    queuedMessages: sum((peer) => peer.queued),
    unsentBytes: sum((peer) => peer.link?.buffered ?? 0),
    waitingSenders: sum((peer) => peer.senders),
    refusedMessages: router.counts.refused
  }
}
