/**
 * The least that a port in one process can be: an array of messages, and a function that takes them, in a microtask and never in
 * the sender's stack.
 */
export type Message = readonly [tag: string, ...args: ReadonlyArray<unknown>]

export class Mailbox<M extends Message> {
  private waiting: Array<M> = []
  private readonly handle: (message: M) => void

  constructor(handle: (message: M) => void) {
    this.handle = handle
  }
  send(message: M): void {
    if (this.waiting.push(message) === 1) queueMicrotask(this.drain)
  }
  private readonly drain = (): void => {
    const messages = this.waiting
    this.waiting = []
    for (const message of messages) this.handle(message)
  }
}
