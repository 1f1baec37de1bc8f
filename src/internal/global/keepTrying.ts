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
 * `attempt` starts whatever is missing, without waiting for it, and answers whether anything was. The first delay is two to four
 * times `baseMillis`, each further one twice the one before, and none longer than `capMillis`.
 */
export const keepTrying = (baseMillis: number, capMillis: number, attempt: () => boolean): KeepTrying => {
  const woken = Latch.makeUnsafe(false)
  /** Between rounds that leave something missing. */
  let delayMillis = 0
  let isLater = false
  /** Before a round that was asked for by `wakeLater`. */
  let laterMillis = 0
  const round = Effect.gen(function*() {
    // What is lost from here on is for the next round; several losses before it are one.
    woken.closeUnsafe()
    if (isLater) {
      isLater = false
      laterMillis = Math.min(capMillis, 2 * Math.max(baseMillis, laterMillis))
      yield* Effect.timeoutOption(woken.await, laterMillis)
      woken.closeUnsafe()
    }
    const missing = attempt()
    if (!missing) delayMillis = 0
    else {
      const before = delayMillis === 0 ? baseMillis * (1 + (yield* Random.next)) : delayMillis
      delayMillis = Math.min(capMillis, 2 * before)
    }
    yield* missing ? Effect.timeoutOption(woken.await, delayMillis) : woken.await
  })
  return {
    wake: () => {
      delayMillis = laterMillis = 0
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

/** Losses of one node count together when no more than this lies between two of them. */
const calmMillis = 10_000
/** So many of them in a row are an accident, one more is a habit. */
const mostAccidents = 5

/** Finds out which nodes are lost again and again, each time as soon as they are there. */
export class Flaps {
  private readonly nowMillis: () => number
  private readonly losses = new Map<string, { readonly atMillis: number; readonly count: number }>()

  constructor(nowMillis: () => number) {
    this.nowMillis = nowMillis
  }

  /** A node was lost. Answers whether that has become a habit. */
  isHabit(nodeId: string): boolean {
    const now = this.nowMillis()
    const before = this.losses.get(nodeId)
    const count = before !== undefined && now - before.atMillis < calmMillis ? before.count + 1 : 1
    this.losses.set(nodeId, { atMillis: now, count })
    return count > mostAccidents
  }
}
