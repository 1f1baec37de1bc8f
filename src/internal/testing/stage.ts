/**
 * What the nodes of a test stand on: a network in memory, a clock that waits for it, and the end of both.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { MemoryNetwork, Transport } from "../../Transport.ts"
import { makeMemoryNetwork } from "../transport/memory/network.ts"
import type { Carrier } from "../transport/wire.ts"
import { IdentitySource } from "../values/names.ts"
import { Activity } from "./activity.ts"
import { makeSteppingClock, type SteppingClock } from "./clock.ts"

/** What has to end in order is given so much of the test's time. What then still waits, waits for something else. */
const closingMillis = 600_000

export class Stage {
  readonly memory: Context.Context<Transport | MemoryNetwork>
  readonly scope: Scope.Closeable
  /** By node ID: where the node that runs listens. */
  readonly addresses = new Map<string, () => ReadonlyArray<string>>()
  private readonly clock: SteppingClock
  private readonly activity: Activity
  constructor(
    memory: Context.Context<Transport | MemoryNetwork>,
    scope: Scope.Closeable,
    clock: SteppingClock,
    activity: Activity
  ) {
    this.memory = memory
    this.scope = scope
    this.clock = clock
    this.activity = activity
  }

  get rest(): Effect.Effect<void> {
    return this.activity.rest
  }

  /** The network as one process has it: when its life is over, it dials no more. */
  carrier(life: { readonly isDead: boolean }): Carrier {
    const carrier = Context.get(this.memory, Transport)
    return {
      ...carrier,
      dial: (address, host) => Effect.suspend(() => life.isDead ? Effect.never : carrier.dial(address, host))
    }
  }

  /** Lets time pass until the condition holds, and answers whether it did within so many milliseconds. */
  passUntil<E, R>(condition: Effect.Effect<boolean, E, R>, limitMillis: number): Effect.Effect<boolean, E, R> {
    const { clock, rest } = this
    return Effect.gen(function*() {
      const end = clock.now() + limitMillis
      for (;;) {
        yield* rest
        if (yield* condition) return true
        if (clock.now() >= end) return false
        yield* clock.step(end)
      }
    })
  }

  /** Closes a scope, and lets the time pass that this takes: whoever closes it may have another clock. */
  close(scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* this.passUntil(isDone(closing), closingMillis)
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(this.clock.context))
  }

  /** The same, without anybody who waits for it. */
  closeSoon(scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.uninterruptible(Scope.close(scope, Exit.void)).pipe(
      Effect.forkIn(this.scope, { startImmediately: true }),
      Effect.provide(this.clock.context),
      Effect.asVoid
    )
  }
}

export const isDone = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<boolean> =>
  Effect.sync(() => fiber.pollUnsafe() !== undefined)

/** How long programs say that they wait. */
export const inWords = (limit: Duration.Input): string => Duration.format(Duration.fromInputUnsafe(limit))

/** What is made, and what all have around them from now on who stand on it: its network, its clock, its chance. */
export const makeStage: Effect.Effect<
  { readonly stage: Stage; readonly surroundings: Context.Context<Transport | MemoryNetwork> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const activity = new Activity()
  const clock = yield* makeSteppingClock(activity)
  const scope = yield* Scope.make()
  const { carrier, faults } = yield* makeMemoryNetwork.pipe(Scope.provide(scope), Effect.provide(clock.context))
  const memory = Context.make(Transport, activity.carrier(carrier)).pipe(Context.add(MemoryNetwork, faults))
  const stage = new Stage(memory, scope, clock, activity)
  yield* Effect.addFinalizer(() => stage.close(scope))
  const random = yield* Random.Random
  const surroundings = Context.merge(memory, clock.context).pipe(
    // So that the names of ports are the same when the run is repeated.
    Context.add(IdentitySource, (bound) => Math.floor(random.nextDoubleUnsafe() * bound))
  )
  return { stage, surroundings }
})
