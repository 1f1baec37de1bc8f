import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Global, Node, Port, Transport } from "../src/index.ts"
import { NodeMesh } from "../src/internal/global/mesh.ts"
import { tcpCarrierWith } from "../src/internal/transport/tcp.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { isUp, makeLogs, secret, until, within } from "./harness.ts"
import { freeAddress, linkedTo, makeMeshWorld, meshTestOver, type MeshWorld } from "./meshWorld.ts"
import { connectRaw, listenRaw } from "./rawPeer.ts"

interface Moving extends MeshWorld {
  /** Listens at another address from now on, and says so. */
  readonly move: (nodeId: string, address: string) => Effect.Effect<void, Transport.LinkError, Scope.Scope>
  /** All dials so far: who, and where to. */
  readonly dialled: ReadonlyArray<string>
}

/** Nodes over the memory network, whose listeners can move. */
const moving = (title: string, body: (world: Moving) => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  it.live(title, () =>
    Effect.gen(function*() {
      const inner = yield* Transport.Transport
      const listeners = new Map<string, Parameters<Transport.Carrier["listen"]>>()
      const dialled = new Array<string>()
      const carrier: Transport.Carrier = {
        ...inner,
        listen: (...args) => {
          listeners.set(args[2], args)
          return inner.listen(...args)
        },
        dial: (address, host) => {
          dialled.push(`${host} ${address}`)
          return inner.dial(address, host)
        }
      }
      const world = yield* makeMeshWorld.pipe(Effect.provideService(Transport.Transport, carrier))
      const move: Moving["move"] = (nodeId, address) =>
        Effect.suspend(() => {
          const [, accept, host, moved] = listeners.get(nodeId)!
          return Effect.map(inner.listen(address, accept, host), (addresses) => moved?.(addresses))
        })
      return yield* body({ ...world, move, dialled })
    }).pipe(Effect.provide(Transport.layerMemory)))

describe("a node that listens elsewhere from now on", () => {
  moving("tells its network, and is found there", ({ dialled, move, start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds: ["seed:1"], global: true })
      yield* start("a", { binds: ["a:1"], seeds: ["seed:1"] })
      const b = yield* start("b", { binds: ["b:1"], seeds: ["seed:1"] })
      yield* seed.has("'l", { seed: ["seed:1"], a: ["a:1"], b: ["b:1"] })
      yield* move("a", "a:2")
      yield* b.has("'l", { seed: ["seed:1"], a: ["a:2"], b: ["b:1"] })
      yield* within("an answer", b.run(Port.calMessage("a", "time")))
      assert.deepStrictEqual(dialled.filter((dial) => dial.startsWith("b a")), ["b a:2"])
    }))

  moving("and is a global one tells the other global nodes", ({ move, start }) =>
    Effect.gen(function*() {
      const seeds = ["g1:1", "g2:1"]
      const g1 = yield* start("g1", { binds: ["g1:1"], seeds })
      const g2 = yield* start("g2", { binds: ["g2:1"], seeds })
      yield* Effect.all([linkedTo(g1, "g2"), linkedTo(g2, "g1")])
      for (const node of [g1, g2]) yield* node.has("'l", { g1: ["g1:1"], g2: ["g2:1"] })
      yield* move("g1", "g1:2")
      for (const node of [g1, g2]) yield* node.has("'l", { g1: ["g1:2"], g2: ["g2:1"] })
      // What one says itself of where another one listens goes when that is down.
      yield* g1.stop
      yield* g2.has("'l", { g2: ["g2:1"] })
    }))
})

describe("addresses with a label", () => {
  moving("are for nodes that dial by it, before those of everybody", ({ dialled, start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds: ["seed:1"], global: true })
      yield* start("a", { binds: ["a:1", "a:2@vpn"], seeds: ["seed:1"] })
      yield* seed.has("'l", { seed: ["seed:1"], a: ["a:1"] })
      for (const [nodeId, scopes, at] of [["b", ["vpn"], "a:2"], ["c", ["lan"], "a:1"], ["d", [], "a:1"]] as const) {
        const node = yield* start(nodeId, { binds: [], seeds: ["seed:1"], scopes })
        yield* within("an answer", node.run(Port.calMessage("a", "time")))
        assert.deepStrictEqual(dialled.filter((dial) => dial.startsWith(`${nodeId} a`)), [`${nodeId} ${at}`])
      }
    }))

  moving("are known to global nodes, which do not need to ask", ({ dialled, start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds: ["seed:1"], global: true, scopes: ["vpn"] })
      const a = yield* start("a", { binds: ["a:2@vpn"], seeds: ["seed:1"] })
      yield* seed.has("'emp_l", { a: ["a:2@vpn"] })
      yield* a.stop
      yield* seed.has("'emp_l", {})
      assert.deepStrictEqual(dialled.filter((dial) => dial.startsWith("seed")), [])
    }))

  moving("are taken back when a node has none any more", ({ move, start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds: ["seed:1"], global: true })
      yield* start("a", { binds: ["a:1@vpn"], seeds: ["seed:1"] })
      yield* seed.has("'emp_l", { a: ["a:1@vpn"] })
      yield* move("a", "a:2")
      yield* seed.has("'emp_l", { a: ["a:2@vpn"] })
      yield* seed.has("'l", { seed: ["seed:1"], a: [] })
    }))

  meshTestOver(Transport.layerTcp)(
    "are nothing that nodes of another kind are told",
    ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed", { binds: ["127.0.0.1:*", "127.0.0.1:*@vpn"], global: true })
        const raw = yield* connectRaw(seed.address, { nodeId: "raw" })
        raw.send(["", "g_find", "seed"])
        const answer = (yield* raw.settle).find(([, name]) => name === "g_found")
        assert.deepStrictEqual(answer, ["", "g_found", "seed", [seed.address]])
        // As a global node it is given all, and told what changes.
        raw.send(["", "g_global"])
        const a = yield* start("a", { binds: ["127.0.0.1:*", "127.0.0.1:*@vpn"], seeds: [seed.address] })
        yield* seed.has("'l", { seed: [seed.address], a: [a.address] })
        const told = JSON.stringify(yield* raw.settle)
        assert.include(told, a.address)
        assert.notInclude(told, "vpn")
      })
  )

  meshTestOver(Transport.layerTcp)(
    "are nothing that a master of another kind is told",
    ({ start }) =>
      Effect.gen(function*() {
        const raw = yield* listenRaw({ nodeId: "raw" })
        const binds = ["127.0.0.1:*", "127.0.0.1:*@vpn"]
        const a = yield* start("a", { binds, seeds: [raw.address], framings: ["json"] })
        yield* until("it has its master", () => a.mesh.master === "raw")
        const told = JSON.stringify(yield* raw.peers[0]!.settle)
        assert.include(told, a.address)
        assert.notInclude(told, "vpn")
      })
  )
})

describe("global nodes", () => {
  meshTestOver(Transport.layerMemory)(
    "whose addresses all have labels find each other through a third one",
    ({ start }) =>
      Effect.gen(function*() {
        const on = (name: string) => ({
          binds: [`${name}:1`],
          advertise: [`${name}:1@vpn`],
          scopes: ["vpn"],
          global: true
        })
        yield* start("seed", on("seed"))
        const one = yield* start("one", { ...on("one"), seeds: ["seed:1"] })
        const two = yield* start("two", { ...on("two"), seeds: ["seed:1"] })
        yield* linkedTo(one, "seed", "two")
        yield* linkedTo(two, "seed", "one")
      })
  )
})

describe("a seed", () => {
  moving(
    "that is * makes a global node of whoever has it, without a dial",
    ({ dialled, start, warnings }) =>
      Effect.gen(function*() {
        const node = yield* start("node", { binds: ["node:1"], seeds: ["*"] })
        yield* until("it is global", () => node.mesh.isGlobal)
        yield* start("other", { binds: [], seeds: ["node:1"] })
        yield* until("it has joined", () => isUp(node, "other"))
        assert.deepStrictEqual(dialled, ["other node:1"])
        assert.deepStrictEqual(warnings(), [])
      })
  )

  moving("that is * is told by name where a node does not listen", ({ start, warnings }) =>
    Effect.gen(function*() {
      const node = yield* start("node", { binds: [], seeds: ["*"] })
      yield* until("it is told", () => warnings().length > 0)
      assert.match(warnings().join("\n"), /^ERROR node seed \* is this very node.*needs binds/)
      assert.isFalse(node.mesh.isGlobal)
    }))

  for (const wrong of ["no:such:address", "host", "host:*", "host:0"]) {
    moving(
      `that is none is told once, and the others are joined: ${wrong}`,
      ({ start, warnings }) =>
        Effect.gen(function*() {
          yield* start("seed", { binds: ["seed:1"], global: true })
          const node = yield* start("node", { binds: [], seeds: [wrong, "seed:1"] })
          yield* within("the node has joined", node.run(Global.joined))
          assert.strictEqual(warnings().length, 1, warnings().join("\n"))
          assert.include(warnings()[0], `${JSON.stringify(wrong)} is not of the form host:port`)
        })
    )
  }

  moving("with a label is dialled by those who have it", ({ dialled, start, warnings }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds: ["seed:1@vpn", "seed:2"], global: true })
      const seeds = ["seed:1@vpn", "seed:2"]
      for (const [nodeId, scopes] of [["one", ["vpn"]], ["two", ["lan"]]] as const) {
        yield* start(nodeId, { binds: [], seeds, scopes })
        yield* until("it has joined", () => isUp(seed, nodeId))
      }
      yield* until("both are dialled", () => dialled.length > 2)
      assert.deepStrictEqual(dialled.filter((dial) => dial.startsWith("two")), ["two seed:2"])
      assert.includeMembers(Array.from(dialled), ["one seed:1", "one seed:2"])
      assert.deepStrictEqual(warnings(), [])
    }))

  meshTestOver(Layer.succeed(Transport.Transport, tcpCarrierWith({ interfaces: () => ["127.0.0.1"] })))(
    "that is *:port is this host, and makes a global node of whoever listens there",
    ({ start, warnings }) =>
      Effect.gen(function*() {
        const port = (yield* freeAddress).split(":")[1]!
        const a = yield* start("a", { binds: [`*:${port}`], seeds: [`*:${port}`] })
        const b = yield* start("b", { binds: ["127.0.0.1:*"], seeds: [`*:${port}`] })
        yield* until("both are joined", () => a.mesh.isGlobal && a.router.isUp("b"))
        assert.isFalse(b.mesh.isGlobal)
        assert.deepStrictEqual(warnings(), [])
      })
  )
})

/** A node whose seed is a name, in a network that a test says all about. */
const namedSeed = Effect.gen(function*() {
  const inner = yield* Transport.Transport
  const logs = makeLogs()
  const names = { addresses: undefined as ReadonlyArray<string> | undefined, asked: 0 }
  const dialled = new Array<string>()
  const carrier: Transport.Carrier = {
    ...inner,
    resolve: (address) => {
      if (address !== "mp.example:1") return inner.resolve(address)
      names.asked++
      return names.addresses === undefined
        ? Effect.fail(
          new Transport.LinkError({ reason: "connect_failed", peer: address, detail: "the name cannot be resolved" })
        )
        : Effect.succeed(names.addresses)
    },
    dial: (address, host) => {
      dialled.push(address)
      return inner.dial(address, host)
    }
  }
  const start = (nodeId: string, seeds: ReadonlyArray<string>) =>
    Layer.build(
      Layer.provideMerge(Global.layer({ seeds }), Node.layer({ nodeId, secret, binds: [`${nodeId}:1`] }))
    ).pipe(
      Effect.provideService(Transport.Transport, carrier),
      Effect.provide(logs.layer),
      Effect.flatMap((context) => {
        const nodes = () => Effect.runSync(Effect.provide(Node.upNodes, context))
        return Effect.map(Effect.provide(NodeMesh, context), (mesh) => ({ nodes, mesh }))
      })
    )
  return { start, names, dialled, lines: logs.lines }
})

const named = (
  title: string,
  body: (
    world: Effect.Success<typeof namedSeed>
  ) => Effect.Effect<unknown, unknown, Scope.Scope | TestNetwork.TestNetwork>
): void =>
  it.effect(title, () => Effect.scoped(Effect.flatMap(namedSeed, body)).pipe(Effect.provide(TestNetwork.layer)))

describe("a seed's name", () => {
  named("that nobody knows yet is asked for until it is known", ({ lines, names, start }) =>
    Effect.gen(function*() {
      yield* start("a", [])
      const node = yield* start("node", ["mp.example:1"])
      yield* TestNetwork.until("it is asked again and again", () => names.asked > 5)
      assert.strictEqual(lines.filter((line) => line.startsWith("WARN")).length, 1)
      names.addresses = ["a:1"]
      yield* TestNetwork.until("it has joined", () => node.nodes().includes("a"))
    }))

  named(
    "that stands for other nodes later is followed, though nobody is missing",
    ({ names, start }) =>
      Effect.gen(function*() {
        yield* start("a", [])
        yield* start("b", [])
        names.addresses = ["a:1"]
        const node = yield* start("node", ["mp.example:1"])
        yield* TestNetwork.until("it has joined", () => node.nodes().includes("a"))
        names.addresses = ["a:1", "b:1"]
        yield* TestNetwork.until("it has found the other one", () => node.nodes().includes("b"))
        assert.deepStrictEqual(node.nodes().toSorted(), ["a", "b"])
      })
  )

  named(
    "that stands for this very node alone, and for others later, makes a global node that finds them",
    (world) =>
      Effect.gen(function*() {
        const { names, start } = world
        names.addresses = ["node:1"]
        const node = yield* start("node", ["mp.example:1"])
        yield* TestNetwork.until("it is global", () => node.mesh.isGlobal)
        names.addresses = ["node:1", "a:1"]
        const a = yield* start("a", ["mp.example:1"])
        yield* TestNetwork.until("they have found each other", () =>
          node.nodes().includes("a") && a.nodes().includes("node"))
        yield* TestNetwork.until("both are global", () =>
          a.mesh.isGlobal)
      })
  )

  named(
    "that stands for hundreds of addresses has a few of them dialled at once, and all in the end",
    (world) =>
      Effect.gen(function*() {
        const { dialled, names, start } = world
        names.addresses = Array.from({ length: 300 }, (_, n) => `pod${n}:1`)
        const last = yield* start("pod299", [])
        const node = yield* start("node", ["mp.example:1"])
        let most = 0
        let before = 0
        yield* TestNetwork.until("it has found the only one", () => {
          most = Math.max(most, dialled.length - before)
          before = dialled.length
          return node.nodes().includes("pod299")
        })
        assert.isAtMost(most, 32)
        assert.deepStrictEqual(new Set(dialled), new Set(names.addresses))
        assert.deepStrictEqual(last.nodes(), ["node"])
      })
  )
})
