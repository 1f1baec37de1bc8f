/**
 * What a page has in the place of `framings.ts`: whoever it dials knows CBOR.
 *
 * @internal
 */
import { cbor } from "./cbor.ts"
import type { Framing } from "./framing.ts"

export const framings: ReadonlyMap<string, Framing> = new Map([["cbor", cbor]])
