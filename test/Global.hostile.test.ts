/**
 * Peers that know the secret, and do not behave: what they say of the database must hurt nothing but themselves.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Global, Port, Transport } from "../src/index.ts"
import { isDown, isUp, roundTrip, type TestNode, until } from "./harness.ts"
import { meshTestOver, type MeshWorld } from "./meshWorld.ts"
import { connectRaw, ownKind, type RawPeer } from "./rawPeer.ts"
import { sized } from "./size.ts"

const test = meshTestOver(Transport.layerTcp)

/** Our global node, and a raw peer that says it is a global one of our kind. */
const met = ({ start }: MeshWorld): Effect.Effect<
  { readonly seed: Effect.Success<ReturnType<MeshWorld["start"]>>; readonly g: RawPeer },
  unknown,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const seed = yield* start("seed", { global: true })
    const g = yield* connectRaw(seed.address, { nodeId: "g", keys: ownKind(60_000) })
    g.send(["", "g_global"])
    yield* g.settle
    return { seed, g }
  })

const stamp = [1, 1]

describe("what a global node of our kind says, and makes no sense,", () => {
  const nonsense: ReadonlyArray<ReadonlyArray<unknown>> = [
    ["", "emp_set"],
    ["", "emp_set", "text"],
    ["", "emp_set", { a: 1 }],
    ["", "emp_set", [1]],
    ["", "emp_set", [[1, stamp, {}]]],
    ["", "emp_set", [["a", stamp, "db"]]],
    ["", "emp_set", [["a", stamp, { fam: 1 }]]],
    ["", "emp_set", [["a", stamp, { fam: { k: 2 } }], "text"]],
    ["", "emp_upd"],
    ["", "emp_upd", "a"],
    ["", "emp_upd", 1, stamp, "fam", { k: 2 }, []],
    ["", "emp_upd", "a", stamp, 1, { k: 2 }, []],
    ["", "emp_upd", "a", stamp, "fam", "text", []],
    ["", "emp_upd", "a", stamp, "fam", { k: 2 }, "k"],
    ["", "emp_upd", "a", stamp, "fam", { k: 2 }, [{}]],
    ["", "emp_gone"],
    ["", "emp_gone", 5],
    ["", "emp_gone", ["a"]]
  ]
  for (const packet of nonsense) {
    test(`is dropped with a warning: ${JSON.stringify(packet.slice(1))}`, (world) =>
      Effect.gen(function*() {
        const { g, seed } = yield* met(world)
        yield* seed.run(Global.set("fam", "k", 1))
        yield* g.settle
        g.send(packet)
        assert.deepStrictEqual(yield* g.settle, [])
        assert.deepStrictEqual(yield* seed.family("fam"), { k: 1 })
        assert.deepStrictEqual(world.warnings(), [
          `WARN seed node g sent a malformed ${String(packet[1])}, which was dropped`
        ])
      }))
  }

  for (
    const odd of [null, 5, "text", [], [1], ["1", "2"], [1, null], [1e308, -1], { 0: 1, 1: 1 }] as ReadonlyArray<
      unknown
    >
  ) {
    test(`in a stamp does no harm: ${JSON.stringify(odd)}`, (world) =>
      Effect.gen(function*() {
        const { g, seed } = yield* met(world)
        yield* seed.run(Global.set("fam", "k", 1))
        g.send(["", "emp_set", [["g", odd, { fam: { k2: 2 } }]]], ["", "emp_upd", "g", odd, "fam", { k3: 3 }, []])
        yield* g.settle
        assert.strictEqual((yield* seed.family("fam"))["k"], 1)
        g.socket.destroy()
        yield* seed.has("fam", { k: 1 })
        assert.deepStrictEqual(world.warnings(), [])
      }))
  }

  test("from a node that is not of our kind is nothing to us", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      const stranger = yield* connectRaw(seed.address, { nodeId: "perl" })
      stranger.send(
        ["", "g_global"],
        ["", "emp_set", [["perl", stamp, { fam: { k: 1 } }]]],
        ["", "emp_upd", "perl", stamp, "fam", { k: 2 }, []],
        ["", "emp_gone", "seed"]
      )
      yield* stranger.settle
      assert.deepStrictEqual(yield* seed.family("fam"), {})
      assert.strictEqual(world.warnings().length, 3)
    }))
})

describe("a node that claims the keys of another", () => {
  test("has no say in those of the node that it talks to", (world) =>
    Effect.gen(function*() {
      const { g, seed } = yield* met(world)
      yield* seed.run(Global.set("fam", "k", "mine"))
      g.send(
        ["", "emp_set", [["seed", [9e15, 9], { fam: { k: "stolen", k2: "planted" } }]]],
        ["", "emp_upd", "seed", [9e15, 9], "fam", { k: "stolen" }, []],
        ["", "emp_upd", "seed", [9e15, 9], "fam", {}, ["k"]],
        ["", "emp_gone", "seed"]
      )
      yield* g.settle
      assert.deepStrictEqual(yield* seed.family("fam"), { k: "mine" })
    }))

  test("cannot take away what that node's own link gave, and what it made up goes with it", (world) =>
    Effect.gen(function*() {
      const { g, seed } = yield* met(world)
      const a = yield* world.start("a", { seeds: [seed.address] })
      yield* a.run(Global.set("fam", "k", "of a"))
      yield* seed.has("fam", { k: "of a" })
      g.send(["", "emp_upd", "a", stamp, "fam", { planted: 1 }, ["k"]], ["", "emp_gone", "a"])
      yield* g.settle
      assert.strictEqual((yield* seed.family("fam"))["k"], "of a")
      g.send(["", "emp_upd", "a", stamp, "fam", { planted: 1 }, []])
      yield* g.settle
      g.socket.destroy()
      yield* seed.has("fam", { k: "of a" })
    }))

  test("as slaves do shares them, and leaves them behind when it goes", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      const a = yield* world.start("a", { seeds: [seed.address] })
      yield* a.run(Global.set("fam", "k", "of a"))
      yield* seed.has("fam", { k: "of a" })
      const thief = yield* connectRaw(seed.address, { nodeId: "thief" })
      thief.send(["", "g_slave", { fam: { k: "stolen" } }], ["", "g_upd", "fam", {}, ["k"]])
      yield* thief.settle
      thief.socket.destroy()
      yield* seed.has("fam", { k: "of a" })
    }))
})

describe("a peer that floods the database", () => {
  const chunk = 5000
  const count = sized(30_000, 200_000)

  /** Sends it in pieces; after each of them another node gets its answer. */
  const flood = (world: MeshWorld, count: number, packet: (n: number) => ReadonlyArray<unknown>) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      const other = yield* world.start("other", { seeds: [seed.address] })
      yield* until("they are linked", () => isUp(seed, "other"))
      const raw = yield* connectRaw(seed.address, { nodeId: "flooder" })
      raw.send(["", "g_slave", {}])
      const fired: Array<unknown> = []
      yield* other.run(Port.mon("seed", (exit) => Effect.sync(() => fired.push(exit))))
      for (let n = 0; n < count; n += chunk) {
        raw.send(...Array.from({ length: chunk }, (_, i) => packet(n + i)))
        yield* roundTrip(other as unknown as TestNode, seed as unknown as TestNode)
      }
      yield* raw.settle
      assert.deepStrictEqual(fired, [])
      return { seed, raw }
    })

  test("with updates of one key ends with the last, and others are served meanwhile", (world) =>
    Effect.gen(function*() {
      const { seed } = yield* flood(world, count, (n) => ["", "g_upd", "fam", { k: n }])
      assert.deepStrictEqual(yield* seed.family("fam"), { k: count - 1 })
    }))

  test("with new keys keeps them as long as it is there, and others are served meanwhile", (world) =>
    Effect.gen(function*() {
      const { raw, seed } = yield* flood(
        world,
        count,
        (n) => ["", "g_upd", `fam${n % 100}`, { [`k${n}`]: n }]
      )
      assert.strictEqual(Object.keys(yield* seed.family("fam7")).length, count / 100)
      raw.socket.destroy()
      yield* seed.has("fam7", {})
    }))

  test("with monitors of many families is forgotten with them when it goes", (world) =>
    Effect.gen(function*() {
      const { raw, seed } = yield* flood(world, count / 2, (n) => ["", "g_mon1", `fam${n}`])
      raw.socket.destroy()
      yield* until("it is gone", () => isDown(seed, "flooder"))
      yield* seed.run(Global.set("fam1", "k", 1))
      assert.isFalse(yield* isUp(seed, "flooder"))
    }))
})
