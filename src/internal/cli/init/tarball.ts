/**
 * Looks into a tarball of npm: what its `package.json` says.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { gunzipSync } from "node:zlib"

/** A version becomes part of a file name. */
const Packed = Schema.Struct({
  name: Schema.String,
  version: Schema.String.pipe(Schema.check(Schema.isPattern(/^\d[\w.+-]*$/)))
})
export type Packed = typeof Packed.Type

/** Tar is made of these: a header, then the content in as many as it needs. */
const blockBytes = 512

/** Nobody packs so much, and nothing that is packed so well is to fill the memory. */
const mostBytes = 512 * 1024 * 1024

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Packed))

/** npm packs everything in one folder, whatever that is called. Nothing, if it is no such tarball. */
export const packedIn = (bytes: Uint8Array): Option.Option<Packed> => {
  const tar = unzipped(bytes)
  for (let at = 0; at + blockBytes <= tar.length;) {
    const header = tar.subarray(at, at + blockBytes)
    const sizeBytes = Number.parseInt(textIn(header, 124, 136), 8)
    if (!(sizeBytes >= 0)) return Option.none()
    const begins = at + blockBytes
    if (/^[^/]+\/package\.json$/.test(textIn(header, 0, 100))) {
      return decode(tar.toString("utf8", begins, begins + sizeBytes))
    }
    at = begins + Math.ceil(sizeBytes / blockBytes) * blockBytes
  }
  return Option.none()
}

const unzipped = (bytes: Uint8Array): Buffer => {
  try {
    return gunzipSync(bytes, { maxOutputLength: mostBytes })
  } catch {
    return Buffer.alloc(0)
  }
}

/** A field of a header, which may end with a zero. */
const textIn = (header: Buffer, start: number, end: number): string =>
  header.toString("latin1", start, end).split("\0")[0] ?? ""
