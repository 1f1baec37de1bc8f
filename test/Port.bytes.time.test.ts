/**
 * Streams of bytes as time passes, on a network whose clock the tests move.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Port } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

const sizeOf = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<number, E> =>
  Stream.runFold(stream, () => 0, (size, bytes) => size + bytes.length)

const pair = Effect.all([TestNetwork.start("a"), TestNetwork.start("b")])

const test = (title: string, body: Effect.Effect<unknown, unknown, TestNetwork.TestNetwork | Scope.Scope>) =>
  it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

describe("a stream of bytes", () => {
  test(
    "may pause for as long as it likes, at either end",
    Effect.gen(function*() {
      const [a, b] = yield* pair
      const { id, stream } = yield* b.run(Port.bytes())
      const size = yield* begin(b.run(sizeOf(Stream.tap(stream, () => Effect.sleep("3 minutes")))))
      const slow = Stream.range(1, 5).pipe(
        Stream.rechunk(1),
        Stream.map(() => new Uint8Array(300_000)),
        Stream.tap(() => Effect.sleep("3 minutes"))
      )
      yield* TestNetwork.within("2 hours")(a.run(Stream.run(slow, Port.bytesTo(id))))
      assert.strictEqual(yield* Fiber.join(size), 1_500_000)
    })
  )

  test(
    "is awaited for 30 seconds",
    Effect.gen(function*() {
      const [a, b] = yield* pair
      const { id, stream } = yield* b.run(Port.bytes())
      const size = yield* begin(b.run(Effect.flip(sizeOf(stream))))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(size.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(size)).reason, "nobody_came")
      const late = yield* TestNetwork.within("1 minute")(Effect.flip(a.run(Stream.run(Stream.empty, Port.bytesTo(id)))))
      assert.strictEqual(late.reason, "not_expected")
    })
  )

  for (const how of ["vanishes", "is killed"] as const) {
    test(
      `ends at the other end when the machine of one ${how}, and never looks complete`,
      Effect.gen(function*() {
        const [a, b] = yield* pair
        const { id, stream } = yield* b.run(Port.bytes())
        const come = yield* Deferred.make<void>()
        const size = yield* begin(
          b.run(Effect.flip(sizeOf(Stream.tap(stream, () => Deferred.succeed(come, undefined)))))
        )
        yield* begin(a.run(Effect.exit(
          Stream.run(Stream.concat(Stream.succeed(new Uint8Array(1000)), Stream.never), Port.bytesTo(id))
        )))
        yield* TestNetwork.within("1 minute")(Deferred.await(come))
        yield* how === "vanishes" ? a.vanish : a.kill
        const error = yield* TestNetwork.within("1 minute")(Fiber.join(size))
        assert.strictEqual(error.reason, "connection_lost")
        assert.strictEqual(error.linkError, how === "vanishes" ? "peer_silent" : "link_lost")
      })
    )
  }
})
