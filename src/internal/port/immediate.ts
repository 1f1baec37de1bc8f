/**
 * Results of handlers that need no fiber: nothing at all, an `Exit.Success`, an `Effect.sync`. A pass of Effect's run
 * loop costs several times what such a handler does, so a port runs them on the spot. The caller must be inside a fiber,
 * as the run loop would be.
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

/** Runs the result if that takes no fiber, and answers whether it did. What the handler throws goes up, as in a fiber. */
export const runImmediately = (result: unknown): boolean => {
  if (result === undefined || result === null) return true
  const prototype: unknown = Object.getPrototypeOf(result)
  if (prototype === successPrototype) return true
  // What is no Effect counts as done.
  if (prototype !== syncPrototype || thunkKey === undefined) return !Effect.isEffect(result)
  // The key was found on an object with this very prototype.
  const run = (result as Record<string, () => unknown>)[thunkKey]!
  run()
  return true
}
