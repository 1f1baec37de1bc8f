/**
 * `EMP_TRACE=1`: a line on standard error for each message that is sent or comes. Nothing of it is on the way of a message
 * otherwise.
 *
 * @internal
 */
import type { Router } from "../../node/router.ts"
import type { Message } from "../../port/cell.ts"
import type { Packet } from "../../transport/framing/framing.ts"
import type { Link } from "../../transport/link.ts"

/** Of a message so much is shown. */
const widest = 200

const replace = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? `${value}n` : value instanceof Uint8Array ? `<${value.length} bytes>` : value

const show = (message: ReadonlyArray<unknown>): string => {
  let text: string
  try {
    text = JSON.stringify(message, replace)
  } catch {
    text = String(message)
  }
  return text.length > widest ? `${text.slice(0, widest)}…` : text
}

/** The port of a node that a packet is for. */
const portOf = (nodeId: string, [name]: Packet): string => name == null || name === "" ? nodeId : `${nodeId}#${name}`

/** Shows what a node sends and what comes to it from now on: over its links, and from port to port inside it. */
export const traceMessages = (router: Router, write: (line: string) => void): void => {
  const { linked, offer, receive, send } = router
  const traceLink = (link: Link): void => {
    const sendPacket = link.send
    link.send = (packet) => {
      // An empty one is a sign of life.
      if (packet.length > 0) write(`SND ${portOf(link.nodeId, packet)} ${show(packet.slice(1))}`)
      sendPacket.call(link, packet)
    }
  }
  const traceLocal = (to: string, message: Message): void => {
    if (router.ports.has(to)) write(`SND ${to} ${show(message)}`)
  }
  for (const { link } of router.peers.values()) if (link !== undefined) traceLink(link)
  router.linked = (link, replaces) => {
    traceLink(link)
    return linked.call(router, link, replaces)
  }
  router.send = (to, message) => {
    traceLocal(to, message)
    send.call(router, to, message)
  }
  router.offer = (to, message) => {
    traceLocal(to, message)
    return offer.call(router, to, message)
  }
  router.receive = (peer, packet) => {
    if (packet.length > 0) write(`RCV ${portOf(router.nodeId, packet)} from ${peer.nodeId} ${show(packet.slice(1))}`)
    return receive.call(router, peer, packet)
  }
}
