import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../src/Global.ts"
import { LinkError } from "../src/internal/transport/linkError.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { isUp, transports, until, within } from "./harness.ts"
import { follow, freeAddress, makeMeshWorld, meshTestOver, type MeshWorld } from "./meshWorld.ts"

/** A global node with two slaves. */
const three = ({ start }: MeshWorld) =>
  Effect.gen(function*() {
    const seed = yield* start("seed", { global: true })
    const a = yield* start("a", { seeds: [seed.address] })
    const b = yield* start("b", { seeds: [seed.address] })
    yield* a.run(Global.joined)
    yield* b.run(Global.joined)
    return { seed, a, b, all: [seed, a, b] }
  })

for (const [name, transport] of transports) {
  const test = meshTestOver(transport)

  describe(`the database, over ${name}`, () => {
    test("what one node sets, all nodes have: entries, keys and values", (world) =>
      Effect.gen(function*() {
        const { a, all } = yield* three(world)
        yield* a.run(Global.set("f", "text", "é€😀"))
        yield* a.run(Global.set("f", "structure", { list: [1, 2.5, null, true], "": {} }))
        const entries = { text: "é€😀", structure: { list: [1, 2.5, null, true], "": {} } }
        for (const node of all) {
          yield* node.has("f", entries)
          assert.deepStrictEqual(yield* node.run(Global.family("f")), new Map(Object.entries(entries)))
          assert.sameMembers([...yield* node.run(Global.keys("f"))], ["text", "structure"])
          assert.sameDeepMembers([...yield* node.run(Global.values("f"))], Object.values(entries))
        }
      }))

    test("a family that nobody has set is empty", (world) =>
      Effect.gen(function*() {
        for (const node of (yield* three(world)).all) {
          assert.strictEqual((yield* node.run(Global.family("nothing"))).size, 0)
          assert.deepStrictEqual(yield* node.run(Global.keys("nothing")), [])
          assert.deepStrictEqual(yield* node.run(Global.values("nothing")), [])
          assert.deepStrictEqual(yield* node.run(Global.find("nothing")), [])
        }
      }))

    test("a database that is larger than a message comes back after a cut, and is followed whole", (world) =>
      Effect.gen(function*() {
        const small = { maxMessageSize: 250_000 }
        const g1 = yield* world.start("g1", { global: true, ...small })
        const g2 = yield* world.start("g2", { global: true, seeds: [g1.address], ...small })
        const a = yield* world.start("a", { seeds: [g1.address], ...small })
        yield* a.run(Global.joined)
        const count = 25_000
        yield* a.run(
          Effect.forEach(Array.from({ length: count }, (_, n) => `key ${n}`), (key) => Global.set("large", key, 1))
        )
        const sizes = [g1, g2].map(({ router }) => () => router.observed.networkStatus.families["large"])
        for (const size of sizes) yield* until("all is there", () => size() === count)
        yield* world.cut
        yield* until("it was lost", () => sizes.some((size) => size() !== count))
        for (const size of sizes) yield* until("all is there again", () => size() === count)
        const follower = yield* follow(g2, "large")
        yield* until("all is followed", () => Object.keys(follower.changes.at(-1)?.entries ?? {}).length === count)
      }))

    test("a large family comes as one change, also from a new master", (world) =>
      Effect.gen(function*() {
        const g1 = yield* world.start("g1", { global: true })
        const g2 = yield* world.start("g2", { global: true, seeds: [g1.address] })
        const count = 40_000
        for (let n = 0; n < count; n++) g2.mesh.set("large", `key ${n}`, n)
        const sizes = [g1, g2].map(({ router }) => () => router.observed.networkStatus.families["large"])
        for (const size of sizes) yield* until("all is there", () => size() === count)
        const a = yield* world.start("a", { seeds: [g1.address, g2.address] })
        yield* until("both are up", () =>
          Effect.all([isUp(a, "g1"), isUp(a, "g2")]).pipe(Effect.map((up) => up.every(Boolean))))
        const seen: Array<readonly [number, number, number]> = []
        yield* Effect.forkScoped(a.run(Stream.runForEach(Global.mon("large"), ({ added, changed, deleted }) =>
          Effect.sync(() =>
            seen.push([added.length, changed.length, deleted.length])
          ))))
        yield* until("it is there", () =>
          seen.length === 1)
        const { master } = a.mesh
        a.router.peers.get(master!)!.link!.lose(new LinkError({ reason: "link_lost", peer: master! }))
        yield* until("it is there again", () =>
          seen.length === 2)
        assert.deepStrictEqual(seen, [[count, 0, 0], [0, count, 0]])
      }))

    test("a value may be replaced by one that reads the same", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const twins: ReadonlyArray<readonly [unknown, unknown]> = [[1, "1"], [null, "null"], [true, "true"], [
          [1],
          "[1]"
        ]]
        const seen = yield* follow(b, "f")
        for (const [at, [first, second]] of twins.entries()) {
          yield* a.run(Global.set("f", `k${at}`, first))
          yield* a.run(Global.set("f", `k${at}`, second))
        }
        yield* b.has("f", { k0: "1", k1: "null", k2: "true", k3: "[1]" })
        yield* seen.reaches({ k0: "1", k1: "null", k2: "true", k3: "[1]" })
      }))

    test("a reader that is slow is told in one change of all that happened meanwhile", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const changes: Array<Global.FamilyChange> = []
        const isFree = yield* Latch.make(false)
        const read = Stream.runForEach(Global.mon("f"), (change) => {
          changes.push(change)
          return isFree.await
        })
        yield* Effect.forkScoped(b.run(read))
        yield* until("it reads", () => changes.length === 1)
        yield* a.run(Effect.scoped(Global.set("f", "gone", 0)))
        const all = Array.from({ length: 1000 }, (_, n) => `k${n}`)
        yield* a.run(Effect.forEach(all, (key) => Global.set("f", key, 0), { discard: true }))
        yield* a.run(Global.set("f", "k0", 1))
        yield* b.has("f", Object.fromEntries(all.map((key) => [key, key === "k0" ? 1 : 0])))
        assert.strictEqual(changes.length, 1)
        yield* isFree.open
        yield* until("it is told", () => changes.at(-1)?.entries.size === all.length)
        // It took one change before it had to wait.
        assert.isAtMost(changes.length, 3)
        assert.sameMembers(changes.flatMap(({ added }) => added).filter((key) => key !== "gone"), all)
      }))

    test("a value that its owner changes and sets again is told", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const value = { count: 1 }
        yield* a.run(Global.set("f", "k", value))
        yield* b.has("f", { k: { count: 1 } })
        value.count = 2
        yield* a.run(Global.set("f", "k", value))
        yield* b.has("f", { k: { count: 2 } })
      }))

    test("a key that an inner scope set too has its outer value again", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* three(world)
        const outer = yield* Scope.make()
        yield* a.run(Scope.provide(Global.set("f", "k", "outer"), outer))
        yield* Effect.scoped(Effect.gen(function*() {
          const inner = yield* Effect.scope
          yield* a.run(Scope.provide(Global.set("f", "k", "inner"), inner))
          yield* seed.has("f", { k: "inner" })
        }))
        yield* seed.has("f", { k: "outer" })
        yield* Scope.close(outer, Exit.void)
        yield* seed.has("f", {})
      }))

    test("a key that was deleted is not brought back by a scope that closes", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* three(world)
        const scopes = [yield* Scope.make(), yield* Scope.make()]
        for (const [at, scope] of scopes.entries()) yield* a.run(Scope.provide(Global.set("f", "k", at), scope))
        yield* seed.has("f", { k: 1 })
        yield* a.run(Global.del("f", "k"))
        yield* a.run(Global.set("f", "other", 1))
        yield* Effect.forEach(scopes.toReversed(), (scope) => Scope.close(scope, Exit.void))
        yield* a.run(Global.set("f", "last", 1))
        yield* seed.has("f", { other: 1, last: 1 })
      }))

    test("what an operator sets outlives the scopes that set it before and after", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* three(world)
        const [before, after] = [yield* Scope.make(), yield* Scope.make()]
        yield* a.run(Scope.provide(Global.set("f", "k", "before"), before))
        seed.router.request("a", "emp_db_set", "f", "k", "operator")
        yield* seed.has("f", { k: "operator" })
        yield* a.run(Scope.provide(Global.set("f", "k", "after"), after))
        yield* seed.has("f", { k: "after" })
        yield* Scope.close(before, Exit.void)
        yield* Scope.close(after, Exit.void)
        yield* seed.has("f", { k: "operator" })
      }))

    test("what an operator sets stays when the scope closes that had set it", (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* three(world)
        const scope = yield* Scope.make()
        yield* a.run(Scope.provide(Global.set("f", "k", "program"), scope))
        seed.router.request("a", "emp_db_set", "f", "k", "operator")
        yield* seed.has("f", { k: "operator" })
        yield* Scope.close(scope, Exit.void)
        yield* a.run(Global.set("f", "last", 1))
        yield* seed.has("f", { k: "operator", last: 1 })
      }))

    test("no value is null, whatever the framing", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true, framings: ["json"] })
        const a = yield* world.start("a", { seeds: [seed.address] })
        yield* a.run(Global.set("f", "k", undefined))
        yield* seed.has("f", { k: null })
        yield* seed.run(Global.set("f", "own", undefined))
        yield* seed.has("f", { k: null, own: null })
      }))

    test("keys may be any text", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed", { global: true, framings: ["json"] })
        const a = yield* start("a", { seeds: [seed.address] })
        const keys = ["__proto__", "constructor", "", "1", "'", "é😀"]
        for (const key of keys) yield* a.run(Global.set("f", key, key))
        yield* until("seed has them all", () =>
          seed.mesh.isGlobal && Effect.map(seed.family("f"), (entries) =>
            Object.keys(entries).length === keys.length))
        for (const node of [seed, a]) {
          const entries = yield* node.run(Global.family("f"))
          assert.deepStrictEqual(
            Array.from(entries).toSorted(),
            keys.map((key): [string, unknown] => [key, key]).toSorted()
          )
        }
      }))

    test("a key that is set again has the new value", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        yield* a.run(Global.set("f", "k", 1))
        yield* b.has("f", { k: 1 })
        yield* a.run(Global.set("f", "k", 2))
        yield* b.has("f", { k: 2 })
      }))

    test("a node deletes its own keys, and leaves those of others alone", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        yield* a.run(Global.set("f", "of a", 1))
        yield* b.run(Global.set("f", "of b", 2))
        yield* seed.has("f", { "of a": 1, "of b": 2 })
        yield* b.run(Global.del("f", "of a", "of b", "nothing"))
        yield* seed.has("f", { "of a": 1 })
        yield* seed.run(Global.del("f", "of a"))
        yield* a.run(Global.set("f", "later", 3))
        yield* b.has("f", { "of a": 1, later: 3 })
      }))

    test("a key with two owners is that of the smaller node ID, and stays until both have left it", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        yield* a.run(Global.set("f", "k", 1))
        yield* seed.has("f", { k: 1 })
        yield* b.run(Global.set("f", "k", 2))
        yield* b.run(Global.set("f", "second", true))
        yield* seed.has("f", { k: 1, second: true })
        yield* a.run(Global.del("f", "k"))
        yield* seed.has("f", { k: 2, second: true })
        yield* b.run(Global.del("f", "k", "second"))
        yield* seed.has("f", {})
      }))

    test("a key is gone when its scope closes", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const scope = yield* Scope.make()
        yield* a.run(Scope.provide(Global.set("f", "k", 1), scope))
        yield* a.run(Global.set("f", "stays", 2))
        yield* b.has("f", { k: 1, stays: 2 })
        yield* Scope.close(scope, Exit.void)
        yield* b.has("f", { stays: 2 })
      }))

    test("a registered port is found, and gone when it ends", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        const port = yield* a.run(Port.make(() => {}))
        yield* a.run(Global.reg(port, "workers", { load: 1 }))
        yield* a.run(Global.set("workers", "#no port", 1))
        yield* b.has("workers", { [port]: { load: 1 }, "#no port": 1 })
        assert.deepStrictEqual(yield* b.run(Global.find("workers")), [port])
        yield* a.run(Port.kil(port, "crash"))
        yield* b.has("workers", { "#no port": 1 })
        assert.deepStrictEqual(yield* seed.run(Global.find("workers")), [])
      }))

    test("a registered port is gone when the scope of the registration closes, and lives on", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const port = yield* a.run(Port.make({ ask: (reply) => Port.snd(reply, "here") }))
        const scope = yield* Scope.make()
        yield* a.run(Scope.provide(Global.reg(port, "workers"), scope))
        yield* b.has("workers", { [port]: null })
        yield* Scope.close(scope, Exit.void)
        yield* b.has("workers", {})
        assert.strictEqual(yield* b.run(Port.cal(port, "ask")), "here")
      }))

    test("a port that has ended cannot stay registered", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const port = yield* a.run(Port.make(() => {}))
        yield* a.run(Port.kil(port))
        yield* a.run(Port.exit(port))
        yield* a.run(Global.reg(port, "workers"))
        yield* a.run(Global.set("workers", "later", 1))
        yield* b.has("workers", { later: 1 })
      }))

    test("a port of another node may be registered, and is gone when the link to that node is lost", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        const port = yield* b.run(Port.make(() => {}))
        yield* a.run(Global.reg(port, "workers"))
        yield* seed.has("workers", { [port]: null })
        yield* until("a is linked to b", () => isUp(a, "b"))
        yield* b.stop
        yield* seed.has("workers", {})
      }))

    test("the keys of a node that stops are gone", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        yield* a.run(Global.set("f", "a", 1))
        yield* b.run(Global.set("f", "b", 2))
        yield* seed.has("f", { a: 1, b: 2 })
        yield* a.stop
        yield* seed.has("f", { b: 2 })
        yield* b.has("'l", { seed: [seed.address], b: [b.address] })
      }))

    test("when all links are cut, the data is back as soon as nodes have joined again", (world) =>
      Effect.gen(function*() {
        const { a, all, b } = yield* three(world)
        yield* a.run(Global.set("f", "a", 1))
        yield* b.run(Global.set("f", "b", 2))
        for (const node of all) yield* node.has("f", { a: 1, b: 2 })
        yield* world.cut
        yield* until("nobody is linked", () => a.router.upNodes().length === 0)
        yield* a.run(Global.del("f", "a"))
        yield* a.run(Global.set("f", "new", 3))
        for (const node of all) yield* node.has("f", { b: 2, new: 3 })
      }))

    for (const who of ["seed", "b"] as const) {
      test(`a monitor ${who === "seed" ? "on a global node" : "on a slave"} hears of the present state, then of changes`, (world) =>
        Effect.gen(function*() {
          const nodes = yield* three(world)
          const { a } = nodes
          yield* a.run(Global.set("f", "k", 1))
          yield* nodes[who].has("f", { k: 1 })
          const seen = yield* follow(nodes[who], "f")
          yield* seen.has(1)
          assert.deepStrictEqual(seen.changes[0], { entries: { k: 1 }, added: ["k"], changed: [], deleted: [] })
          yield* a.run(Global.set("f", "new", 2))
          yield* seen.has(2)
          assert.deepStrictEqual(seen.changes[1], {
            entries: { k: 1, new: 2 },
            added: ["new"],
            changed: [],
            deleted: []
          })
          yield* a.run(Global.set("f", "k", 3))
          yield* seen.has(3)
          assert.deepStrictEqual(seen.changes[2], { entries: { k: 3, new: 2 }, added: [], changed: ["k"], deleted: [] })
          yield* a.run(Global.del("f", "k"))
          yield* seen.has(4)
          assert.deepStrictEqual(seen.changes[3], { entries: { new: 2 }, added: [], changed: [], deleted: ["k"] })
          yield* a.stop
          yield* seen.has(5)
          assert.deepStrictEqual(seen.changes[4], { entries: {}, added: [], changed: [], deleted: ["new"] })
        }))

      test(`a monitor ${who === "seed" ? "on a global node" : "on a slave"} hears at once that a family is empty`, (world) =>
        Effect.gen(function*() {
          const nodes = yield* three(world)
          const seen = yield* follow(nodes[who], "f")
          yield* seen.has(1)
          assert.deepStrictEqual(seen.changes[0], { entries: {}, added: [], changed: [], deleted: [] })
        }))
    }

    test("a second monitor of a node hears of the present state too, and goes on when the first one ends", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        yield* a.run(Global.set("f", "k", 1))
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(follow(b, "f"), scope)
        yield* first.reaches({ k: 1 })
        const second = yield* follow(b, "f")
        yield* second.has(1)
        assert.deepStrictEqual(second.changes[0], { entries: { k: 1 }, added: ["k"], changed: [], deleted: [] })
        assert.strictEqual(first.changes.at(-1)?.entries["k"], 1)
        yield* Scope.close(scope, Exit.void)
        const before = first.changes.length
        yield* a.run(Global.set("f", "k", 2))
        yield* second.reaches({ k: 2 })
        assert.strictEqual(first.changes.length, before)
      }))

    test("a family can be monitored again after all its monitors have ended", (world) =>
      Effect.gen(function*() {
        const { a, b } = yield* three(world)
        const scope = yield* Scope.make()
        yield* Effect.flatMap(Scope.provide(follow(b, "f"), scope), (seen) => seen.has(1))
        yield* Scope.close(scope, Exit.void)
        yield* a.run(Global.set("f", "k", 1))
        const again = yield* follow(b, "f")
        yield* again.reaches({ k: 1 })
      }))

    test("questions and monitors wait for a master, and what was set meanwhile comes along", ({ start }) =>
      Effect.gen(function*() {
        const address = yield* freeAddress
        const node = yield* start("node", { seeds: [address] })
        yield* node.run(Global.set("f", "k", 1))
        const seen = yield* follow(node, "f")
        const asked = yield* Effect.forkChild(Effect.all([
          node.run(Global.family("f")),
          node.run(Global.keys("f")),
          node.run(Global.values("f"))
        ], { concurrency: "unbounded" }))
        yield* Effect.sleep("50 millis")
        assert.strictEqual(asked.pollUnsafe(), undefined)
        assert.strictEqual(seen.changes.length, 0)
        yield* start("seed", { binds: [address] })
        assert.deepStrictEqual(yield* within("the answers", Fiber.join(asked)), [new Map([["k", 1]]), ["k"], [1]])
        yield* seen.reaches({ k: 1 })
      }))

    test("a group is awaited until it is large enough", (world) =>
      Effect.gen(function*() {
        const { a, b, seed } = yield* three(world)
        const waiting = yield* Effect.forkChild(seed.run(Global.awaitGroup("workers", 2)))
        const first = yield* a.run(Port.make(() => {}))
        yield* a.run(Global.reg(first, "workers"))
        yield* a.run(Global.set("workers", "#no port", 1))
        yield* seed.has("workers", { [first]: null, "#no port": 1 })
        assert.strictEqual(waiting.pollUnsafe(), undefined)
        const second = yield* b.run(Port.make(() => {}))
        yield* b.run(Global.reg(second, "workers"))
        assert.sameMembers([...yield* within("the group", Fiber.join(waiting))], [first, second])
        assert.sameMembers([...yield* within("the group", seed.run(Global.awaitGroup("workers", 2)))], [first, second])
      }))
  })
}

describe("an entry that the database refuses", () => {
  const refused = (
    effect: Effect.Effect<unknown, Global.InvalidEntry | Global.NoMaster, Global.Global | Scope.Scope>
  ) =>
    Effect.gen(function*() {
      const { start } = yield* makeMeshWorld
      const node = yield* start("node", { global: true })
      const error = yield* Effect.flip(node.run(effect))
      assert.strictEqual(error._tag, "InvalidEntry")
      assert.strictEqual((yield* node.run(Global.keys("f"))).length, 0)
      return error.message
    }).pipe(Effect.provide(Transport.layerMemory))

  for (const family of ["", "'l", "'g", "1st", "_x", "it's", " f", "f\ud800"]) {
    it.live(`is one of the family ${JSON.stringify(family)}`, () =>
      Effect.gen(function*() {
        const message = yield* refused(Global.set(family, "k", 1))
        assert.include(message, JSON.stringify(family))
        assert.include(message, "begins with a letter")
        yield* refused(Global.del(family, "k"))
        yield* refused(Global.keys(family))
        yield* refused(Global.values(family))
        yield* refused(Global.family(family))
        yield* refused(Global.find(family))
        yield* refused(Global.awaitGroup(family, 1))
      }))
  }

  const cycle: Record<string, unknown> = {}
  cycle["self"] = cycle
  const values: ReadonlyArray<readonly [string, unknown, string]> = [
    ["a function", () => {}, "value of k is a function"],
    ["an instance of a class", { made: [new Date(0)] }, "value.made[0] of k is a Date"],
    ["bytes", [new Uint8Array(1)], "value[0] of k is bytes"],
    ["a bigint of more than 64 bits", 2n ** 64n, "value of k is a bigint of more than 64 bits"],
    ["not a number", Number.NaN, "value of k is the number NaN"],
    ["half a character", "\ud800", "value of k is a string with a lone surrogate"],
    ["a cycle", cycle, "or a cycle"]
  ]
  for (const [what, value, expected] of values) {
    it.live(`has a value that is ${what}`, () =>
      Effect.map(refused(Global.set("f", "k", value)), (message) => assert.include(message, expected)))
  }

  it.live("has a key that is half a character", () =>
    Effect.map(refused(Global.set("f", "k\udc00", 1)), (message) => assert.include(message, "key")))
})
