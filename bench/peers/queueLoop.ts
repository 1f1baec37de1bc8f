/** The usual design in Effect: a fiber for each port that loops on `Queue.take`, tuned with `disableYield`. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

export const queueLoop = <A, E>(queue: Queue.Queue<A, E>, handle: (message: A) => Effect.Effect<unknown, E>) =>
  Effect.forkScoped(
    Effect.forever(Effect.flatMap(Queue.take(queue), handle), { disableYield: true }),
    { startImmediately: true }
  )
