/**
 * Ports that wait for supervisors: something in them has asked one for something, and has no answer yet. Whoever ends such a port
 * cannot wait until the message that it has in hand is done, if that message waits for whoever ends it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Router } from "../node/router.ts"

/** A supervisor that is asked. */
export interface Asked {
  readonly isEnding: boolean
}

/** By port: whom it waits for. */
const asksOfNodes = new WeakMap<Router, Map<string, Array<Asked>>>()

/** Something in a port (`undefined`: in none) asks this supervisor for as long as the effect lasts. */
export const asking = <A, E, R>(
  router: Router,
  port: string | undefined,
  asked: Asked,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (port === undefined) return effect
  const begin = Effect.sync(() => {
    const asks = asksOfNodes.get(router) ?? new Map<string, Array<Asked>>()
    asksOfNodes.set(router, asks)
    asks.set(port, [...asks.get(port) ?? [], asked])
    return asks
  })
  return Effect.acquireUseRelease(begin, () => effect, (asks) =>
    Effect.sync(() => {
      const all = asks.get(port) ?? []
      const left = all.toSpliced(all.indexOf(asked), 1)
      if (left.length > 0) asks.set(port, left)
      else asks.delete(port)
    }))
}

/** Whether a port waits for this supervisor, or for one that has begun to end. */
export const waitsFor = (router: Router, port: string, asked: Asked): boolean =>
  asksOfNodes.get(router)?.get(port)?.some((other) => other === asked || other.isEnding) === true
