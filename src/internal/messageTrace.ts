/**
 * `EMP_TRACE=1`: a line on standard error for each message that is sent or comes. Nothing of it is on the way of a message
 * otherwise.
 *
 * @internal
 */
import type { Router } from "./router.ts"

/** Of a message so much is shown. */
const widest = 200

const show = (message: ReadonlyArray<unknown>): string => {
  let text: string
  try {
    text = JSON.stringify(message, (_, value: unknown) => typeof value === "bigint" ? `${value}n` : value)
  } catch {
    text = String(message)
  }
  return text.length > widest ? `${text.slice(0, widest)}…` : text
}

/** Shows what passes through a node from now on. */
export const traceMessages = (router: Router, write: (line: string) => void): void => {
  const { offer, receive, send } = router
  router.send = (to, message) => {
    write(`SND ${to} ${show(message)}`)
    send.call(router, to, message)
  }
  router.offer = (to, message) => {
    const isSent = offer.call(router, to, message)
    if (isSent) write(`SND ${to} ${show(message)}`)
    return isSent
  }
  router.receive = (peer, packet) => {
    write(
      `RCV ${router.nodeId}${packet[0] === "" ? "" : `#${String(packet[0])}`} from ${peer.nodeId} ${
        show(packet.slice(1))
      }`
    )
    return receive.call(router, peer, packet)
  }
}
