/**
 * What a page has in the place of `onNode.ts`. It is one file, of which bundlers leave out what the page does not use: not so with `import()`,
 * for which some of them wrap up all modules that it leads to.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as profiles from "./profile.ts"
import * as texts from "./variables.ts"

export const loadVariables = Effect.succeed(texts)

export const loadProfile = Effect.succeed(profiles)
