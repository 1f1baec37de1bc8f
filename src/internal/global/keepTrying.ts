/**
 * Tries for ever, with growing and jittered delays, until nothing is missing; and again when something is lost. Follows
 * protocol sections 14 and 18.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"

export interface KeepTrying {
  /** Something was lost, or is new: a round starts at once, and delays begin anew. */
  readonly wake: () => void
  /** The same for what is lost again and again: the round starts later and later, unless there is something else to try. */
  readonly wakeLater: () => void
  /** The loop. Ends by interruption only. */
  readonly run: Effect.Effect<never>
}

/**
 * `attempt` starts whatever is missing, without waiting for it, and answers whether anything was. Times are in
 * milliseconds: the first delay is `base` to twice of that, doubled; no delay is longer than `cap`.
 */
export const keepTrying = (base: number, cap: number, attempt: () => boolean): KeepTrying => {
  const woken = Latch.makeUnsafe(false)
  let delay = 0
  let isLater = false
  let later = 0
  const round = Effect.gen(function*() {
    // What is lost from here on is for the next round; several losses before it are one.
    woken.closeUnsafe()
    if (isLater) {
      isLater = false
      later = Math.min(cap, 2 * Math.max(base, later))
      yield* Effect.timeoutOption(woken.await, later)
      woken.closeUnsafe()
    }
    const missing = attempt()
    if (!missing) delay = 0
    else delay = Math.min(cap, 2 * (delay === 0 ? base * (1 + (yield* Random.next)) : delay))
    yield* missing ? Effect.timeoutOption(woken.await, delay) : woken.await
  })
  return {
    wake: () => {
      delay = later = 0
      isLater = false
      woken.openUnsafe()
    },
    wakeLater: () => {
      isLater = true
      woken.openUnsafe()
    },
    run: Effect.forever(round)
  }
}

/** Losses of one node that are closer together than this, in milliseconds, count; so many are an accident. */
const calm = 10_000
const accidents = 5

/** Tells nodes that are lost again and again, as soon as they are there. */
export class Flaps {
  private readonly now: () => number
  private readonly losses = new Map<string, { readonly at: number; readonly count: number }>()

  constructor(now: () => number) {
    this.now = now
  }

  /** A node was lost. Answers whether that has become a habit. */
  isHabit(nodeId: string): boolean {
    const now = this.now()
    const before = this.losses.get(nodeId)
    const count = before !== undefined && now - before.at < calm ? before.count + 1 : 1
    this.losses.set(nodeId, { at: now, count })
    return count > accidents
  }
}
