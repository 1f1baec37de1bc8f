/**
 * Watches over a link for as long as it stands: sends beats, and ends it when the other side is silent or does not read.
 *
 * @internal
 */
import { afterIo, takeBack } from "#platform"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { check, type Patience, period, start } from "./failureDetector.ts"
import type { Link } from "./link.ts"
import { LinkError } from "./linkError.ts"

/** What is watched over: a link, or a connection beside one. */
export type Watched = Pick<Link, "nodeId" | "received" | "sent" | "buffered" | "beat" | "probe" | "lose" | "giveUp">

/** Never ends by itself: the end of the link is to interrupt it. `stalled` is told when this very process stood still. */
export const watch = (link: Watched, patience: Patience, stalled: (late: number) => void): Effect.Effect<never> =>
  Clock.clockWith((clock) => {
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    let detector = start(patience, now())
    const step = (planned: number): Effect.Effect<void> => {
      const [next, actions] = check(detector, now(), planned, link)
      detector = next
      let again: Effect.Effect<void> = Effect.void
      for (const action of actions) {
        switch (action._tag) {
          case "Beat":
            link.beat()
            break
          case "Ask":
            link.probe()
            break
          case "Stalled":
            stalled(action.late)
            break
          case "CheckAgain":
            again = Effect.andThen(turnOfIo, Effect.suspend(() => step(0)))
            break
          case "Silent":
            link.lose(new LinkError({ reason: "peer_silent", peer: link.nodeId }))
            break
          case "NotReading":
            link.giveUp(new LinkError({ reason: "peer_not_reading", peer: link.nodeId }))
        }
      }
      return again
    }
    return Effect.forever(
      Effect.flatMap(Random.nextBetween(0.9, 1), (jitter) => {
        const planned = period(patience) * jitter
        return Effect.andThen(Effect.sleep(planned), Effect.suspend(() => step(planned)))
      })
    )
  })

/** Whether the other side answers, on this link, within a time. Its process has to be alive for that, and to hold the link. */
export const probe = (link: Link, limit: number): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const { received } = link
    const alive = (): boolean => link.received !== received
    link.probe()
    const wait = Effect.andThen(Effect.sleep(limit / 10), turnOfIo)
    let left = 10
    const isOpen = (): boolean => left-- > 0 && !alive() && !link.isOver
    return Effect.map(
      Effect.whileLoop({ while: isOpen, body: () => wait, step: () => {} }),
      () => alive() && !link.isOver
    )
  })

/** Lets sockets and message ports be read once: I/O, which wakes them both, comes before what `afterIo` was given. */
const turnOfIo: Effect.Effect<void> = Effect.callback((resume) => {
  const turn = afterIo(() => resume(Effect.void))
  return Effect.sync(() => takeBack(turn))
})
