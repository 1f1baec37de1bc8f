import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Port, Supervisor, Transport } from "../src/index.ts"
import { connect, makeWorld, until, within } from "./harness.ts"
import { quiet, sleep, test } from "./supervised.ts"

const idle = Port.make({ crash: () => Effect.fail("boom") })

describe("the tree of a supervisor", () => {
  test("has all levels: names, strategies, ports, restarts, uptimes and last ends", () =>
    Effect.gen(function*() {
      const pool = Supervisor.dynamic({ start: () => idle, name: "pool" })
      const top = yield* Supervisor.make({
        name: "app",
        strategy: "rest_for_one",
        children: [
          { id: "cache", start: idle, restart: "transient" },
          { id: "jobs", start: Supervisor.make({ name: "jobs", children: [{ id: "pool", start: pool }] }) },
          { id: "gone", start: Effect.succeed(Supervisor.ignore) }
        ]
      })
      yield* sleep("1 minute")
      yield* Port.snd(yield* top.port("cache"), "crash")
      yield* quiet
      yield* sleep("1 hour")
      const tree = yield* Supervisor.tree(top.supervisor)
      assert.deepInclude(tree, { name: "app", strategy: "rest_for_one", port: top.supervisor })
      const [cache, jobs, gone] = tree.children
      assert.deepInclude(cache, { id: "cache", status: "running", type: "worker", restarts: 1, uptime: 3_600_000 })
      assert.deepStrictEqual(cache?.lastReason, ["fail", "boom", "boom"])
      assert.strictEqual(cache?.node, tree.node)
      assert.deepInclude(gone, { id: "gone", status: "stopped", port: undefined, uptime: undefined, tree: undefined })
      if (typeof jobs?.tree !== "object") return assert.fail("jobs is no supervisor")
      assert.deepInclude(jobs, { type: "supervisor", restarts: 1 })
      assert.deepInclude(jobs.tree, { name: "jobs", strategy: "one_for_one" })
      const [inner] = jobs.tree.children
      assert.deepInclude(inner?.tree, { name: "pool", strategy: "dynamic", children: [] })
    }))

  test("tells of a supervisor below that does not answer, in its place", () =>
    Effect.gen(function*() {
      const top = yield* Supervisor.make({
        children: [{ id: "deaf", start: Port.make(() => {}), type: "supervisor" }]
      })
      const reading = yield* Effect.forkChild(Supervisor.tree(top.supervisor), { startImmediately: true })
      yield* quiet
      yield* sleep("5 seconds")
      const tree = yield* Effect.flatten(Effect.sync(() => reading.pollUnsafe()!))
      assert.strictEqual(tree.children[0]?.tree, "does not answer")
      assert.include(Supervisor.render(tree), "(does not answer)")
    }))

  test("of a port that is no supervisor is an error", () =>
    Effect.gen(function*() {
      const port = yield* Port.make((...message: ReadonlyArray<unknown>) => Port.snd(String(message.at(-1)), "what?"))
      const error = yield* Effect.flip(Supervisor.tree(port))
      assert.strictEqual(error._tag, "NoAnswer")
      const gone = yield* Effect.flip(Supervisor.tree(`${port}x`))
      assert.strictEqual(gone._tag === "Killed" && gone.reason[0], "no_such_port")
    }))

  /** What a node may say of a supervisor that it does not have: these are its children. */
  const pretend = (children: (self: Port.PortId) => ReadonlyArray<string>) =>
    Effect.gen(function*() {
      let asked = 0
      const port: Port.PortId = yield* Port.make((tag: string, replyTo: string) => {
        asked++
        if (tag === "about") return Port.snd(replyTo, "ok", { name: "odd", strategy: "dynamic" })
        const infos = children(port).map((port, at) => ({
          id: String(at),
          status: "running",
          type: "supervisor",
          port,
          restarts: 0,
          uptime: 1,
          lastReason: null
        }))
        return Port.snd(replyTo, "ok", infos)
      })
      return { port, asked: () => asked }
    })

  test("asks each supervisor once, also where they are in a ring", () =>
    Effect.gen(function*() {
      const inner: { readonly port: Port.PortId; readonly asked: () => number } = yield* pretend((self) => [
        self,
        outer.port,
        self
      ])
      const outer = yield* pretend(() => [inner.port, inner.port])
      const tree = yield* Supervisor.tree(outer.port)
      assert.deepStrictEqual([outer.asked(), inner.asked()], [2, 2])
      const [first, second] = tree.children
      assert.strictEqual(second?.tree, "is shown elsewhere")
      if (typeof first?.tree !== "object") return assert.fail("the inner one is not shown")
      assert.deepStrictEqual(first.tree.children.map(({ tree }) => tree), [
        "is shown elsewhere",
        "is shown elsewhere",
        "is shown elsewhere"
      ])
      assert.strictEqual(Supervisor.render(tree).split("(is shown elsewhere)").length, 5)
    }))

  test("asks 10,000 supervisors at most, and says of the others that they are too many", () =>
    Effect.gen(function*() {
      const { port } = yield* pretend((self) => Array.from({ length: 10_000 }, (_, n) => `${self}-${n}`))
      const { children } = yield* Supervisor.tree(port)
      assert.deepStrictEqual(
        children.slice(9_998, 10_000).map(({ tree }) => tree),
        ["does not answer", "is one of more than 10000"]
      )
    }))

  test("is no deeper than can be walked, however deep nodes say it is", () =>
    Effect.gen(function*() {
      const ports: Array<Port.PortId> = [yield* Port.make({})]
      for (let n = 0; n < 5000; n++) {
        const below = ports.at(-1)!
        ports.push((yield* pretend(() => [below])).port)
      }
      const tree = yield* Supervisor.tree(ports.at(-1)!)
      assert.include(Supervisor.render(tree, 1000), "(is below 100 others)")
      const { roots } = yield* Supervisor.forest(ports.slice(1))
      for (const root of roots) Supervisor.render(root)
      assert.isAbove(roots.length, 1)
    }))

  test("asks no others when it has waited for ten seconds, whoever does not answer", () =>
    Effect.gen(function*() {
      const deaf = yield* Effect.forEach(Array.from({ length: 100 }), () => Port.make(() => {}))
      const { port } = yield* pretend(() => deaf)
      const reading = yield* Effect.forkChild(Supervisor.tree(port), { startImmediately: true })
      yield* quiet
      for (let n = 0; n < 3; n++) yield* sleep("5 seconds")
      const { children } = yield* Effect.flatten(Effect.sync(() => reading.pollUnsafe()!))
      assert.strictEqual(children[0]?.tree, "does not answer")
      assert.strictEqual(children[99]?.tree, "was not asked: it took too long to get here")
    }))

  it.live("is read across nodes, and asking there is as asking here", () =>
    Effect.gen(function*() {
      const { start } = yield* makeWorld
      const [here, there] = [yield* start("here"), yield* start("there")]
      yield* connect(here, there)
      const pool = yield* there.run(
        Supervisor.dynamic({ start: (n: number) => Port.make({ n: () => Effect.succeed(n) }), name: "pool" })
      )
      const top = yield* here.run(Supervisor.make({
        children: [{ id: "far", start: Effect.succeed({ supervisor: pool.supervisor }) }]
      }))
      const remote = Supervisor.at(pool.supervisor)
      const port = String(yield* here.run(remote.startChild(1)))
      yield* here.run(remote.startChild(2))
      assert.isTrue(there.router.ports.has(port))
      assert.deepStrictEqual(yield* here.run(remote.count), { specs: 1, active: 2, supervisors: 0, workers: 2 })
      assert.deepStrictEqual(
        (yield* here.run(remote.which)).map((child) => [child.port !== undefined, child.status]),
        [[true, "running"], [true, "running"]]
      )
      const tree = yield* within("a tree", here.run(Supervisor.tree(top.supervisor)))
      const far = tree.children[0]
      if (typeof far?.tree !== "object") return assert.fail("far is no supervisor")
      assert.deepStrictEqual([far.node, far.tree.node, far.tree.children.length], ["there", "there", 2])
      yield* here.run(remote.terminateChild(port))
      assert.isFalse(there.router.ports.has(port))
      const refused = yield* Effect.flip(here.run(remote.restartChild("1")))
      assert.strictEqual(refused._tag === "ChildError" && refused.reason, "dynamic")
      const unknown = yield* Effect.flip(here.run(Supervisor.at(top.supervisor).deleteChild("nobody")))
      assert.strictEqual(unknown._tag === "ChildError" && unknown.reason, "not_found")
      const fixed = yield* Effect.flip(here.run(Supervisor.at(top.supervisor).startChild()))
      assert.strictEqual(fixed._tag === "ChildError" && fixed.reason, "not_dynamic")
      yield* there.stop
      yield* until("the child is lost", () => Effect.map(top.which, ([child]) => child?.lastReason !== undefined))
    }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory)))
})

describe("a tree as text", () => {
  test("is a line for each child, and shows what is wrong with it", () =>
    Effect.gen(function*() {
      const top = yield* Supervisor.make({
        name: "app",
        intensity: 5,
        children: [
          { id: "cache", start: idle },
          { id: "pool", start: Supervisor.dynamic({ start: () => idle, name: "workers" }) },
          { id: "last", start: Effect.succeed(Supervisor.ignore) }
        ]
      })
      yield* Port.snd(yield* top.port("cache"), "crash")
      yield* sleep("90 seconds")
      const text = Supervisor.render(yield* Supervisor.tree(top.supervisor), 200)
      const [cache, pool] = [yield* top.port("cache"), yield* top.port("pool")]
      assert.deepStrictEqual(text.split("\n"), [
        `app (one_for_one) ${top.supervisor}`,
        `├─ cache ${cache}, up 1m 30s, 1 restart, last end: fail: boom`,
        `├─ pool: workers (dynamic) ${pool}, up 1m 30s`,
        "└─ last stopped"
      ])
    }))

  test("shows characters that would steer a terminal, and obeys none", () =>
    Effect.gen(function*() {
      const top = yield* Supervisor.make({
        name: "a\u001b[2Jb",
        intensity: 5,
        children: [
          { id: "x\ny", start: idle },
          { id: "z", start: Supervisor.make({ name: "\u009b31m\r", children: [] }) }
        ]
      })
      yield* Port.kil(yield* top.port("x\ny"), "lost\n\u0007")
      yield* quiet
      const tree = yield* Supervisor.tree(top.supervisor)
      const [x, z] = [yield* top.port("x\ny"), yield* top.port("z")]
      assert.deepStrictEqual(Supervisor.render(tree, 200).split("\n"), [
        `a\\x1b[2Jb (one_for_one) ${top.supervisor}`,
        `├─ x\\x0ay ${x}, up 0s, 1 restart, last end: lost\\x0a\\x07`,
        `└─ z: \\x9b31m\\x0d (one_for_one) ${z}, up 0s`
      ])
      // As wide as they are shown.
      for (const line of Supervisor.render(tree, 30).split("\n")) assert.isAtMost(line.length, 30)
    }))

  test("stays within its width, and counts what would be too many lines", () =>
    Effect.gen(function*() {
      const pool = yield* Supervisor.dynamic({ start: () => idle, name: "n".repeat(200) })
      for (let n = 0; n < 1000; n++) yield* pool.startChild()
      const lines = Supervisor.render(yield* Supervisor.tree(pool.supervisor)).split("\n")
      assert.strictEqual(lines.length, 22)
      assert.strictEqual(lines.at(-1), "└─ and 980 more")
      for (const line of lines) assert.isAtMost(line.length, 80)
    }))
})
