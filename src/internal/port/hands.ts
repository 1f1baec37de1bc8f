/**
 * What a port has in hand beside its activation: the handlers that run at once in fibers of their own, where its maker wants that. Messages
 * begin in the order in which they came. One whose turn it is, and whose limit is reached, waits, and what is behind it with it.
 *
 * @internal
 */
import type * as Fiber from "effect/Fiber"

/** How many messages are handled at once: of all tags together, or of each tag (one, where it is not named). */
export type Limits = number | ReadonlyMap<string, number>

/** Of limits for all tags there is one count. */
const all = ""

export class Hands {
  /** The port waits for one of them to leave. */
  isAwaited = false
  private readonly limits: Limits
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly counts = new Map<string, number>()

  constructor(limits: Limits) {
    this.limits = limits
  }

  get count(): number {
    return this.fibers.size
  }

  get areEmpty(): boolean {
    return this.fibers.size === 0
  }

  /** Whether messages with this tag are handled beside the activation at all. */
  mayTake(tag: string): boolean {
    return this.limitOf(tag) > 1
  }

  /** Whether one more message with this tag has to wait. */
  areFullFor(tag: string): boolean {
    return this.mayTake(tag) && this.countOf(this.keyOf(tag)) >= this.limitOf(tag)
  }

  add(tag: string, fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
    const key = this.keyOf(tag)
    this.counts.set(key, this.countOf(key) + 1)
  }

  remove(tag: string, fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.delete(fiber)
    const key = this.keyOf(tag)
    this.counts.set(key, this.countOf(key) - 1)
  }

  /** Calls back when those have left that run now. */
  whenLeft(left: () => void): void {
    let running = this.fibers.size
    if (running === 0) return left()
    for (const fiber of this.fibers) {
      fiber.addObserver(() => {
        if (--running === 0) left()
      })
    }
  }

  interrupt(): void {
    for (const fiber of this.fibers) fiber.interruptUnsafe()
  }

  private limitOf(tag: string): number {
    return typeof this.limits === "number" ? this.limits : this.limits.get(tag) ?? 1
  }

  private keyOf(tag: string): string {
    return typeof this.limits === "number" ? all : tag
  }

  private countOf(key: string): number {
    return this.counts.get(key) ?? 0
  }
}
