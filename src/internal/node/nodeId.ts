/**
 * Node IDs: expansion at start, which follows protocol section 1.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { randomText } from "../values/names.ts"

/** An expanded node ID, and whether a part of it was drawn at random for this process. */
export interface Expanded {
  readonly nodeId: string
  readonly isRandom: boolean
}

/** `%n` is the host name; a trailing `/` gets ten random characters, which `%u` repeats. */
export const expand = (template: string, hostname: string): Effect.Effect<Expanded> =>
  Effect.map(randomText(10), (random) => {
    const named = template.replaceAll("%n", () => hostname)
    const isRandom = named.endsWith("/") || named.includes("%u")
    return { nodeId: (named.endsWith("/") ? named + random : named).replaceAll("%u", random), isRandom }
  })
