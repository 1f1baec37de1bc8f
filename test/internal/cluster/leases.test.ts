import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { Leases, type Locks } from "../../../src/internal/cluster/leases.ts"
import { timesOf } from "../../../src/internal/cluster/settings.ts"

const termMillis = 1900

/** Voters as an owner sees them: what they grant, whether they answer, and what it has been granted. */
const makeVoters = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const held = new Map<string, number>()
  const voters = { answer: true, delayMillis: 0, others: new Set<string>(), released: [] as Array<string> }
  const grant = (keys: ReadonlyArray<string>, at: number) =>
    keys.flatMap((key) => {
      if (voters.others.has(key)) {
        held.delete(key)
        return []
      }
      held.set(key, at + termMillis)
      return [{ key, until: at + termMillis }]
    })
  const ask = (keys: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const at = now()
      return Effect.delay(Effect.suspend(() => Effect.succeed(grant(keys, at))), voters.delayMillis)
    })
  const current = () => Array.from(held).flatMap(([key, until]) => until > now() ? [{ key, until }] : [])
  const locks: Locks = {
    acquire: (keys) => Effect.suspend(() => voters.answer ? ask(keys) : Effect.delay(Effect.succeed([]), 900)),
    refresh: (keys) =>
      Effect.suspend(() =>
        voters.answer ? ask(keys.filter((key) => current().some((one) => one.key === key))) : Effect.never
      ),
    release: (keys) =>
      Effect.sync(() => {
        voters.released.push(...keys)
        for (const key of keys) held.delete(key)
      }),
    held: Effect.sync(current)
  }
  const leases = new Leases(locks, timesOf(10_000, 2000), now, yield* Effect.scope, "probe")
  return { leases, voters }
})

/** As Sharding does: waits for so long, and no longer. */
const asSharding = <A>(effect: Effect.Effect<A>) => Effect.timeoutOption(effect, 500)

const forked = <A>(effect: Effect.Effect<A>) => Effect.forkChild(effect, { startImmediately: true })

describe("the leases of a runner", () => {
  it.effect("are those that are granted, and they are waited for that somebody else has yet", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      assert.deepStrictEqual(yield* leases.acquire(["a", "b"]), ["a", "b"])
      voters.others.add("c")
      const waiting = yield* forked(leases.acquire(["c"]))
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      voters.others.clear()
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["c"])
    }))

  it.effect("that are granted when nobody waits any more are handed over when Sharding asks again", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      voters.delayMillis = 700
      const first = yield* forked(asSharding(leases.acquire(["a", "b"])))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* Fiber.join(first))._tag, "None")
      const second = yield* forked(asSharding(leases.acquire(["a", "b"])))
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* Fiber.join(second), Option.some(["a", "b"]))
      assert.deepStrictEqual(voters.released, [])
    }))

  it.effect("that Sharding does not want any more when they are granted are given back", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      voters.delayMillis = 700
      yield* Effect.andThen(forked(asSharding(leases.acquire(["a"]))), TestClock.adjust("1 second"))
      voters.delayMillis = 0
      assert.deepStrictEqual(yield* leases.acquire(["b"]), ["b"])
      assert.deepStrictEqual(voters.released, ["a"])
    }))

  it.effect("that are granted while others are asked for already are given back", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      voters.delayMillis = 300
      yield* Effect.andThen(forked(Effect.timeoutOption(leases.acquire(["a"]), 100)), TestClock.adjust("200 millis"))
      const second = yield* forked(leases.acquire(["b"]))
      yield* TestClock.adjust("600 millis")
      assert.deepStrictEqual(yield* Fiber.join(second), ["b"])
      voters.delayMillis = 0
      for (let i = 0; i < 5; i++) yield* Effect.andThen(TestClock.adjust("500 millis"), leases.refresh(["b"]))
      assert.deepStrictEqual(voters.released, ["a"])
    }))

  it.effect("are held while voters are silent for a moment, and given up in time when they stay so", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      yield* leases.acquire(["a"])
      voters.answer = false
      const begun = yield* Clock.currentTimeMillis
      for (;;) {
        const refresh = yield* forked(Effect.exit(asSharding(leases.refresh(["a"]))))
        yield* TestClock.adjust("500 millis")
        const exit = yield* Fiber.join(refresh)
        const passed = (yield* Clock.currentTimeMillis) - begun
        if (Exit.isSuccess(exit)) assert.strictEqual(exit.value._tag, "Some")
        else {
          // A failure Sharding would try again: there is no time for that.
          assert.match(String(Cause.squash(exit.cause)), /lost a/)
          assert.isFalse(Cause.hasFails(exit.cause))
          assert.isAtLeast(passed, 1500)
          return
        }
        assert.isBelow(passed, termMillis)
      }
    }))

  it.effect("that somebody else has are lost at once", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      yield* leases.acquire(["a", "b"])
      voters.others.add("a")
      yield* TestClock.adjust("500 millis")
      const defect = yield* Effect.flip(Effect.sandbox(leases.refresh(["a", "b"])))
      assert.match(String(Cause.squash(defect)), /lost a$/)
    }))

  it.effect("that were released are no loss, and go back in one message", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      yield* leases.acquire(["a", "b", "c"])
      yield* Effect.all([leases.release("a"), leases.release("b")], { concurrency: "unbounded" })
      assert.deepStrictEqual(voters.released, ["a", "b"])
      assert.deepStrictEqual(yield* leases.refresh(["a", "b", "c"]), ["c"])
    }))

  it.effect("of a runner that holds none are well if there is a majority", () =>
    Effect.gen(function*() {
      const { leases, voters } = yield* makeVoters
      assert.deepStrictEqual(yield* leases.refresh([]), [])
      voters.answer = false
      const refresh = yield* forked(Effect.exit(leases.refresh([])))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(refresh)))
    }))
})
