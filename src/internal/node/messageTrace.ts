/**
 * Each message that a node sends or gets, for people who look for a mistake: as a value for programs, and as a line on standard error, as
 * AEMP's own trace shows it (`EMP_TRACE=1`): the other node, and the name of the port before the message.
 *
 * @internal
 */
import { printError } from "#platform"
import type { Message } from "../port/receiver.ts"
import { nameOf, nodeOf } from "../values/portId.ts"
import { shownWithin } from "../values/shown.ts"
import type { Router } from "./router.ts"

/** Documented as `Node.TraceLine`. */
export interface TraceLine {
  /** `sent`, also from port to port within the node; or `received`, from another node. */
  readonly way: "sent" | "received"
  /** The other node, or this one where the message stays in it. */
  readonly node: string
  /** The ID of the port that the message is for. */
  readonly port: string
  /** The tag and the arguments. */
  readonly message: Message
}

/** Of a message so much is shown. */
const widest = 200

/** `SND NODE <- [PORT, MESSAGE...]`, `RCV NODE -> [PORT, MESSAGE...]`. */
export const writeLine = ({ message, node, port, way }: TraceLine): void => {
  const shown = shownWithin([nameOf(port), ...message], widest)
  printError(way === "sent" ? `SND ${node} <- ${shown}` : `RCV ${node} -> ${shown}`)
}

/** Shows what a node sends and what comes to it: over its links, and from port to port inside it. The result ends that. */
export const traceMessages = (router: Router, show: (line: TraceLine) => unknown): () => void => {
  const told = (line: TraceLine): void => router.log.guarded("a trace of messages failed", () => show(line))
  return router.trace({
    sent: (to, message) => told({ way: "sent", node: nodeOf(to), port: to, message }),
    received: (port, from, message) => told({ way: "received", node: from, port, message })
  })
}
