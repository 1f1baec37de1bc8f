/**
 * Tickets as time passes, on a network whose clock the tests move.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Node, Port } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"

const test = (title: string, body: Effect.Effect<unknown, unknown, TestNetwork.TestNetwork | Scope.Scope>) =>
  it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))

const soon = TestNetwork.within("5 seconds")

const echo = Port.make({ echo: (text: string, reply: string) => Port.snd(reply, text) }, { guests: true })

/** Signs of life are few. */
const monitorTimeout = "1 hour"

const asGuest = (ticket: string) =>
  TestNetwork.start("guest/1", { ticket, secret: undefined, binds: undefined, monitorTimeout })

/** A host with an open port, a guest whose ticket is good for an hour, with a port of its own, and a link between the two. */
const linked = Effect.gen(function*() {
  const host = yield* TestNetwork.start("host", { guests: true, monitorTimeout })
  const open = yield* host.run(echo)
  const ticket = (expires: "1 hour" | "3 hours") => host.run(Node.ticket({ node: "guest/1", expires }))
  const guest = yield* asGuest(yield* ticket("1 hour"))
  const theirs = yield* guest.run(echo)
  yield* soon(guest.run(Port.cal(open, "echo", "x")))
  return { host, guest, open, theirs, ticket }
})

const isLinked = (guest: TestNetwork.TestNode) => Effect.map(guest.run(Node.upNodes), (up) => up.includes("host"))

describe("a ticket", () => {
  test(
    "ends the link when it ends, and both ends know why",
    Effect.gen(function*() {
      const { guest, host, open, theirs } = yield* linked
      const ends: Array<string | undefined> = []
      const note = (exit: Exit.Exit<void, Port.Killed>): void => {
        const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
        ends.push(reason?._tag === "Fail" ? reason.error.linkError : undefined)
      }
      yield* guest.run(Port.mon(open, note))
      yield* host.run(Port.mon(theirs, note))
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(ends, [])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(ends, ["ticket_expired", "ticket_expired"])
    })
  )

  test(
    "that has ended lets nobody in",
    Effect.gen(function*() {
      const { guest, open } = yield* linked
      yield* TestClock.adjust("61 minutes")
      const { reason } = yield* soon(Effect.flip(guest.run(Port.cal(open, "echo", "x"))))
      assert.strictEqual(reason[0], "transport_error")
      assert.isFalse(yield* isLinked(guest))
    })
  )

  test(
    "is replaced by a new one before it ends",
    Effect.gen(function*() {
      const { guest, open, ticket } = yield* linked
      yield* guest.run(Node.renew({ ticket: yield* ticket("3 hours") }))
      yield* TestClock.adjust("2 hours")
      assert.isTrue(yield* isLinked(guest))
      assert.strictEqual(yield* soon(guest.run(Port.cal(open, "echo", "x"))), "x")
      yield* TestClock.adjust("2 hours")
      assert.isFalse(yield* isLinked(guest))
    })
  )
})
