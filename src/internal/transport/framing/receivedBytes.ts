/**
 * The memory of byte strings that came: short ones share a piece of it, as Node's buffers do, and long ones that come in several
 * chunks are put together where they are to stay.
 *
 * @internal
 */
import { allocateOwn, untransferable } from "#platform"

/** Byte strings of so many bytes have memory of their own. */
export const longBytes = 4096
/** Up to here V8 keeps them in the heap, which costs less than a share. */
const shortBytes = 64
/** Who keeps one short byte string keeps no more than this. */
const poolSize = 64 * 1024

/** Whoever gave one byte string to another thread would take all others of its pool with it: none is made where that can be. */
let pool: ArrayBuffer | undefined = undefined
let used = poolSize

/** Memory for a byte string, with anything in it. */
export const uninitialized = (length: number): Uint8Array => {
  if (length <= shortBytes) return new Uint8Array(length)
  if (length >= longBytes) return own(length)
  if (used + length > poolSize) renewPool()
  if (pool === undefined) return new Uint8Array(length)
  const bytes = new Uint8Array(pool, used, length)
  // Where the next one begins, numbers of 64 bits may stand.
  used += length + 7 & ~7
  return bytes
}

const own = (length: number): Uint8Array => new Uint8Array(allocateOwn(length).buffer)

const renewPool = (): void => {
  pool = untransferable(poolSize)
  used = pool === undefined ? poolSize : 0
}

/** So much is allocated when a long one is announced; more when it has come. */
const atOnce = 256 * 1024

/** Byte strings that come in several chunks. */
export class GatheredBytes {
  private whole: Array<Uint8Array> = []
  private bytes: Uint8Array = new Uint8Array(0)
  private length = 0
  private filled = 0

  begin(length: number): void {
    this.bytes = own(Math.min(length, atOnce))
    this.length = length
    this.filled = 0
  }

  add(piece: Uint8Array): void {
    if (this.filled + piece.length > this.bytes.length) {
      const larger = own(Math.min(this.length, 2 * (this.filled + piece.length)))
      larger.set(this.bytes.subarray(0, this.filled))
      this.bytes = larger
    }
    this.bytes.set(piece, this.filled)
    this.filled += piece.length
    if (this.filled === this.length) this.whole.push(this.bytes)
  }

  /** Those that are whole, in their order. */
  take(): Array<Uint8Array> {
    const { whole } = this
    this.whole = []
    return whole
  }
}
