/**
 * The framings that we speak, by their names on the wire.
 *
 * @internal
 */
import { makeCborDecoder, makeCborEncoder } from "./cbor.ts"
import type { Framing } from "./framing.ts"
import { makeJsonDecoder, makeJsonEncoder } from "./json.ts"

export const framings: ReadonlyMap<string, Framing> = new Map([
  ["cbor", { carries: { own: "cbor", perl: "cbor" }, makeEncoder: makeCborEncoder, makeDecoder: makeCborDecoder }],
  ["json", { carries: { own: "json", perl: "perlJson" }, makeEncoder: makeJsonEncoder, makeDecoder: makeJsonDecoder }]
])
