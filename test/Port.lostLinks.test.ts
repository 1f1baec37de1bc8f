import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Port } from "../src/index.ts"
import { collector, connect, roundTrip, testOver, wires } from "./harness.ts"
import { natsAsTcp } from "./natsAsTcp.ts"
import { hasNats, ifNats } from "./natsServer.ts"

const silent = Port.make(() => {})

/** Why a port's link was lost, as whoever monitors it is told. */
const linkErrorOf = (exit: Exit.Exit<void, Port.Killed>) => {
  const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
  return reason?._tag === "Fail" ? reason.error.linkError : undefined
}

for (const [name, layer] of [...wires, [ifNats("NATS"), natsAsTcp]] as const) {
  const test = testOver(layer)

  describe.skipIf(layer === natsAsTcp && !hasNats)(`why a link was lost, over ${name}`, () => {
    test("is told to monitors, to callers, and along links of ports", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const there = yield* b.run(silent)
        const [linked, behind] = [yield* a.run(silent), yield* a.run(silent)]
        yield* a.run(Port.mon(there, linked))
        yield* a.run(Port.mon(linked, behind))
        const ends = yield* Effect.forEach([there, linked, behind], (port) => Effect.forkScoped(a.run(Port.exit(port))))
        const call = yield* Effect.forkScoped(Effect.flip(a.run(Port.cal(there, "ask"))))
        yield* connect(a, b)
        yield* world.cut
        const told = yield* Effect.forEach(ends, Fiber.join)
        assert.deepStrictEqual(told.map(linkErrorOf), ["link_lost", "link_lost", "link_lost"])
        assert.strictEqual((yield* Fiber.join(call)).linkError, "link_lost")
      }))

    test("tells a node that stopped in order from one that was never there", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const left = yield* Effect.forkScoped(a.run(Port.exit("b")))
        const unknown = yield* Effect.forkScoped(a.run(Port.exit("nowhere#port")))
        yield* connect(a, b)
        yield* b.stop
        assert.strictEqual(linkErrorOf(yield* Fiber.join(left)), "node_left")
        assert.strictEqual(linkErrorOf(yield* Fiber.join(unknown)), "no_known_address")
      }))

    test("travels as the text of the reason, and not beside it", (world) =>
      Effect.gen(function*() {
        const [a, b, c] = [yield* world.start("a"), yield* world.start("b"), yield* world.start("c")]
        const { has, messages, port } = yield* collector(a)
        const linked = yield* b.run(silent)
        yield* b.run(Port.mon("c", linked))
        yield* a.run(Port.mon(linked, port, "ended"))
        const told = yield* Effect.forkScoped(a.run(Port.exit(linked)))
        yield* connect(a, b)
        yield* connect(b, c)
        yield* roundTrip(a, b)
        yield* c.stop
        yield* has(1)
        assert.deepStrictEqual(messages, [["ended", "transport_error", "c", "the other node stopped"]])
        assert.strictEqual(linkErrorOf(yield* Fiber.join(told)), undefined)
      }))
  })
}
