/**
 * The framings that we speak, by their names on the wire.
 *
 * @internal
 */
import { makeCborDecoder, makeCborEncoder } from "./cborFraming.ts"
import type { Framing } from "./framing.ts"
import { makeJsonDecoder, makeJsonEncoder } from "./jsonFraming.ts"

export const framings: ReadonlyMap<string, Framing> = new Map([
  ["cbor", { carries: "cbor", makeEncoder: makeCborEncoder, makeDecoder: makeCborDecoder }],
  ["json", { carries: "json", makeEncoder: makeJsonEncoder, makeDecoder: makeJsonDecoder }]
])
