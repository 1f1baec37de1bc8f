import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Global from "../src/Global.ts"
import { LinkError } from "../src/internal/transport/linkError.ts"
import * as Port from "../src/Port.ts"
import { isUp, transports, until, upNodes, within } from "./harness.ts"
import { follow, freeAddress, linkedTo, meshTestOver } from "./meshWorld.ts"

for (const [name, transport] of transports) {
  const test = meshTestOver(transport)

  describe(`a place in the network, over ${name}`, () => {
    test("a node becomes a global one by being used as seed, and the one that uses it does not", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        assert.isFalse(seed.mesh.isGlobal)
        const node = yield* start("node", { seeds: [seed.address] })
        yield* within("node has joined", node.run(Global.joined))
        assert.isTrue(seed.mesh.isGlobal)
        assert.isFalse(node.mesh.isGlobal)
        assert.strictEqual(node.mesh.master, "seed")
        assert.strictEqual(seed.mesh.master, "seed")
      }))

    test("a node becomes a global one by being its own seed", ({ start, warnings }) =>
      Effect.gen(function*() {
        const address = yield* freeAddress
        const node = yield* start("alone", { binds: [address], seeds: [address] })
        yield* within("node has joined", node.run(Global.joined))
        assert.isTrue(node.mesh.isGlobal)
        assert.deepStrictEqual(yield* upNodes(node), [])
        assert.deepStrictEqual(warnings(), [])
      }))

    test("a node is a global one from the start when it is told so", ({ start }) =>
      Effect.gen(function*() {
        const node = yield* start("alone", { global: true })
        assert.isTrue(node.mesh.isGlobal)
        yield* within("node has joined", node.run(Global.joined))
      }))

    test("a program reads which master its node has, whichever copy of the package it was built with", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        const node = yield* start("node", { seeds: [seed.address] })
        yield* within("node has joined", node.run(Global.joined))
        const otherCopy = Context.Service<Global.Global, Global.Service>("effect-mp/Global")
        for (const key of [Global.Global, otherCopy]) {
          const { isGlobal, master } = yield* node.run(key)
          assert.deepStrictEqual([isGlobal, master], [false, "seed"])
        }
      }))

    test("nodes that share a seed reach each other's ports", ({ start, warnings }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        const a = yield* start("a", { seeds: [seed.address] })
        const b = yield* start("b", { seeds: [seed.address] })
        yield* b.run(Global.joined)
        const double = yield* b.run(Port.make({ double: (n: number, reply) => Port.snd(reply, 2 * n) }))
        assert.deepStrictEqual(yield* within("an answer", a.run(Port.cal(double, "double", 21))), 42)
        yield* linkedTo(a, "b", "seed")
        assert.deepStrictEqual(warnings(), [])
      }))

    test("a node that is waited for is looked for", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        const a = yield* start("a", { seeds: [seed.address] })
        yield* a.run(Global.joined)
        const waiting = yield* Effect.forkChild(a.run(Global.awaitNode("b")), { startImmediately: true })
        yield* start("b", { seeds: [seed.address] })
        yield* within("the node", Fiber.join(waiting))
        yield* linkedTo(a, "b", "seed")
      }))

    test("global nodes that lose each other, and no one else, meet again", ({ start }) =>
      Effect.gen(function*() {
        const g1 = yield* start("g1", { global: true })
        const g2 = yield* start("g2", { global: true, seeds: [g1.address] })
        const g3 = yield* start("g3", { global: true, seeds: [g1.address] })
        yield* linkedTo(g2, "g1", "g3")
        yield* linkedTo(g3, "g1", "g2")
        const lost = g2.router.peers.get("g3")?.link
        lost?.lose(new LinkError({ reason: "link_lost", peer: "g3" }))
        yield* until("it is lost", () => !g3.router.isUp("g2") || g3.router.peers.get("g2")?.link !== lost)
        yield* g2.run(Global.set("f", "k", 1))
        yield* g3.has("f", { k: 1 })
        yield* linkedTo(g3, "g1", "g2")
      }))

    test("a global node finds the nodes that are in its own database", ({ start }) =>
      Effect.gen(function*() {
        const g1 = yield* start("g1", { global: true })
        const g2 = yield* start("g2", { global: true, seeds: [g1.address] })
        const a = yield* start("a", { seeds: [g1.address] })
        yield* g2.has("'l", { a: [a.address], g1: [g1.address], g2: [g2.address] })
        const port = yield* a.run(Port.make({ hello: (reply) => Port.snd(reply, "hello") }))
        assert.deepStrictEqual(yield* within("an answer", g2.run(Port.cal(port, "hello"))), "hello")
        yield* linkedTo(g2, "a", "g1")
      }))

    test("a node that nobody knows is not found, and a monitor of its port says so", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        const a = yield* start("a", { seeds: [seed.address] })
        yield* a.run(Global.joined)
        for (const node of [a, seed]) {
          const exit = yield* within("the end", node.run(Port.exit("nobody#port")))
          assert.include(String(exit), "no known address")
        }
      }))

    test("global nodes are all linked, whatever their seeds are", ({ start }) =>
      Effect.gen(function*() {
        const g1 = yield* start("g1", { global: true })
        const g2 = yield* start("g2", { global: true, seeds: [g1.address] })
        const g3 = yield* start("g3", { global: true, seeds: [g1.address] })
        const g4 = yield* start("g4", { global: true, seeds: [g3.address] })
        yield* linkedTo(g1, "g2", "g3", "g4")
        yield* linkedTo(g2, "g1", "g3", "g4")
        yield* linkedTo(g4, "g1", "g2", "g3")
        for (const node of [g1, g2, g3, g4]) yield* node.has("'g", { g1: null, g2: null, g3: null, g4: null })
      }))

    test("a lost link between global nodes comes back by itself", ({ cut, start }) =>
      Effect.gen(function*() {
        const g1 = yield* start("g1", { global: true })
        const g2 = yield* start("g2", { global: true, seeds: [g1.address] })
        const g3 = yield* start("g3", { global: true, seeds: [g1.address] })
        for (const node of [g1, g2, g3]) yield* node.has("'g", { g1: null, g2: null, g3: null })
        yield* linkedTo(g2, "g1", "g3")
        yield* cut
        yield* linkedTo(g1, "g2", "g3")
        yield* linkedTo(g2, "g1", "g3")
        for (const node of [g1, g2, g3]) {
          yield* node.has("'l", { g1: [g1.address], g2: [g2.address], g3: [g3.address] })
        }
      }))

    test("data of one global node's slaves is seen at the slaves of another, set and deleted", ({ start }) =>
      Effect.gen(function*() {
        const g1 = yield* start("g1", { global: true })
        const s1 = yield* start("s1", { seeds: [g1.address] })
        yield* s1.run(Global.set("f", "before", 1))
        const g2 = yield* start("g2", { global: true, seeds: [g1.address] })
        const s2 = yield* start("s2", { seeds: [g2.address] })
        yield* s2.has("f", { before: 1 })
        yield* s1.run(Global.set("f", "later", 2))
        yield* s2.run(Global.set("f", "other way", 3))
        const everything = { before: 1, later: 2, "other way": 3 }
        for (const node of [g1, s1, g2, s2]) yield* node.has("f", everything)
        yield* s1.run(Global.del("f", "before"))
        for (const node of [g1, s1, g2, s2]) yield* node.has("f", { later: 2, "other way": 3 })
        yield* s1.stop
        for (const node of [g1, g2, s2]) yield* node.has("f", { "other way": 3 })
      }))

    test("a slave that becomes a global node keeps its data, and is asked itself from then on", ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed")
        const node = yield* start("node", { seeds: [seed.address] })
        yield* node.run(Global.joined)
        yield* node.run(Global.set("f", "of node", 1))
        yield* seed.has("f", { "of node": 1 })
        const seen = yield* follow(node, "f")
        yield* seen.reaches({ "of node": 1 })
        const late = yield* start("late", { seeds: [node.address] })
        yield* late.run(Global.set("f", "of late", 2))
        yield* until("node is its own master", () => node.mesh.master === "node")
        for (const each of [seed, node, late]) yield* each.has("f", { "of node": 1, "of late": 2 })
        yield* seen.reaches({ "of node": 1, "of late": 2 })
      }))

    test("a node that has lost its master takes another seed, and is told what is different there", ({ start }) =>
      Effect.gen(function*() {
        const one = yield* start("one")
        const two = yield* start("two", { seeds: [one.address] })
        const node = yield* start("node", { seeds: [one.address, two.address] })
        yield* until(
          "node has both seeds",
          () => Effect.all([isUp(node, "one"), isUp(node, "two")]).pipe(Effect.map((up) => up.every(Boolean)))
        )
        yield* node.run(Global.set("f", "mine", 1))
        yield* one.run(Global.set("f", "of one", 2))
        yield* two.has("f", { mine: 1, "of one": 2 })
        const seen = yield* follow(node, "f")
        yield* seen.reaches({ mine: 1, "of one": 2 })
        const [master, other] = node.mesh.master === "one" ? [one, two] : [two, one]
        yield* master.stop
        yield* until(`node has ${other.id} as master`, () => node.mesh.master === other.id)
        yield* node.run(Global.set("f", "new", 3))
        const expected = { mine: 1, new: 3, ...(other === one ? { "of one": 2 } : {}) }
        yield* other.has("f", expected)
        yield* node.has("f", expected)
        yield* seen.reaches(expected)
      }))

    test("when the seed restarts, everyone joins again and the data is back", ({ start }) =>
      Effect.gen(function*() {
        const address = yield* freeAddress
        const first = yield* start("seed", { binds: [address] })
        const a = yield* start("a", { seeds: [address] })
        const b = yield* start("b", { seeds: [address] })
        yield* a.run(Global.set("f", "a", 1))
        yield* b.run(Global.set("f", "b", 2))
        yield* first.has("f", { a: 1, b: 2 })
        const seen = yield* follow(a, "f")
        yield* seen.reaches({ a: 1, b: 2 })
        yield* first.stop
        yield* until("nobody has a master", () => a.mesh.master === undefined && b.mesh.master === undefined)
        yield* a.run(Global.set("f", "meanwhile", 3))
        yield* b.run(Global.del("f", "b"))
        const waiting = yield* Effect.forkChild(b.family("f"))
        const second = yield* start("seed", { binds: [address] })
        const now = { a: 1, meanwhile: 3 }
        yield* second.has("f", now)
        yield* a.has("f", now)
        yield* b.has("f", now)
        yield* Fiber.join(waiting)
        yield* seen.reaches(now)
      }))

    test("a seed that is down at the start is warned of once, and joined when it comes", ({ start, warnings }) =>
      Effect.gen(function*() {
        const address = yield* freeAddress
        const node = yield* start("node", { seeds: [address] })
        const joined = yield* Effect.forkChild(within("node has joined", node.run(Global.joined)))
        // Longer than the first delay, so that there are several attempts.
        yield* Effect.sleep("2600 millis")
        assert.strictEqual(warnings().length, 1, warnings().join("\n"))
        assert.include(warnings()[0], address)
        yield* start("seed", { binds: [address] })
        yield* Fiber.join(joined)
        assert.strictEqual(warnings().length, 1, warnings().join("\n"))
      }))
  })
}
