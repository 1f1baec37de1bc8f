/**
 * Calls whose callers are gone, while they wait in a port's mailbox. That a caller is gone comes behind its call: what is said now concerns
 * what has arrived by now, and may be forgotten when that has been handled.
 *
 * @internal
 */
import type { Message } from "./receiver.ts"

/** Beside those that wait, so many may be said to be abandoned that are in hand, or have just been answered. */
const slack = 16

export class Abandoned {
  /** The ports of the callers: said since the mailbox was looked at last, and before that. */
  private young = new Set<string>()
  private old = new Set<string>()

  /** Of so many items that wait there are no more callers: whoever tells of more has made them up, and is not to fill the memory. */
  add(replyTo: string, waiting: number): void {
    if (this.young.size < waiting + slack) this.young.add(replyTo)
  }

  /** Whether the message is a call of one of them. */
  has(message: Message): boolean {
    const to = message[message.length - 1]
    return typeof to === "string" && (this.young.has(to) || this.old.has(to))
  }

  /** The port begins with what has arrived by now; it has handled what it began with before. */
  turn(): void {
    this.old = this.young
    this.young = new Set()
  }
}
