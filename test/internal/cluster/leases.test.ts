import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Leases, type Locks } from "../../../src/internal/cluster/leases.ts"
import { timesOf } from "../../../src/internal/cluster/settings.ts"

const termMillis = 1900
const probe = "probe"

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
      // Whether there is a majority is answered at once.
      return Effect.delay(Effect.sync(() => grant(keys, at)), keys.includes(probe) ? 0 : voters.delayMillis)
    })
  const current = () => Array.from(held).flatMap(([key, until]) => until > now() ? [{ key, until }] : [])
  const locks: Locks = {
    acquire: (keys) => Effect.suspend(() => voters.answer ? ask(keys) : Effect.delay(Effect.succeed([]), 900)),
    refresh: (keys) =>
      Effect.suspend(() =>
        voters.answer
          ? Effect.sync(() => grant(keys.filter((key) => current().some((one) => one.key === key)), now()))
          : Effect.never
      ),
    release: (keys) =>
      Effect.sync(() => {
        voters.released.push(...keys)
        for (const key of keys) held.delete(key)
      }),
    held: Effect.sync(current)
  }
  const leases = new Leases(locks, timesOf(10_000, 2000), now, yield* Effect.scope, probe)
  return { leases, voters, current }
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

  it.effect("that an earlier question was granted while a later one waits are given back", () =>
    Effect.gen(function*() {
      const { current, leases, voters } = yield* makeVoters
      voters.delayMillis = 700
      yield* Effect.andThen(forked(asSharding(leases.acquire(["a"]))), TestClock.adjust("600 millis"))
      voters.delayMillis = 0
      const later = yield* forked(asSharding(leases.acquire(["b"])))
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* Fiber.join(later), Option.some(["b"]))
      for (let n = 0; n < 6; n++) yield* Effect.andThen(leases.refresh(["b"]), TestClock.adjust("500 millis"))
      assert.deepStrictEqual(current().map(({ key }) => key), ["b"])
    }))

  const Question = Schema.Struct({
    keys: Schema.Array(Schema.Literals(["a", "b", "c", "d"])),
    delayMillis: Schema.Literals([0, 50, 300, 700]),
    released: Schema.Literals(["a", "b", "c", "none"])
  })

  it.effect.prop(
    "are in the end those that Sharding was told of and has not released, whatever it asks for and how long that takes",
    [Schema.Array(Question)],
    ([questions]) =>
      Effect.gen(function*() {
        const { current, leases, voters } = yield* makeVoters
        const told = new Set<string>()
        // Sharding asks, and refreshes meanwhile.
        const round = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
          const refreshing = yield* forked(leases.refresh(Array.from(told)))
          const asking = yield* forked(asSharding(leases.acquire(keys.filter((key) => !told.has(key)))))
          yield* TestClock.adjust("500 millis")
          yield* Fiber.join(refreshing)
          for (const key of Option.getOrElse(yield* Fiber.join(asking), () => [])) told.add(key)
        })
        for (const { delayMillis, keys, released } of questions) {
          voters.delayMillis = delayMillis
          yield* round(keys)
          if (told.delete(released)) yield* Effect.andThen(forked(leases.release(released)), TestClock.adjust(1))
        }
        for (let n = 0; n < 8; n++) {
          yield* Effect.andThen(leases.refresh(Array.from(told)), TestClock.adjust("500 millis"))
        }
        assert.deepStrictEqual(
          current().map(({ key }) => key).toSorted(),
          Array.from(told).toSorted()
        )
      })
  )

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
          assert.match(String(Cause.squash(exit.cause)), /lost 1 of its leases, a among them/)
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
      assert.match(String(Cause.squash(defect)), /lost 1 of its leases, a among them/)
    }))

  it.effect("that were just given back are not asked for again at once, and others are", () =>
    Effect.gen(function*() {
      const { leases } = yield* makeVoters
      yield* leases.acquire(["a"])
      yield* leases.release("a")
      const again = yield* forked(leases.acquire(["a"]))
      const other = yield* forked(leases.acquire(["b"]))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(other.pollUnsafe(), Exit.succeed(["b"]))
      yield* TestClock.adjust("50 millis")
      assert.isUndefined(again.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(again), ["a"])
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
