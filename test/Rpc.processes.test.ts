/** A server in a process of its own, which answers, and is killed. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Transport } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import { makeWorld, secret, within } from "./harness.ts"
import { start } from "./processes.ts"
import { clientOn, Users } from "./rpcService.ts"

describe("a server in another process", () => {
  it.live("answers, and fails what is open when it is killed; another one in its place answers again", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const a = yield* world.start("a")
      const client = yield* clientOn(a, Rpc.address(Users, "far", "users"))
      const startServer = Effect.promise(async () => {
        const server = start(["test/fixtures/rpcServer.ts", "far", secret])
        const [, address = ""] = await server.sees(/listens at (\S+)/)
        world.book.set("far", [address])
        return server
      })
      for (let round = 0; round < 2; round++) {
        const server = yield* startServer
        assert.strictEqual(yield* within("an answer", client.greet({ name: "world" })), "hello, world")
        assert.strictEqual(yield* Stream.runCount(client.count({ to: 1000 })), 1000)
        const call = yield* Effect.forkChild(Effect.flip(client.slow({ id: "call" })))
        yield* Effect.promise(() => server.sees(/call begins/))
        yield* Effect.promise(() => server.end("SIGKILL"))
        const error = yield* within("the end of the call", Fiber.join(call))
        assert.strictEqual(Option.getOrThrow(Rpc.killed(error)).reason[0], "transport_error")
      }
    }).pipe(Effect.scoped, Effect.provide(Transport.layerTcp)))

  it.live("hears that its client is gone, and that a call is interrupted", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const server = start(["test/fixtures/rpcServer.ts", "far", secret])
      const [, address = ""] = yield* Effect.promise(() => server.sees(/listens at (\S+)/))
      world.book.set("far", [address])
      const a = yield* world.start("a")
      const client = yield* clientOn(a, Rpc.address(Users, "far", "users"))
      const call = yield* Effect.forkChild(client.slow({ id: "one" }))
      yield* Effect.promise(() => server.sees(/one begins/))
      yield* Fiber.interrupt(call)
      yield* Effect.promise(() => server.sees(/one is interrupted/))
      yield* Effect.forkChild(Effect.exit(client.slow({ id: "other" })))
      yield* Effect.promise(() => server.sees(/other begins/))
      yield* a.stop
      yield* Effect.promise(() => server.sees(/other is interrupted/))
    }).pipe(Effect.scoped, Effect.provide(Transport.layerTcp)))
})
