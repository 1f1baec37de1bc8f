/**
 * What reads a configuration, which whoever configures in code need not load: `#config` is this file, or `inBrowser.ts`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"

export const loadVariables = Effect.promise(() => import("./variables.ts"))

export const loadProfile = Effect.promise(() => import("./profile.ts"))
