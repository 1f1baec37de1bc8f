/**
 * The framings that we speak, by their names on the wire.
 *
 * @internal
 */
import { cbor } from "./cbor.ts"
import type { Framing } from "./framing.ts"
import { json } from "./json.ts"

export const framings: ReadonlyMap<string, Framing> = new Map([["cbor", cbor], ["json", json]])
