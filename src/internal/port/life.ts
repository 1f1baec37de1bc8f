/**
 * What a port needs while something runs in it, and what stands in its mailbox.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Abandoned } from "./abandoned.ts"
import type { Contexts } from "./contexts.ts"
import type { Message } from "./receiver.ts"

/** Something that runs in the port's turn, between two messages. */
export interface Task {
  (): unknown
  /** The message that it handles, if it handles one: with what goes beside it. */
  readonly message?: Message
}

export type Item = Message | Task

/** The message that stands in a mailbox, be it alone or with something beside it. */
export const messageOf = (item: Item | undefined): Message | undefined =>
  typeof item === "function" ? item.message : item

/** Most ports of a large program are at rest, and have none. */
export interface Life extends Contexts {
  /** Handles all that waits, and before that the effect that led to it. Built once. */
  readonly activation: Effect.Effect<void, unknown>
  /** The effect that no plain call can carry out. */
  pending: Effect.Effect<unknown, unknown> | undefined
  /** Only while an activation lasts that needs one. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Whose calls need not be begun. */
  abandoned: Abandoned | undefined
  /** It goes when the pass is over, unless the port is awake then. */
  isGoing: boolean
  /** Since when what was taken up last has been there, and what has come since: as far as the port had to leave it for a while. */
  batchSince: number | undefined
  boxSince: number | undefined
}

const nothing = (): void => {}

/** As long as `goesOn` says so, `handleSome` handles what waits. */
export const makeLife = (
  context: Context.Context<never>,
  goesOn: () => boolean,
  handleSome: () => Effect.Effect<unknown, unknown>
): Life => ({
  context,
  named: context,
  tag: undefined,
  others: undefined,
  activation: Effect.whileLoop({ while: goesOn, body: handleSome, step: nothing }),
  pending: undefined,
  fiber: undefined,
  abandoned: undefined,
  isGoing: false,
  batchSince: undefined,
  boxSince: undefined
})
