/**
 * What a link is about to send: packets are written into it one after the other, and all of a turn leave together.
 *
 * @internal
 */
import type { Message, PeerKind } from "../../values/plainData.ts"
import type { Wire } from "../wire.ts"
import { Slab } from "./slab.ts"

/** Some of a slab. */
interface Part {
  readonly slab: Slab
  readonly from: number
  readonly to: number
}

const none = new Slab(0)

/** Thrown where a message holds what cannot travel. What and where it is, `culprit` says. */
export const refused = new Error("the message cannot travel")

export abstract class SendBuffer {
  /** A packet is being written: to read its message may run a program's code, which may send one itself. */
  isWriting = false
  /** Writers write at `at`, when they have reserved the room for it. */
  protected bytes: Uint8Array = none.bytes
  protected at = 0
  private slab = none
  /** Where begins what has not left. */
  private from = 0
  /** What has not left of slabs that are full: all of it from one call, the last one. */
  private parts: Array<Part> = []
  private partsSize = 0
  /** How all was before the last packet. */
  private slabBefore = none
  private fromBefore = 0
  private atBefore = 0
  /** Who reads it. */
  protected readonly kind: PeerKind
  private readonly wire: Pick<Wire, "write">

  constructor(kind: PeerKind, wire: Pick<Wire, "write">) {
    this.kind = kind
    this.wire = wire
  }

  /** Writes the values of a packet. Throws, `refused` or what a program's code throws, if they cannot travel. */
  protected abstract packet(name: string, message: Message): void

  /** Bytes that have not left. */
  get held(): number {
    return this.partsSize + this.at - this.from
  }

  /** Adds a packet and answers its size. If it throws, nothing was added. */
  write(name: string, message: Message): number {
    this.begin()
    this.isWriting = true
    try {
      this.packet(name, message)
    } catch (error) {
      this.undo()
      throw error
    } finally {
      this.isWriting = false
    }
    return this.held - (this.atBefore - this.fromBefore)
  }

  /** Adds a packet that is encoded already. */
  append(packet: Uint8Array): void {
    this.begin()
    this.put(packet)
  }

  private begin(): void {
    if (this.parts.length > 0) this.leaveParts()
    if (this.at === this.from && this.slab.hasLeft) this.at = this.from = 0
    this.slabBefore = this.slab
    this.fromBefore = this.from
    this.atBefore = this.at
  }

  /** Takes back the packet that was added last, before anything else is done with the buffer. */
  undo(): void {
    if (this.slab !== this.slabBefore) {
      this.slab.close()
      this.slabBefore.reopen()
      for (const { slab } of this.parts) slab.left()
      this.parts = []
      this.partsSize = 0
      this.slab = this.slabBefore
      this.bytes = this.slab.bytes
    }
    this.from = this.fromBefore
    this.at = this.atBefore
  }

  /** All that was added leaves. */
  flush(): void {
    if (this.isWriting) return
    // The wire gets it for good: then nothing of it can be read any more, not even its length.
    if (this.slab.isOversized) this.moveTo(none)
    this.leaveParts()
    if (this.at === this.from) return
    this.slab.claim()
    this.leave({ slab: this.slab, from: this.from, to: this.at })
    this.from = this.at
  }

  private leaveParts(): void {
    const { parts } = this
    if (parts.length === 0) return
    this.parts = []
    this.partsSize = 0
    for (const part of parts) this.leave(part)
  }

  private leave({ from, slab, to }: Part): void {
    if (to > from) this.wire.write(slab.bytes.subarray(from, to), slab.isOversized ? undefined : slab.left)
    else slab.left()
  }

  /** Makes room for so many bytes in a row. */
  protected reserve(length: number): void {
    if (this.at + length > this.bytes.length) this.moveTo(Slab.after(this.slab, length))
  }

  /** Writes bytes, wherever there is room. */
  protected put(bytes: Uint8Array): void {
    let done = 0
    while (done < bytes.length) {
      if (this.at === this.bytes.length) this.moveTo(Slab.after(this.slab, 1))
      const piece = Math.min(bytes.length - done, this.bytes.length - this.at)
      this.bytes.set(piece === bytes.length ? bytes : bytes.subarray(done, done + piece), this.at)
      this.at += piece
      done += piece
    }
  }

  /** What was written so far waits for the end of the packet. */
  private moveTo(slab: Slab): void {
    // Claimed even where nothing is to leave of it: the packet may be taken back.
    this.slab.claim()
    this.parts.push({ slab: this.slab, from: this.from, to: this.at })
    this.partsSize += this.at - this.from
    this.slab.close()
    this.slab = slab
    this.bytes = slab.bytes
    this.from = this.at = 0
  }
}
