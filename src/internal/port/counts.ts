/**
 * What the ports of a node have done since it started, in plain numbers: a message adds to them, and whoever wants to know reads them.
 *
 * @internal
 */
import { Durations } from "./durations.ts"

/** Why a message has reached no handler, and nobody was told. */
export interface Dropped {
  /** Its port had ended, or never was. */
  no_port: number
  /** Its port ended while the message waited there. */
  port_ended: number
  /** A call whose caller waited no longer when its turn came. */
  expired: number
  /** It waited for a link, and there is none. */
  no_link: number
}

export class Counts {
  /** Messages that a handler was called for: each port tells of its own when it is done with some. */
  handled = 0
  /** Messages that a port did not take, and lived on. */
  refused = 0
  readonly dropped: Dropped = { no_port: 0, port_ended: 0, expired: 0, no_link: 0 }
  /** Calls of programs on this node, by what has become of them. */
  readonly calls = { open: 0, answered: 0, failed: 0, abandoned: 0 }
  /** How long it takes until a call is answered. */
  readonly latency = new Durations()
  /** How long handlers take, with what their effects wait for. */
  readonly handling = new Durations()
  /** Notes how long the handler took that is being called now, if that is measured: whoever carries on with it takes it. */
  measuring: (() => void) | undefined = undefined

  haveHandled(messages: number): void {
    this.handled += messages
    this.handling.pass(messages)
  }

  get allDropped(): number {
    const { expired, no_link, no_port, port_ended } = this.dropped
    return expired + no_link + no_port + port_ended
  }
}
