/**
 * What both ends of a data connection have in common, as they are without a connection, a clock or a fiber.
 *
 * @internal
 */
import type { FrameEvents } from "./frames.ts"

/** How it is over. */
export type Ending =
  /** The receiver has taken all that the sender had. */
  | { readonly _tag: "Done" }
  /** The other end gives up, and says why. */
  | { readonly _tag: "GivenUp"; readonly why: string }
  /** This end does. */
  | { readonly _tag: "Left"; readonly why: string }

/** Where an end of a data connection writes to. */
export interface Outlet {
  write(bytes: Uint8Array): void
  /** Whether so much has not left yet that more would only take memory. */
  readonly isFull: boolean
}

export interface Flow extends FrameEvents {
  /** Which end it is. */
  readonly role: "sender" | "receiver"
  readonly isOver: boolean
  /** Whether all has come: then this end needs the connection no more. */
  readonly isComplete: boolean
  /** Called once, when it is over: what was written before is to leave yet. */
  whenOver: (ending: Ending) => void
  /** The connection stands: what this end has to say goes there from now on. */
  attach(outlet: Outlet): void
  /** What was written has left. */
  drained(): void
  /** Gives up, and tells the other end why. */
  leave(why: string): void
}
