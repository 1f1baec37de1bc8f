/** What becomes of calls when a connection, a server or a client ends, and what one of them can do to others: nothing. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Node, Port } from "../src/index.ts"
import { connectFunction } from "../src/internal/rpc/wire.ts"
import * as Rpc from "../src/Rpc.ts"
import { type TestNode, testOver, transports, until, watch, within, type World } from "./harness.ts"
import { authClient, clientOn, Journal, serveOn, Users } from "./rpcService.ts"

const served = Effect.fnUntraced(function*(world: World, options?: Node.Options) {
  const [a, b] = [yield* world.start("a"), yield* world.start("b", options)]
  const journal = new Journal()
  const server = yield* serveOn(b, journal)
  return { a, b, journal, server, client: yield* clientOn(a, server) }
})

/** The reason of the end that a call failed with. */
const reasonOf = <A, E extends { readonly _tag: string }>(call: Effect.Effect<A, E | RpcClientError>) =>
  Effect.map(Effect.flip(within("the end of a call", call)), (error) => {
    assert.strictEqual(error._tag, "RpcClientError")
    const { linkError, port, reason } = Option.getOrThrow(Rpc.killed(error as RpcClientError))
    return linkError === undefined ? { port, reason } : { port, reason, linkError }
  })

/** How many ports the node has that are none of these. */
const portsBeside = (node: TestNode, ...others: ReadonlyArray<string>): number =>
  Array.from(node.router.ports.keys()).filter((port) => port !== node.id && !others.includes(port)).length

/** A client that speaks by hand: its connection with the server, as `connections.ts` makes one. */
const rawClient = Effect.fnUntraced(function*(node: TestNode, server: Port.PortId, format?: string) {
  const heard: Array<ReadonlyArray<unknown>> = []
  const port = yield* node.run(Port.make((...message: ReadonlyArray<unknown>) => {
    heard.push(message)
  }))
  const connect = Port.remote(connectFunction(server) as `${string}::${string}`)
  const contentType = format ?? "application/vnd.effect.rpc+schema-binary"
  const partner = yield* node.run(Port.spawn(server, connect, port, contentType))
  return { port, partner, heard, ended: yield* watch(node, partner) }
})

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`a link that is lost, over ${name}`, () => {
    test("fails the calls that are open, with what happened, and interrupts their handlers: each time", (world) =>
      Effect.gen(function*() {
        const { client, journal, server } = yield* served(world)
        for (let loss = 1; loss <= 3; loss++) {
          const call = yield* Effect.forkChild(reasonOf(client.slow({ id: `call ${loss}` })))
          yield* until("it is at work", () => journal.has(`call ${loss} begins`))
          yield* world.cut
          const { linkError, port, reason } = yield* Fiber.join(call)
          assert.strictEqual(port, server)
          assert.deepStrictEqual(reason.slice(0, 2), ["transport_error", "b"])
          assert.strictEqual(linkError, "link_lost")
          yield* until("its handler hears of it", () => journal.has(`call ${loss} is interrupted`))
          assert.strictEqual(yield* within("the next call", client.greet({ name: "again" })), "hello, again")
        }
      }))

    test("tells callers that the server's node stopped in order", (world) =>
      Effect.gen(function*() {
        const { b, client, journal } = yield* served(world, { drainTimeout: "20 millis" })
        const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* b.stop
        assert.strictEqual((yield* Fiber.join(call)).linkError, "node_left")
      }))

    test("fails the streams that are open", (world) =>
      Effect.gen(function*() {
        const { client, journal } = yield* served(world)
        const reading = yield* Effect.forkChild(reasonOf(Stream.runDrain(client.count({ to: 1e9 }))))
        yield* until("it is at work", () => journal.has("count begins"))
        yield* world.cut
        assert.strictEqual((yield* Fiber.join(reading)).reason[0], "transport_error")
        yield* until("its handler hears of it", () => journal.has("count ends"))
      }))
  })

  describe(`a server that ends, over ${name}`, () => {
    test("fails the calls that are open with its reason, and every call after that", (world) =>
      Effect.gen(function*() {
        const { b, client, journal, server } = yield* served(world)
        const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* b.run(Port.kil(server, "maintenance", 42))
        assert.deepStrictEqual(yield* Fiber.join(call), { port: server, reason: ["maintenance", 42] })
        yield* until("its handler is interrupted", () => journal.has("call is interrupted"))
        for (let n = 0; n < 3; n++) {
          assert.strictEqual((yield* reasonOf(client.greet({ name: "late" }))).reason[0], "no_such_port")
        }
        yield* until("nothing is left of it", () => portsBeside(b) === 0)
      }))

    test("in order fails them too", (world) =>
      Effect.gen(function*() {
        const { b, client, journal, server } = yield* served(world)
        const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* b.run(Port.kil(server))
        assert.deepStrictEqual(yield* Fiber.join(call), { port: server, reason: [] })
      }))

    test("with its scope waits for its handlers, and logs nothing", (world) =>
      Effect.gen(function*() {
        const { a, b } = { a: yield* world.start("a"), b: yield* world.start("b") }
        const journal = new Journal()
        const scope = yield* Scope.make()
        const server = yield* Scope.provide(serveOn(b, journal), scope)
        const client = yield* clientOn(a, server)
        const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(journal.working, 0)
        assert.deepStrictEqual((yield* Fiber.join(call)).port, server)
        assert.deepStrictEqual(world.logs.filter((line) => !line.startsWith("INFO")), [])
      }))

    test("with its node fails them", (world) =>
      Effect.gen(function*() {
        const { b, client, journal } = yield* served(world)
        const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* b.stop
        yield* Fiber.join(call)
      }))
  })

  describe(`a client that is gone, over ${name}`, () => {
    test("interrupts its calls at the server, and leaves nothing", (world) =>
      Effect.gen(function*() {
        const { a, b, journal, server } = yield* served(world)
        const scope = yield* Scope.make()
        const client = yield* Scope.provide(clientOn(a, server), scope)
        const call = yield* Effect.forkChild(Effect.exit(client.slow({ id: "call" })))
        const reading = yield* Effect.forkChild(Effect.exit(Stream.runDrain(client.count({ to: 1e9 }))))
        yield* until("both are at work", () => journal.has("call begins") && journal.has("count begins"))
        yield* Scope.close(scope, Exit.void)
        yield* until("its handler is interrupted", () => journal.has("call is interrupted"))
        yield* until("its stream ends", () => journal.has("count ends"))
        assert.isTrue(Exit.hasInterrupts(yield* within("the call", Fiber.join(call))))
        assert.isTrue(Exit.isFailure(yield* within("the stream", Fiber.join(reading))))
        yield* until("nothing is left at the server", () => portsBeside(b, server) === 0)
        assert.strictEqual(portsBeside(a), 0)
      }))

    test("is gone with its node", (world) =>
      Effect.gen(function*() {
        const { a, b, client, journal, server } = yield* served(world)
        yield* Effect.forkChild(Effect.exit(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* a.stop
        yield* until("its handler is interrupted", () => journal.has("call is interrupted"))
        yield* until("nothing is left at the server", () => portsBeside(b, server) === 0)
      }))

    test("of a shared protocol leaves the calls of others alone", (world) =>
      Effect.gen(function*() {
        const { a, b, journal, server } = yield* served(world)
        yield* Effect.gen(function*() {
          const make = Effect.provide(RpcClient.make(Users), authClient)
          const one = yield* make
          const scope = yield* Scope.make()
          const other = yield* Scope.provide(make, scope)
          const stays = yield* Effect.forkChild(one.slow({ id: "stays" }))
          yield* Effect.forkChild(Effect.exit(other.slow({ id: "goes" })))
          yield* until("both are at work", () => journal.has("stays begins") && journal.has("goes begins"))
          yield* Scope.close(scope, Exit.void)
          yield* until("one is interrupted", () => journal.has("goes is interrupted"))
          yield* Deferred.succeed(journal.go, undefined)
          assert.strictEqual(yield* Fiber.join(stays), "stays is done")
        }).pipe(Effect.provide(Rpc.layerClient(server)), a.run)
        yield* until("nothing is left at the server", () => portsBeside(b, server) === 0)
      }))
  })

  describe(`a stream that nobody reads, over ${name}`, () => {
    test("holds up no other answer", (world) =>
      Effect.gen(function*() {
        const { client } = yield* served(world)
        const queue = yield* client.count({ to: 1e9 }, { asQueue: true, streamBufferSize: 2 })
        yield* until("it is full", () => Effect.map(Queue.size(queue), (size) => size === 2))
        for (let n = 0; n < 20; n++) {
          assert.strictEqual(yield* within("an answer", client.greet({ name: "beside" })), "hello, beside")
        }
        assert.strictEqual(yield* Stream.runCount(client.count({ to: 500 })), 500)
        const numbers = yield* Effect.replicateEffect(Queue.take(queue), 100)
        assert.deepStrictEqual(Array.from(numbers), Array.from({ length: 100 }, (_, n) => n + 1))
      }))
  })

  describe(`strangers, over ${name}`, () => {
    test("who send what is no rpc end their own connection, and no other", (world) =>
      Effect.gen(function*() {
        const { a, client, journal, server } = yield* served(world)
        const call = yield* Effect.forkChild(client.slow({ id: "call" }))
        yield* until("it is at work", () => journal.has("call begins"))
        for (
          const message of [
            ["q", {}, "greet", null],
            ["q", 1, 2, null],
            ["q", 1, "greet", null, 1],
            ["q", 1, "greet", null, false, ["odd"]],
            ["q", 1, "greet", null, false, [], "trace", 5, true],
            ["a", null],
            ["i"],
            ["unheard of"],
            []
          ]
        ) {
          const { ended, partner } = yield* rawClient(a, server)
          yield* a.run(Port.snd(partner, ...message))
          yield* until(`${JSON.stringify(message)} ends the connection`, () => ended.length === 1)
          assert.include(["invalid_message", "unhandled_message"], ended[0]![0])
        }
        yield* Deferred.succeed(journal.go, undefined)
        assert.strictEqual(yield* Fiber.join(call), "call is done")
      }))

    test("who call what there is not, or with what does not decode, are told so", (world) =>
      Effect.gen(function*() {
        const { a, server } = yield* served(world)
        const { ended, heard, partner } = yield* rawClient(a, server)
        yield* a.run(Port.snd(partner, "q", 1, "nothing of the kind", new Uint8Array()))
        yield* a.run(Port.snd(partner, "q", 2, "greet", Uint8Array.of(255, 255, 255)))
        yield* a.run(Port.snd(partner, "q", 3, "greet", "text"))
        yield* until("all are answered", () => heard.length === 3)
        assert.deepStrictEqual(heard.map(([tag, id]) => [tag, id]), [["x", 1], ["x", 2], ["x", 3]])
        assert.deepStrictEqual(ended, [])
      }))

    test("who speak for ports of others, or for none, are refused", (world) =>
      Effect.gen(function*() {
        const { a, b, server } = yield* served(world)
        const connect = Port.remote(connectFunction(server) as `${string}::${string}`)
        for (const args of [["b#another", "json"], [42], [], ["a#mine", { format: 1 }]]) {
          const ended = yield* watch(a, yield* a.run(Port.spawn(server, connect, ...args)))
          yield* until(`${JSON.stringify(args)} is refused`, () => ended.length === 1)
          assert.strictEqual(ended[0]![0], "invalid_message")
        }
        yield* until("nothing is left of them", () => portsBeside(b, server) === 0)
      }))

    test("who send something to the server itself are not heard", (world) =>
      Effect.gen(function*() {
        const { a, client, server } = yield* served(world)
        yield* a.run(Port.snd(server as string, "what", "ever"))
        assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
        yield* until("it is logged", () => world.logs.some((line) => line.includes("is an rpc server")))
      }))

    test("who answer with what is no rpc fail the calls, and the next one connects again", (world) =>
      Effect.gen(function*() {
        const { a, client, journal, server } = yield* served(world)
        for (const message of [["x", null, 1], ["c", {}, 1], ["unheard of"]]) {
          const call = yield* Effect.forkChild(reasonOf(client.slow({ id: "call" })))
          yield* until("it is at work", () => journal.lines.at(-1) === "call begins")
          const port = Array.from(a.router.ports.keys()).find((id) => id !== "a") ?? ""
          yield* a.run(Port.snd(port, ...message))
          const { reason } = yield* Fiber.join(call)
          assert.include(["invalid_message", "unhandled_message"], reason[0])
          yield* until("its handler is interrupted", () => journal.lines.at(-1) === "call is interrupted")
        }
        assert.strictEqual(yield* client.greet({ name: "again" }), "hello, again")
        assert.isTrue(server.startsWith("b#"))
      }))
  })
}

const test = testOver(transports[0][1])

describe("a client that is stuck", () => {
  test("holds up nobody but itself", (world) =>
    Effect.gen(function*() {
      const [a, b, c] = [yield* world.start("a"), yield* world.start("b"), yield* world.start("c")]
      const journal = new Journal()
      const server = yield* serveOn(b, journal)
      const [stuck, well] = [yield* clientOn(a, server), yield* clientOn(c, server)]
      const answers = Effect.replicateEffect(stuck.large({ bytes: 100_000, held: true }), 40, {
        concurrency: "unbounded"
      })
      yield* Effect.forkChild(Effect.exit(answers))
      assert.strictEqual(yield* well.greet({ name: "world" }), "hello, world")
      yield* until("it has asked for more than the link holds", () => journal.working === 40)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* world.freeze
        // What is connected after that is not frozen.
        yield* world.cutOff("c")
        yield* Deferred.succeed(journal.go, undefined)
        yield* until("nobody waits for it", () => journal.working === 0)
        yield* until("the other one is answered", () => Effect.isSuccess(well.greet({ name: "beside" })))
      }))
    }))
})

describe("a server that has to be found", () => {
  test("is looked for once for all calls that wait, and again after its end", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      let searches = 0
      let current = yield* serveOn(b, new Journal())
      const found = yield* Deferred.make<void>()
      const target = Effect.suspend(() => {
        searches++
        return Effect.as(Deferred.await(found), current)
      })
      const client = yield* clientOn(a, target)
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 10 }), () => client.greet({ name: "world" }), { concurrency: "unbounded" })
      )
      yield* until("it is looked for", () => searches === 1)
      yield* Deferred.succeed(found, undefined)
      assert.strictEqual((yield* Fiber.join(calls)).length, 10)
      assert.strictEqual(searches, 1)
      const ended = yield* watch(a, current)
      yield* b.run(Port.kil(current))
      yield* until("it has ended", () => ended.length === 1)
      current = yield* serveOn(b, new Journal())
      yield* until("the other one answers", () => Effect.isSuccess(client.greet({ name: "world" })))
      assert.strictEqual(searches, 2)
    }))

  test("and is not found fails the call", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const client = yield* a.run(
        Effect.provide(Rpc.client(Users, Effect.fail(new Error("nobody is there"))), authClient)
      )
      const error = yield* Effect.flip(client.greet({ name: "world" }))
      assert.match(error.message, /no rpc server was found: .*nobody is there/)
    }))

  test("but an interrupted caller keeps the others waiting for it", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const server = yield* serveOn(b, new Journal())
      const found = yield* Deferred.make<void>()
      const client = yield* clientOn(a, Effect.as(Deferred.await(found), server))
      const [first, second] = [
        yield* Effect.forkChild(client.greet({ name: "first" }), { startImmediately: true }),
        yield* Effect.forkChild(client.greet({ name: "second" }), { startImmediately: true })
      ]
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(found, undefined)
      assert.strictEqual(yield* within("an answer", Fiber.join(second)), "hello, second")
    }))
})
