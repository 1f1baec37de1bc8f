/**
 * `EMP_TRACE=1`: a line on standard error for each message that is sent or comes, as AEMP's own trace shows it: the other node, and
 * the name of the port before the message.
 *
 * @internal
 */
import type { Router } from "../../node/router.ts"
import { nameOf, nodeOf } from "../../values/portId.ts"

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

/** Shows what a node sends and what comes to it from now on: over its links, and from port to port inside it. */
export const traceMessages = (router: Router, write: (line: string) => void): void =>
  router.traceWith({
    sent: (to, message) => write(`SND ${nodeOf(to)} <- ${show([nameOf(to), ...message])}`),
    received: (port, from, message) => write(`RCV ${from} -> ${show([nameOf(port), ...message])}`)
  })
