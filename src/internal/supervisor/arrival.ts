/**
 * A node that has just begun: how long it cannot know yet who else is there.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Seeding } from "../node/observed.ts"
import type { Router } from "../node/router.ts"

/** Nodes that have joined at the same time, by different seeds, are told of each other within this. */
const spreadMillis = 1000

/** How often it is looked whether the seeds have answered. */
const lookMillis = 50

/**
 * What a node can know of those that it cannot reach: nothing about their place, so that they count as absent (`alone`); or all that
 * others know, so that it is worth while to look for them once more (`joined`).
 */
export type Arrival = "alone" | "joined"

/** Waits until all seeds have answered, but not much longer than `patienceMillis`. A node without seeds has nobody to wait for. */
export const arrive = (router: Router, patienceMillis: number): Effect.Effect<Arrival> =>
  Effect.gen(function*() {
    const { seeding } = router.observed
    if (seeding !== undefined) {
      if (!(yield* answered(seeding, patienceMillis))) {
        // The last attempt may be a while ago: whoever came up since is met now.
        seeding.tryNow()
        yield* answered(seeding, spreadMillis)
      }
      if (!seeding.hasOthers) return "alone"
    }
    yield* Effect.sleep(spreadMillis)
    return seeding?.isCutOff === true ? "alone" : "joined"
  })

/** Answers whether all seeds have answered within this time. */
const answered = (seeding: Seeding, millis: number): Effect.Effect<boolean> => {
  const waiting = Effect.whileLoop({
    while: () => seeding.isAwaited,
    body: () => Effect.sleep(lookMillis),
    step: () => {}
  })
  return Effect.map(Effect.timeoutOption(waiting, millis), (done) => done._tag === "Some")
}
