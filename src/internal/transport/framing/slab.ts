/**
 * Memory that packets are written into, which is written into again when all of it has left.
 *
 * @internal
 */
import { allocateOwn } from "#platform"

/** A link that has little to send has small ones. */
const smallest = 1024
const largest = 64 * 1024
/** Of the largest so many are kept, for any link that needs one. */
const mostSpare = 32

const spare: Array<Slab> = []

export class Slab {
  readonly bytes: Uint8Array
  /** How many pieces of it are still to leave. */
  private pending = 0
  /** Nobody writes into it any more. */
  private isClosed = false

  constructor(size: number) {
    this.bytes = allocateOwn(size)
  }

  /** The next one of a link, for so many bytes at least. */
  static after(before: Slab, atLeast: number): Slab {
    const size = Math.min(largest, Math.max(smallest, 2 * before.bytes.length))
    if (atLeast > size) return new Slab(atLeast)
    return size === largest ? spare.pop()?.opened() ?? new Slab(size) : new Slab(size)
  }

  /** It was made for one large packet. */
  get isOversized(): boolean {
    return this.bytes.length > largest
  }

  /** Nothing of it is still to leave: it may be written from the beginning. */
  get hasLeft(): boolean {
    return this.pending === 0
  }

  /** A piece of it is to leave. */
  claim(): void {
    this.pending++
  }

  /** A piece of it has left, or does not have to any more. */
  readonly left = (): void => {
    this.pending--
    if (this.isClosed) this.close()
  }

  /** Nothing more is written into it. */
  close(): void {
    this.isClosed = true
    if (this.pending === 0 && this.bytes.length === largest && spare.length < mostSpare) spare.push(this)
  }

  private opened(): this {
    this.isClosed = false
    return this
  }

  /** It is written into again, after all. */
  reopen(): void {
    this.isClosed = false
  }
}
