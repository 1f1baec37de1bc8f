import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Global, Node, Transport } from "../src/index.ts"
import { isUp, makeLogs, secret, until, within } from "./harness.ts"
import { follow, meshTestOver } from "./meshWorld.ts"
import { listenRaw, ownKind } from "./rawPeer.ts"

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
