/**
 * What a guest has sent, on its way in: as fast as guests may send, in order. What comes faster waits, and so does what is sent to a port that
 * is busy, and all of it while the guest does not read what it is sent. So much may wait, and no more.
 *
 * @internal
 */
import type { Message } from "../values/plainData.ts"
import type { GuestLimits } from "./guestLimits.ts"

/** So much a second, and what was not used in the last one. What is taken may be more than is left: then the next one waits longer (pure). */
export class Allowance {
  private readonly perMilli: number
  private readonly most: number
  private left: number
  private at: number

  constructor(perSecond: number, now: number) {
    this.perMilli = perSecond / 1000
    this.most = perSecond
    this.left = perSecond
    this.at = now
  }

  /** How long it takes until something may be taken. */
  waitMillis(now: number): number {
    this.left = Math.min(this.most, this.left + Math.max(0, now - this.at) * this.perMilli)
    this.at = now
    return this.left > 0 ? 0 : Math.ceil(-this.left / this.perMilli) + 1
  }

  take(amount: number): void {
    this.left -= amount
  }

  /** So much more than there was has been taken. */
  get debt(): number {
    return Math.max(0, -this.left)
  }
}

/** What an intake needs of whoever has it. */
export interface IntakeHost {
  readonly monotonic: () => number
  readonly after: (millis: number, act: () => void) => () => void
  /** Whether what is sent under this name can be taken now, as far as its receiver and the link are concerned. */
  readonly hasRoom: (name: unknown, message: Message) => boolean
  readonly deliver: (name: unknown, message: Message) => void
  /** More waits than may. */
  readonly overflow: () => void
}

interface Waiting {
  readonly name: unknown
  readonly message: Message
  readonly bytes: number
}

/** While there is no room it is looked for so often. */
const lookMillis = 20
/** A message that waits takes so many bytes at least. */
const leastBytes = 100

export class Intake {
  private readonly host: IntakeHost
  private readonly limits: GuestLimits
  private readonly messages: Allowance
  private readonly bytes: Allowance
  private queue: Array<Waiting> = []
  private waitingBytes = 0
  private forget: (() => void) | undefined = undefined
  private isOver = false

  constructor(host: IntakeHost, limits: GuestLimits) {
    this.host = host
    this.limits = limits
    this.messages = new Allowance(limits.messagesPerSecond, host.monotonic())
    this.bytes = new Allowance(limits.bytesPerSecond, host.monotonic())
  }

  /** Something has come, of so many bytes. */
  take(name: unknown, message: Message, size: number): void {
    if (this.isOver) return
    const waiting = { name, message, bytes: size + leastBytes }
    if (this.queue.length === 0 && this.waitMillis(waiting) === 0) return this.deliver(waiting)
    this.queue.push(waiting)
    this.waitingBytes += waiting.bytes
    if (this.waitingBytes > this.limits.waitingBytes) {
      this.end()
      this.host.overflow()
    } else this.goOnLater()
  }

  /** Bytes have come that are no message yet. Nothing of them waits, but there must not be too many. */
  noise(size: number): void {
    if (this.isOver) return
    this.bytes.waitMillis(this.host.monotonic())
    this.bytes.take(size)
    if (this.bytes.debt <= this.limits.waitingBytes) return
    this.end()
    this.host.overflow()
  }

  private waitMillis({ message, name }: Waiting): number {
    const now = this.host.monotonic()
    const millis = Math.max(this.messages.waitMillis(now), this.bytes.waitMillis(now))
    return millis === 0 && !this.host.hasRoom(name, message) ? lookMillis : millis
  }

  private deliver({ bytes, message, name }: Waiting): void {
    this.messages.take(1)
    this.bytes.take(bytes)
    this.host.deliver(name, message)
  }

  private goOnLater(): void {
    const [first] = this.queue
    if (this.forget !== undefined || first === undefined || this.isOver) return
    this.forget = this.host.after(Math.max(1, this.waitMillis(first)), () => {
      this.forget = undefined
      this.goOn()
    })
  }

  private goOn(): void {
    let taken = 0
    for (const waiting of this.queue) {
      if (this.isOver || this.waitMillis(waiting) > 0) break
      taken++
      this.waitingBytes -= waiting.bytes
      this.deliver(waiting)
    }
    this.queue = this.queue.slice(taken)
    this.goOnLater()
  }

  /** Its link has ended: what waits is lost with it. */
  end(): void {
    this.isOver = true
    this.queue = []
    this.forget?.()
    this.forget = undefined
  }
}
