import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Port, Supervisor } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { isUp, makeWorld, reasonOf, type TestNode, until, within } from "./harness.ts"
import { networkTest as test, short } from "./supervised.ts"

/** Nodes a, b, c that take part, and who of them runs the service now. */
const makeParty = Effect.fnUntraced(function*(
  options: Partial<Supervisor.FailoverOptions> = {},
  before: (node: string) => Effect.Effect<unknown, string> = () => Effect.void
) {
  const { logs, start } = yield* makeWorld
  const running = new Set<string>()
  /** Most that ever ran at a time. */
  let most = 0
  const parts = new Map<string, Supervisor.Failover>()
  const nodes = new Map<string, TestNode>()
  const dying = new Map<string, Effect.Effect<void>>()
  /** The nodes on which it was started, in this order. */
  const starts: Array<string> = []
  const service = (node: string) =>
    Effect.gen(function*() {
      yield* before(node)
      starts.push(node)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          running.add(node)
          most = Math.max(most, running.size)
        }),
        () => Effect.sync(() => running.delete(node))
      )
      return yield* Port.make({
        where: (reply) => Port.snd(reply, node),
        crash: () => Effect.fail("boom")
      })
    })
  /** A node that takes no part. */
  const add = (nodeId: string) => Effect.map(start(nodeId, short), (node) => void nodes.set(nodeId, node))
  const takePart = Effect.fnUntraced(function*(nodeId: string) {
    const node = nodes.get(nodeId)!
    const all = { name: "greeter", nodes: ["a", "b", "c"], ...options }
    const scope = yield* Scope.fork(yield* Effect.scope)
    parts.set(nodeId, yield* Scope.provide(node.run(Supervisor.failover(service(nodeId), all)), scope))
    // Like a process that dies: the links first, so that it has no part in what the others do about it.
    dying.set(nodeId, Effect.andThen(node.stop, Scope.close(scope, Exit.void)))
  })
  const join = (nodeId: string) => Effect.andThen(add(nodeId), takePart(nodeId))
  const die = (nodeId: string) => dying.get(nodeId)!
  const runsOn = (...expected: ReadonlyArray<string>) =>
    until(`it runs on ${expected.join(" and ")}`, () => Array.from(running).toSorted().join() === expected.join())
  /** What a call by each of the nodes is answered. One that went to a node which is lost meanwhile is told so. */
  const asked = (nodeId: string) => {
    const call = nodes.get(nodeId)!.run(Port.cal(parts.get(nodeId)!.address, "where"))
    return within(`an answer to ${nodeId}`, Effect.retry(call, Schedule.spaced("20 millis")))
  }
  return { add, asked, die, join, logs, most: () => most, nodes, parts, running, runsOn, starts, takePart }
})

describe("a failover service", () => {
  test("runs on one node, and can be used from all of them", () =>
    Effect.gen(function*() {
      const { asked, join, most, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b", "c"]) yield* join(node)
      yield* runsOn("a")
      for (const node of ["a", "b", "c"]) {
        assert.strictEqual(yield* asked(node), "a")
        assert.strictEqual(yield* parts.get(node)!.where, "a")
      }
      assert.strictEqual(most(), 1)
    }))

  test("starts once when all nodes start at the same time", () =>
    Effect.gen(function*() {
      const { asked, join, most, runsOn } = yield* makeParty()
      yield* Effect.forEach(["c", "b", "a"], join, { concurrency: "unbounded" })
      for (const node of ["a", "b", "c"]) yield* asked(node)
      yield* Effect.sleep("300 millis")
      yield* runsOn("a")
      assert.strictEqual(most(), 1)
    }))

  test("moves when its node dies, and the callers of the others reach it", () =>
    Effect.gen(function*() {
      const { asked, die, join, runsOn } = yield* makeParty()
      for (const node of ["a", "b", "c"]) yield* join(node)
      yield* runsOn("a")
      yield* die("a")
      yield* runsOn("b")
      assert.strictEqual(yield* asked("c"), "b")
      yield* die("b")
      yield* runsOn("c")
      assert.strictEqual(yield* asked("c"), "c")
    }))

  test("stays where it is when the first node returns", () =>
    Effect.gen(function*() {
      const { asked, join, runsOn } = yield* makeParty()
      yield* join("b")
      yield* runsOn("b")
      yield* join("a")
      assert.strictEqual(yield* asked("a"), "b")
      yield* Effect.sleep("300 millis")
      yield* runsOn("b")
    }))

  test("stays where it is when the first node returns, and has no links for a moment", (network) =>
    Effect.gen(function*() {
      const { join, nodes, runsOn, starts } = yield* makeParty({ nodes: ["a", "b"] })
      yield* join("b")
      yield* runsOn("b")
      const cut = [{ from: "a", to: "b" }, { from: "b", to: "a" }]
      yield* Effect.forEach(cut, network.cut)
      yield* join("a")
      yield* Effect.sleep("500 millis")
      yield* Effect.forEach(cut, network.heal)
      const [a, b] = [nodes.get("a")!, nodes.get("b")!]
      yield* until("they are linked", () => Effect.andThen(b.run(Port.snd("a", "devnull")), isUp(a, "b")))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(starts, ["b"])
    }))

  test("moves back when the preferred node returns, and never runs twice for that", () =>
    Effect.gen(function*() {
      const { asked, join, most, parts, runsOn } = yield* makeParty({ prefer: "c" })
      yield* join("a")
      yield* runsOn("a")
      yield* join("b")
      yield* join("c")
      yield* runsOn("c")
      for (const node of ["a", "b", "c"]) assert.strictEqual(yield* asked(node), "c")
      assert.strictEqual(yield* parts.get("b")!.where, "c")
      assert.strictEqual(most(), 1)
    }))

  test("is restarted where it is when it crashes", () =>
    Effect.gen(function*() {
      const { asked, join, nodes, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const first = yield* parts.get("b")!.port
      yield* nodes.get("b")!.run(Port.snd(first, "crash"))
      yield* until("another port", () => Effect.map(Effect.orDie(parts.get("b")!.port), (port) => port !== first))
      assert.strictEqual(yield* asked("b"), "a")
    }))

  test("moves when it cannot be kept alive, and that part ends with the reason", () =>
    Effect.gen(function*() {
      const { asked, join, nodes, parts, runsOn } = yield* makeParty({ intensity: 0 })
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const { supervisor } = parts.get("a")!
      const ended = yield* Effect.forkChild(nodes.get("a")!.run(Port.exit(supervisor)), { startImmediately: true })
      yield* nodes.get("b")!.run(Port.snd(yield* parts.get("b")!.port, "crash"))
      yield* runsOn("b")
      assert.strictEqual(yield* asked("b"), "b")
      const exit = yield* within("the end of the part", Fiber.join(ended))
      assert.deepStrictEqual(reasonOf(exit).slice(0, 3), [
        "restart_limit",
        "greeter was restarted too often",
        "greeter"
      ])
    }))

  test("is tried as its policy says when its first start fails", () =>
    Effect.gen(function*() {
      let tries = 0
      const unready = Effect.suspend(() => ++tries < 4 ? Effect.fail("no database") : Effect.void)
      const policy = { intensity: 5, schedule: Schedule.spaced("10 millis") }
      const { asked, join, runsOn } = yield* makeParty(policy, (node) => node === "a" ? unready : Effect.void)
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      assert.strictEqual(yield* asked("b"), "a")
      assert.strictEqual(tries, 4)
    }))

  test("moves when its first start fails too often", () =>
    Effect.gen(function*() {
      const { asked, join, runsOn } = yield* makeParty(
        { intensity: 2 },
        (node) => node === "a" ? Effect.fail("no database") : Effect.void
      )
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("b")
      assert.strictEqual(yield* asked("b"), "b")
    }))

  test("is not taken back by a preferred node that could not keep it alive a moment ago", () =>
    Effect.gen(function*() {
      const options = { intensity: 0, prefer: "a" }
      const { add, asked, join, nodes, parts, runsOn, starts, takePart } = yield* makeParty(
        options,
        (node) => node === "a" ? Effect.fail("no database") : Effect.void
      )
      yield* join("b")
      yield* runsOn("b")
      yield* add("a")
      yield* takePart("a")
      const { run } = nodes.get("a")!
      yield* within("the end of the part", run(Port.exit(parts.get("a")!.supervisor)))
      yield* runsOn("b")
      // A supervisor of that part would do the same.
      yield* takePart("a")
      assert.strictEqual(yield* asked("a"), "b")
      yield* Effect.sleep("500 millis")
      assert.strictEqual(yield* asked("a"), "b")
      // It was tried once, which has cost b one stop and one start.
      assert.deepStrictEqual(starts.filter((node) => node === "b").length, 2)
    }))

  test("moves when an operator stops what keeps it alive", () =>
    Effect.gen(function*() {
      const { asked, join, nodes, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const a = nodes.get("a")!
      const [inner] = yield* a.run(Supervisor.at(parts.get("a")!.supervisor).which)
      assert.strictEqual(inner?.type, "supervisor")
      yield* a.run(Port.kil(inner?.port ?? "", "shutdown"))
      yield* runsOn("b")
      assert.strictEqual(yield* asked("b"), "b")
    }))

  test("is found again by a node that lost sight of it for a moment", (network) =>
    Effect.gen(function*() {
      const { asked, join, nodes, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b", "c"]) yield* join(node)
      yield* runsOn("a")
      assert.strictEqual(yield* asked("c"), "a")
      const cut = [{ from: "a", to: "c" }, { from: "c", to: "a" }]
      yield* Effect.forEach(cut, network.cut)
      const part = parts.get("c")!
      yield* until("c has lost it", () => Effect.map(part.where, (node) => node === undefined))
      const call = Effect.flatMap(part.port, (port) => Port.cal(port, "where"))
      const waiting = yield* Effect.forkChild(nodes.get("c")!.run(call), { startImmediately: true })
      yield* Effect.forEach(cut, network.heal)
      assert.strictEqual(yield* within("the answer", Fiber.join(waiting)), "a")
      yield* runsOn("a")
    }))

  test("shows in the tree of its node", () =>
    Effect.gen(function*() {
      const { join, nodes, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const treeAt = (node: string) => nodes.get(node)!.run(Supervisor.tree(parts.get(node)!.supervisor))
      const { children, name, strategy } = yield* treeAt("a")
      assert.deepStrictEqual([name, strategy, children.length], ["failover greeter", "failover", 1])
      const inner = children[0]!.tree
      assert.isTrue(typeof inner === "object" && inner.children[0]?.status === "running")
      assert.deepStrictEqual((yield* treeAt("b")).children, [])
      const error = yield* Effect.flip(
        nodes.get("b")!.run(Supervisor.at(parts.get("b")!.supervisor).terminateChild("greeter"))
      )
      assert.strictEqual(error._tag === "ChildError" && error.reason, "only_child")
    }))

  test("is asked for once of a node that takes no part, not again and again", () =>
    Effect.gen(function*() {
      const { add, join, logs, runsOn } = yield* makeParty()
      yield* add("b")
      yield* join("a")
      yield* runsOn("a")
      yield* Effect.sleep("5 seconds")
      assert.isAtMost(logs.filter((line) => line.includes("not declared")).length, 1)
    }))

  test("moves when its node takes no part any more", () =>
    Effect.gen(function*() {
      const { join, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      yield* parts.get("a")!.stop
      yield* runsOn("b")
      yield* join("c")
      yield* Effect.sleep("200 millis")
      yield* runsOn("b")
    }))

  test("runs on both sides of a split, on one after it, and both say so", (network) =>
    Effect.gen(function*() {
      const { asked, join, logs, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b", "c"]) yield* join(node)
      yield* runsOn("a")
      for (const node of ["a", "b", "c"]) yield* asked(node)
      const cut = ["b", "c"].flatMap((node) => [{ from: "a", to: node }, { from: node, to: "a" }])
      yield* Effect.forEach(cut, network.cut)
      yield* runsOn("a", "b")
      yield* until("c sees the one on its side", () => Effect.map(parts.get("c")!.where, (node) => node === "b"))
      assert.strictEqual(yield* asked("c"), "b")
      assert.strictEqual(yield* asked("a"), "a")
      yield* Effect.forEach(cut, network.heal)
      yield* runsOn("a")
      for (const node of ["a", "b", "c"]) {
        yield* until(`${node} sees it on a`, () => Effect.map(parts.get(node)!.where, (place) => place === "a"))
        assert.strictEqual(yield* asked(node), "a")
      }
      const told = logs.filter((line) => line.includes("which had lost each other")).map((line) => line.split(" ")[1])
      assert.sameMembers(told, ["a", "b"])
    }))

  test("runs on one after a split that ends by a link which somebody else has made", (network) =>
    Effect.gen(function*() {
      const { join, nodes, runsOn } = yield* makeParty({ nodes: ["a", "b"] })
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const cut = [{ from: "a", to: "b" }, { from: "b", to: "a" }]
      yield* Effect.forEach(cut, network.cut)
      yield* runsOn("a", "b")
      yield* Effect.forEach(cut, network.heal)
      const [a, b] = [nodes.get("a")!, nodes.get("b")!]
      yield* until("they are linked", () => Effect.andThen(a.run(Port.snd("b", "devnull")), isUp(b, "a")))
      yield* runsOn("a")
    }))

  test("tells of each place", () =>
    Effect.gen(function*() {
      const { die, join, parts, runsOn } = yield* makeParty()
      for (const node of ["a", "b"]) yield* join(node)
      yield* runsOn("a")
      const places: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(parts.get("b")!.places, (place) => Effect.sync(() => places.push(place.node)))
      )
      yield* until("the first place", () => places.length === 1)
      yield* die("a")
      yield* until("the second place", () => places.length === 2)
      assert.deepStrictEqual(places, ["a", "b"])
    }))

  test("leaves no monitor behind for those who have looked where it runs", () =>
    Effect.gen(function*() {
      const { join, nodes, parts, runsOn } = yield* makeParty()
      yield* join("a")
      yield* runsOn("a")
      const { places, supervisor } = parts.get("a")!
      const router = nodes.get("a")!.router
      let monitors = 0
      const { monitor } = router
      router.monitor = (port, watcher) => {
        const cancel = monitor.call(router, port, watcher)
        if (port !== supervisor) return cancel
        monitors++
        return () => {
          monitors--
          cancel()
        }
      }
      for (let i = 0; i < 10; i++) assert.strictEqual((yield* Stream.runHead(places))._tag, "Some")
      assert.strictEqual(monitors, 0)
    }))

  test("is refused a second time on the same node, and the first one goes on", () =>
    Effect.gen(function*() {
      const { asked, join, nodes, runsOn } = yield* makeParty()
      yield* join("a")
      yield* runsOn("a")
      const twin = Supervisor.failover(Port.make({}), { name: "greeter", nodes: ["a", "b", "c"] })
      const error = yield* Effect.flip(Effect.scoped(nodes.get("a")!.run(twin)))
      assert.strictEqual(error.field, "name")
      yield* join("b")
      assert.strictEqual(yield* asked("b"), "a")
      yield* runsOn("a")
    }))

  for (
    const [what, options, field] of [
      ["without its own node", { nodes: ["b", "c"] }, "nodes"],
      ["with a node named twice", { nodes: ["a", "a"] }, "nodes"],
      ["with a preferred node that is none of them", { prefer: "d" }, "prefer"],
      ["with a malformed intensity", { intensity: -1 }, "intensity"],
      ["without a name", { name: "" }, "name"],
      ["with a malformed time to wait for seeds", { joinTimeout: Number.NaN }, "joinTimeout"],
      ["with a malformed time to end", { shutdown: Number.NaN }, "shutdown"]
    ] as const
  ) {
    test(`${what} is refused`, () =>
      Effect.gen(function*() {
        const { join } = yield* makeParty(options)
        const error = yield* Effect.flip(join("a"))
        assert.strictEqual(error._tag === "InvalidSpec" && error.field, field)
      }))
  }
})

describe("a node that could not keep it alive", () => {
  const pass = (seconds: number) => TestClock.adjust(`${seconds} seconds`)

  it.effect(
    "rests for a minute, then for twice as long, and has it back when it is well",
    () =>
      Effect.gen(function*() {
        let isWell = false
        const sick = Effect.suspend(() => isWell ? Effect.void : Effect.fail("no database"))
        const { add, join, nodes, parts, running, takePart } = yield* makeParty(
          { intensity: 0, nodes: ["a", "b"], prefer: "a" },
          (node) => node === "a" ? sick : Effect.void
        )
        const runsOn = () => Array.from(running).join()
        const hasEnded = () => !nodes.get("a")!.router.ports.has(parts.get("a")!.supervisor)
        yield* join("b")
        yield* pass(2)
        assert.strictEqual(runsOn(), "b")
        yield* add("a")
        yield* takePart("a")
        yield* pass(2)
        for (const rest of [60, 120]) {
          // It was tried, and b has it again. Whoever supervises the part of a begins it anew.
          assert.isTrue(hasEnded())
          assert.strictEqual(runsOn(), "b")
          yield* takePart("a")
          yield* pass(rest - 10)
          assert.isFalse(hasEnded())
          assert.strictEqual(runsOn(), "b")
          isWell = rest === 120
          yield* pass(15)
        }
        assert.strictEqual(runsOn(), "a")
      }).pipe(Effect.scoped, Effect.provide(TestNetwork.layer))
  )
})
