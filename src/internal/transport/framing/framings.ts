/**
 * The framings that we speak, by their names on the wire: `#framings` is this file, or `cborOnly.ts`.
 *
 * @internal
 */
import { cbor } from "./cbor.ts"
import type { Framing } from "./framing.ts"
import { json } from "./json.ts"

export const framings: ReadonlyMap<string, Framing> = new Map([["cbor", cbor], ["json", json]])
