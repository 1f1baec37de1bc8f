/**
 * What a node holds at a moment, in numbers.
 *
 * @internal
 */
import type { Router } from "./router.ts"

/** Documented as `Node.Gauges`. */
export interface Gauges {
  readonly ports: number
  readonly links: number
  readonly searches: number
  readonly handshakes: number
  readonly queuedMessages: number
  readonly unsentBytes: number
  readonly waitingSenders: number
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
    queuedMessages: sum((peer) => peer.queued),
    unsentBytes: sum((peer) => peer.link?.buffered ?? 0),
    waitingSenders: sum((peer) => peer.senders),
    refusedMessages: router.counts.refused
  }
}
