import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** For how long, at most, the event loop has kept a timer waiting since this was called, in milliseconds; ends with the scope. */
export const watchLoop: Effect.Effect<() => number, never, Scope.Scope> = Effect.gen(function*() {
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 1)
  yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(timer)))
  return () => longest
})
