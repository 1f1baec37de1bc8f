/**
 * The `cbor` framing: CBOR data items (RFC 8949), one after the other. What comes whole and is usual, `CborDecoder` reads in one pass.
 * All else `CborScanner` looks at before: it finds where the packet ends, in chunks of any size, and refuses what must not get in.
 *
 * @internal
 */
import { CborDecoder } from "./cborDecoder.ts"
import { CborScanner, type LongStrings } from "./cborScanner.ts"
import { CborWriter } from "./cborWriter.ts"
import { type Decoder, type Framing, limitsOf, Partial } from "./framing.ts"
import { GatheredBytes } from "./receivedBytes.ts"

/** A packet that came in several chunks, or is unusual: its long byte strings, and all else. */
class CutPacket implements LongStrings {
  private readonly rest = new Partial()
  private readonly long = new GatheredBytes()
  /** What stands before this index of the chunk was kept. */
  private kept = 0

  begin(length: number): void {
    this.long.begin(length)
  }

  content(chunk: Uint8Array, from: number, to: number): void {
    if (from > this.kept) this.rest.keep(chunk.subarray(this.kept, from))
    this.long.add(chunk.subarray(from, to))
    this.kept = to
  }

  /** It begins, or goes on, here. */
  startAt(at: number): void {
    this.kept = at
  }

  /** It goes on in the next chunk. */
  keep(chunk: Uint8Array): void {
    if (chunk.length > this.kept) this.rest.keep(chunk.subarray(this.kept))
  }

  /** It ends before `to`. */
  end(chunk: Uint8Array, to: number): { readonly rest: Uint8Array; readonly long: Array<Uint8Array> } {
    return { rest: this.rest.take(chunk.subarray(this.kept, to)), long: this.long.take() }
  }
}

const makeDecoder: Framing["makeDecoder"] = ({ damaged = () => {}, kind, maxMessageSize }, deliver): Decoder => {
  const limits = limitsOf(maxMessageSize)
  const decoder = new CborDecoder(kind, limits, deliver, damaged)
  const cut = new CutPacket()
  // What is text for Perl stays where all else is.
  const scanner = new CborScanner(limits, kind === "own" ? cut : undefined)
  return (bytes) => {
    let at = 0
    while (at < bytes.length) {
      if (scanner.isBetween) at = decoder.pass(bytes, at)
      if (at === bytes.length) return
      cut.startAt(at)
      at = scanner.scan(bytes, at)
      if (!scanner.isBetween) return cut.keep(bytes)
      const { long, rest } = cut.end(bytes, at)
      if (!decoder.vetted(rest, long)) return
    }
  }
}

export const cbor: Framing = {
  carries: { own: "cbor", perl: "cbor" },
  makeBuffer: (kind, wire) => new CborWriter(kind, wire),
  makeDecoder,
  emptyPacket: Uint8Array.of(0x80)
}
