/**
 * Requests to the node port of a node of our own kind, that links themselves make or look into.
 *
 * @internal
 */
import type { Message } from "../values/plainData.ts"

export const ownRequests = {
  /** Asks for a sign of life on this very link, or, with a number, for an answer that has it. */
  probe: "emp_probe",
  /** The answer: `emp_probed NUMBER`. */
  probed: "emp_probed",
  /** The sender stops, in order. */
  bye: "emp_bye",
  /** The sender ends this link for a mistake of the receiver: `emp_end REASON DETAIL`. */
  end: "emp_end",
  /** A message with what goes beside it: `emp_aside ASIDE NAME MESSAGE...`. */
  aside: "emp_aside",
  /** Another live node, at this address, has the node ID of the receiver. */
  duplicate: "emp_duplicate"
} as const

const all: ReadonlyArray<unknown> = Object.values(ownRequests)

/** Whether what is sent under this name, none for the node port, is such a request. */
export const isOfLink = (name: unknown, [request]: Message): boolean => name === "" && all.includes(request)

/** A message for the port of this name, as a request, with what goes beside it as plain data. */
export const withAside = (aside: unknown, name: string, message: Message): Message => [
  ownRequests.aside,
  aside,
  name,
  ...message
]

/** Whether what is sent under this name, none for the node port, is a message for a port and no request to the node. */
export const isForPort = (name: unknown, message: Message): boolean => name !== "" || message[0] === ownRequests.aside

/** What such a request holds, of which nothing is checked; `undefined` if it is another one. */
export const readAside = (
  request: Message
): { readonly aside: unknown; readonly to: unknown; readonly message: Message } | undefined =>
  request[0] === ownRequests.aside ? { aside: request[1], to: request[2], message: request.slice(3) } : undefined
