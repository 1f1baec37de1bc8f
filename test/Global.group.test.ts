/** Groups that a node looks at, and what is answered where there is no master. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Global, Node, Port, Transport } from "../src/index.ts"
import { LinkError } from "../src/internal/transport/linkError.ts"
import { transports, until, within } from "./harness.ts"
import { linkedTo, makeMeshWorld, type MeshNode, meshTestOver, type MeshWorld } from "./meshWorld.ts"

const Worker = Port.protocol({
  whoAreYou: Port.message().replies(Schema.String),
  wait: Port.message().replies(Schema.String),
  fail: Port.message().replies(Schema.String)
})
type Worker = typeof Worker.messages

/** A worker that answers its name, never answers, or fails. */
const worker = (node: MeshNode, name: string, group = "workers") =>
  node.run(
    Port.make(Worker, {
      whoAreYou: () => Effect.succeed(name),
      wait: () => Effect.never,
      fail: () => Effect.fail(`${name} fails`)
    }).pipe(Effect.tap((port) => Effect.orDie(Global.register(port, group))))
  )

const look = (node: MeshNode, group = "workers") => node.run(Global.group<Worker>(group))

/** A seed, two nodes that use it, and what both see of the group of workers. */
const twoNodes = (world: MeshWorld) =>
  Effect.gen(function*() {
    const seed = yield* world.start("seed", { global: true })
    const a = yield* world.start("a", { seeds: [seed.address] })
    const b = yield* world.start("b", { seeds: [seed.address] })
    return { seed, a, b, workers: yield* look(a), sameWorkers: yield* look(b) }
  })

const has = (group: Global.Group<Worker>, members: ReadonlyArray<string>): Effect.Effect<void> =>
  until(
    `${group.name} has the members ${members.join(" and ")}`,
    () => Effect.map(group.members, (now) => now.join() === [...members].toSorted().join())
  )

const whoIs = (node: MeshNode) => (member: Port.PortId<Worker>) => node.run(Port.cal(member, "whoAreYou"))

for (const [name, transport] of transports) {
  const test = meshTestOver(transport)

  describe(`a group that a node looks at, over ${name}`, () => {
    test("has its own members at once, and those of others as soon as the database tells", (world) =>
      Effect.gen(function*() {
        const { a, b, sameWorkers, workers } = yield* twoNodes(world)
        assert.deepStrictEqual(yield* workers.members, [])
        const near = yield* worker(a, "near")
        assert.deepStrictEqual(yield* workers.members, [near])
        const far = yield* worker(b, "far")
        for (const group of [workers, sameWorkers]) {
          assert.sameMembers([...yield* within("both members", group.awaitMembers(2))], [near, far])
        }
      }))

    test("tells who is there, then who comes and goes", (world) =>
      Effect.gen(function*() {
        const { a, b, workers } = yield* twoNodes(world)
        const first = yield* worker(a, "first")
        const seen: Array<Global.GroupChange> = []
        yield* Effect.forkScoped(Stream.runForEach(workers.changes, (change) => Effect.sync(() => seen.push(change))))
        yield* until("the first one is seen", () => seen.length === 1)
        const second = yield* worker(b, "second")
        yield* until("the second one is seen", () => seen.length === 2)
        yield* a.run(Port.kil(first))
        yield* until("the first one is seen to go", () => seen.length === 3)
        assert.deepStrictEqual(seen, [
          { group: "workers", members: [first], joined: [first], left: [] },
          { group: "workers", members: [first, second], joined: [second], left: [] },
          { group: "workers", members: [second], joined: [], left: [first] }
        ])
      }))

    test("goes on without a master, with what the node registers and with what ends", (world) =>
      Effect.gen(function*() {
        const { a, b, seed, workers } = yield* twoNodes(world)
        const far = yield* worker(b, "far")
        yield* has(workers, [far])
        yield* a.run(Port.cal(far, "whoAreYou"))
        yield* seed.stop
        yield* until("it has no master", () => a.mesh.master === undefined)
        assert.strictEqual(yield* workers.call(whoIs(a)), "far")
        const near = yield* worker(a, "near")
        yield* has(workers, [near, far])
        assert.sameMembers([...yield* within("an answer", a.run(Global.find("workers")))], [near, far])
        yield* a.run(Port.kil(near))
        yield* has(workers, [far])
        assert.deepStrictEqual(yield* within("an answer", a.run(Global.keys("workers"))), [far])
        yield* a.run(Port.kil(far))
        yield* has(workers, [])
      }))

    test("loses the members of a node that is lost, and has them again when it is back", (world) =>
      Effect.gen(function*() {
        const { a, b, workers } = yield* twoNodes(world)
        const far = yield* worker(b, "far")
        yield* has(workers, [far])
        assert.strictEqual(yield* workers.call(whoIs(a)), "far")
        const seen: Array<ReadonlyArray<string>> = []
        const watch = Stream.runForEach(workers.changes, ({ members }) => Effect.sync(() => seen.push(members)))
        yield* Effect.forkScoped(watch, { startImmediately: true })
        yield* until("the stream listens", () => seen.length === 1)
        // Only the two of them lose each other: the database does not change.
        a.router.peers.get("b")?.link?.lose(new LinkError({ reason: "link_lost", peer: "b" }))
        yield* until("it was gone, and is back", () => seen.length === 3)
        assert.deepStrictEqual(seen, [[far], [], [far]])
        assert.strictEqual(yield* within("an answer", workers.call(whoIs(a))), "far")
      }))

    test("has node IDs as members, and no other keys", (world) =>
      Effect.gen(function*() {
        const { a, b, workers } = yield* twoNodes(world)
        yield* b.run(Global.register("b", "workers"))
        yield* b.run(Global.set("workers", "note", "not a node"))
        const port = yield* worker(b, "port")
        yield* has(workers, ["b", port])
        assert.sameMembers([...yield* a.run(Global.find("workers"))], ["b", port])
        const [seen] = yield* a.run(Stream.runCollect(Stream.take(Global.watch("workers"), 1)))
        assert.sameMembers([...seen!.members], ["b", port])
        yield* b.stop
        yield* has(workers, [])
      }))
  })
}

const test = meshTestOver(Transport.layerMemory)

describe("a member is chosen", () => {
  test("in turn, and nobody is passed over when others come and go", (world) =>
    Effect.gen(function*() {
      const { a, workers } = yield* twoNodes(world)
      const ports = yield* Effect.forEach(["1", "2", "3"], (name) => worker(a, name))
      const sorted = ports.toSorted()
      const next = workers.pick({ choose: "round-robin" })
      assert.deepStrictEqual([yield* next, yield* next], [sorted[0], sorted[1]])
      yield* a.run(Port.kil(sorted[0]!))
      yield* has(workers, sorted.slice(1))
      assert.deepStrictEqual([yield* next, yield* next], [sorted[2], sorted[1]])
    }))

  test("on this node if there is one, or else where there is a link", (world) =>
    Effect.gen(function*() {
      const { a, b, seed, workers } = yield* twoNodes(world)
      const pickNearest = Effect.forEach(Array.from({ length: 20 }), () => workers.pick({ choose: "nearest" }))
      const unlinked = yield* worker(b, "unlinked")
      const linked = yield* worker(seed, "linked")
      yield* has(workers, [unlinked, linked])
      assert.deepStrictEqual(new Set(yield* pickNearest), new Set([linked]))
      const here = yield* worker(a, "here")
      assert.deepStrictEqual(new Set(yield* pickNearest), new Set([here]))
    }))

  it.live("on a node that answers quickly, if there is no worker here", () =>
    Effect.gen(function*() {
      const { a, b, seed, workers } = yield* twoNodes(yield* makeMeshWorld)
      yield* a.run(Port.snd(b.id, "devnull"))
      yield* linkedTo(a, "seed", "b")
      const [near, far] = [yield* worker(seed, "near"), yield* worker(b, "far")]
      yield* has(workers, [near, far])
      const network = yield* Transport.MemoryNetwork
      yield* network.shape({ from: "b", to: "a" }, { latency: "300 millis" })
      const pick = Effect.replicateEffect(Effect.orDie(workers.pick({ choose: "nearest" })), 20)
      yield* until("only the near one is chosen", () => Effect.map(pick, (picked) => !picked.includes(far)))
      const peers = yield* a.run(Node.peers)
      assert.isAtLeast(peers.find(({ nodeId }) => nodeId === "b")?.roundTripMillis ?? 0, 290)
      yield* a.run(Port.kil(near))
      yield* until("the far one is chosen", () => Effect.map(pick, (picked) => picked.includes(far)))
    }).pipe(Effect.provide(Transport.layerMemory)))

  test("with the fewest calls under way", (world) =>
    Effect.gen(function*() {
      const { a, b, workers } = yield* twoNodes(world)
      const ports = [yield* worker(a, "1"), yield* worker(a, "2"), yield* worker(b, "3")]
      yield* has(workers, ports)
      const called: Array<string> = []
      const call = workers.call((member) => Effect.andThen(Effect.sync(() => called.push(member)), Effect.never), {
        choose: "least-pending"
      })
      const calls = yield* Effect.forEach(ports, () => Effect.forkScoped(call, { startImmediately: true }))
      assert.sameMembers(called, ports)
      yield* Fiber.interrupt(calls[1]!)
      assert.strictEqual(yield* workers.pick({ choose: "least-pending" }), called[1])
    }))

  test("by a key: the same one on all nodes, for as long as it stays", (world) =>
    Effect.gen(function*() {
      const { a, b, sameWorkers, workers } = yield* twoNodes(world)
      const ports: Array<string> = []
      for (let n = 0; n < 4; n++) ports.push(yield* worker(n % 2 === 0 ? a : b, `${n}`))
      for (const group of [workers, sameWorkers]) yield* has(group, ports)
      const keys = Array.from({ length: 50 }, (_, n) => `key ${n}`)
      const owners = (group: Global.Group) => Effect.forEach(keys, (key) => group.pick({ choose: { key } }))
      const before = yield* owners(workers)
      assert.deepStrictEqual(yield* owners(sameWorkers), before)
      assert.sameMembers(ports, Array.from(new Set(before)))
      const [gone] = ports
      yield* a.run(Port.kil(gone!))
      yield* has(workers, ports.slice(1))
      const after = yield* owners(workers)
      for (const [nth, owner] of before.entries()) if (owner !== gone) assert.strictEqual(after[nth], owner)
      assert.notInclude(after, gone)
    }))

  test("of nobody: a failure at once, or as soon as there is one", (world) =>
    Effect.gen(function*() {
      const { b, workers } = yield* twoNodes(world)
      const error = yield* Effect.flip(workers.pick())
      assert.strictEqual(error._tag, "EmptyGroup")
      assert.include(error.message, `"workers"`)
      const waiting = yield* Effect.forkScoped(workers.pick({ whenEmpty: "wait" }), { startImmediately: true })
      const port = yield* worker(b, "late")
      assert.strictEqual(yield* within("a member", Fiber.join(waiting)), port)
    }))
})

describe("a call of a group", () => {
  test("fails with its member, and is repeated with another one only where it may be", (world) =>
    Effect.gen(function*() {
      const { a, b, workers } = yield* twoNodes(world)
      yield* has(workers, [yield* worker(a, "1"), yield* worker(b, "2")])
      const tried: Array<string> = []
      const call = (options?: Global.CallOptions<string>) =>
        workers.call((member) => {
          tried.push(member)
          return Effect.fail(`try ${tried.length}`)
        }, options)
      assert.strictEqual(yield* Effect.flip(call()), "try 1")
      assert.strictEqual(
        yield* Effect.flip(call({ retry: { times: 3, while: (error) => error !== "try 2" } })),
        "try 2"
      )
      assert.strictEqual(yield* Effect.flip(call({ retry: { times: 3 } })), "try 4", "with nobody twice")
      assert.strictEqual(new Set(tried.slice(-2)).size, 2)
    }))

  test("that may run twice is answered though its member ends", (world) =>
    Effect.gen(function*() {
      const { a, b, workers } = yield* twoNodes(world)
      const [one, other] = [yield* worker(a, "one"), yield* worker(b, "other")]
      yield* has(workers, [one, other])
      const first = yield* Ref.make(true)
      const answer = workers.call((member) =>
        Effect.gen(function*() {
          if (!(yield* Ref.getAndSet(first, false))) return yield* whoIs(b)(member)
          yield* Effect.forkScoped(b.run(Effect.delay(Port.kil(member), "1 millis")))
          return yield* b.run(Port.cal(member, "wait"))
        }), { choose: "round-robin", retry: { times: 1, while: (error) => error._tag === "Killed" } })
      assert.include(["one", "other"], yield* within("an answer", answer))
    }))

  test("asks all, and has what came in time", (world) =>
    Effect.gen(function*() {
      const { a, b, workers } = yield* twoNodes(world)
      const [quick, slow, bad] = [yield* worker(a, "quick"), yield* worker(b, "slow"), yield* worker(b, "bad")]
      yield* has(workers, [quick, slow, bad])
      const tags = new Map<string, "whoAreYou" | "wait" | "fail">([[quick, "whoAreYou"], [slow, "wait"], [bad, "fail"]])
      const answers = yield* workers.callAll(
        (member) => a.run(Port.cal(member, tags.get(member)!)),
        { within: "300 millis" }
      )
      assert.deepStrictEqual(answers.get(quick), Exit.succeed("quick"))
      assert.include(String(answers.get(slow)), "Timeout")
      assert.include(String(answers.get(bad)), "bad fails")
      assert.strictEqual(answers.size, 3)
    }))
})

/** What a subscriber is told. */
const subscriber = (node: MeshNode) => {
  const messages: Array<ReadonlyArray<unknown>> = []
  const port = Port.make((...message: ReadonlyArray<unknown>) => void messages.push(message))
  return Effect.as(node.run(Effect.flatMap(port, Global.register("news"))), messages)
}

describe("a topic", () => {
  test("has all that is published, on all nodes, in the order of each publisher", (world) =>
    Effect.gen(function*() {
      const { a, b, seed } = yield* twoNodes(world)
      const subscribers = yield* Effect.forEach([a, a, b, seed], subscriber)
      const publish = (node: MeshNode) =>
        Effect.gen(function*() {
          const news = yield* node.run(Global.group("news"))
          yield* within("all subscribers", news.awaitMembers(4))
          for (let n = 0; n < 100; n++) yield* news.publish("item", node.id, n)
        })
      yield* Effect.all([publish(a), publish(b)], { concurrency: "unbounded" })
      for (const messages of subscribers) {
        yield* until("all messages", () => messages.length === 200)
        for (const { id } of [a, b]) {
          const items = messages.filter(([, from]) => from === id).map(([, , n]) => n)
          assert.deepStrictEqual(items, Array.from({ length: 100 }, (_, n) => n))
        }
      }
    }))
})

describe("a node without seeds", () => {
  test("knows what it has set itself, and does not wait for others", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("alone")
      const port = yield* worker(node, "port")
      const seen: Array<Global.GroupChange> = []
      yield* Effect.forkScoped(
        node.run(Stream.runForEach(Global.watch("workers"), (change) => Effect.sync(() => seen.push(change))))
      )
      const answers = yield* within(
        "answers",
        node.run(Effect.all([
          Global.find("workers"),
          Global.keys("workers"),
          Global.values("workers"),
          Global.awaitGroup("workers", 1)
        ]))
      )
      assert.deepStrictEqual(answers, [[port], [port], [null], [port]])
      assert.deepStrictEqual(Object.fromEntries(yield* node.run(Global.family("workers"))), { [port]: null })
      assert.strictEqual(yield* (yield* look(node)).pick(), port)
      yield* until("it is watched", () => seen.length === 1)
      yield* node.run(Port.kil(port))
      yield* until("it is seen to go", () => seen.length === 2)
      assert.deepStrictEqual(seen.map(({ members }) => members), [[port], []])
    }))

  test("has all that others know as soon as one of them uses it as a seed", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("alone")
      const near = yield* worker(node, "near")
      const workers = yield* look(node)
      const other = yield* world.start("other", { seeds: [node.address] })
      const far = yield* worker(other, "far")
      yield* has(workers, [near, far])
      yield* has(yield* look(other), [near, far])
    }))
})

describe("a node none of whose seeds answers", () => {
  const node = Layer.provideMerge(
    Global.layer({ seeds: ["memory:9"] }),
    Node.layer({ nodeId: "a", secret: "s", binds: ["memory:1"] })
  ).pipe(Layer.provide(Transport.layerMemory))

  const testClock = (
    title: string,
    body: Effect.Effect<void, Global.InvalidEntry | Global.NoMaster, Global.Global | Node.Node | Scope.Scope>
  ) => it.effect(title, () => Effect.provide(Effect.scoped(body), node))

  testClock(
    "says so to those who ask, after ten seconds",
    Effect.gen(function*() {
      yield* Global.set("f", "k", 1)
      const asking = yield* Effect.forkChild(Effect.exit(Global.family("f")), { startImmediately: true })
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 seconds")
      const error = yield* Effect.orDie(Effect.flip(Effect.flatten(Fiber.join(asking))))
      assert.strictEqual(error._tag, "NoMaster")
      assert.strictEqual(
        error.message,
        `family "f": no master has answered within 10000 ms; no seed of this node is up`
      )
    })
  )

  testClock(
    "begins with what it has set itself, for those who follow a family, after ten seconds",
    Effect.gen(function*() {
      yield* Global.set("f", "k", 1)
      const first = Effect.forkChild(Stream.runCollect(Stream.take(Global.mon("f"), 1)), { startImmediately: true })
      const [following, looking] = [
        yield* first,
        yield* Effect.forkScoped(Global.group("g"), { startImmediately: true })
      ]
      yield* TestClock.adjust("10 seconds")
      const [change] = yield* Fiber.join(following)
      assert.deepStrictEqual(Array.from(change!.entries), [["k", 1]])
      const group = yield* Fiber.join(looking)
      assert.deepStrictEqual(yield* group.members, [])
    })
  )

  testClock(
    "waits for nobody where its own members are enough",
    Effect.gen(function*() {
      const port = yield* Effect.tap(Port.make({}), Global.register("g"))
      assert.deepStrictEqual(yield* Global.awaitGroup("g", 1), [port])
    })
  )
})
