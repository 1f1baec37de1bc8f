/**
 * The receiver's end of a data connection: holds what has come until it is taken, and never more than its window.
 *
 * @internal
 */
import type { Ending, Flow, Outlet } from "./flow.ts"
import { frames, head, textFrame } from "./frames.ts"

/** What comes in small pieces while others wait is put together in blocks, of so many bytes. */
const shortestBlock = 32
const longestBlock = 16 * 1024
/** What is taken at once, and what the sender is told of at once, is this part of the window. */
const goodPart = 1 / 4

export class Receiving implements Flow {
  readonly role = "receiver"
  isOver = false
  whenOver: (ending: Ending) => void = () => {}
  /** Told when there is something to take, or will never be. */
  changed: () => void = () => {}
  private readonly window: number
  private outlet: Outlet | undefined = undefined
  /** What the sender may send yet. */
  private open: number
  private held: Array<Uint8Array> = []
  /** The last block of those, and how much of it is filled. */
  private block: Uint8Array | undefined = undefined
  private filled = 0
  private blockLength = shortestBlock
  /** The bytes that were taken last: in use until the next ones are asked for. */
  private inHand = 0
  /** Bytes that are done with, and that the sender has not been told of. */
  private freed = 0
  private hasEnd = false

  constructor(window: number) {
    this.window = window
    this.open = window
  }

  attach(outlet: Outlet): void {
    this.outlet = outlet
    outlet.write(head(frames.room, this.window))
  }

  drained(): void {}

  get isComplete(): boolean {
    return this.hasEnd
  }

  /**
   * What has come, as much of it as is good to take at once; nothing if there is nothing. What was taken before is done with: there is
   * room for more. When all is taken it is over.
   */
  take(): ReadonlyArray<Uint8Array> {
    this.freed += this.inHand
    this.inHand = 0
    this.tellRoom()
    this.closeBlock()
    let count = 0
    // The sender fills the rest meanwhile.
    while (count < this.held.length && this.inHand < this.window * goodPart) this.inHand += this.held[count++]!.length
    const taken = this.held.splice(0, count)
    if (taken.length === 0 && this.hasEnd && !this.isOver) {
      this.outlet?.write(head(frames.taken, 0))
      this.finish({ _tag: "Done" })
    }
    return taken
  }

  /** Room is told of in large parts: who is told of little sends little, and gets little room for it. */
  private tellRoom(): void {
    const { freed } = this
    if (freed === 0 || freed < this.window * goodPart || this.hasEnd || this.isOver) return
    this.freed = 0
    this.open += freed
    this.outlet?.write(head(frames.room, freed))
  }

  leave(why: string): void {
    if (this.isOver) return
    this.outlet?.write(textFrame(frames.stopped, why))
    this.held = []
    this.block = undefined
    this.finish({ _tag: "Left", why })
  }

  bytes(piece: Uint8Array): string | undefined {
    if (this.isOver) return undefined
    if (this.hasEnd) return "bytes behind the end"
    if (piece.length > this.open) return "more bytes than there is room for"
    this.open -= piece.length
    this.hold(piece)
    this.changed()
    return undefined
  }

  private hold(piece: Uint8Array): void {
    if (this.held.length === 0 && this.block === undefined || piece.length >= longestBlock) {
      this.closeBlock()
      this.blockLength = shortestBlock
      // Not `slice`, which is a view where the bytes are a Buffer's.
      this.held.push(new Uint8Array(piece))
      return
    }
    if (this.block !== undefined && this.filled + piece.length > this.block.length) this.closeBlock()
    if (this.block === undefined) {
      // A single small piece, as the end of a frame is, needs no large block: the more follow, the larger it gets.
      this.blockLength = Math.min(longestBlock, Math.max(2 * this.blockLength, piece.length))
      this.block = new Uint8Array(this.blockLength)
    }
    this.block.set(piece, this.filled)
    this.filled += piece.length
  }

  private closeBlock(): void {
    if (this.block !== undefined) this.held.push(this.block.subarray(0, this.filled))
    this.block = undefined
    this.filled = 0
  }

  frame(kind: number, _value: number, text: string): string | undefined {
    switch (kind) {
      case frames.end:
        if (this.hasEnd) return "a second end"
        this.hasEnd = true
        this.changed()
        return undefined
      case frames.failed:
        this.finish({ _tag: "GivenUp", why: text })
        return undefined
      default:
        return `a frame of kind ${kind}`
    }
  }

  private finish(ending: Ending): void {
    if (this.isOver) return
    this.isOver = true
    this.whenOver(ending)
  }
}
