/** What a node leaves in its process when it is gone: nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { connect, makeWorld, until, watch } from "./harness.ts"

describe("after the last scope", () => {
  const handles = (kind: RegExp): number => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length
  /** Sockets beyond those that other tests of this process may have left, when no more of these go. */
  const counting = Effect.gen(function*() {
    let others = -1
    while (others !== handles(/^TCP/)) {
      others = handles(/^TCP/)
      yield* Effect.sleep("300 millis")
    }
    const open = () => handles(/^TCP/) - others
    return { open, quiet: until("no socket is open", () => open() <= 0) }
  })

  it.live("no socket, listener or timer is left", () =>
    Effect.gen(function*() {
      const { open, quiet } = yield* counting
      const timers = handles(/^Timeout/)
      const during = yield* Effect.scoped(Effect.gen(function*() {
        const world = yield* makeWorld
        const [a, b, c] = [yield* world.start("a"), yield* world.start("b"), yield* world.start("c")]
        const port = yield* b.run(Port.make({}))
        yield* Effect.forEach([[a, b], [b, c], [c, a]] as const, ([from, to]) => connect(from, to))
        yield* watch(a, port)
        yield* a.run(Port.snd("ghost#port", "lost"))
        return open()
      })).pipe(Effect.provide(Transport.layerTcp))
      assert.strictEqual(during, 3 + 2 * 3, "listeners, and both ends of the links")
      yield* quiet
      yield* until("no timer is left", () => handles(/^Timeout/) <= timers)
    }))

  it.live("a node whose start fails leaves nothing", () =>
    Effect.gen(function*() {
      const { open, quiet } = yield* counting
      yield* Effect.scoped(Effect.gen(function*() {
        const world = yield* makeWorld
        const a = yield* world.start("a")
        yield* Effect.flip(world.start("b", { binds: ["127.0.0.1:*", a.address] }))
        yield* until("its first listener is closed", () => open() === 1)
      })).pipe(Effect.provide(Transport.layerTcp))
      yield* quiet
    }))
})
