/** What stays of calls, clients and servers that came and went: nothing. */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Port } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import { roundTrip, type TestNode, testOver, transports, until } from "./harness.ts"
import { held, nothingRemains } from "./remains.ts"
import { clientOn, handlers, Journal, serveOn, Users } from "./rpcService.ts"

const heldBy = (nodes: ReadonlyArray<TestNode>): number =>
  held(
    nodes.flatMap(({ router }) => [router.ports, router.peers, router.functions, router.listeners]),
    nodes.map(({ router }) => router)
  )

const portsOf = (nodes: ReadonlyArray<TestNode>): number =>
  nodes.reduce((sum, { router }) => sum + router.ports.size, 0)

const test = testOver(transports[0][1])

describe("nothing remains", () => {
  test("of calls, streams, failures and interruptions, at either side", (world) =>
    Effect.gen(function*() {
      const nodes = [yield* world.start("a"), yield* world.start("b")] as const
      const [a, b] = nodes
      const journal = new Journal()
      const client = yield* clientOn(a, yield* serveOn(b, journal))
      yield* nothingRemains({
        one: () =>
          Effect.gen(function*() {
            yield* client.greet({ name: "world" })
            yield* Effect.exit(client.broken())
            yield* Effect.exit(client.find({ id: "x" }))
            yield* Stream.runDrain(Stream.take(client.count({ to: 1e6 }), 5))
            yield* Effect.flatMap(
              Effect.forkChild(client.hold({ id: "call" }), { startImmediately: true }),
              Fiber.interrupt
            )
          }),
        settled: until("no handler is at work", () => journal.working === 0),
        count: () => heldBy(nodes)
      })
    }))

  test("of clients, however they go", (world) =>
    Effect.gen(function*() {
      const nodes = [yield* world.start("a"), yield* world.start("b")] as const
      const [a, b] = nodes
      const journal = new Journal()
      const server = yield* serveOn(b, journal)
      yield* nothingRemains({
        one: (n) =>
          Effect.gen(function*() {
            const client = yield* clientOn(a, n % 2 === 0 ? server : Effect.succeed(server))
            yield* client.greet({ name: "world" })
            yield* Effect.forkChild(Effect.exit(client.hold({ id: "call" })), { startImmediately: true })
            if (n % 20 === 0) yield* world.cut
          }).pipe(Effect.scoped),
        settled: until("all are gone", () => portsOf(nodes) === 3 && journal.working === 0),
        count: () => heldBy(nodes)
      })
    }))

  test("of servers, however they end", (world) =>
    Effect.gen(function*() {
      const nodes = [yield* world.start("a"), yield* world.start("b")] as const
      const [a, b] = nodes
      const journal = new Journal()
      yield* nothingRemains({
        one: (n) =>
          Effect.gen(function*() {
            const server = yield* b.run(
              Effect.provide(Rpc.serve(Users, n % 2 === 0 ? {} : { name: "users" }), handlers(journal))
            )
            const client = yield* clientOn(a, server)
            yield* client.greet({ name: "world" })
            yield* Effect.forkChild(Effect.exit(client.hold({ id: "call" })), { startImmediately: true })
            if (n % 3 === 0) yield* b.run(Port.kil(server, "enough"))
          }).pipe(Effect.scoped),
        settled: Effect.gen(function*() {
          yield* until("all are gone", () => portsOf(nodes) === 2 && journal.working === 0)
          // And both nodes have heard of it.
          yield* roundTrip(a, b)
          yield* roundTrip(b, a)
        }),
        count: () => heldBy(nodes)
      })
    }))
})
