/**
 * How long a message over a link and its answer take. It is measured where somebody wants to know, and not too often: who does not ask
 * pays nothing.
 *
 * @internal
 */

/** For so long nobody asks again. */
const validityMillis = 10_000

/** Of so many times the shortest one counts: the others tell how busy a process was. */
const most = 3

export class RoundTrip {
  /** As far as it is known. */
  millis: number | undefined = undefined
  private times: ReadonlyArray<number> = []
  private askedAt = -Infinity
  private questions = 0
  private isOpen = false

  /** The number of the question that is to be sent, if it is time for one. */
  ask(now: number): number | undefined {
    if (now - this.askedAt < validityMillis) return undefined
    this.askedAt = now
    this.isOpen = true
    return ++this.questions
  }

  answered(question: unknown, now: number): void {
    if (!this.isOpen || question !== this.questions) return
    this.isOpen = false
    this.times = [...this.times.slice(1 - most), now - this.askedAt]
    this.millis = Math.min(...this.times)
  }
}
