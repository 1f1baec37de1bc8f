import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Cluster from "../src/Cluster.ts"
import { Node } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { balanced, Counter, heal, makeWorld, soon, statusOf, test, three, voters } from "./clusterWorld.ts"
import { sized } from "./size.ts"

describe("the entities of a cluster", () => {
  test(
    "are one for each key, wherever they are called from",
    Effect.gen(function*() {
      const { clients, journal } = yield* three
      for (let k = 0; k < 12; k++) {
        const answers = yield* soon(Effect.forEach(clients, (client) => client(`k${k}`).add({ n: 1 })))
        assert.deepStrictEqual(answers.map(({ total }) => total), [1, 2, 3])
        assert.lengthOf(new Set(answers.map(({ on }) => on)), 1)
      }
      assert.strictEqual(journal.doubled.size, 0)
    })
  )

  test(
    "are spread over all runners, and a client that has none calls them too",
    Effect.gen(function*() {
      const { nodes, startClient } = yield* three
      const front = yield* startClient("front")
      const counters = yield* front.run(Counter.client)
      const answers = yield* soon(
        Effect.forEach(Array.from({ length: 30 }, (_, n) => n), (n) => counters(`k${n}`).add({ n }))
      )
      assert.deepStrictEqual(Array.from(new Set(answers.map(({ on }) => on))).toSorted(), voters)
      const alive = yield* Effect.forEach(nodes, statusOf)
      assert.strictEqual(alive.reduce((sum, { entities }) => sum + (entities["Counter"] ?? 0), 0), 30)
      const status = yield* statusOf(front)
      assert.isNull(status.runner)
      assert.deepStrictEqual(status.entities, {})
      assert.strictEqual(status.shards.held, 0)
    })
  )

  for (const [how, least, most] of [["stop", 0, 300], ["kill", 0, 2300], ["vanish", 9000, 11_000]] as const) {
    test(
      `answer elsewhere after the ${how} of their node: after ${least} to ${most} ms`,
      Effect.gen(function*() {
        const { clients, journal, keyOn, nodes } = yield* three
        const key = yield* keyOn("c")
        yield* TestClock.adjust("3 seconds")
        const before = yield* Clock.currentTimeMillis
        journal.gone.add("c")
        yield* nodes[2][how]
        const { on } = yield* soon(clients[0](key).add({ n: 1 }))
        const took = (yield* Clock.currentTimeMillis) - before
        assert.notStrictEqual(on, "c")
        assert.isAtLeast(took, least)
        assert.isAtMost(took, most)
        assert.strictEqual(journal.doubled.size, 0)
      })
    )
  }

  test(
    "finish what they have in hand when their node drains, and answer elsewhere while it still does",
    Effect.gen(function*() {
      const { clients, journal, twoKeysOn, nodes } = yield* three
      const [key, other] = yield* twoKeysOn("c")
      const slow = yield* Effect.forkChild(clients[0](key).slow({ millis: 6000 }), { startImmediately: true })
      yield* TestNetwork.until("it is at work", () => journal.lines.includes(`c ${key} begins`))
      const draining = yield* Effect.forkChild(nodes[2].run(Node.drain({ timeout: "10 seconds" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual((yield* clients[0](other).add({ n: 1 }).pipe(TestNetwork.within("2 seconds"))).on, "c")
      assert.isUndefined(slow.pollUnsafe())
      assert.strictEqual(yield* soon(Fiber.join(slow)), "c")
      yield* soon(Fiber.join(draining))
    })
  )

  test(
    "come back to a node that has begun anew, which is another runner",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes, start } = yield* three
      const before = (yield* statusOf(nodes[2])).runner
      journal.gone.add("c")
      yield* nodes[2].kill
      yield* soon(clients[0]("k0").add({ n: 0 }))
      journal.gone.delete("c")
      const again = yield* soon(start("c"))
      yield* balanced([nodes[0], nodes[1], again])
      assert.notStrictEqual((yield* statusOf(again)).runner, before)
      yield* keyOn("c", 200)
      assert.strictEqual(journal.doubled.size, 0)
    })
  )

  test(
    "of seven nodes are one for each key while nodes come and go",
    Effect.gen(function*() {
      const { clients, journal, nodes, start } = yield* three
      const more = yield* soon(Effect.forEach(["d", "e", "f", "g"], (id) => start(id), { concurrency: "unbounded" }))
      yield* balanced([...nodes, ...more])
      const keys = Array.from({ length: 60 }, (_, n) => `k${n}`)
      const callAll = soon(Effect.forEach(keys, (key) => clients[0](key).add({ n: 1 }), { concurrency: "unbounded" }))
      const places = new Set((yield* callAll).map(({ on }) => on))
      assert.isAtLeast(places.size, 5)
      for (const node of [more[0]!, more[2]!]) {
        journal.gone.add(node.nodeId)
        yield* node.kill
        assert.notInclude((yield* callAll).map(({ on }) => on), node.nodeId)
      }
      yield* more[1]!.stop
      assert.notInclude((yield* callAll).map(({ on }) => on), "e")
      assert.strictEqual(journal.doubled.size, 0)
    })
  )
})

describe("a split", () => {
  test(
    "leaves each key one entity: the majority goes on, the minority stops its own before that",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes } = yield* three
      const key = yield* keyOn("c")
      yield* TestNetwork.part(["c"], ["a", "b"])
      const cutAt = yield* Clock.currentTimeMillis
      const lonely = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(Effect.timeoutOption(clients[2](key).add({ n: 1 }), "1 second"), Effect.sleep(20))
        )
      )
      yield* TestNetwork.until("the minority has stopped its entities", () => (journal.alive.get(key)?.size ?? 0) === 0)
      const stopped = (yield* Clock.currentTimeMillis) - cutAt
      const { on } = yield* soon(clients[0](key).add({ n: 1 }))
      const answered = (yield* Clock.currentTimeMillis) - cutAt
      assert.notStrictEqual(on, "c")
      assert.isBelow(stopped, 2000)
      assert.isAtLeast(answered, 9500)
      yield* soon(Fiber.interrupt(lonely))
      yield* Effect.forEach(nodes, statusOf)
      assert.strictEqual(journal.doubled.size, 0)
    })
  )

  test(
    "that heals gives the minority its share again",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes } = yield* three
      yield* TestNetwork.part(["c"], ["a", "b"])
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual((yield* statusOf(nodes[2])).shards.held, 0)
      yield* heal(["c"], ["a", "b"])
      yield* balanced(nodes)
      const key = yield* keyOn("c")
      assert.strictEqual((yield* soon(clients[2](key).add({ n: 0 }))).on, "c")
      assert.strictEqual(journal.doubled.size, 0)
    })
  )

  test(
    "in which nobody has a majority stops all entities, and calls wait for as long as their callers do",
    Effect.gen(function*() {
      const { clients, journal } = yield* three
      yield* soon(clients[0]("k0").add({ n: 1 }))
      yield* TestNetwork.part(["a"], ["b", "c"])
      yield* TestNetwork.part(["b"], ["c"])
      yield* TestNetwork.until(
        "all have stopped",
        () => Array.from(journal.alive.values()).every(({ size }) => size === 0)
      )
      const call = yield* Effect.timeoutOption(clients[0]("k0").add({ n: 1 }), "20 seconds").pipe(
        TestNetwork.within("30 seconds")
      )
      assert.strictEqual(call._tag, "None")
      assert.strictEqual(journal.doubled.size, 0)
    })
  )
})

describe("voters", () => {
  test(
    "may restart one after the other under load: calls go on being answered",
    Effect.gen(function*() {
      const world = yield* three
      const workers = yield* soon(Effect.forEach(["d", "e"], (id) => world.start(id), { concurrency: "unbounded" }))
      yield* balanced([...world.nodes, ...workers])
      const counters = yield* workers[0]!.run(Counter.client)
      const answers: Array<number> = []
      const load = yield* Effect.forkChild(
        Effect.forever(
          counters("k0").add({ n: 1 }).pipe(
            Effect.andThen(Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => answers.push(now)))),
            Effect.andThen(Effect.sleep(50))
          )
        )
      )
      const members = [...world.nodes]
      for (const [at, id] of sized(voters.slice(0, 1), voters).entries()) {
        world.journal.gone.add(id)
        yield* members[at]!.kill
        yield* TestClock.adjust("1 second")
        world.journal.gone.delete(id)
        members[at] = yield* soon(world.start(id))
        yield* balanced([...members, ...workers])
        yield* TestClock.adjust("12 seconds")
      }
      yield* soon(Fiber.interrupt(load))
      const pauses = answers.map((at, n) => at - (answers[n - 1] ?? at))
      assert.isBelow(Math.max(...pauses), 4000)
      assert.strictEqual(world.journal.doubled.size, 0)
    })
  )
})

describe("a singleton", () => {
  test(
    "runs once, and elsewhere when its node is gone",
    Effect.gen(function*() {
      const { journal, nodes } = yield* three
      yield* TestClock.adjust("5 seconds")
      const [host] = journal.runs
      const before = journal.ran.length
      assert.strictEqual(journal.runs.size, 1)
      yield* nodes.find(({ nodeId }) => nodeId === host)!.stop
      yield* TestNetwork.until("it runs elsewhere", () => journal.runs.size === 1 && !journal.runs.has(host!))
      assert.lengthOf(journal.ran, before + 1)
      const told = yield* Effect.forEach(nodes.filter(({ nodeId }) => nodeId !== host), statusOf)
      assert.deepStrictEqual(told.flatMap(({ singletons }) => singletons), ["keeper"])
    })
  )
})

describe("calls", () => {
  test(
    "whose runner dies are sent again, to the next one: they may run twice, and end",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes } = yield* three
      const key = yield* keyOn("c")
      const call = yield* Effect.forkChild(clients[0](key).slow({ millis: 5000 }), { startImmediately: true })
      yield* TestNetwork.until("it is at work", () => journal.lines.includes(`c ${key} begins`))
      journal.gone.add("c")
      yield* nodes[2].kill
      const on = yield* soon(Fiber.join(call))
      assert.include(journal.lines, `${on} ${key} begins`)
      assert.notStrictEqual(on, "c")
    })
  )

  test(
    "that answer with a stream begin it anew elsewhere, and those who read it see no end in between",
    Effect.gen(function*() {
      const { clients, journal, keyOn, nodes } = yield* three
      const key = yield* keyOn("c")
      const seen: Array<string> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(clients[0](key).beats(), (on) => Effect.sync(() => void seen.push(on)))
      )
      yield* TestNetwork.until("it beats", () => seen.length > 3)
      journal.gone.add("c")
      yield* nodes[2].kill
      yield* TestNetwork.until("it beats elsewhere", () => seen.at(-1) !== "c")
      assert.strictEqual(new Set(seen).size, 2)
      yield* soon(Fiber.interrupt(reading))
    })
  )

  test(
    "that are interrupted end where they run",
    Effect.gen(function*() {
      const { clients, journal, keyOn } = yield* three
      const key = yield* keyOn("c")
      const call = yield* Effect.forkChild(clients[0](key).never(), { startImmediately: true })
      yield* TestNetwork.until("it is at work", () => journal.lines.includes(`c ${key} hangs`))
      yield* soon(Fiber.interrupt(call))
      yield* TestNetwork.until("it is over", () => journal.lines.includes(`c ${key} hangs no more`))
      assert.strictEqual((yield* soon(clients[0](key).add({ n: 1 }))).on, "c")
    })
  )
})

describe("a Layer of a cluster", () => {
  for (
    const [what, options, pattern] of [
      ["no voters", { voters: [] }, /voters/],
      ["two voters", { voters: ["a", "b"] }, /voters/],
      ["a name that is none", { voters: ["a"], name: "it's" }, /option name/],
      ["a grace that is too short", { voters: ["a"], grace: "10 millis" }, /option grace/],
      [
        "a lease that is shorter than the grace",
        { voters: ["a"], lease: "1 second", grace: "2 seconds" },
        /option lease/
      ],
      ["no shards", { voters: ["a"], config: { shardsPerGroup: 0 } }, /shardsPerGroup/]
    ] as const
  ) {
    test(
      `refuses ${what}`,
      Effect.gen(function*() {
        const { network } = yield* makeWorld
        const services = Layer.provideMerge(Cluster.layer(options), network)
        const error = yield* Effect.flip(TestNetwork.start("a", { services }))
        assert.match(error.message, pattern)
      })
    )
  }

  test(
    "has no part in a cluster whose shards are others, and says so, until that is gone",
    Effect.gen(function*() {
      const { nodes, start } = yield* three
      const other = yield* soon(start("other", { shardsPerGroup: 100 }))
      yield* TestClock.adjust(Duration.seconds(5))
      const status = yield* statusOf(other)
      assert.match(status.refusal ?? "", /^[abc] has shardsPerGroup 300 and not 100$/)
      assert.strictEqual(status.shards.held, 0)
      for (const node of nodes) assert.lengthOf((yield* statusOf(node)).runners, 3)
      yield* balanced(nodes)
    })
  )
})
