/**
 * The sender's end of a data connection: sends as many bytes as the receiver has room for, and no more.
 *
 * @internal
 */
import type { Ending, Flow, Outlet } from "./flow.ts"
import { frames, head, textFrame, whole } from "./frames.ts"

/** A frame holds so many bytes at most: more would keep what follows waiting, and a sign of life is no frame within another one. */
const longestFrame = 64 * 1024
/** So few bytes are copied, to leave with their head. */
const shortFrame = 4 * 1024

export class Sending implements Flow {
  readonly role = "sender"
  isOver = false
  readonly isComplete = false
  whenOver: (ending: Ending) => void = () => {}
  private outlet: Outlet | undefined = undefined
  /** What the receiver takes yet. */
  private room = 0
  /** Bytes that there was no room for, and who waits until they have been written. */
  private rest: Uint8Array | undefined = undefined
  private written: () => void = () => {}
  private hasEnded = false

  attach(outlet: Outlet): void {
    this.outlet = outlet
    if (this.hasEnded) outlet.write(head(frames.end, 0))
  }

  drained(): void {
    if (this.rest !== undefined && this.goOn()) this.written()
  }

  /** Sends bytes, which nobody may change any more. Answers true when they are written; otherwise it calls `written` then. */
  send(bytes: Uint8Array, written: () => void): boolean {
    if (this.isOver) return false
    this.rest = bytes
    if (this.goOn()) return true
    this.written = written
    return false
  }

  /** Writes what there is room for. Answers whether that is all. */
  private goOn(): boolean {
    const { outlet, rest } = this
    if (rest === undefined || outlet === undefined) return rest === undefined
    let at = 0
    while (!outlet.isFull && at < rest.length && this.room > 0) {
      const piece = rest.subarray(at, at + Math.min(this.room, longestFrame))
      at += piece.length
      this.room -= piece.length
      if (piece.length <= shortFrame) outlet.write(whole(frames.bytes, piece))
      else {
        outlet.write(head(frames.bytes, piece.length))
        outlet.write(piece)
      }
    }
    this.rest = at < rest.length ? rest.subarray(at) : undefined
    return this.rest === undefined
  }

  /** There is nothing more. It is over when the receiver has taken all. */
  end(): void {
    if (this.isOver || this.hasEnded) return
    this.hasEnded = true
    this.outlet?.write(head(frames.end, 0))
  }

  leave(why: string): void {
    if (this.isOver) return
    this.outlet?.write(textFrame(frames.failed, why))
    this.finish({ _tag: "Left", why })
  }

  bytes(): string {
    return "bytes, where none belong"
  }

  frame(kind: number, value: number, text: string): string | undefined {
    switch (kind) {
      case frames.room:
        this.room += value
        this.drained()
        return undefined
      case frames.taken:
        if (!this.hasEnded) return "it has taken all before there was an end"
        this.finish({ _tag: "Done" })
        return undefined
      case frames.stopped:
        this.finish({ _tag: "GivenUp", why: text })
        return undefined
      default:
        return `a frame of kind ${kind}`
    }
  }

  private finish(ending: Ending): void {
    if (this.isOver) return
    this.isOver = true
    this.rest = undefined
    this.whenOver(ending)
  }
}
