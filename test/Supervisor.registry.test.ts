import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Port, Supervisor } from "../src/index.ts"
import * as Node from "../src/Node.ts"
import { networkTest, quiet, sleep, test } from "./supervised.ts"

const { Registry } = Supervisor

/** A port that takes an hour to end. */
const lingering = Effect.gen(function*() {
  const port = yield* Port.make({})
  yield* Port.peval(port, Effect.addFinalizer(() => Effect.sleep("1 hour")))
  return port
})

describe("a name", () => {
  test("stands for one port, for as long as that lives", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.none())
      const port = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.some(port))
      yield* Port.kil(port)
      yield* Port.exit(port)
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.none())
    }))

  test("that another port has is refused, and that port is told", () =>
    Effect.gen(function*() {
      const first = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      const second = yield* Port.make({})
      const error = yield* Effect.flip(Registry.register(second, "a"))
      assert.deepStrictEqual([error._tag, error.name, error.port], ["NameTaken", "a", first])
      assert.include(error.message, first)
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.some(first))
      // The other one is welcome under another name, and a port may have several.
      yield* Registry.register(second, "b")
      yield* Registry.register(second, "c")
      assert.deepStrictEqual(Array.from(yield* Registry.all), [["a", first], ["b", second], ["c", second]])
    }))

  test("may be given to the port that has it already", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({})
      yield* Registry.register(port, "a")
      yield* Registry.register(port, "a")
      yield* Registry.unregister(port, "a")
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.none())
    }))

  test("is taken until the port that was killed has ended, finalizers included", () =>
    Effect.gen(function*() {
      const first = yield* Effect.tap(lingering, Registry.register("a"))
      yield* Port.kil(first)
      yield* quiet
      const second = yield* Port.make({})
      assert.strictEqual((yield* Effect.flip(Registry.register(second, "a"))).port, first)
      yield* sleep("1 hour")
      yield* Registry.register(second, "a")
    }))

  test("is free at once when its port has ended, even before that was told", () =>
    Effect.gen(function*() {
      const first = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      const second = yield* Port.make({})
      const answers: Array<unknown> = []
      // Told before the registry is: it has asked earlier.
      yield* Port.mon(first, () => Effect.tap(Registry.lookup("a"), (found) => Effect.sync(() => answers.push(found))))
      yield* Port.kil(first)
      yield* Port.exit(first)
      yield* Registry.register(second, "a")
      yield* quiet
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.some(second))
      assert.strictEqual(answers.length, 1)
    }))

  test("is taken from a port by nobody who does not name the port", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      const other = yield* Port.make({})
      yield* Registry.unregister(other, "a")
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.some(port))
      yield* Registry.unregister(port, "a")
      yield* Registry.register(other, "a")
      // The end of the one that had it takes nothing from the one that has it.
      yield* Port.kil(port)
      yield* Port.exit(port)
      yield* quiet
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.some(other))
    }))

  test("given to what is no port is a mistake that is told at once", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({})
      const exit = yield* Effect.exit(Registry.register("a", port))
      assert.include(String(exit), `"a" is no port`)
    }))

  test("of a port that has ended is nobody's", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({})
      yield* Port.kil(port)
      yield* Port.exit(port)
      yield* Registry.register(port, "a")
      assert.deepStrictEqual(yield* Registry.lookup("a"), Option.none())
      yield* quiet
      assert.strictEqual((yield* Registry.all).size, 0)
    }))

  test("can be waited for, by many, and by some who wait no longer", () =>
    Effect.gen(function*() {
      const wait = Effect.forkChild(Registry.await("a"), { startImmediately: true })
      const waiting = [yield* wait, yield* wait, yield* wait]
      yield* Fiber.interrupt(waiting.pop()!)
      const port = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      assert.deepStrictEqual(yield* Fiber.joinAll(waiting), [port, port])
      assert.strictEqual(yield* Registry.await("a"), port)
    }))

  test("can be watched: who has it, and that nobody has", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* Registry.watch("a").pipe(
        Stream.runForEach((port) => Effect.sync(() => seen.push(Option.getOrElse(port, () => "nobody")))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* quiet
      const first = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      yield* quiet
      yield* Port.kil(first)
      yield* quiet
      const second = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")))
      yield* quiet
      assert.deepStrictEqual(seen, ["nobody", first, "nobody", second])
    }))

  test("is there again after each restart of a service that takes it in its start", () =>
    Effect.gen(function*() {
      const service = Effect.tap(Port.make({}), Registry.register("a"))
      yield* Supervisor.restart(service, { intensity: 10 })
      for (let i = 0; i < 5; i++) {
        const port = yield* Registry.await("a")
        yield* Port.kil(port, "crash")
        yield* quiet
        assert.notStrictEqual(yield* Registry.await("a"), port)
      }
    }))

  networkTest("is known on its own node alone", () =>
    Effect.gen(function*() {
      const [one, two] = yield* Effect.forEach(["one", "two"], (nodeId) =>
        Layer.build(Layer.fresh(Node.layer({ nodeId, secret: "s", binds: [`memory:${nodeId === "one" ? 1 : 2}`] }))))
      const port = yield* Port.make({}).pipe(Effect.tap(Registry.register("a")), Effect.provide(one!))
      assert.deepStrictEqual(yield* Effect.provide(Registry.lookup("a"), one!), Option.some(port))
      assert.deepStrictEqual(yield* Effect.provide(Registry.lookup("a"), two!), Option.none())
    }))
})
