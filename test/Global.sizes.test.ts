import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Global from "../src/Global.ts"
import { largestEntry } from "../src/internal/global/entry.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { transports, until } from "./harness.ts"
import { follow, linkedTo, type MeshNode, meshTestOver, type MeshWorld } from "./meshWorld.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"

const limit = 100_000
const small = { maxMessageSize: limit }
const large = "x".repeat(2 * limit)

/** A global node and a node whose master it is. */
const two = ({ start }: MeshWorld, ofSeed: object = {}, ofNode: object = {}) =>
  Effect.gen(function*() {
    const seed = yield* start("seed", { global: true, ...ofSeed })
    const a = yield* start("a", { seeds: [seed.address], ...ofNode })
    yield* a.run(Global.joined)
    return { seed, a }
  })

/** Fails if the links of a node were lost, and made anew, since. */
const keepsLinks = (node: MeshNode) => {
  const before = Array.from(node.router.peers.values(), ({ link }) => link)
  return () => {
    assert.deepStrictEqual(before.map((link) => link?.isOver), before.map(() => false))
  }
}

const many = (count: number, size: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, "v".repeat(size)]))

const setAll = (node: MeshNode, family: string, entries: Record<string, unknown>) =>
  node.run(Effect.forEach(Object.entries(entries), ([key, value]) => Global.set(family, key, value), { discard: true }))

for (const [name, transport] of transports) {
  const test = meshTestOver(transport)

  describe(`an entry that is too large, over ${name}`, () => {
    test("is refused where it is set, with its size and the limit, by all that set", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world, small)
        const assertLinks = keepsLinks(a)
        const port = yield* a.run(Port.make({}))
        for (
          const attempt of [
            Global.set("f", "big", large),
            Global.set("f", large, 1),
            Global.reg(port, "f", large),
            Global.typed("f", Schema.String).set("big", large)
          ]
        ) {
          const error = yield* Effect.flip(a.run(attempt))
          assert.instanceOf(error, Global.InvalidEntry)
          assert.match(error.message, /takes up to 2000\d\d bytes on its way, and no more than 98976 are taken$/)
        }
        const reply = yield* seed.run(Port.calMessage("a", "emp_db_set", "f", "big", large))
        assert.deepStrictEqual(reply, [false])
        yield* a.run(Global.set("f", "small", 1))
        yield* seed.has("f", { small: 1 })
        assertLinks()
      }))

    test("of more than 1 MiB is refused everywhere, and by a node that could not follow it itself", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world, {}, small)
        const text = "x".repeat(largestEntry)
        assert.match(
          (yield* Effect.flip(seed.run(Global.set("f", "k", text)))).problem,
          /no more than 1048576 are taken$/
        )
        assert.match((yield* Effect.flip(a.run(Global.set("f", "k", large)))).problem, /no more than 98976 are taken$/)
        yield* seed.run(Global.set("f", "k", text.slice(100)))
        yield* seed.has("f", { k: text.slice(100) })
      }))

    test("by a byte is refused, and what fits by a byte is there everywhere", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world, small, small)
        const other = yield* world.start("b", { seeds: [seed.address], ...small })
        yield* other.run(Global.joined)
        const assertLinks = [a, seed, other].map(keepsLinks)
        let taken = 0
        for (let size = 98_900; size < 98_980; size++) {
          const value = (size % 2 === 0 ? "x" : "\"\u0001é€").padEnd(size, "y")
          const exit = yield* Effect.exit(a.run(Effect.scoped(Effect.andThen(
            Global.set("f", "k", value),
            other.has("f", { k: value })
          ))))
          if (Exit.isSuccess(exit)) taken++
          yield* other.has("f", {})
        }
        assert.isAbove(taken, 20)
        assert.isBelow(taken, 80)
        assertLinks.forEach((assertLink) => assertLink())
      }))

    test("that was set before there was a master is left out for it, which is said once", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true, ...small })
        const a = yield* world.start("a", { seeds: [] })
        yield* setAll(a, "f", { one: large, two: large, small: 1 })
        const { mesh } = a
        // As a seed that comes up.
        yield* a.dial(seed.address)
        mesh.seedUp("seed")
        yield* seed.has("f", { small: 1 })
        const assertLinks = keepsLinks(a)
        assert.deepStrictEqual(world.warnings(), [
          "WARN a node seed, which takes no messages of more than 100000 bytes: it cannot be told of the entry \"one\" of family f, nor of others like it"
        ])
        assertLinks()
      }))

    test("for some nodes only is left out for those: a global one, a follower; and is gone where it was small before", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world)
        const g = yield* world.start("g", { global: true, seeds: [seed.address], ...small })
        const b = yield* world.start("b", { seeds: [seed.address], ...small })
        yield* linkedTo(g, "seed")
        yield* b.run(Global.joined)
        const assertLinks = [seed, a, g, b].map(keepsLinks)
        const seen = yield* follow(b, "f")
        yield* a.run(Global.set("f", "other", 1))
        yield* a.run(Global.set("f", "k", "small"))
        for (const node of [g, b]) yield* node.has("f", { other: 1, k: "small" })
        yield* seen.reaches({ other: 1, k: "small" })
        yield* a.run(Global.set("f", "k", large))
        yield* seed.has("f", { other: 1, k: large })
        for (const node of [g, b]) yield* node.has("f", { other: 1 })
        yield* seen.reaches({ other: 1 })
        assert.sameMembers([...yield* b.run(Global.values("f"))], [1])
        yield* a.run(Global.set("f", "k", "small again"))
        for (const node of [g, b]) yield* node.has("f", { other: 1, k: "small again" })
        yield* seen.reaches({ other: 1, k: "small again" })
        assertLinks.forEach((assertLink) => assertLink())
        assert.strictEqual(world.warnings().length, 2)
        // A global node that comes later, and one that follows later, get what they take.
        yield* a.run(Global.set("f", "k", large))
        const late = yield* world.start("late", { global: true, seeds: [seed.address], ...small })
        yield* late.has("f", { other: 1 })
        yield* (yield* follow(late, "f")).reaches({ other: 1 })
      }))

    test("in depth is refused: no link is lost by what lies in an entry", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world)
        const other = yield* world.start("g", { global: true, seeds: [seed.address] })
        yield* linkedTo(other, "seed")
        const assertLinks = [a, seed, other].map(keepsLinks)
        for (let depth = 500; depth <= 513; depth++) {
          let value: unknown = 1
          for (let n = 0; n < depth; n++) value = [value]
          const exit = yield* Effect.exit(a.run(Global.set("f", `k${depth}`, value)))
          assert.strictEqual(Exit.isSuccess(exit), depth < 508, `${depth}`)
        }
        yield* until("it is there", () => Effect.map(other.family("f"), (family) => Object.keys(family).length === 8))
        const later = yield* world.start("h", { global: true, seeds: [seed.address] })
        yield* until("it is there", () => Effect.map(later.family("f"), (family) => Object.keys(family).length === 8))
        assertLinks.forEach((assertLink) => assertLink())
      }))
  })

  describe(`a family that is larger than a message, over ${name}`, () => {
    test("is answered in portions that the asking node takes: entries, keys, values", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* two(world, {}, { maxMessageSize: 32_768 })
        const entries = many(300, 1000)
        yield* setAll(seed, "f", entries)
        const assertLinks = keepsLinks(a)
        assert.deepStrictEqual(Object.fromEntries(yield* a.run(Global.family("f"))), entries)
        assert.sameMembers([...yield* a.run(Global.values("f"))], Object.values(entries))
        const keys = many(2000, 1)
        yield* setAll(seed, "keys", Object.fromEntries(Object.keys(keys).map((key) => [`${key} ${"y".repeat(50)}`, 1])))
        assert.strictEqual(new Set(yield* a.run(Global.keys("keys"))).size, 2000)
        assertLinks()
        assert.deepStrictEqual(world.warnings(), [])
      }))

    test("comes to a master that takes little, leaves it, and is followed from there", (world) =>
      Effect.gen(function*() {
        const tiny = { maxMessageSize: 32_768 }
        const { a, seed } = yield* two(world, tiny)
        const other = yield* world.start("g", { global: true, seeds: [seed.address], ...tiny })
        yield* linkedTo(other, "seed")
        const assertLinks = [a, seed, other].map(keepsLinks)
        const seen = yield* follow(other, "f")
        const size = () => Object.keys(seen.changes.at(-1)?.entries ?? {}).length
        const scope = yield* Scope.make()
        const keys = Array.from({ length: 3000 }, (_, n) => `k${n} ${"y".repeat(20)}`)
        yield* a.run(Scope.provide(Effect.forEach(keys, (key) => Global.set("f", key, 1), { discard: true }), scope))
        yield* until("it is followed", () => size() === 3000)
        yield* a.run(Global.del("f", ...keys.slice(0, 1500)))
        yield* until("half of it is gone", () => size() === 1500)
        assertLinks.forEach((assertLink) => assertLink())
        yield* a.stop
        yield* until("all of it is gone", () => size() === 0)
        assert.deepStrictEqual(world.warnings(), [])
      }))
  })
}

describe("on the wire", () => {
  const test = meshTestOver(Transport.layerTcp)
  const entries = many(600, 1000)

  test("a node of another kind gets an answer as one message, without a count", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      yield* setAll(seed, "f", entries)
      const raw = yield* connectRaw(seed.address)
      yield* raw.settle
      raw.send(["", "g_db_family", "f", "q"], ["", "g_db_keys", "f", "r"], ["", "g_mon1", "f"])
      const [family, keys, whole, ...more] = yield* raw.settle
      assert.deepStrictEqual(family, ["", "g_reply", "q", entries])
      assert.deepStrictEqual(keys, ["", "g_reply", "r", Object.keys(entries)])
      assert.deepStrictEqual([whole, more], [["", "g_chg1", "f", entries], []])
    }))

  test("a node of our own kind gets it in portions of 256 KiB, each with how many are to come", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      yield* setAll(seed, "f", entries)
      const raw = yield* connectRaw(seed.address, { keys: `${ownKind(300_000)};effect-mp-size=1000000` })
      yield* raw.settle
      raw.send(["", "g_db_family", "f", "q"])
      const parts = (yield* raw.settle).filter(([, request]) => request === "g_reply")
      assert.deepStrictEqual(parts.map(([, , id, , left]) => [id, left]), [["q", 2], ["q", 1], ["q", undefined]])
      assert.deepStrictEqual(Object.assign({}, ...parts.map(([, , , part]) => part)), entries)
      for (const part of parts) assert.isAtMost(JSON.stringify(part).length, 256 * 1024)
    }))

  test("a node of another kind that is told what its link cannot carry is told the rest", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      const source = yield* world.start("source", {})
      yield* source.dial(seed.address)
      // CBOR has bytes, which JSON has not.
      source.router.request("seed", "g_upd", "f", { bytes: new Uint8Array(3), text: "x" })
      yield* until("it is there", () => Effect.map(seed.family("f"), (family) => Object.keys(family).length === 2))
      const raw = yield* connectRaw(seed.address)
      raw.send(["", "g_mon1", "f"], ["", "g_db_family", "f", "q"])
      const told = (yield* raw.settle).filter(([, request]) => request === "g_chg1" || request === "g_reply")
      assert.deepStrictEqual(told, [["", "g_chg1", "f", { text: "x" }], ["", "g_reply", "q", { text: "x" }]])
      source.router.request("seed", "g_upd", "f", { text: new Uint8Array(3), more: 1 })
      yield* until("it is there", () => Effect.map(seed.family("f"), (family) => Object.keys(family).length === 3))
      assert.deepStrictEqual(yield* raw.settle, [
        ["", "g_chg2", "f", { more: 1 }, []],
        ["", "g_chg2", "f", {}, ["text"]]
      ])
    }))
})
