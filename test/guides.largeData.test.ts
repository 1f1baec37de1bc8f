/** What the guide to large data says of messages that are too large, held against a network. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Rpc, RpcGroup } from "effect/rpc"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Global, Node, Port } from "../src/index.ts"
import * as PortRpc from "../src/Rpc.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { tableOf } from "./pages.ts"

const rows = tableOf("docs/guides/large-data.md", "what is too large")

type TestNode = TestNetwork.TestNode<Node.Node | Global.Global>

const large = new Uint8Array(200_000)

/** What an effect fails with, as the guide says it. */
const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    assert.isTrue(Exit.isFailure(exit), "nothing has failed")
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (error instanceof Global.InvalidEntry) return "`InvalidEntry`"
    if (error instanceof Port.Killed) {
      assert.include(String(error.reason[1]), "takes no more than")
      return `\`${String(error.reason[0])}\``
    }
    assert.match(String(error), /UnsendableMessage.*takes no more than/)
    return Exit.isFailure(exit) && Exit.hasDies(exit) ? "a defect, `UnsendableMessage`" : String(error)
  })

const Bytes = Port.protocol({
  take: Port.message(Schema.Uint8Array),
  give: Port.message().replies(Schema.Uint8Array),
  pass: Port.message(Schema.String)
})
const makeBytes = Port.make(Bytes, {
  take: () => {},
  give: () => Effect.succeed(large),
  pass: (port) => Port.snd(port, "take", large)
})

const Calls = RpcGroup.make(
  Rpc.make("take", { payload: { bytes: Schema.Uint8Array } }),
  Rpc.make("give", { success: Schema.Uint8Array }),
  Rpc.make("chunks", { success: Schema.Uint8Array, stream: true })
)
const handlers = Calls.toLayer({
  take: () => Effect.void,
  give: () => Effect.succeed(large),
  // Each of them alone would do.
  chunks: () => Stream.range(1, 20).pipe(Stream.map(() => new Uint8Array(10_000)))
})
const connect = (here: TestNode, there: TestNode) =>
  Effect.flatMap(
    there.run(Effect.provide(PortRpc.serve(Calls), handlers)),
    (server) => here.run(PortRpc.client(Calls, server))
  )

/** What happens to those who send too much, by what the guide says. Both nodes take 100,000 bytes. */
const happenings = {
  "`Port.snd`, or what a call asks": (here: TestNode, there: TestNode) =>
    Effect.flatMap(there.run(makeBytes), (port) => failureOf(here.run(Port.snd(port, "take", large)))),
  "the same, in a handler": (here: TestNode, there: TestNode) =>
    Effect.gen(function*() {
      const [port, sender] = [yield* there.run(makeBytes), yield* here.run(makeBytes)]
      const end = yield* Effect.forkChild(here.run(Port.exit(sender)), { startImmediately: true })
      yield* here.run(Port.snd(sender, "pass", port))
      return yield* failureOf(Effect.flatten(Fiber.join(end)))
    }),
  "what a handler answers to a call": (here: TestNode, there: TestNode) =>
    Effect.flatMap(there.run(makeBytes), (port) => failureOf(here.run(Port.cal(port, "give")))),
  "the payload of an rpc": (here: TestNode, there: TestNode) =>
    Effect.flatMap(connect(here, there), (client) => failureOf(client.take({ bytes: large }))),
  "the answer of an rpc": (here: TestNode, there: TestNode) =>
    Effect.flatMap(connect(here, there), (client) => failureOf(client.give())),
  "what a stream of rpc gives at once": (here: TestNode, there: TestNode) =>
    Effect.flatMap(connect(here, there), (client) => failureOf(Stream.runDrain(client.chunks()))),
  "an entry of the database": (here: TestNode) => failureOf(here.run(Global.set("family", "key", "x".repeat(200_000))))
}

describe("the guide to large data", () => {
  it("names all that can be too large", () => {
    assert.deepStrictEqual(Array.from(rows.keys()), Object.keys(happenings))
  })

  for (const [row, happen] of Object.entries(happenings)) {
    it.effect(`says who is told of it: ${row}`, () =>
      Effect.gen(function*() {
        const services = Global.layer({ seeds: ["there:1"] })
        const there = yield* TestNetwork.start("there", { services, maxMessageSize: 100_000 })
        const here = yield* TestNetwork.start("here", { services, maxMessageSize: 100_000 })
        yield* here.run(Global.joined).pipe(TestNetwork.within("10 seconds"))
        assert.include(rows.get(row)?.[0], yield* happen(here, there))
        // The link stands.
        assert.deepStrictEqual(yield* here.run(Node.upNodes), ["there"])
      }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))
  }
})
