/**
 * A `TestClock` that goes from one thing that waits for it to the next, and lets all that follows happen before it goes on. Effect's own
 * wakes what is due and moves on, while the bytes that were sent are still under way: of two nodes that are well it would seem that
 * neither has said a word for an hour.
 *
 * Like the clocks of machines it shows whole milliseconds, whatever fractions programs sleep for: a schedule that waits for what is left until
 * its next full interval would otherwise be woken a trillionth too early, and so little is left then that no time passes any more.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Scheduler } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { Activity } from "./activity.ts"

export interface SteppingClock {
  /** The clock, and the scheduler of the fibers that it is for. */
  readonly context: Context.Context<never>
  readonly now: () => number
  /** Goes to the next thing that waits for the clock; to `end`, if that comes first. */
  readonly step: (end: number) => Effect.Effect<void>
}

/** Who sleeps, and until when. */
class Sleepers {
  private readonly ends = new Set<{ readonly millis: number }>()

  during(millis: number, sleep: Effect.Effect<void>): Effect.Effect<void> {
    const end = { millis }
    return Effect.suspend(() => {
      this.ends.add(end)
      return Effect.ensuring(sleep, Effect.sync(() => this.ends.delete(end)))
    })
  }

  /** When the next one is due that has not been woken yet. */
  next(now: number): number {
    let next = Infinity
    for (const { millis } of this.ends) if (millis > now && millis < next) next = millis
    return next
  }
}

/** As timers of Node have it: a fraction is cut off, but whoever waits at all waits for one millisecond. */
const wholeMillis = (duration: Duration.Duration): number => {
  const millis = Duration.toMillis(duration)
  return millis > 0 ? Math.max(1, Math.floor(millis)) : 0
}

export const makeSteppingClock = (activity: Activity): Effect.Effect<SteppingClock, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(TestClock.layer())
    const inner = yield* Effect.provide(TestClock.testClockWith(Effect.succeed), context)
    const sleepers = new Sleepers()
    const now = inner.currentTimeMillisUnsafe
    // What is due at the same time happens at once.
    const goTo = (time: number) => Effect.andThen(inner.setTime(time), activity.rest)
    const step = (end: number) => Effect.suspend(() => goTo(Math.min(end, sleepers.next(now()))))
    const pass = (end: number) =>
      Effect.gen(function*() {
        yield* activity.rest
        while (sleepers.next(now()) <= end) yield* step(end)
        yield* goTo(end)
      })
    const clock: TestClock.TestClock = {
      ...inner,
      sleep: (duration) =>
        Effect.suspend(() => {
          const millis = wholeMillis(duration)
          return sleepers.during(now() + millis, inner.sleep(Duration.millis(millis)))
        }),
      adjust: (duration) => Effect.suspend(() => pass(now() + Duration.toMillis(duration))),
      setTime: (time) => Effect.suspend(() => time > now() ? pass(time) : goTo(time))
    }
    // Until it was moved once, it warns those who let it stand; and nodes always wait for something.
    yield* inner.adjust(0)
    return {
      context: Context.make(Clock.Clock, clock).pipe(
        Context.add(Scheduler, activity.scheduler(Context.get(context, Scheduler)))
      ),
      now,
      step
    }
  })
