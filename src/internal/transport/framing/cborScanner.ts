/**
 * Finds where CBOR items end, in chunks of any size, without decoding them: every byte is looked at once, and nothing
 * that a header claims is allocated. All that is refused is refused here: what passes can be decoded without a further
 * look, though text may be no UTF-8. Follows RFC 8949 section 3.
 *
 * @internal
 */
import { maxDepth } from "../../values/plainData.ts"
import { FramingError, type Limits, tooManyBytes, tooManyItems } from "./framing.ts"
import { longBytes } from "./receivedBytes.ts"

/** Major types of RFC 8949. */
export const major = {
  positive: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7
} as const

/** The additional information of a header that says: of indefinite length; or, in a simple value: break. */
export const indefinite = 31

/** A byte string that is a number: its tags, for positive and for negative ones. */
export const bignum = { positive: 2, negative: 3 } as const

/** A bignum costs the square of its length to decode. */
const maxBignum = 1024

/** Tags with which an item stands for another one. Perl knows them, and does not use them here. All others are dropped. */
const references: ReadonlyMap<number, string> = new Map([
  [25, "stringref"],
  [28, "shareable"],
  [29, "sharedref"],
  [256, "stringref-namespace"]
])

/** Takes the content of byte strings of `longBytes` and more, if they come in one piece of CBOR. */
export interface LongStrings {
  begin(length: number): void
  content(chunk: Uint8Array, from: number, to: number): void
}

/** No container: between packets. */
const outside = -1
/** No tag. */
const untagged = -1
/** Items that a container of indefinite length still wants. It counts down from here, and never arrives at 0. */
const unknown = -2

const nothing = new Uint8Array(0)

export class CborScanner {
  private readonly limits: Limits
  private readonly long: LongStrings | undefined
  /**
   * What is open: the major type of an array, of a map, or of a string of indefinite length; and the items that it still
   * wants, where keys and values count as two. Those around it wait in the lists.
   */
  private kind: number = outside
  private left = 0
  private readonly outerKinds: Array<number> = []
  private readonly outerLefts: Array<number> = []
  /** The last header was this tag, which says what may come next. */
  private tag = untagged
  /** Where the packet began, from the beginning of the chunk: negative if in an earlier one. */
  private start = 0
  /** Headers of the packet. */
  private items = 0
  /** Bytes of a string that are still to come. */
  private skip = 0
  /** It is one for `long`. */
  private isLong = false
  /** The beginning of a header that was cut by the end of a chunk. */
  private cutHeader: Uint8Array = nothing

  constructor(limits: Limits, long: LongStrings | undefined = undefined) {
    this.limits = limits
    this.long = long
  }

  /** Between two packets: nothing of one was seen. */
  get isBetween(): boolean {
    return this.isOutside && this.cutHeader.length === 0
  }

  private get isOutside(): boolean {
    return this.kind === outside && this.tag === untagged
  }

  /** Looks on through a packet, from `at` on. Answers the index behind it, with `isBetween`; or the end of the chunk. */
  scan(chunk: Uint8Array, at: number): number {
    if (this.isBetween) this.start = at
    while (at < chunk.length) {
      at = this.skip > 0 ? this.content(chunk, at) : this.header(chunk, at)
      if (!this.isBetween) continue
      this.items = this.left = 0
      return at
    }
    this.start -= chunk.length
    return at
  }

  /** Reads a header, if it is whole. Answers the index behind it. */
  private header(chunk: Uint8Array, at: number): number {
    if (this.cutHeader.length > 0) return this.restOfHeader(chunk, at)
    const next = at + headerSize(chunk[at]!)
    if (next > chunk.length) {
      this.cutHeader = Uint8Array.from(chunk.subarray(at))
      return chunk.length
    }
    this.item(chunk, at, next)
    return next
  }

  /** Reads the header that was cut, if what it misses has come. */
  private restOfHeader(chunk: Uint8Array, at: number): number {
    const header = Uint8Array.of(...this.cutHeader, ...chunk.subarray(at, at + 8))
    const size = headerSize(header[0]!)
    const next = at + size - this.cutHeader.length
    this.cutHeader = next > chunk.length ? header : nothing
    if (next > chunk.length) return chunk.length
    this.item(header, 0, next)
    return next
  }

  /** Passes over what there is of a string. Answers the index behind it. */
  private content(chunk: Uint8Array, at: number): number {
    const end = Math.min(at + this.skip, chunk.length)
    this.skip -= end - at
    if (this.isLong) this.long?.content(chunk, at, end)
    if (this.skip === 0) this.itemDone()
    return end
  }

  /** The header at `at` of `bytes`, behind which the chunk goes on at `next`. */
  private item(bytes: Uint8Array, at: number, next: number): void {
    const type = bytes[at]! >> 5
    const info = bytes[at]! & 0x1f
    if (next - this.start > this.limits.bytes) throw tooManyBytes(this.limits)
    if (++this.items > this.limits.items) throw tooManyItems(this.limits)
    const argument = readArgument(bytes, at, info)
    if (this.kind !== major.array || this.tag !== untagged) {
      this.checkPlace(type, info, argument)
      this.tag = untagged
    }
    switch (type) {
      case major.positive:
      case major.negative:
        if (info === indefinite) throw refused("an integer of indefinite length")
        return this.itemDone()
      case major.bytes:
      case major.text:
        return info === indefinite ? this.enter(type, unknown) : this.string(type, argument, next)
      case major.array:
        return this.container(type, info === indefinite ? unknown : argument)
      case major.map:
        return this.container(type, info === indefinite ? unknown : 2 * argument)
      case major.tag:
        return this.tagged(argument, info)
      default:
        return this.simple(info)
    }
  }

  /** Checks what may not stand everywhere. An item in an array that has no tag may: it does not come here. */
  private checkPlace(type: number, info: number, argument: number): void {
    const { kind, tag } = this
    const isBreak = type === major.simple && info === indefinite
    if (kind === outside && type !== major.array && type !== major.tag) {
      throw new FramingError("bad_packet", "CBOR that is not an array")
    }
    if ((kind === major.bytes || kind === major.text) && (type !== kind || info === indefinite) && !isBreak) {
      throw refused("a string of indefinite length in which something else stands than strings of its type")
    }
    if (kind === major.map && isEven(this.left) && (type === major.array || type === major.map)) {
      throw refused("a container as a key")
    }
    if (tag !== untagged && isBreak) throw refused("a tag on a break")
    if (tag !== bignum.positive && tag !== bignum.negative) return
    if (type !== major.bytes || info === indefinite || argument > maxBignum) {
      throw refused(`a bignum that is not a byte string of up to ${maxBignum} bytes`)
    }
  }

  private string(type: number, length: number, next: number): void {
    if (next - this.start + length > this.limits.bytes) throw tooManyBytes(this.limits)
    this.isLong = type === major.bytes && length >= longBytes && this.kind !== major.bytes
    if (this.isLong) this.long?.begin(length)
    this.skip = length
    if (length === 0) this.itemDone()
  }

  private container(type: number, items: number): void {
    if (this.items + items > this.limits.items) throw tooManyItems(this.limits)
    if (this.outerKinds.length >= maxDepth) throw refused(`nesting of more than ${maxDepth} levels`)
    if (items === 0) this.itemDone()
    else this.enter(type, items)
  }

  private tagged(tag: number, info: number): void {
    if (info === indefinite) throw refused("a tag of indefinite length")
    const name = references.get(tag)
    if (name !== undefined) throw refused(`the tag ${tag} (${name}), which we do not speak`)
    this.tag = tag
  }

  /** `false`, `true`, `null`, `undefined`, a float, or a break. */
  private simple(info: number): void {
    if (info < 20 || info === 24) throw refused("a simple value that is not assigned")
    if (info !== indefinite) return this.itemDone()
    if (this.left > unknown) throw refused("a break that ends nothing")
    if (this.kind === major.map && !isEven(this.left)) throw refused("a break in place of a value")
    this.leave()
    this.itemDone()
  }

  private enter(kind: number, items: number): void {
    this.outerKinds.push(this.kind)
    this.outerLefts.push(this.left)
    this.kind = kind
    this.left = items
  }

  private leave(): void {
    this.kind = this.outerKinds.pop()!
    this.left = this.outerLefts.pop()!
  }

  /** An item is complete, and with it all containers that it was the last one of. */
  private itemDone(): void {
    while (--this.left === 0) this.leave()
  }
}

const refused = (what: string): FramingError => new FramingError("bad_packet", `CBOR with ${what}`)

/** Not by `%`, which is slow where it answers -0. */
const isEven = (count: number): boolean => (count & 1) === 0

const headerSize = (first: number): number => {
  const info = first & 0x1f
  if (info < 24 || info === indefinite) return 1
  if (info > 27) throw refused(`the reserved header ${first}`)
  return 1 + (1 << info - 24)
}

/** The number behind a header, or in it. */
const readArgument = (bytes: Uint8Array, at: number, info: number): number => {
  switch (info) {
    case 24:
      return bytes[at + 1]!
    case 25:
      return bytes[at + 1]! << 8 | bytes[at + 2]!
    case 26:
      return bytes[at + 1]! * 2 ** 24 + (bytes[at + 2]! << 16 | bytes[at + 3]! << 8 | bytes[at + 4]!)
    case 27:
      return readArgument(bytes, at, 26) * 2 ** 32 + readArgument(bytes, at + 4, 26)
    default:
      return info
  }
}
