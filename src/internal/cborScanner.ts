/**
 * Finds where CBOR items end, in chunks of any size, without decoding them: every byte is looked at once, and a length
 * that a header claims is never allocated. Follows RFC 8949 section 3.
 *
 * @internal
 */
import { isUtf8 } from "node:buffer"
import { FramingError } from "./framing.ts"
import { maxDepth } from "./plainData.ts"

/** The tag for "this is CBOR". */
const selfDescribed = 55799

/** Tags that mean plain data: these and bignums (2, 3). All others would make cbor-x build objects. */
const plainTags: ReadonlySet<number> = new Set([2, 3, selfDescribed])

/** A bignum costs the square of its length to decode. */
const maxBignum = 1024

const indefinite = -1
const nothing = new Uint8Array(0)

export class CborScanner {
  private readonly limit: number
  /** For every open container, how many items it still wants; `indefinite` until its break. */
  private readonly open: Array<number> = []
  /** The last header completed a packet. */
  private complete = false
  /** Bytes, in earlier chunks, of the packet that is being scanned. */
  private before = 0
  /** Bytes of a string that are still to come, and whether they must be UTF-8. */
  private skip = 0
  private isText = false
  /** The beginning of a character that was cut by the end of a chunk. */
  private cutCharacter: Uint8Array = nothing
  /** The beginning of a header that was cut by the end of a chunk. */
  private cutHeader: Array<number> = []
  /** The last header was this tag, which says what may come next. */
  private tag = 0
  /** Only text, small numbers and plain containers: in the packet at hand, and in all that the scan completed. */
  private simple = true
  private allSimple = true

  constructor(limit: number) {
    this.limit = limit
  }

  /** Looks through a chunk. Answers the index behind the last packet that ends in it: 0 if none does. */
  scan(chunk: Uint8Array): number {
    let end = 0
    let at = 0
    while (at < chunk.length) {
      at = this.skip > 0 ? this.content(chunk, at) : this.header(chunk, at)
      if (!this.complete) continue
      this.complete = false
      this.allSimple &&= this.simple
      this.simple = true
      this.grow(at - end)
      this.before = 0
      end = at
    }
    this.grow(chunk.length - end)
    return end
  }

  /** So many more bytes of the packet at hand. */
  private grow(bytes: number): void {
    this.before += bytes
    if (this.before > this.limit) throw new FramingError("packet_too_large", `more than ${this.limit} bytes`)
  }

  /** Whether `cbor-x` can turn all packets that the last scan completed into plain data by itself. */
  takeSimple(): boolean {
    const simple = this.allSimple
    this.allSimple = true
    return simple
  }

  /** Passes over what there is of a string. Answers the index behind it. */
  private content(chunk: Uint8Array, at: number): number {
    // Perhaps `__proto__`, a key that cbor-x would rename.
    if (this.skip === 9 && chunk[at] === 0x5f) this.simple = false
    const end = at + Math.min(this.skip, chunk.length - at)
    this.skip -= end - at
    if (this.isText) this.checkText(chunk, at, end)
    if (this.skip === 0) this.itemDone()
    return end
  }

  /** Reads one header. Answers the index behind it: the end of the chunk if the header is cut there. */
  private header(chunk: Uint8Array, at: number): number {
    const { cutHeader } = this
    const cut = cutHeader.length
    const first = cut > 0 ? cutHeader[0]! : chunk[at]!
    const info = first & 0x1f
    if (info < 24) {
      this.item(first >> 5, info, info)
      return at + 1
    }
    if (info > 27 && info < 31) throw new FramingError("bad_packet", `CBOR with the reserved header ${first}`)
    const size = info === 31 ? 1 : 1 + (1 << (info - 24))
    if (cut + chunk.length - at < size) {
      for (let i = at; i < chunk.length; i++) cutHeader.push(chunk[i]!)
      return chunk.length
    }
    let argument = info === 31 ? indefinite : 0
    for (let i = 1; i < size; i++) argument = argument * 256 + (i < cut ? cutHeader[i]! : chunk[at + i - cut]!)
    this.cutHeader = []
    this.item(first >> 5, argument, info)
    return at + size - cut
  }

  private item(major: number, argument: number, info: number): void {
    if (this.open.length === 0 && major !== 4 && major !== 6) {
      throw new FramingError("bad_packet", "CBOR that is not an array")
    }
    if (this.tag !== 0) this.tagged(major, argument, info)
    switch (major) {
      case 0:
      case 1:
        if (info === 27) this.simple = false
        return this.itemDone()
      case 2:
      case 3:
        return this.string(major === 3, argument)
      case 4:
        return this.container(argument)
      case 5:
        return this.container(argument === indefinite ? indefinite : argument * 2)
      case 6:
        if (!plainTags.has(argument)) throw new FramingError("bad_packet", `CBOR with the tag ${argument}`)
        this.tag = argument
        this.simple = false
        return
      default:
        return info === 31 ? this.stop() : this.itemDone()
    }
  }

  /** The header behind a tag. */
  private tagged(major: number, argument: number, info: number): void {
    if (this.tag !== selfDescribed && (major !== 2 || argument > maxBignum)) {
      throw new FramingError("bad_packet", `CBOR with a bignum that is not a string of up to ${maxBignum} bytes`)
    }
    if (major === 7 && info === 31) throw new FramingError("bad_packet", "CBOR with a tag on a break")
    this.tag = 0
  }

  private string(isText: boolean, length: number): void {
    if (length === indefinite) throw new FramingError("bad_packet", "CBOR with a string of indefinite length")
    if (length > this.limit) throw new FramingError("packet_too_large", `a string of ${length} bytes`)
    this.isText = isText
    if (!isText) this.simple = false
    this.skip = length
    if (length === 0) this.itemDone()
  }

  private container(items: number): void {
    if (items > this.limit) throw new FramingError("packet_too_large", `a container of ${items} items`)
    if (this.open.length >= maxDepth) throw new FramingError("bad_packet", `nested deeper than ${maxDepth} levels`)
    if (items === 0) this.itemDone()
    else this.open.push(items)
  }

  private stop(): void {
    if (this.open.pop() !== indefinite) throw new FramingError("bad_packet", "CBOR with a break that ends nothing")
    this.itemDone()
  }

  /** An item is complete, and with it all containers that it was the last one of. */
  private itemDone(): void {
    const { open } = this
    for (let last = open.length - 1; last >= 0; last--) {
      if (open[last] === indefinite || --open[last]! > 0) return
      open.pop()
    }
    this.complete = true
  }

  private checkText(chunk: Uint8Array, at: number, end: number): void {
    // Most text is short and ASCII: cheaper to see here than to ask for.
    if (end - at <= 32 && this.skip === 0 && this.cutCharacter.length === 0 && isAscii(chunk, at, end)) return
    const piece = chunk.subarray(at, end)
    const bytes = this.cutCharacter.length === 0 ? piece : Buffer.concat([this.cutCharacter, piece])
    const whole = this.skip === 0 ? bytes.length : bytes.length - lengthOfCutCharacter(bytes)
    if (!isUtf8(bytes.subarray(0, whole))) throw new FramingError("bad_packet", "CBOR text that is not UTF-8")
    this.cutCharacter = whole === bytes.length ? nothing : Uint8Array.from(bytes.subarray(whole))
  }
}

const isAscii = (chunk: Uint8Array, at: number, end: number): boolean => {
  for (let i = at; i < end; i++) if (chunk[i]! > 0x7f) return false
  return true
}

/** How many of the last bytes begin a UTF-8 character that goes on behind them. */
const lengthOfCutCharacter = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}
