/**
 * Shared set-up: children that count their starts, and supervisors under observation, on a clock that a test moves.
 */
import { it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { NodeRouter } from "../src/internal/node/router.ts"
import { readTimeFrom } from "../src/internal/port/readyQueue.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { reasonOf } from "./harness.ts"

/** A test on a node of its own, without a network. What it makes ends before its node, which would drain by a clock that stands still. */
export const test = (title: string, body: () => Effect.Effect<unknown, unknown, Node.Node | Scope.Scope>): void =>
  it.effect(title, () => Effect.andThen(inOnePass, onItsOwn(body)))

const onItsOwn = (body: () => Effect.Effect<unknown, unknown, Node.Node | Scope.Scope>) =>
  Effect.provide(Effect.scoped(Effect.suspend(body)), Layer.fresh(Node.layerLocal))

/** However slow the machine is, what happens in the same tick is done in one pass of the run queue. */
const inOnePass = Effect.acquireRelease(
  Effect.sync(() => readTimeFrom(() => 0)),
  (readRealTime) => Effect.sync(readRealTime)
)

/** The same, with a wall clock that somebody sets: forward, or back by a negative time. What measures time does not notice. */
export const testWithWallClock = (
  title: string,
  body: (set: (millis: number) => void) => Effect.Effect<unknown, unknown, Node.Node | Scope.Scope>
): void =>
  it.effect(title, () =>
    Clock.clockWith((clock) => {
      let ahead = 0
      const now = () => clock.currentTimeMillisUnsafe() + ahead
      const nanos = () => BigInt(Math.round(now() * 1_000_000))
      const wall: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: now,
        currentTimeMillis: Effect.sync(now),
        currentTimeNanosUnsafe: nanos,
        currentTimeNanos: Effect.sync(nanos)
      }
      const set = (millis: number) => {
        ahead += millis
      }
      return Effect.provideService(onItsOwn(() => body(set)), Clock.Clock, wall)
    }))

/** For nodes that are to notice soon what they lost. */
export const short = { monitorTimeout: "500 millis", connectInterval: "300 millis" } as const

/** A test of several nodes in a network that can be cut, in real time. */
export const networkTest = (
  title: string,
  body: (
    network: Transport.MemoryNetwork["Service"]
  ) => Effect.Effect<unknown, unknown, Scope.Scope | Transport.Transport>
): void =>
  it.live(
    title,
    () => Effect.flatMap(Transport.MemoryNetwork, body).pipe(Effect.scoped, Effect.provide(Transport.layerMemory))
  )

/** Turns of the event loop, in which all that is ready runs. The clock stands still. */
const turns = (count: number) =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
  })

/** Waits until a condition holds, without the clock. */
export const until = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let i = 0; i < 1000; i++) {
      if (condition()) return
      yield* turns(1)
    }
    return yield* Effect.die(new Error(`waited in vain: ${what}`))
  })

/** All that is going to happen at this time has happened. */
export const quiet = turns(10)

export const sleep = (time: Duration.Input): Effect.Effect<void> => Effect.andThen(TestClock.adjust(time), quiet)

/** A child that counts its starts. */
export interface Service<E, R> {
  starts: number
  readonly ports: Array<Port.PortId>
  /** The reasons that its ports ended with. */
  readonly ends: Array<ReadonlyArray<unknown>>
  readonly child: Effect.Effect<Port.PortId, E, R | Node.Node | Scope.Scope>
}

/** `before` runs in each start, with its number, and may fail. */
export const makeService = <E = never, R = never>(
  before: (nth: number) => Effect.Effect<unknown, E, R> = () => Effect.void
): Service<E, R> => {
  const start = (nth: number) =>
    Effect.gen(function*() {
      yield* before(nth)
      const port = yield* Port.make({
        which: (reply) => Port.snd(reply, nth),
        fail: (error) => Effect.fail(error),
        stuck: () => Effect.uninterruptible(Effect.sleep("1 hour"))
      })
      // Not with `Port.mon`: it is to hear of the end when the supervisor has ended too.
      const router = yield* NodeRouter
      router.monitor(port, (exit) => service.ends.push(reasonOf(exit)))
      service.ports.push(port)
      return port
    })
  const service: Service<E, R> = {
    starts: 0,
    ports: [],
    ends: [],
    child: Effect.suspend(() => start(++service.starts))
  }
  return service
}

/** A supervisor under observation. */
export interface Watched extends Supervisor.Supervised {
  readonly log: Array<Supervisor.Event>
  /** The stream of events has ended. */
  over: boolean
  /** The reason that the supervisor ended with. */
  end: ReadonlyArray<unknown> | undefined
}

export const supervise = <E, R>(
  child: Effect.Effect<Port.PortId, E, R>,
  policy?: Supervisor.Policy
): Effect.Effect<Watched, E | Supervisor.InvalidSpec, Node.Node | Scope.Scope | Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const supervised = yield* Supervisor.restart(child, policy)
    const watched: Watched = { ...supervised, log: [], over: false, end: undefined }
    const record = (event: Supervisor.Event) => Effect.sync(() => watched.log.push(event))
    yield* Stream.runForEach(supervised.events, record).pipe(
      Effect.andThen(Effect.sync(() => {
        watched.over = true
      })),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Port.mon(supervised.supervisor, (exit) =>
      Effect.sync(() => {
        watched.end = reasonOf(exit)
      }))
    return watched
  })

/** Ends a child's present port, and lets follow what follows. */
export const end = (
  supervised: Supervisor.Supervised,
  ...reason: ReadonlyArray<unknown>
): Effect.Effect<void, Port.Killed, Node.Node> =>
  Effect.gen(function*() {
    yield* Port.kil(yield* supervised.port, ...reason)
    yield* quiet
  })

export const tags = (events: ReadonlyArray<Supervisor.Event>): ReadonlyArray<string> =>
  events.map((event) => event._tag)

export const delays = (events: ReadonlyArray<Supervisor.Event>): ReadonlyArray<number> =>
  events.flatMap((event) => event._tag === "Restarting" ? [Duration.toMillis(event.delay)] : [])
