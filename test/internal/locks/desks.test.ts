/** Voters and owners over ports, among strangers: what is wrong is refused, and hurts nobody else; and what operators see. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Global from "../../../src/Global.ts"
import { spawnRequest } from "../../../src/internal/node/fullRequests.ts"
import { NodeRouter } from "../../../src/internal/node/router.ts"
import * as Port from "../../../src/Port.ts"
import * as TestNetwork from "../../../src/TestNetwork.ts"
import { makeLogs } from "../../harness.ts"

const options: Global.LocksOptions = { voters: ["a"], lease: "6 seconds", grace: "2 seconds" }
const said = [["a"], 6000, 2000]

const test = (
  title: string,
  body: () => Effect.Effect<unknown, unknown, TestNetwork.TestNetwork | Scope.Scope>
): void =>
  it.live(title, () => Effect.suspend(body).pipe(Effect.scoped, Effect.provide([TestNetwork.layer, makeLogs().layer])))

/** A voter, and a stranger on another node who hears what desks say to it. */
const stage = Effect.gen(function*() {
  const [a, b] = yield* Effect.all([TestNetwork.start("a"), TestNetwork.start("b")])
  const locks = yield* a.run(Global.locks(options))
  yield* TestClock.adjust("6 seconds")
  yield* locks.ready
  const router = yield* b.run(NodeRouter)
  const heard: Array<ReadonlyArray<unknown>> = []
  const stranger = yield* b.run(Port.make((...message: ReadonlyArray<unknown>) => void heard.push(message)))
  let desks = 0
  /** A desk for these arguments, and what it is told. */
  const desk = (args: ReadonlyArray<unknown>, ...messages: ReadonlyArray<ReadonlyArray<unknown>>) =>
    Effect.gen(function*() {
      const name = `desk${++desks}`
      router.send("a", [spawnRequest, name, "emp::locks::locks", ...args])
      for (const message of messages) router.send(`a#${name}`, message)
      yield* TestNetwork.settle
      return `a#${name}`
    })
  const isThere = (port: string) => a.run(Effect.map(NodeRouter, (router) => router.ports.has(port)))
  return { locks, heard, stranger, desk, isThere, a }
})

describe("a desk", () => {
  test("answers what is a question, and ends with what is none", () =>
    Effect.gen(function*() {
      const { desk, heard, isThere, locks, stranger } = yield* stage
      const good = yield* desk([stranger, ...said], ["acquire", 1, ["x"], 5], ["refresh", 2, ["x"], [5]], [
        "release",
        3,
        ["x"]
      ])
      assert.deepStrictEqual(heard.map(([tag, id, ...rest]) => [tag, id === good, rest[0]]), [
        ["open", true, true],
        ["answer", true, 1],
        ["answer", true, 2],
        ["answer", true, 3]
      ])
      assert.isTrue(yield* isThere(good))
      const wrong: ReadonlyArray<ReadonlyArray<unknown>> = [
        ["acquire"],
        ["acquire", -1, ["x"], 5],
        ["acquire", 1, "x", 5],
        ["acquire", 1, [""], 5],
        ["acquire", 1, ["x".repeat(256)], 5],
        ["acquire", 1, ["x"], 2 ** 53],
        ["acquire", 1, ["x"], Number.NaN],
        ["acquire", 1, Array.from({ length: 1001 }, (_, n) => `${n}`), 5],
        ["refresh", 1, ["x"], []],
        ["refresh", 1, ["x"], ["5"]],
        ["release", 1, [null]],
        ["something"]
      ]
      for (const message of wrong) {
        assert.isFalse(yield* isThere(yield* desk([stranger, ...said], message)), JSON.stringify(message).slice(0, 80))
      }
      assert.strictEqual((yield* locks.acquire(["x"])).length, 1)
    }))

  test("is none for who speaks for others, or goes by other rules", () =>
    Effect.gen(function*() {
      const { desk, heard, isThere, stranger } = yield* stage
      for (
        const args of [[], ["a#owner", ...said], [stranger], [stranger, ["a", "b"], 6000, 2000], [stranger, 1, 2, 3]]
      ) {
        assert.isFalse(yield* isThere(yield* desk(args)), JSON.stringify(args))
      }
      assert.deepStrictEqual(heard.map(([tag]) => tag), ["refused", "refused", "refused"])
    }))
})

describe("an owner", () => {
  test("hears nobody but its voters", () =>
    Effect.gen(function*() {
      const { a, locks } = yield* stage
      const [grant] = yield* locks.acquire(["x"])
      const router = yield* a.run(NodeRouter)
      const owner = Array.from(router.ports.keys()).find((port) =>
        router.observed.roleOf(port)?.kind === "owner of locks"
      )!
      for (
        const message of [
          ["answer", "a#desk", 1, [0]],
          ["answer"],
          ["open", "a#desk", true],
          ["refused", "a#desk", "no"],
          ["refused"],
          ["x", 1]
        ]
      ) router.send(owner, message)
      yield* TestNetwork.settle
      assert.deepStrictEqual(yield* locks.held, [grant!])
    }))
})

describe("operators", () => {
  test("see who votes, what a node holds, and what it keeps for others", () =>
    Effect.gen(function*() {
      const { a, locks } = yield* stage
      const b = yield* TestNetwork.start("c")
      const other = yield* b.run(Global.locks(options))
      yield* other.ready
      yield* locks.acquire(["x"])
      yield* other.acquire(["y", "z"])
      const seen = (node: TestNetwork.TestNode) =>
        node.run(Effect.map(NodeRouter, ({ observed }) => observed.lockTables))
      const voters = [{ node: "a", standing: "votes" as const }]
      assert.deepStrictEqual(yield* seen(a), [
        { name: "locks", voters, held: ["x"], kept: { keys: 3, owners: 2, isVoting: true } }
      ])
      assert.deepStrictEqual(yield* seen(b), [{ name: "locks", voters, held: ["y", "z"], kept: undefined }])
    }))
})
