import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as net from "node:net"
import { Global, Node, Transport } from "../src/index.ts"
import { NodeMesh } from "../src/internal/global/mesh.ts"
import { tcpCarrierWith } from "../src/internal/transport/tcp.ts"
import type { Machine } from "../src/internal/transport/tcpListen.ts"
import { pem } from "./certificates.ts"
import { isUp, makeLogs, makeWorld, secret, until, within } from "./harness.ts"
import { follow, freeAddress, type MeshNode, meshTestOver } from "./meshWorld.ts"
import { connectRaw, greeting, listenRaw, ownKind } from "./rawPeer.ts"
import { onlyFull } from "./size.ts"

describe("a node whose seeds are all down", () => {
  for (const failures of [10, 100, 1000]) {
    it.effect(`says so once, goes on trying, and joins after ${failures} failures`, () => {
      const logs = makeLogs()
      let dials = 0
      return Effect.gen(function*() {
        const inner = yield* Transport.Transport
        const counting = Context.make(Transport.Transport, {
          ...inner,
          dial: (address, host) => {
            dials++
            return inner.dial(address, host)
          }
        })
        const start = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
          Layer.build(
            Layer.provideMerge(
              Global.layer({ seeds, global: seeds.length === 0 }),
              Node.layer({ nodeId, secret, binds: [bind] })
            )
          ).pipe(Effect.provideContext(counting), Effect.provide(logs.layer))
        const node = yield* start("node", "memory:2", ["memory:1"])
        // No delay is longer than the monitor timeout, 30 seconds.
        const enough = (): boolean => dials >= failures
        while (!enough()) yield* TestClock.adjust("30 seconds")
        yield* start("seed", "memory:1", [])
        yield* TestClock.adjust("30 seconds")
        yield* until(
          "the node has joined",
          () => Effect.map(Effect.provide(Node.upNodes, node), (nodes) => nodes.includes("seed"))
        )
        assert.strictEqual(logs.lines.filter((line) => line.includes("cannot reach seed")).length, 1)
      }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory))
    })
  }
})

const live = meshTestOver(Transport.layerTcp)

describe("a seed that has no address", () => {
  live("is warned of once, by name, and the others are joined", ({ start, warnings }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { global: true })
      const node = yield* start("node", { seeds: ["no..such:4040", seed.address] })
      yield* within("node has joined", node.run(Global.joined))
      yield* until("the warning", () => warnings().length > 0)
      // Longer than the first delay, so that it is tried again.
      yield* Effect.sleep("1500 millis")
      assert.strictEqual(warnings().length, 1, warnings().join("\n"))
      assert.include(warnings()[0], "no..such:4040")
      assert.include(warnings()[0], "the name cannot be resolved")
    }))
})

describe("a seed that has our own node ID", () => {
  live(
    "is not taken for this very node: that is told, and the node has not joined",
    ({ start, warnings }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed", { global: true })
        const twin = yield* start("seed", { seeds: [seed.address] })
        yield* until("the warning", () => warnings().length > 0)
        assert.include(warnings()[0], "the other side says that it has our own node ID")
        assert.isFalse(twin.mesh.isGlobal)
        assert.isUndefined(twin.mesh.master)
      })
  )
})

/** Listens at an address. Gives it back when the scope closes, and ends what it has accepted. */
const occupy = (address: string, accept: (socket: net.Socket) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const sockets: Array<net.Socket> = []
    const server = net.createServer((socket) => {
      sockets.push(socket.on("error", () => {}))
      accept(socket)
    })
    const [host, port] = [
      address.slice(0, address.lastIndexOf(":")),
      Number(address.slice(address.lastIndexOf(":") + 1))
    ]
    return Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(port, host, () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
  })

const cert = pem("shared")

/** Whether a node stands behind an address that this one has as a seed, as far as it knows. */
const isSeed = (node: MeshNode, nodeId: string): boolean => node.mesh["follower"]["seeds"].isSeed(nodeId)

describe("somebody without the secret in the place of a seed", () => {
  live(
    "that echoes all it hears is told once, makes no global node, and gives way to the seed",
    ({ start, warnings }) =>
      Effect.gen(function*() {
        const address = yield* freeAddress
        const stands = yield* Scope.make()
        let echoed = 0
        yield* Scope.provide(
          occupy(address, (socket) => {
            echoed++
            socket.pipe(socket)
          }),
          stands
        )
        const node = yield* start("node", { seeds: [address] })
        yield* until("it was tried again", () => echoed > 1)
        assert.strictEqual(warnings().length, 1, warnings().join("\n"))
        assert.include(warnings()[0], "sent our own nonce back")
        assert.deepStrictEqual([node.mesh.isGlobal, node.mesh.master], [false, undefined])
        yield* Scope.close(stands, Exit.void)
        yield* start("seed", { binds: [address] })
        yield* within("the node has joined", node.run(Global.joined))
        assert.strictEqual(node.mesh.master, "seed")
      })
  )

  for (
    const [kind, keys] of [["our own kind", ownKind(60_000)], ...onlyFull([["another kind", ""] as const])] as const
  ) {
    live(
      `that greets as a node which is connected already, of ${kind}, makes neither a master nor a global node of it`,
      ({ start, warnings }) =>
        Effect.gen(function*() {
          let greeted = 0
          const address = yield* freeAddress
          const stands = yield* Scope.make()
          yield* Scope.provide(
            occupy(address, (socket) => {
              greeted++
              socket.end(greeting("x", keys))
            }),
            stands
          )
          const x = yield* start("x")
          const node = yield* start("node", { seeds: [address] })
          yield* x.dial(node.address)
          yield* until("the stranger was dialled again and again", () => greeted > 3)
          assert.deepStrictEqual([x.mesh.isGlobal, node.mesh.master, isSeed(node, "x")], [false, undefined, false])
          assert.isAtMost(warnings().length, 3, warnings().join("\n"))
          yield* Scope.close(stands, Exit.void)
          yield* start("seed", { binds: [address] })
          yield* within("the node has joined", node.run(Global.joined))
          assert.deepStrictEqual([node.mesh.master, x.mesh.isGlobal], ["seed", false])
        })
    )
  }
})

describe("who stands at the address of a seed", () => {
  for (const [how, credentials] of [["with a secret", {}], ["over TLS", { secret: "", cert }]] as const) {
    live(
      `is known of nodes that have each other as seeds, whichever of them dialled, ${how}`,
      ({ start, warnings }) =>
        Effect.gen(function*() {
          const addresses = [yield* freeAddress, yield* freeAddress, yield* freeAddress]
          const ids = ["a", "b", "c"]
          const nodes = yield* Effect.forEach(
            ids,
            (id, i) => start(id, { binds: [addresses[i]!], seeds: addresses, ...credentials }),
            { concurrency: "unbounded" }
          )
          for (const node of nodes) {
            yield* until(`${node.id} knows its seeds`, () => ids.every((id) => id === node.id || isSeed(node, id)))
            assert.isFalse(isSeed(node, node.id))
          }
          assert.deepStrictEqual(warnings(), [])
        })
    )
  }

  /** A node that has a link which a node of another kind has dialled, and then gets that one's address as its seed. */
  const dialledByOtherKind = (seed: string) =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const node = yield* world.start("node", { framings: ["json"] })
      const first = yield* connectRaw(node.address, { nodeId: "perl" })
      yield* until("the link stands", () => node.router.isUp("perl"))
      const context = yield* node.run(Layer.build(Global.layer({ seeds: [seed] })))
      return { first, node, mesh: Context.get(context, NodeMesh) }
    })

  it.live("is known of a node of another kind beside a link with it, if it authenticates; we do not", () =>
    Effect.gen(function*() {
      const perl = yield* listenRaw({ nodeId: "perl" })
      const { first, mesh } = yield* dialledByOtherKind(perl.address)
      yield* until("it is the master", () => mesh.master === "perl")
      yield* perl.peers[0]!.closed
      assert.deepStrictEqual(perl.peers.map(({ lines }) => lines.length), [2])
      assert.isTrue((yield* first.settle).some(([, request]) => request === "g_slave"))
    }).pipe(Effect.provide(Transport.layerTcp)))

  it.live("is not known of a node of another kind that only says who it is", () =>
    Effect.gen(function*() {
      const perl = yield* listenRaw({ nodeId: "perl", opening: greeting("perl") })
      const { first, mesh } = yield* dialledByOtherKind(perl.address)
      yield* until("it was dialled twice", () => perl.peers.length > 1 && perl.peers[1]!.isClosed())
      assert.deepStrictEqual([mesh.master, perl.peers[0]!.lines.length], [undefined, 2])
      assert.deepStrictEqual(yield* first.settle, [])
    }).pipe(Effect.provide(Transport.layerTcp)))
})

describe("a seed by a name with several addresses", () => {
  const names: Record<string, ReadonlyArray<string>> = {}
  const lookup: Machine["lookup"] = (_name, _options, done) =>
    done(null, (names["mp.example"] ?? []).map((address) => ({ address, family: 4 })))
  const named = meshTestOver(Layer.succeed(Transport.Transport, tcpCarrierWith({ lookup })))
  const port = Effect.map(freeAddress, (address) => address.split(":")[1]!)

  named(
    "is dialled at all of them, also where one of them is the node itself",
    ({ start, warnings }) =>
      Effect.gen(function*() {
        const at = yield* port
        const seeds = [`mp.example:${at}`]
        names["mp.example"] = ["127.0.0.11"]
        const a = yield* start("a", { binds: [`127.0.0.11:${at}`], seeds })
        yield* until("a has met itself", () => a.mesh.isGlobal)
        names["mp.example"] = ["127.0.0.12", "127.0.0.11", "127.0.0.13"]
        const b = yield* start("b", { binds: [`127.0.0.12:${at}`], seeds })
        yield* until("b has found a", () => b.router.isUp("a") && b.mesh.isGlobal)
        yield* start("c", { binds: [`127.0.0.13:${at}`] })
        yield* until("b has found c, which came later", () => b.router.isUp("c"))
        yield* until(
          "a has found both, whose addresses the name had later",
          () => a.router.isUp("b") && a.router.isUp("c")
        )
        assert.deepStrictEqual(warnings(), [])
      })
  )

  named(
    "of which some lead nowhere is no warning, if one leads to the seed",
    ({ start, warnings }) =>
      Effect.gen(function*() {
        const at = yield* port
        names["mp.example"] = ["127.0.0.12", "127.0.0.11"]
        yield* start("seed", { binds: [`127.0.0.11:${at}`] })
        const node = yield* start("node", { seeds: [`mp.example:${at}`] })
        yield* within("the node has joined", node.run(Global.joined))
        yield* Effect.sleep("1500 millis")
        assert.deepStrictEqual(warnings(), [])
      })
  )

  named("of which all lead nowhere is one warning, that names both", ({ start, warnings }) =>
    Effect.gen(function*() {
      const at = yield* port
      names["mp.example"] = ["127.0.0.12", "127.0.0.11"]
      yield* start("node", { seeds: [`mp.example:${at}`] })
      yield* until("the warning", () => warnings().length > 0)
      yield* Effect.sleep("1500 millis")
      assert.strictEqual(warnings().length, 1, warnings().join("\n"))
      assert.match(warnings()[0]!, /cannot reach seed mp\.example:\d+ at 127\.0\.0\.1[12]:\d+: cannot connect/)
    }))
})

describe("a master that dies", () => {
  live(
    "with a question open: the next one is asked, and what it answers is the answer",
    ({ start }) =>
      Effect.gen(function*() {
        const [one, two] = [yield* listenRaw({ nodeId: "one" }), yield* listenRaw({ nodeId: "two" })]
        const node = yield* start("node", { seeds: [one.address, two.address], framings: ["json"] })
        yield* until("both are linked", () =>
          Effect.all([isUp(node, "one"), isUp(node, "two")]).pipe(Effect.map((up) => up.every(Boolean))))
        const masters = [one, two].map(({ peers }) =>
          peers[0]!
        )
        const first = node.mesh.master === "one" ? 0 : 1
        const [master, next] = [masters[first]!, masters[1 - first]!]
        const asked = yield* Effect.forkChild(node.run(Global.keys("fam")), { startImmediately: true })
        const question = (packets: ReadonlyArray<ReadonlyArray<unknown>>) =>
          packets.find(([, name]) => name === "g_db_keys")
        assert.isDefined(question(yield* master.settle))
        assert.isUndefined(question(yield* next.settle))
        master.socket.destroy()
        yield* until("the next one is asked", () => question(next.packets) !== undefined)
        next.send(["", "g_reply", question(next.packets)![3], ["k"]])
        assert.deepStrictEqual(yield* within("the answer", Fiber.join(asked)), ["k"])
      })
  )

  live(
    "in the middle of a large family: what it had not told to its end is void",
    ({ start }) =>
      Effect.gen(function*() {
        const keys = ownKind(60_000)
        const [one, two] = [yield* listenRaw({ nodeId: "one", keys }), yield* listenRaw({ nodeId: "two", keys })]
        const node = yield* start("node", { seeds: [one.address, two.address], framings: ["json"] })
        yield* until("both are linked", () =>
          Effect.all([isUp(node, "one"), isUp(node, "two")]).pipe(Effect.map((up) => up.every(Boolean))))
        const masters = [one, two].map(({ peers }) =>
          peers[0]!
        )
        const first = node.mesh.master === "one" ? 0 : 1
        const [master, next] = [masters[first]!, masters[1 - first]!]
        const follower = yield* follow(node, "fam")
        const isAsked = (packets: ReadonlyArray<ReadonlyArray<unknown>>) =>
          packets.some(([, name]) => name === "g_mon1")
        yield* until("the master is asked", () => isAsked(master.packets))
        master.send(["", "g_chg1", "fam", { a: 1 }, 2], ["", "g_chg2", "fam", { b: 1 }, []])
        yield* master.settle
        assert.deepStrictEqual(follower.changes, [])
        master.socket.destroy()
        yield* until("the next one is asked", () => isAsked(next.packets))
        // What it tells before it has been asked counts for nothing, and is no part of what the other one told.
        next.send(["", "g_chg2", "fam", { c: 1 }, []])
        yield* next.settle
        assert.deepStrictEqual(follower.changes, [])
        next.send(["", "g_chg1", "fam", { d: 1 }, 1], ["", "g_chg2", "fam", { e: 1 }, []])
        yield* follower.reaches({ d: 1, e: 1 })
        assert.strictEqual(follower.changes.length, 1)
      })
  )
})
