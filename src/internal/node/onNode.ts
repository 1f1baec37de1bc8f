/**
 * What a node does for those that come to it, and for those that look after it: `#hosting` is this file, or `inBrowser.ts`.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Guests } from "./guests.ts"
import { measureLoopDelay } from "./loopDelay.ts"
import { NodeMetrics } from "./metrics.ts"
import type { InvalidOption } from "./options.ts"
import type { Router } from "./router.ts"

export { answerPorts } from "./portList.ts"
export { answerTaps } from "./tap.ts"

/** Whoever has no HTTP server need not load it. */
export const loadProbes = Effect.promise(() => import("./probes.ts"))

/** Guests are let in from now on. */
export const takeGuests = (router: Router): Effect.Effect<void, InvalidOption> =>
  Effect.sync(() => {
    router.guests = new Guests(router)
  })

/** Effect's metrics are there as long as the scope is open. */
export const measure = (router: Router, context: Context.Context<never>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.andThen(
    measureLoopDelay,
    Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => new NodeMetrics(router, context)),
      (metrics) => Effect.sync(() => metrics.remove())
    ))
  )
