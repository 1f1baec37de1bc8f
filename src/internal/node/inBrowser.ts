/**
 * What a page has in the place of `onNode.ts`: guests come to those who can be dialled, and nobody reads the metrics of a page.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { GuestLimits, GuestOptions } from "./guestLimits.ts"
import type { GuestsOfNode } from "./guests.ts"
import { Registry } from "./registry.ts"

export const wrongGuests = (guests: boolean | GuestOptions): string | undefined =>
  guests === false ? undefined : "a node in a browser takes none"

export const limitsForGuests = (): GuestLimits | undefined => undefined

export const guestsOf = (): GuestsOfNode => ({
  requests: new Registry(),
  functions: new Registry(),
  isKnown: () => false,
  count: 0,
  isOpen: () => false,
  refusalOf: () => ["auth_failed", "it is a guest, and this node takes none"],
  linked: () => {},
  wentDown: () => {},
  receive: () => {},
  hasRead: () => {},
  follow: () => {},
  unfollow: () => {}
})

export const measure = (): Effect.Effect<void> => Effect.void
