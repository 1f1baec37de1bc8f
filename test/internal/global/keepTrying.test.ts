import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { Flaps, type KeepTrying, keepTrying } from "../../../src/internal/global/keepTrying.ts"

interface Tries {
  readonly trying: KeepTrying
  /** When each round was, in milliseconds. */
  readonly rounds: Array<number>
  missing: boolean
}

const base = 600
const cap = 10_000

/** The loop runs; something is missing from the start, if not said otherwise. */
const start = (missing = true) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const tries: Tries = {
      trying: keepTrying(base, cap, () => {
        tries.rounds.push(clock.currentTimeMillisUnsafe())
        return tries.missing
      }),
      rounds: [],
      missing
    }
    yield* Effect.forkScoped(tries.trying.run, { startImmediately: true })
    return tries
  })

/** Lets the loop take its turn. */
const turn = TestClock.adjust(0)

const gaps = (times: ReadonlyArray<number>) => times.slice(1).map((time, i) => time - times[i]!)

describe("trying again", () => {
  it.effect("begins at once", () =>
    Effect.gen(function*() {
      const tries = yield* start()
      assert.deepStrictEqual(tries.rounds, [0])
    }))

  it.effect("waits twice the base to four times of it, then doubles up to the cap, and stays there", () =>
    Effect.gen(function*() {
      const tries = yield* start()
      yield* TestClock.adjust(100_000)
      const [first = 0, ...rest] = gaps(tries.rounds)
      assert.isTrue(first >= 2 * base && first <= 4 * base, `the first delay is ${first}`)
      rest.reduce((before, delay) => {
        assert.approximately(delay, Math.min(cap, 2 * before), 2)
        return delay
      }, first)
      assert.isAtLeast(rest.filter((delay) => delay === cap).length, 5)
    }))

  it.effect("is jittered, so that nodes do not come all at once", () =>
    Effect.gen(function*() {
      const firsts = new Set<number>()
      for (let seed = 0; seed < 5; seed++) {
        const tries = yield* Random.withSeed(start(), seed)
        yield* TestClock.adjust(4 * base)
        firsts.add(gaps(tries.rounds)[0]!)
      }
      assert.isAtLeast(firsts.size, 4)
    }))

  it.effect("rests when nothing is missing", () =>
    Effect.gen(function*() {
      const tries = yield* start(false)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(tries.rounds, [0])
    }))

  it.effect("stops in the round that finds nothing missing", () =>
    Effect.gen(function*() {
      const tries = yield* start()
      tries.missing = false
      yield* TestClock.adjust("1 day")
      assert.strictEqual(tries.rounds.length, 2)
    }))

  it.effect("starts a round at once when something is lost while it rests", () =>
    Effect.gen(function*() {
      const tries = yield* start(false)
      yield* TestClock.adjust("1 hour")
      tries.missing = true
      tries.trying.wake()
      yield* turn
      assert.deepStrictEqual(tries.rounds, [0, 3_600_000])
    }))

  it.effect("starts a round at once when something is lost while it waits, and its delays begin anew", () =>
    Effect.gen(function*() {
      const tries = yield* start()
      yield* TestClock.adjust(60_000)
      const before = tries.rounds.length
      yield* TestClock.adjust(1)
      tries.trying.wake()
      yield* turn
      assert.deepStrictEqual(tries.rounds.slice(before), [60_001])
      yield* TestClock.adjust(4 * base)
      const delay = tries.rounds[before + 1]! - 60_001
      assert.isTrue(delay >= 2 * base && delay <= 4 * base, `the delay is ${delay}`)
    }))

  it.effect("begins with short delays again after a quiet time", () =>
    Effect.gen(function*() {
      const tries = yield* start()
      yield* TestClock.adjust(60_000)
      tries.missing = false
      yield* TestClock.adjust(cap)
      const before = tries.rounds.length
      tries.missing = true
      tries.trying.wake()
      yield* turn
      yield* TestClock.adjust(4 * base)
      const delay = gaps(tries.rounds.slice(before))[0]!
      assert.isTrue(delay >= 2 * base && delay <= 4 * base, `the delay is ${delay}`)
    }))

  it.effect("several losses at one time start one round", () =>
    Effect.gen(function*() {
      const tries = yield* start(false)
      for (let i = 0; i < 5; i++) tries.trying.wake()
      yield* turn
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(tries.rounds.length, 2)
    }))

  it.effect("a loss that the attempt itself reports starts another round", () =>
    Effect.gen(function*() {
      let rounds = 0
      const trying: KeepTrying = keepTrying(base, cap, () => {
        if (++rounds === 1) trying.wake()
        return false
      })
      yield* Effect.forkScoped(trying.run, { startImmediately: true })
      yield* turn
      assert.strictEqual(rounds, 2)
    }))

  it.effect("ends by interruption alone", () =>
    Effect.gen(function*() {
      let rounds = 0
      const fiber = yield* Effect.forkChild(
        keepTrying(base, cap, () => {
          rounds++
          return true
        }).run,
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.interrupt(fiber)
      const before = rounds
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(rounds, before)
    }))
})

describe("what is lost again and again", () => {
  it("is a habit from the sixth time on, for each node by itself, until it was calm for a while", () => {
    let now = 0
    const flaps = new Flaps(() => now)
    for (let nth = 1; nth <= 5; nth++) assert.isFalse(flaps.isHabit("a"))
    assert.isTrue(flaps.isHabit("a"))
    assert.isFalse(flaps.isHabit("b"))
    now += 10_000
    assert.isFalse(flaps.isHabit("a"))
  })

  it.effect("is tried later and later, unless there is something else to try", () =>
    Effect.gen(function*() {
      const tries = yield* start(false)
      for (let nth = 0; nth < 3; nth++) {
        tries.trying.wakeLater()
        yield* TestClock.adjust(cap)
      }
      assert.deepStrictEqual(tries.rounds, [0, 2 * base, cap + 4 * base, 2 * cap + 8 * base])
      tries.trying.wakeLater()
      yield* turn
      tries.trying.wake()
      yield* turn
      assert.deepStrictEqual(tries.rounds.slice(4), [3 * cap])
      // And begins anew.
      tries.trying.wakeLater()
      yield* TestClock.adjust(cap)
      assert.deepStrictEqual(tries.rounds.slice(5), [3 * cap + 2 * base])
    }))
})
