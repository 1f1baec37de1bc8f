import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Port from "../src/Port.ts"
import { begin, connect, testOver, transports } from "./harness.ts"

describe.each(transports)("over %s", (_, transport) => {
  const test = testOver(transport)
  test("a stream of bytes arrives whole", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const b = yield* world.start("b")
      yield* connect(a, b)
      const { id, stream } = yield* b.run(Port.bytes())
      const size = yield* begin(Stream.runFold(stream, () => 0, (n, x) => n + x.length))
      yield* Stream.run(Stream.range(1, 100).pipe(Stream.map(() => new Uint8Array(100_000))), Port.bytesTo(id)).pipe(
        a.run
      )
      assert.strictEqual(yield* Fiber.join(size), 10_000_000)
    }))
})
