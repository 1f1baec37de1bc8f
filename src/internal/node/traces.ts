/**
 * Who looks at the messages of a node.
 *
 * @internal
 */
import type { Message } from "../port/receiver.ts"

/** Sees each message that is sent or comes, but for those by which links tell that they live. */
export interface Trace {
  readonly sent: (to: string, message: Message) => void
  readonly received: (port: string, from: string, message: Message) => void
}

/** All of them in one: nothing if there is none, and messages cost nothing more. */
export const together = (traces: Iterable<Trace>): Trace | undefined => {
  const all = Array.from(traces)
  if (all.length < 2) return all[0]
  return {
    sent: (to, message) => {
      for (const { sent } of all) sent(to, message)
    },
    received: (port, from, message) => {
      for (const { received } of all) received(port, from, message)
    }
  }
}
