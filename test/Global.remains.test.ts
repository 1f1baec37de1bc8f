import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../src/Global.ts"
import { Claim, Claims } from "../src/internal/global/claims.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { until } from "./harness.ts"
import { type MeshNode, meshTestOver, type MeshWorld } from "./meshWorld.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"
import { held, nothingRemains } from "./remains.ts"

const test = meshTestOver(Transport.layerMemory)
const testTcp = meshTestOver(Transport.layerTcp)

/** What the node holds of the database, and who waits for what. */
const heldBy = ({ mesh, router }: MeshNode): number =>
  held(
    [
      mesh["ownData"],
      mesh["follower"],
      mesh.groups,
      mesh["delivery"],
      mesh["globals"],
      mesh["globalNode"] ?? {},
      router.ports,
      router.peers
    ],
    // What the log tells seldom, and how often it came: of 256 kinds at most, and for a minute.
    [router, router.log["bounds"], router.log["context"], Context.get(router.log["context"], Scope.Scope)]
  )

/** A global node that has begun all that it does by itself. */
const globalNode = ({ start }: MeshWorld) =>
  Effect.gen(function*() {
    const node = yield* start("a", { global: true })
    yield* until("it follows the other global nodes", () => node.mesh["follower"]["copies"].size === 1)
    return node
  })

/** How many finalizers a scope has. */
const finalizers = ({ state }: Scope.Scope): number =>
  state._tag !== "Open" ? 0 : state.finalizer !== undefined ? 1 : state.finalizers?.size ?? 0

describe("in a scope that stays open", () => {
  const kinds: Readonly<
    Record<
      string,
      (n: number) => Effect.Effect<unknown, Global.InvalidEntry | Global.NoMaster, Global.Global | Scope.Scope | any>
    >
  > = {
    "a key that is set again": (n) => Global.set("f", "k", n),
    "keys that are set and deleted": (n) => Effect.andThen(Global.set("f", `k${n}`, n), Global.del("f", `k${n}`)),
    "a port that ends, and was registered": () =>
      Effect.gen(function*() {
        const port = yield* Effect.scoped(Port.make({}))
        yield* Global.register(port, "g")
      }),
    "a port that is registered, and ends": () =>
      Effect.gen(function*() {
        const own = yield* Scope.make()
        const port = yield* Scope.provide(Port.make({}), own)
        yield* Global.reg(port, "g", 1)
        yield* Scope.close(own, Exit.void)
      }),
    "a key that is set in scopes that close": (n) => Effect.scoped(Global.set("f", "shared", n)),
    "questions that are answered": () => Effect.all([Global.family("f"), Global.keys("f"), Global.pick("g")]),
    "a family that is followed for a while": (n) => Stream.runDrain(Stream.take(Global.mon(`f${n}`), 1)),
    "values that do not fit": (n) =>
      Effect.exit(Effect.andThen(Effect.exit(Global.set("f", `k${n}`, () => {})), Global.set("'l", "k", n))),
    "turns in a group": () => Global.pick("g", "round-robin"),
    "groups that are looked at for a while": (n) => Effect.scoped(Global.group(`g${n}`)),
    "members that are chosen, called, and end": () =>
      Effect.scoped(Effect.gen(function*() {
        yield* Effect.flatMap(Port.make({}), Global.register("g"))
        const group = yield* Global.group("g")
        yield* Effect.exit(group.call(() => Effect.fail("no"), { choose: "least-pending", retry: { times: 1 } }))
        yield* group.callAll(() => Effect.void)
        yield* group.publish("hello")
      })),
    "waits for a member that nobody waits for any more": () =>
      Effect.scoped(Effect.gen(function*() {
        const group = yield* Global.group("empty")
        const waiting = [group.pick({ whenEmpty: "wait" }), group.awaitMembers(1), Stream.runDrain(group.changes)]
        const fibers = yield* Effect.forEach(waiting, (wait) => Effect.forkChild(wait, { startImmediately: true }))
        yield* Fiber.interruptAll(fibers)
      }))
  }
  for (const [kind, one] of Object.entries(kinds)) {
    test(`nothing remains of ${kind}`, (world) =>
      Effect.gen(function*() {
        const node = yield* globalNode(world)
        const scope = yield* Scope.make()
        yield* nothingRemains({
          one: (n) => node.run(Scope.provide(one(n) as ReturnType<typeof Port.make>, scope)),
          settled: until("ports have ended", () => node.router.ports.size === 1),
          count: () => finalizers(scope) + heldBy(node)
        })
        yield* Scope.close(scope, Exit.void)
        yield* node.has("f", {})
      }))
  }

  test("a port that is registered again has one entry, and one monitor, with the last value", (world) =>
    Effect.gen(function*() {
      const node = yield* globalNode(world)
      const scope = yield* Scope.make()
      const portScope = yield* Scope.make()
      const port = yield* node.run(Scope.provide(Port.make({}), portScope))
      yield* nothingRemains({
        one: (n) => node.run(Scope.provide(Global.reg(port, "g", n), scope)),
        count: () => finalizers(scope) + heldBy(node)
      })
      assert.strictEqual(finalizers(scope), 1)
      yield* node.has("g", { [port]: 239 })
      yield* Scope.close(portScope, Exit.void)
      yield* node.has("g", {})
      assert.strictEqual(finalizers(scope), 0)
    }))
})

describe("a scope that closes", () => {
  /** What a follower is told of a key. */
  const told = (node: MeshNode, key: string) => {
    const seen: Array<unknown> = []
    node.mesh.monitor("f", ({ entries }) => seen.push(entries.has(key) ? entries.get(key) : "gone"))
    return seen
  }

  test("takes its key with it at once: values that it has replaced are not told again", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", { global: true })
      const seen = told(node, "k")
      yield* node.run(Effect.scoped(Effect.forEach([1, 2, 3, 4], (value) => Global.set("f", "k", value))))
      assert.deepStrictEqual(seen, ["gone", 1, 2, 3, 4, "gone"])
    }))

  test("leaves the value of the one that set the key last before it, whatever that one set in between", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", { global: true })
      const seen = told(node, "k")
      const [one, two, three] = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()]
      const set = (scope: Scope.Scope, value: number) => node.run(Scope.provide(Global.set("f", "k", value), scope))
      yield* set(one, 1)
      yield* set(two, 2)
      yield* set(three, 3)
      yield* set(one, 4)
      yield* Scope.close(two, Exit.void)
      yield* Scope.close(one, Exit.void)
      yield* Scope.close(three, Exit.void)
      assert.deepStrictEqual(seen, ["gone", 1, 2, 3, 4, 3, "gone"])
    }))

  test("leaves alone what was set again after somebody had deleted its key", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", { global: true })
      const [one, two] = [yield* Scope.make(), yield* Scope.make()]
      yield* node.run(Scope.provide(Global.set("f", "k", 1), one))
      yield* node.run(Global.del("f", "k"))
      yield* node.run(Scope.provide(Global.set("f", "k", 2), two))
      yield* Scope.close(one, Exit.void)
      yield* node.has("f", { k: 2 })
      yield* Scope.close(two, Exit.void)
      yield* node.has("f", {})
    }))

  test("a key can be set again in the scope in which it was deleted", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", { global: true })
      yield* node.run(Effect.scoped(Effect.gen(function*() {
        yield* Global.set("f", "k", 1)
        yield* Global.del("f", "k")
        yield* Global.set("f", "k", 2)
        yield* node.has("f", { k: 2 })
      })))
      yield* node.has("f", {})
    }))

  it("costs the same however many others hold the key", () => {
    const claims = new Claims()
    const all = Array.from({ length: 100_000 }, (_, value) => new Claim(value, false))
    for (const claim of all) claims.add(claim)
    for (const claim of all) claims.add(claim)
    for (const claim of all.toReversed().slice(1)) {
      claims.remove(claim)
      if (claims.last !== all.at(-1)) assert.fail("another one is the last")
    }
    assert.deepStrictEqual([claims.size, claims.all], [1, [all.at(-1)]])
  })
})

describe("at a node that has a master", () => {
  test("nothing remains of questions that nobody waits for any more, with a master and without", (world) =>
    Effect.gen(function*() {
      const seed = yield* world.start("seed", { global: true })
      const node = yield* world.start("a", { seeds: [seed.address] })
      yield* node.run(Global.joined)
      const ask = (n: number) =>
        Effect.gen(function*() {
          const fibers = yield* Effect.forEach([
            Global.family(`f${n}`),
            Global.keys(`f${n}`),
            Stream.runDrain(Global.mon(`f${n}`))
          ], (effect) => Effect.forkChild(node.run(effect), { startImmediately: true }))
          const takeBack = node.mesh.find(`nobody${n}`, () => {})
          yield* Fiber.interruptAll(fibers)
          takeBack()
        })
      yield* nothingRemains({ one: ask, count: () => heldBy(node) })
      yield* seed.stop
      yield* until("it has no master", () => node.mesh.master === undefined)
      yield* nothingRemains({ one: ask, count: () => heldBy(node) })
    }))
})

describe("at a global node", () => {
  testTcp(
    "nothing remains of nodes of our own kind that set, ask, follow and leave",
    (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("g", { global: true })
        const visit = (n: number) =>
          Effect.scoped(Effect.gen(function*() {
            const raw = yield* connectRaw(node.address, { nodeId: `raw${n}`, keys: ownKind(300_000, `process ${n}`) })
            raw.send(
              ["", "g_slave", { "'l": { [`raw${n}`]: [] }, f: { [`k${n}`]: n, shared: n } }, [n, 1]],
              ["", "g_upd", "f", { [`m${n}`]: n }, [`k${n}`]],
              ["", "g_mon1", "f"],
              ["", "g_mon1", `f${n}`],
              ["", "g_db_family", "f", "x"],
              ["", "g_find", `nobody${n}`],
              ["", "emp_set", [[`origin${n}`, [1, 1], { f: { shared: 1, [`o${n}`]: 1 } }]]],
              ["", "emp_upd", `other${n}`, [2, 2], "f", { shared: 2 }, []],
              ["", "emp_gone", `origin${n}`]
            )
            if (n % 2 === 0) raw.send(["", "g_global"])
            yield* raw.settle
          }))
        yield* nothingRemains({
          one: visit,
          settled: until("all have left", () => node.router.peers.size === 0),
          count: () => heldBy(node)
        })
        assert.deepStrictEqual(yield* node.family("f"), {})
      })
  )
})
