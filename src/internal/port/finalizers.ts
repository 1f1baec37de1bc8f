/**
 * Finalizers that a scope gets and gives back at once, without a fiber: a program makes and ends ports by the million, and monitors
 * too. Effect's own functions need a fiber to add one, and take none back but by a scope of its own, which holds 300 bytes. What they
 * do to the state of a scope, which is public, is done here as they do it; `finalizers.test.ts` fails if Effect changes that.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

type Finalizer = (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>

const empty: Scope.State.Empty = { _tag: "Empty" }

/** Adds a finalizer under a key that is its owner. Answers how the scope was closed, if it is: then it adds nothing. */
export const addFinalizer = (
  scope: Scope.Scope,
  key: object,
  finalizer: Finalizer
): Exit.Exit<unknown, unknown> | undefined => {
  const { state } = scope
  if (state._tag === "Closed") return state.exit
  if (state._tag === "Empty") {
    scope.state = { _tag: "Open", finalizerKey: key, finalizer, finalizers: undefined }
  } else if (state.finalizers !== undefined) {
    state.finalizers.set(key, finalizer)
  } else {
    // The only one stands in the state itself; the second one makes a Map of them.
    state.finalizers = new Map([[state.finalizerKey!, state.finalizer!], [key, finalizer]])
    state.finalizerKey = state.finalizer = undefined
  }
  return undefined
}

/** Takes a finalizer back. A scope that is closed has run it, or runs it now. */
export const removeFinalizer = (scope: Scope.Scope, key: object): void => {
  const { state } = scope
  if (state._tag !== "Open") return
  if (state.finalizerKey === key) scope.state = empty
  else if (state.finalizers?.delete(key) === true && state.finalizers.size === 0) scope.state = empty
}
