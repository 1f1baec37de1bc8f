/**
 * What a link is about to send: packets are written into it one after the other, and all of a turn leave together.
 *
 * @internal
 */
import type { Message } from "../../values/plainData.ts"

/** Bytes are collected in pieces of memory, small ones on a link that has little to send. */
const smallest = 1024
const largest = 64 * 1024

const nothing = Buffer.alloc(0)

/** Thrown where a message holds what cannot travel. What and where it is, `culprit` says. */
export const refused = new Error("the message cannot travel")

export abstract class SendBuffer {
  /** Writers write at `at`, when they have reserved the room for it. */
  protected bytes: Buffer = nothing
  protected at = 0
  /** Where begins what has not left, and where the packet that is being written. */
  private from = 0
  private start = 0
  private readonly leave: (bytes: Uint8Array) => void
  /** A packet is being written: to read its message may run a program's code, which may send one itself. */
  isWriting = false

  /** What leaves belongs to `leave`. */
  constructor(leave: (bytes: Uint8Array) => void) {
    this.leave = leave
  }

  /** Writes the values of a packet. Throws, `refused` or what a program's code throws, if they cannot travel. */
  protected abstract packet(name: string, message: Message): void

  /** Bytes that have not left. */
  get held(): number {
    return this.at - this.from
  }

  /** Adds a packet and answers its size. If it throws, nothing was added. */
  write(name: string, message: Message): number {
    this.start = this.at
    this.isWriting = true
    try {
      this.packet(name, message)
    } catch (error) {
      this.at = this.start
      throw error
    } finally {
      this.isWriting = false
    }
    return this.at - this.start
  }

  /** Takes back the packet that was added last, before anything else is done with the buffer. */
  undo(): void {
    this.at = this.start
  }

  /** Adds a packet that is encoded already. */
  append(packet: Uint8Array): void {
    this.start = this.at
    this.reserve(packet.length)
    this.bytes.set(packet, this.at)
    this.at += packet.length
  }

  /** All that was added leaves. */
  flush(): void {
    if (this.isWriting) return
    if (this.at > this.from) this.leave(this.bytes.subarray(this.from, this.at))
    this.from = this.start = this.at
    // Memory that was made for a large packet goes with it.
    if (this.bytes.length > largest) this.renew(nothing, 0)
  }

  /** Makes room for so many bytes. */
  protected reserve(length: number): void {
    if (this.at + length > this.bytes.length) this.grow(length)
  }

  /** Whole packets leave, and the one that is being written moves to new memory. */
  private grow(length: number): void {
    const written = this.at - this.start
    const size = Math.min(largest, Math.max(smallest, 2 * this.bytes.length))
    const bytes = Buffer.allocUnsafeSlow(Math.max(size, 2 * written + length))
    bytes.set(this.bytes.subarray(this.start, this.at))
    if (this.start > this.from) this.leave(this.bytes.subarray(this.from, this.start))
    this.renew(bytes, written)
  }

  private renew(bytes: Buffer, written: number): void {
    this.bytes = bytes
    this.from = this.start = 0
    this.at = written
  }
}
