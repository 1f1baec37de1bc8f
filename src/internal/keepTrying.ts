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
  /** Something was lost: a round starts at once, and delays begin anew. */
  readonly wake: () => void
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
  const round = Effect.gen(function*() {
    // What is lost from here on is for the next round; several losses before it are one.
    woken.closeUnsafe()
    const missing = attempt()
    if (!missing) delay = 0
    else delay = Math.min(cap, 2 * (delay === 0 ? base * (1 + (yield* Random.next)) : delay))
    yield* missing ? Effect.timeoutOption(woken.await, delay) : woken.await
  })
  return {
    wake: () => {
      delay = 0
      woken.openUnsafe()
    },
    run: Effect.forever(round)
  }
}
