/**
 * Senders that wait for room, first come, first served. To join, to give up and to be served cost the same however many
 * there are.
 *
 * @internal
 */

/** What a sender is to do: send at once, try again, or leave it, since what waited with its message is lost. */
export type Turn = "send" | "try again" | "lost"
export type Resume = (turn: Turn) => void

interface Waiter {
  /** `undefined` once the sender has given up. */
  resume: Resume | undefined
}

export class Waiters {
  private queue: Array<Waiter> = []
  private head = 0
  private count = 0

  /** How many wait. */
  get size(): number {
    return this.count
  }

  /** Joins the end of the queue. The result gives up. */
  add(resume: Resume): () => void {
    const waiter: Waiter = { resume }
    this.queue.push(waiter)
    this.count++
    return () => {
      if (waiter.resume === undefined) return
      waiter.resume = undefined
      this.count--
      // Those who gave up are let go of when they are the most.
      if (this.queue.length - this.head > 2 * this.count + 16) this.compact()
    }
  }

  private compact(): void {
    this.queue = this.queue.slice(this.head).filter((waiter) => waiter.resume !== undefined)
    this.head = 0
  }

  /** Takes the first one out of the queue. */
  take(): Resume | undefined {
    while (this.head < this.queue.length) {
      const waiter = this.queue[this.head++]!
      if (this.head > 1024 && 2 * this.head > this.queue.length) this.compact()
      const { resume } = waiter
      if (resume === undefined) continue
      waiter.resume = undefined
      this.count--
      return resume
    }
    this.queue = []
    this.head = 0
    return undefined
  }

  /** Lets all of them go. */
  release(turn: Turn): void {
    for (let resume = this.take(); resume !== undefined; resume = this.take()) resume(turn)
  }
}
