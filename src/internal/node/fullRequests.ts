/**
 * Requests among our own kind that say more than the protocol can, and what the protocol has in their place for all others.
 *
 * @internal
 */
import type { Message } from "../port/receiver.ts"

/** The request that spawns a port, by the name of the Perl function that serves it there. */
export const spawnRequest = "AnyEvent::MP::_spawn"

/** `emp_refused NAME REASON...`: a port did not take the call that the port of this name waits for. Never sent to others. */
export const refusedRequest = "emp_refused"

/** `emp_abandoned NAME CALLER`: nobody waits any more for what the port of this name was asked by that of the caller. Never sent to others. */
export const abandonedRequest = "emp_abandoned"

/** `emp_ticket EXPIRES PROOF`: the sender, a guest, has a new ticket, by which its link goes from now on. Never sent to others. */
export const ticketRequest = "emp_ticket"

export const fullRequests = {
  /** `emp_spawn OWNER NAME FUNCTION ARG...`: the new port ends when its owner does, a port of the sender or the sender itself. */
  spawn: "emp_spawn",
  /** `emp_finish NAME REASON...`: the port finishes the message that it has in hand, and ends. */
  finish: "emp_finish"
} as const

/** A request for the node port as nodes of any kind understand it: as much as the protocol can say of it. */
export const inProtocol = (message: Message): Message => {
  const [request, first, ...rest] = message
  if (request === fullRequests.spawn) return [spawnRequest, ...rest]
  if (request === fullRequests.finish) return ["kil1", first, ...rest]
  return message
}
