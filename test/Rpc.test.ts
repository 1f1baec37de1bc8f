import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Stream from "effect/Stream"
import { type Node, Port } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import { pem } from "./certificates.ts"
import { testOver, transports, until, within, type World } from "./harness.ts"
import { clientOn, Denied, Journal, NotFound, serveOn, User } from "./rpcService.ts"

const kinds = [
  ...transports.map(([name, transport]) => [name, transport, {}] as const),
  ["TLS", transports[1][1], { secret: undefined, cert: pem("shared") }] as const
]

/** A server on one node, and a client on another. */
const served = Effect.fnUntraced(function*(world: World, options: Node.Options = {}) {
  const [a, b] = [yield* world.start("a", options), yield* world.start("b", options)]
  const journal = new Journal()
  const server = yield* serveOn(b, journal)
  return { a, b, journal, server, client: yield* clientOn(a, server) }
})

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

for (const [name, transport, options] of kinds) {
  const test = testOver(transport)

  describe(`calls between two nodes, over ${name}`, () => {
    test("are answered", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
        assert.isUndefined(yield* client.nothing())
      }))

    test("carry instances of classes, with dates and options, and get instances back", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const born = DateTime.makeUnsafe("1815-12-10T00:00:00Z")
        const user = yield* client.older(new User({ name: "Ada", born, nick: Option.some("ada") }))
        assert.instanceOf(user, User)
        assert.strictEqual(user.shown, "old Ada <Some> Utc")
        assert.isTrue(DateTime.Equivalence(user.born, born))
        assert.deepStrictEqual(user.nick, Option.some("ada"))
      }))

    test("carry bytes, bigints and numbers that JSON has no word for", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const sent = { bytes: Uint8Array.of(0, 255), big: 12345678901234567890123n, number: Number.NaN }
        assert.deepStrictEqual(yield* client.raw(sent), sent)
      }))

    test("fail with the errors of the domain", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const error = yield* Effect.flip(client.find({ id: "x" }))
        assert.instanceOf(error, NotFound)
        assert.deepStrictEqual(error, new NotFound({ id: "x" }))
      }))

    test("end alone with a defect of their handler", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        const other = yield* Effect.forkChild(client.slow({ id: "other" }))
        yield* until("the other one is at work", () => journal.has("other begins"))
        assert.match(String(defectOf(yield* Effect.exit(client.broken()))), /broken on purpose/)
        yield* Deferred.succeed(journal.go, undefined)
        assert.strictEqual(yield* Fiber.join(other), "other is done")
      }))

    test("are handled side by side", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        const calls = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 64 }, (_, n) => String(n)), (id) => client.slow({ id }), {
            concurrency: "unbounded"
          })
        )
        yield* until("all are at work", () => journal.working === 64)
        yield* Deferred.succeed(journal.go, undefined)
        assert.strictEqual((yield* Fiber.join(calls)).length, 64)
      }))

    test("are interrupted with their caller", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        const call = yield* Effect.forkChild(client.slow({ id: "call" }))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* Fiber.interrupt(call)
        yield* until("its handler hears of it", () => journal.has("call is interrupted"))
        assert.strictEqual(yield* client.greet({ name: "again" }), "hello, again")
      }))

    test("release what their handler acquired, and end what it forked, with the call", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        const call = yield* Effect.forkChild(client.hold({ id: "call" }))
        yield* until("it is at work", () => journal.has("call begins"))
        assert.deepStrictEqual(journal.lines, ["call is acquired", "call begins"])
        yield* Deferred.succeed(journal.go, undefined)
        yield* Fiber.join(call)
        yield* until("all is released", () => journal.has("call is released"))
        yield* until("the child is interrupted", () => journal.has("the child of call is interrupted"))
      }))

    test("that nobody waits for are answered when they have begun", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        yield* client.slow({ id: "call" }, { discard: true })
        yield* until("it is at work", () => journal.has("call begins"))
        assert.strictEqual(journal.working, 1)
        yield* Deferred.succeed(journal.go, undefined)
        yield* until("it is done", () => journal.working === 0)
      }))

    test("answer streams, in order, and their errors", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const numbers = yield* Stream.runCollect(client.count({ to: 1005 }))
        assert.deepStrictEqual(Array.from(numbers), Array.from({ length: 1005 }, (_, n) => n + 1))
        assert.deepStrictEqual(Array.from(yield* Stream.runCollect(client.queued({ to: 25 }))).length, 25)
        assert.deepStrictEqual(
          yield* Effect.flip(Stream.runDrain(client.count({ to: -1 }))),
          new NotFound({ id: "-1" })
        )
      }))

    test("end the stream at the server when its reader has had enough", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world, options)
        assert.strictEqual(yield* Stream.runCount(Stream.take(client.count({ to: 1e9 }), 25)), 25)
        yield* until("the handler hears of it", () => journal.has("count ends"))
      }))

    test("answer a queue where one is asked for", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const taken = yield* Effect.scoped(Effect.flatMap(
          client.count({ to: 30 }, { asQueue: true }),
          (queue) => Effect.replicateEffect(Queue.take(queue), 30)
        ))
        assert.strictEqual(Array.from(taken).at(-1), 30)
      }))

    test("pass headers to the middleware, which may refuse them", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        assert.strictEqual(yield* client.who(undefined, { headers: { name: "me" } }), "me")
        assert.deepStrictEqual(yield* Effect.flip(client.who()), new Denied({ why: "nobody" }))
      }))

    test("belong to the caller's trace", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, options)
        const [here, there] = yield* Effect.all([
          Effect.map(Effect.currentSpan, (span) => span.traceId),
          client.traceId()
        ]).pipe(Effect.withSpan("outside"))
        assert.strictEqual(there, here)
      }))

    test("carry answers of any size that the caller's node takes, and fail with those beyond", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world, { ...options, maxMessageSize: 100_000 })
        assert.strictEqual((yield* client.large({ bytes: 90_000 })).length, 90_000)
        assert.match(String(defectOf(yield* Effect.exit(client.large({ bytes: 200_000 })))), /UnsendableMessage/)
        assert.strictEqual(yield* client.greet({ name: "again" }), "hello, again")
      }))
  })
}

const test = testOver(transports[0][1])

describe("calls within a node", () => {
  test("are as those between two", (world) =>
    Effect.gen(function*() {
      const b = yield* world.start("b")
      const journal = new Journal()
      const client = yield* clientOn(b, yield* serveOn(b, journal))
      assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
      const sent = { bytes: Uint8Array.of(1), big: 1n, number: -0 }
      const back = yield* client.raw(sent)
      assert.deepStrictEqual(back, sent)
      assert.notStrictEqual(back.bytes, sent.bytes)
      assert.strictEqual(yield* Stream.runCount(client.count({ to: 100 })), 100)
    }))
})

describe("a call that is made in the turn in which its server was", () => {
  test("fails with the reason of the server's end, as any other", (world) =>
    Effect.gen(function*() {
      const b = yield* world.start("b")
      const journal = new Journal()
      // Nothing in between lets another fiber run.
      const [server, call] = yield* Effect.gen(function*() {
        const server = yield* serveOn(b, journal)
        const client = yield* clientOn(b, server)
        return [
          server,
          yield* Effect.forkChild(Effect.flip(client.slow({ id: "call" })), { startImmediately: true })
        ] as const
      })
      yield* until("it is at work", () => journal.has("call begins"))
      yield* b.run(Port.kil(server, "maintenance"))
      const error = yield* within("the end of the call", Fiber.join(call))
      assert.deepStrictEqual(Option.getOrThrow(Rpc.killed(error)).reason, ["maintenance"])
    }))
})

describe("the codec", () => {
  test("is that of the serialization service, on both sides", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const json = Effect.provide(RpcSerialization.layerJson)
      const client = yield* json(clientOn(a, yield* json(serveOn(b, new Journal()))))
      assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
      assert.isUndefined(yield* client.nothing())
      assert.strictEqual(yield* Stream.runCount(client.count({ to: 100 })), 100)
      assert.instanceOf(yield* Effect.flip(client.find({ id: "x" })), NotFound)
    }))

  test("that the other side does not have fails the call, and says so", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const server = yield* Effect.provide(serveOn(b, new Journal()), RpcSerialization.layerJson)
      const client = yield* clientOn(a, server)
      const error = yield* within("an answer", Effect.flip(client.greet({ name: "world" })))
      assert.match(error.message, /the client speaks .*schema-binary, and the server application\/json/)
    }))
})
