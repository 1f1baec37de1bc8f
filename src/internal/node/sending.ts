/**
 * How a fiber sends a message: at once, or, where something speaks against that, when it may.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { Aside } from "../port/aside.ts"
import type { Message } from "../port/receiver.ts"
import type { WaitFor } from "./peer.ts"
import type { Router } from "./router.ts"

/** Sends a message, and answers what is left to be done. Throws an `UnsendableMessage` for what cannot travel. */
export const send = (router: Router, to: string, message: Message, aside?: Aside): Effect.Effect<void> => {
  const waitFor = router.offer(to, message, aside)
  return waitFor === undefined ? Exit.void : sendLater(router, to, message, waitFor, aside)
}

/** What goes beside the messages of a fiber: the span that it is in, if it is in one that others are to know of. */
export const asideOf = (
  { cache: { span } }: Fiber.Fiber<unknown, unknown>,
  patienceMillis?: number
): Aside | undefined => {
  const known = span === undefined || Context.get(span.annotations, Tracer.DisablePropagation) ? undefined : span
  return known === undefined && patienceMillis === undefined ? undefined : { span: known, patienceMillis }
}

/**
 * Waits for what keeps a message from being sent, then sends it as it was when the waiting began. What cannot be interrupted,
 * such as a finalizer, must not wait: it sends at once.
 */
export const sendLater = (
  router: Router,
  port: string,
  message: Message,
  waitFor: WaitFor,
  aside?: Aside
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    const fixed = router.fixed(port, message)
    const passOn = Effect.sync(() => router.sentOrNot(port))
    const attempt = (waitFor: WaitFor): Effect.Effect<void> => {
      const wait = router.whenItMay(port, waitFor)
      const interruptible = restore(wait)
      if (interruptible === wait) return Effect.sync(() => router.send(port, fixed))
      return Effect.onError(interruptible, () => passOn).pipe(
        Effect.flatMap((turn) => {
          if (turn === "lost") return Effect.void
          // A message that is refused after all must not hold up those who wait behind it.
          const tried = turn === "send"
            ? Effect.ensuring(Effect.sync(() => router.offerInTurn(port, fixed, aside)), passOn)
            : Effect.sync(() => router.offer(port, fixed, aside))
          return Effect.flatMap(tried, (again) => again === undefined ? Effect.void : attempt(again))
        })
      )
    }
    return attempt(waitFor)
  })
