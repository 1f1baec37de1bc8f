import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as Global from "../src/Global.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { until } from "./harness.ts"
import { follow, makeMeshWorld, type MeshWorld } from "./meshWorld.ts"
import { connectRaw, conversation, opening, type RawPeer } from "./rawPeer.ts"

const test = (title: string, body: (world: MeshWorld) => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  it.live(title, () => Effect.flatMap(makeMeshWorld, body).pipe(Effect.provide(Transport.layerTcp)))

/** Starts an effect, and goes on as soon as it waits. */
const now = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })

/** A raw node that others can dial: the seed of a test. */
const listenRaw = (nodeId: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly server: net.Server; readonly peers: Array<RawPeer> }>((resume) => {
        const peers: Array<RawPeer> = []
        const server = net.createServer({ noDelay: true }, (socket) => {
          socket.on("error", () => {})
          const peer = conversation(socket, nodeId)
          peer.write(opening(nodeId))
          peers.push(peer)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, peers })))
      }),
      ({ peers, server }) =>
        Effect.sync(() => {
          for (const peer of peers) peer.socket.destroy()
          server.close()
        })
    ),
    ({ peers, server }) => ({
      address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
      /** The nth connection, counted from 0, when its handshake is through. */
      connection: (nth: number) =>
        Effect.map(
          until(`connection ${nth} to ${nodeId}`, () => peers[nth]?.lines.length === 3),
          () => peers[nth]!
        )
    })
  )

/** Our node as the one that others use as seed; the raw peer `a` has joined it and both have said all that they had to. */
const ourSeed = ({ start }: MeshWorld) =>
  Effect.gen(function*() {
    const seed = yield* start("seed")
    const a = yield* connectRaw(seed.address, { nodeId: "a" })
    a.send(["", "g_slave"], ["", "g_slave"], ["", "g_slave", { "'l": { a: ["127.0.0.1:14042"] } }])
    yield* a.settle
    return { seed, a }
  })

/** Our node `a`, whose seed is the raw peer. */
const ourSlave = ({ start }: MeshWorld) =>
  Effect.gen(function*() {
    const raw = yield* listenRaw("seed")
    const node = yield* start("a", { seeds: [raw.address], framings: ["json"] })
    const seed = yield* raw.connection(0)
    const joining = yield* seed.settle
    return { node, raw, seed, joining }
  })

describe("a plain node of the protocol's examples joins our seed", () => {
  test("and finds it", ({ start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed")
      const a = yield* connectRaw(seed.address, { nodeId: "a" })
      assert.deepStrictEqual(yield* a.settle, [])
      a.send(["", "g_slave"], ["", "g_slave"], ["", "g_slave", { "'l": { a: ["127.0.0.1:14042"] } }], [
        "",
        "g_find",
        "seed"
      ])
      assert.deepStrictEqual(yield* a.settle, [["", "g_global"], ["", "g_found", "seed", [seed.address]]])
      a.send(["", "g_find", "a"], ["", "g_find", "nobody"])
      assert.deepStrictEqual(yield* a.settle, [
        ["", "g_found", "a", ["127.0.0.1:14042"]],
        ["", "g_found", "nobody", null]
      ])
    }))

  test("and uses the database", (world) =>
    Effect.gen(function*() {
      const { a, seed } = yield* ourSeed(world)
      const told = (...packets: ReadonlyArray<unknown>) =>
        Effect.suspend(() => {
          a.send(...packets)
          return a.settle
        })
      assert.deepStrictEqual(yield* told(["", "g_mon1", "fam"]), [["", "g_chg1", "fam", null]])
      assert.deepStrictEqual(yield* told(["", "g_upd", "fam", { k1: "v1" }]), [["", "g_chg2", "fam", { k1: "v1" }, []]])
      yield* seed.run(Global.set("fam", "k2", [1, 3]))
      assert.deepStrictEqual(yield* a.settle, [["", "g_chg2", "fam", { k2: [1, 3] }, []]])
      assert.deepStrictEqual(yield* told(["", "g_db_keys", "fam", "b"]), [["", "g_reply", "b", ["k1", "k2"]]])
      assert.deepStrictEqual(yield* told(["", "g_db_values", "fam", "c"]), [["", "g_reply", "c", ["v1", [1, 3]]]])
      assert.deepStrictEqual(yield* told(["", "g_db_family", "fam", "d"]), [
        ["", "g_reply", "d", { k1: "v1", k2: [1, 3] }]
      ])
      assert.deepStrictEqual(yield* told(["", "g_upd", "fam", null, ["k1"]]), [["", "g_chg2", "fam", {}, ["k1"]]])
      assert.deepStrictEqual(yield* told(["", "g_mon0", "fam"], ["", "g_upd", "fam", { k3: 1 }]), [])
      assert.deepStrictEqual(yield* seed.family("fam"), { k2: [1, 3], k3: 1 })
    }))

  test("and has every question answered", (world) =>
    Effect.gen(function*() {
      const { a } = yield* ourSeed(world)
      a.send(
        ["", "g_db_family", "no", "1"],
        ["", "g_db_keys", "no", "2"],
        ["", "g_db_values", "no", "3"],
        ["", "g_mon1", "no"],
        ["", "g_mon1", "'g"],
        ["", "g_mon1", "toString"]
      )
      assert.deepStrictEqual(yield* a.settle, [
        ["", "g_reply", "1", {}],
        ["", "g_reply", "2", []],
        ["", "g_reply", "3", []],
        ["", "g_chg1", "no", null],
        ["", "g_chg1", "'g", { seed: null }],
        ["", "g_chg1", "toString", null]
      ])
    }))

  test("and its data and its monitors are gone with it", (world) =>
    Effect.gen(function*() {
      const { a, seed } = yield* ourSeed(world)
      a.send(["", "g_mon1", "fam"], ["", "g_upd", "fam", { k1: "v1" }])
      yield* a.settle
      assert.deepStrictEqual(yield* seed.family("'l"), { seed: [seed.address], a: ["127.0.0.1:14042"] })
      a.socket.destroy()
      yield* seed.has("fam", {})
      assert.deepStrictEqual(yield* seed.family("'l"), { seed: [seed.address] })
      const again = yield* connectRaw(seed.address, { nodeId: "a" })
      yield* seed.run(Global.set("fam", "k2", 2))
      assert.deepStrictEqual(yield* again.settle, [["", "g_global"]])
    }))

  test("and may give its data in several parts, or none", (world) =>
    Effect.gen(function*() {
      const { a, seed } = yield* ourSeed(world)
      a.send(["", "g_slave", { fam: { a: 1 } }], ["", "g_slave", { fam: { b: 2 }, other: { c: 3 } }], [
        "",
        "g_slave",
        null
      ])
      yield* a.settle
      assert.deepStrictEqual(yield* seed.family("fam"), { a: 1, b: 2 })
      assert.deepStrictEqual(yield* seed.family("other"), { c: 3 })
    }))

  test("and may say numbers where keys are meant, as Perl does", (world) =>
    Effect.gen(function*() {
      const { a, seed } = yield* ourSeed(world)
      a.send(["", "g_upd", "fam", { 17: 1, 18: 2 }], ["", "g_upd", "fam", null, [17]])
      yield* a.settle
      assert.deepStrictEqual(yield* seed.family("fam"), { 18: 2 })
    }))
})

describe("our plain node joins a seed of the protocol's examples", () => {
  test("asks it to be global, gives it its data, and finds nodes through it", (world) =>
    Effect.gen(function*() {
      const { joining, node, seed } = yield* ourSlave(world)
      assert.deepStrictEqual(joining, [["", "g_slave"], ["", "g_slave", { "'l": { a: [node.address] } }]])
      seed.send(["", "g_global"])
      assert.deepStrictEqual(yield* seed.settle, [])
      yield* node.run(Port.snd("other#port", "hello"))
      yield* node.run(Port.snd("other#port", "again"))
      assert.deepStrictEqual(yield* seed.settle, [["", "g_find", "other"]])
      const other = yield* listenRaw("other")
      seed.send(["", "g_found", "other", [other.address]])
      const link = yield* other.connection(0)
      assert.deepStrictEqual(yield* link.has(2), [["port", "hello"], ["port", "again"]])
      assert.isFalse(node.mesh.isGlobal)
    }))

  test("gives up finding a node that the seed does not know", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      const exit = yield* now(node.run(Port.exit("other#port")))
      yield* until("the question", () => seed.packets.length > 0)
      seed.send(["", "g_found", "other", null])
      yield* until("the monitor has fired", () => exit.pollUnsafe() !== undefined)
      assert.include(String(exit.pollUnsafe()), "no known address")
    }))

  test("uses the database", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      const seen = yield* follow(node, "fam")
      assert.deepStrictEqual(yield* seed.settle, [["", "g_mon1", "fam"]])
      seed.send(["", "g_chg1", "fam", null])
      yield* seen.has(1)
      yield* node.run(Global.set("fam", "k1", "v1"))
      assert.deepStrictEqual(yield* seed.settle, [["", "g_upd", "fam", { k1: "v1" }]])
      seed.send(["", "g_chg2", "fam", { k1: "v1" }, []])
      yield* seen.reaches({ k1: "v1" })
      const asked = yield* now(Effect.all([
        node.run(Global.keys("fam")),
        node.run(Global.values("fam")),
        node.run(Global.family("fam"))
      ], { concurrency: "unbounded" }))
      const questions = yield* Effect.map(seed.settle, (packets) => packets.map((packet) => packet.slice(0, 3)))
      assert.deepStrictEqual(questions, [
        ["", "g_db_keys", "fam"],
        ["", "g_db_values", "fam"],
        ["", "g_db_family", "fam"]
      ])
      // Answered in another order, and twice.
      seed.send(["", "g_reply", "q3", { k2: [1, 3], k1: "v1" }], ["", "g_reply", "q1", ["k2", "k1"]])
      seed.send(["", "g_reply", "q2", [[1, 3], "v1"]], ["", "g_reply", "q2", []])
      yield* until("the answers", () => asked.pollUnsafe() !== undefined)
      assert.deepStrictEqual(yield* asked.pollUnsafe()!, [
        ["k2", "k1"],
        [[1, 3], "v1"],
        new Map<string, unknown>([["k2", [1, 3]], ["k1", "v1"]])
      ])
      yield* node.run(Global.del("fam", "k1", "never had"))
      assert.deepStrictEqual(yield* seed.settle, [["", "g_upd", "fam", null, ["k1"]]])
    }))

  test("says nothing when a key is set to what it is", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      for (const value of [1, 1, "1", [2], [2]]) yield* node.run(Global.set("fam", "k", value))
      assert.deepStrictEqual(yield* seed.settle, [1, "1", [2]].map((k) => ["", "g_upd", "fam", { k }]))
    }))

  test("monitors a family once, however many monitors of it there are", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      yield* Effect.scoped(Effect.gen(function*() {
        const first = yield* follow(node, "fam")
        const early = yield* follow(node, "fam")
        assert.deepStrictEqual(yield* seed.settle, [["", "g_mon1", "fam"]])
        seed.send(["", "g_chg1", "fam", { k: 1 }])
        yield* first.reaches({ k: 1 })
        yield* early.reaches({ k: 1 })
        yield* Effect.scoped(Effect.gen(function*() {
          const late = yield* follow(node, "fam")
          yield* late.has(1)
          assert.deepStrictEqual(late.changes[0], { entries: { k: 1 }, added: ["k"], changed: [], deleted: [] })
        }))
        assert.deepStrictEqual(yield* seed.settle, [])
      }))
      assert.deepStrictEqual(yield* seed.settle, [["", "g_mon0", "fam"]])
    }))

  test("takes no changes before the first state, of other families, or from other nodes", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      const seen = yield* follow(node, "fam")
      const stranger = yield* connectRaw(node.address, { nodeId: "stranger" })
      stranger.send(["", "g_chg1", "fam", { wrong: 1 }])
      yield* stranger.settle
      seed.send(["", "g_chg2", "fam", { wrong: 2 }, []], ["", "g_chg2", "other", { wrong: 3 }, []])
      seed.send(["", "g_chg1", "fam", { k: 1 }])
      yield* seen.has(1)
      assert.deepStrictEqual(seen.changes[0]?.entries, { k: 1 })
      stranger.send(["", "g_chg2", "fam", { wrong: 4 }, ["k"]])
      yield* stranger.settle
      seed.send(["", "g_chg2", "fam", null, null], ["", "g_chg2", "fam", {}, ["never there"]])
      seed.send(["", "g_chg2", "fam", { k: 2 }])
      yield* seen.has(2)
      assert.deepStrictEqual(seen.changes[1], { entries: { k: 2 }, added: [], changed: ["k"], deleted: [] })
    }))

  test("keeps a question open that another node than the master answers", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      const asked = yield* now(node.run(Global.keys("fam")))
      const [question] = yield* seed.settle
      const stranger = yield* connectRaw(node.address, { nodeId: "stranger" })
      stranger.send(["", "g_reply", question?.[3], ["wrong"]])
      yield* stranger.settle
      seed.send(["", "g_reply", question?.[3], ["right"]])
      yield* until("the answer", () => asked.pollUnsafe() !== undefined)
      assert.deepStrictEqual(yield* asked.pollUnsafe()!, ["right"])
    }))

  test("repeats what is open when the seed comes back, with its data", (world) =>
    Effect.gen(function*() {
      const { node, raw, seed } = yield* ourSlave(world)
      yield* node.run(Global.set("fam", "k", 1))
      const seen = yield* follow(node, "fam")
      const asked = yield* now(node.run(Global.keys("fam")))
      const searching = yield* now(node.run(Port.exit("other#port")))
      yield* seed.settle
      seed.socket.destroy()
      const again = yield* raw.connection(1)
      assert.deepStrictEqual(yield* again.settle, [
        ["", "g_slave"],
        ["", "g_slave", { "'l": { a: [node.address] }, fam: { k: 1 } }],
        ["", "g_find", "other"],
        ["", "g_mon1", "fam"],
        ["", "g_db_keys", "fam", "q1"]
      ])
      again.send(["", "g_found", "other", []], ["", "g_chg1", "fam", { k: 1 }], ["", "g_reply", "q1", ["k"]])
      yield* seen.reaches({ k: 1 })
      yield* until("the answers", () => asked.pollUnsafe() !== undefined && searching.pollUnsafe() !== undefined)
    }))

  test("becomes a global node when it is asked to: says so, and gives what it has", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      yield* node.run(Global.set("fam", "k", 1))
      seed.send(["", "g_global"])
      yield* seed.settle
      seed.send(["", "g_slave"])
      assert.deepStrictEqual(yield* seed.settle, [
        ["", "g_upd", "'g", { a: null }, []],
        ["", "g_global"],
        ["", "g_upd", "'g", { seed: null }, []],
        ["", "g_set", { "'l": { a: [node.address] }, fam: { k: 1 }, "'g": { a: null, seed: null } }]
      ])
      seed.send(["", "g_slave"])
      assert.deepStrictEqual(yield* seed.settle, [])
    }))
})

describe("two global nodes meet", () => {
  const g1Says = (g1: string) => [["", "g_upd", "'g", { g2: null }, []], ["", "g_set", {
    "'l": { g1: [g1] },
    "'g": { g1: null, g2: null }
  }]]

  test("as in the protocol's example, ours being the seed; a slave comes, sets a key and leaves", ({ start }) =>
    Effect.gen(function*() {
      const g1 = yield* start("g1", { global: true })
      const g2 = yield* connectRaw(g1.address, { nodeId: "g2" })
      g2.send(["", "g_global"], ["", "g_slave"])
      assert.deepStrictEqual(yield* g2.settle, [["", "g_global"], ...g1Says(g1.address)])
      g2.send(["", "g_upd", "'g", { g1: null }, []])
      g2.send(["", "g_set", { "'l": { g2: ["127.0.0.1:14141"] }, "'g": { g1: null, g2: null } }])
      g2.send(["", "g_upd", "'l", { g1: [g1.address] }, []])
      assert.deepStrictEqual(yield* g2.settle, [["", "g_upd", "'l", { g2: ["127.0.0.1:14141"] }, []]])

      const s1 = yield* connectRaw(g1.address, { nodeId: "s1" })
      s1.send(["", "g_slave", { "'l": { s1: ["127.0.0.1:14142"] } }])
      yield* s1.settle
      assert.deepStrictEqual(yield* g2.settle, [["", "g_upd", "'l", { s1: ["127.0.0.1:14142"] }, []]])
      s1.send(["", "g_upd", "f", { k: 1 }])
      yield* s1.settle
      assert.deepStrictEqual(yield* g2.settle, [["", "g_upd", "f", { k: 1 }, []]])
      s1.socket.destroy()
      assert.deepStrictEqual([...yield* g2.has(2)].toSorted(), [
        ["", "g_upd", "'l", {}, ["s1"]],
        ["", "g_upd", "f", {}, ["k"]]
      ])
    }))

  test("as in the protocol's example, ours being the one that has the other as seed", ({ start }) =>
    Effect.gen(function*() {
      const raw = yield* listenRaw("g1")
      const node = yield* start("g2", { global: true, seeds: [raw.address], framings: ["json"] })
      const g1 = yield* raw.connection(0)
      assert.deepStrictEqual(yield* g1.settle, [["", "g_global"], ["", "g_slave"]])
      g1.send(["", "g_global"], ...g1Says("127.0.0.1:14140"))
      assert.deepStrictEqual(yield* g1.settle, [
        ["", "g_upd", "'g", { g1: null }, []],
        ["", "g_set", { "'l": { g2: [node.address] }, "'g": { g2: null, g1: null } }],
        ["", "g_upd", "'l", { g1: ["127.0.0.1:14140"] }, []]
      ])
      g1.send(["", "g_upd", "'l", { g2: [node.address] }, []])
      assert.deepStrictEqual(yield* g1.settle, [])
      g1.send(["", "g_upd", "f", { k: 1 }, []])
      yield* g1.settle
      assert.deepStrictEqual(yield* node.family("f"), { k: 1 })
      g1.send(["", "g_upd", "f", {}, ["k"]])
      assert.deepStrictEqual(yield* g1.settle, [])
      assert.deepStrictEqual(yield* node.family("f"), {})
    }))

  test("and what one gave is not passed on to a third", ({ start }) =>
    Effect.gen(function*() {
      const g1 = yield* start("g1", { global: true })
      const g2 = yield* connectRaw(g1.address, { nodeId: "g2" })
      g2.send(["", "g_global"], ["", "g_set", { f: { k: 1 }, "'l": { g2: [] } }], ["", "g_upd", "f", { l: 2 }, []])
      yield* g2.settle
      const g3 = yield* connectRaw(g1.address, { nodeId: "g3" })
      g3.send(["", "g_global"])
      assert.deepStrictEqual(yield* g3.settle, [
        ["", "g_global"],
        ["", "g_upd", "'g", { g3: null }, []],
        ["", "g_set", { "'l": { g1: [g1.address], g2: [] }, "'g": { g1: null, g2: null, g3: null } }]
      ])
      assert.deepStrictEqual(yield* g1.family("f"), { k: 1, l: 2 })
    }))

  test("and a slave that has become global is forgotten as slave first", (world) =>
    Effect.gen(function*() {
      const { a, seed } = yield* ourSeed(world)
      a.send(["", "g_mon1", "fam"], ["", "g_upd", "fam", { k: 1 }])
      yield* a.settle
      a.send(["", "g_global"])
      assert.deepStrictEqual((yield* a.settle).map((packet) => packet[1]), ["g_upd", "g_upd", "g_upd", "g_set"])
      assert.deepStrictEqual(yield* seed.family("fam"), {})
      a.send(["", "g_upd", "fam", { k: 2 }, []])
      assert.deepStrictEqual(yield* a.settle, [])
      assert.deepStrictEqual(yield* seed.family("fam"), { k: 2 })
    }))
})

describe("arguments that make no sense", () => {
  /** Anything that JSON can say, for any argument. */
  const nonsense: ReadonlyArray<ReadonlyArray<unknown>> = [
    ["", "g_slave", "text"],
    ["", "g_slave", [1]],
    ["", "g_slave", { fam: 1 }],
    ["", "g_set", 5],
    ["", "g_set", { fam: ["k"] }],
    ["", "g_upd"],
    ["", "g_upd", null],
    ["", "g_upd", {}, {}],
    ["", "g_upd", "fam", "text"],
    ["", "g_upd", "fam", [1]],
    ["", "g_upd", "fam", {}, {}],
    ["", "g_upd", "fam", {}, "k"],
    ["", "g_upd", "fam", { wrong: 1 }, [{}]],
    ["", "g_find"],
    ["", "g_find", {}],
    ["", "g_found"],
    ["", "g_db_family"],
    ["", "g_db_keys", {}, "x"],
    ["", "g_db_values", ["fam"], "x"],
    ["", "g_mon1"],
    ["", "g_mon0", {}],
    ["", "g_chg1"],
    ["", "g_chg1", "fam", 1],
    ["", "g_chg2", "fam", "text"],
    ["", "g_chg2", {}, {}, []]
  ]

  for (const packet of nonsense) {
    test(`are dropped with a warning: ${JSON.stringify(packet.slice(1))}`, (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* ourSeed(world)
        yield* seed.run(Global.set("fam", "k", 1))
        a.send(packet)
        assert.deepStrictEqual(yield* a.settle, [])
        assert.deepStrictEqual(yield* seed.family("fam"), { k: 1 })
        assert.deepStrictEqual(world.warnings(), [
          `WARN seed node a sent a malformed ${String(packet[1])}, which was dropped`
        ])
        a.send(["", "g_db_keys", "fam", "x"])
        assert.deepStrictEqual(yield* a.settle, [["", "g_reply", "x", ["k"]]])
      }))
  }

  const harmless: ReadonlyArray<ReadonlyArray<unknown>> = [
    ["", "g_reply"],
    ["", "g_reply", {}, {}],
    ["", "g_reply", "q1", 1],
    ["", "g_found", "nobody", "text"],
    ["", "g_found", "nobody", [1, null, {}]],
    ["", "g_mon0", "never monitored"],
    ["", "g_upd", "fam", null, ["k", "never there"]],
    ["", "g_global", "what", { is: "this" }],
    ["", "g_nonsense", 1]
  ]
  for (const packet of harmless) {
    test(`do no harm: ${JSON.stringify(packet.slice(1))}`, (world) =>
      Effect.gen(function*() {
        const { a, seed } = yield* ourSeed(world)
        yield* seed.run(Global.set("fam", "k", 1))
        a.send(packet)
        yield* a.settle
        assert.deepStrictEqual(yield* seed.family("fam"), { k: 1 })
        assert.deepStrictEqual(world.warnings(), [])
      }))
  }

  test("in an answer of the master do no harm to the one that asked", (world) =>
    Effect.gen(function*() {
      const { node, seed } = yield* ourSlave(world)
      const asked = yield* now(Effect.all([
        node.run(Global.keys("fam")),
        node.run(Global.values("fam")),
        node.run(Global.family("fam"))
      ], { concurrency: "unbounded" }))
      for (const question of yield* seed.settle) seed.send(["", "g_reply", question[3], 5])
      yield* until("the answers", () => asked.pollUnsafe() !== undefined)
      assert.deepStrictEqual(yield* asked.pollUnsafe()!, [[], [], new Map()])
    }))
})
