/**
 * What a node holds at a moment, in numbers: for operators, and for Effect's metrics.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
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

const descriptions: Record<keyof Gauges, string> = {
  ports: "Ports of the node",
  links: "Nodes that there is a link to",
  searches: "Nodes that are searched for or dialled",
  handshakes: "Incoming connections that have not authenticated yet",
  queuedMessages: "Messages that wait for a link",
  unsentBytes: "Bytes that were sent on links and have not left the process",
  waitingSenders: "Senders that wait for room",
  refusedMessages: "Messages that ports have refused since the node started"
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

/** Sets a gauge of Effect's metrics for each of them, as `effect_mp_ports` and so on, now and then. */
export const publish = (router: Router): Effect.Effect<never> => {
  const attributes = { node: router.nodeId }
  const metrics = Object.entries(descriptions).map(([name, description]) =>
    [name as keyof Gauges, Metric.gauge(`effect_mp_${snakeCase(name)}`, { description, attributes })] as const
  )
  const update = Effect.suspend(() => {
    const gauges = read(router)
    return Effect.forEach(metrics, ([name, metric]) => Metric.update(metric, gauges[name]), { discard: true })
  })
  return Effect.forever(Effect.andThen(update, Effect.sleep("5 seconds")))
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
