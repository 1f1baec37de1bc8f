/**
 * Results of handlers that need no fiber of their own: nothing at all, an `Exit`, an `Effect.sync`, a `Port.snd`. A fiber costs several
 * times what such a handler does, so a port carries them out on the spot. The caller must be inside a fiber, as the run loop would be:
 * what an `Effect.sync` runs may ask for the current one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const thunk = (): void => {}
const probe = Effect.sync(thunk)

const successPrototype: unknown = Object.getPrototypeOf(Exit.void)
const syncPrototype: unknown = Object.getPrototypeOf(probe)
/** Where an `Effect.sync` keeps its function. Asked of Effect itself: if it is nowhere, such effects run as all others. */
const thunkKey = Object.entries(probe).find(([, value]) => value === thunk)?.[0]

export const isSuccess = (result: unknown): boolean => Object.getPrototypeOf(result) === successPrototype

/** What an `Effect.sync` does, if the result is one. What that throws goes up, as in a fiber. */
export const syncOf = (result: unknown): (() => unknown) | undefined =>
  Object.getPrototypeOf(result) === syncPrototype && thunkKey !== undefined
    // The key was found on an object with this very prototype.
    ? (result as Record<string, () => unknown>)[thunkKey]
    : undefined
