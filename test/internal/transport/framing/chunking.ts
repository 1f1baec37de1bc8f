/** Cuts bytes the way a network might. */
import * as Schema from "effect/Schema"

/** Sizes of chunks, to be repeated until all bytes are used up. */
export const ChunkSizes = Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })))

export const inChunks = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    chunks.push(Uint8Array.from(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}
