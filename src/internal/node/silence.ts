/**
 * Whether a node answers, for those who cannot wait until its link is given up: they ask it again and again.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Router } from "./router.ts"

/** A node is asked again after this part of a lease. */
const pausePart = 1 / 8
/** It is taken for silent when it has not answered for this part: so there is time left to do something about it before its lease ends. */
const silentPart = 3 / 8
/** Of short leases no more than this is made: a busy machine is not silent. */
const leastMillis = 100

/** Asks by `question`, and tells whenever the node falls silent or answers again. At first it is taken for one that answers. */
export const watchSilence = (
  router: Router,
  leaseMillis: number,
  question: Effect.Effect<unknown, unknown>,
  tell: (isSilent: boolean) => void
): Effect.Effect<never> =>
  Effect.gen(function*() {
    const patience = Math.max(leastMillis, silentPart * leaseMillis)
    let answeredAt = router.monotonic()
    let isSilent = false
    for (;;) {
      const exit = yield* Effect.exit(Effect.timeoutOption(question, patience))
      const hasAnswered = Exit.isSuccess(exit) && Option.isSome(exit.value)
      if (hasAnswered) answeredAt = router.monotonic()
      const isNow = !hasAnswered && router.monotonic() - answeredAt >= patience
      if (isNow !== isSilent && (isNow || hasAnswered)) tell(isSilent = isNow)
      yield* Effect.sleep(Math.max(leastMillis, pausePart * leaseMillis))
    }
  })
