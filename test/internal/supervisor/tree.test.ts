/** Supervisors that are read together: each is asked once, and stands where it belongs. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readForest } from "../../../src/internal/supervisor/tree.ts"
import * as Port from "../../../src/Port.ts"
import * as Supervisor from "../../../src/Supervisor.ts"
import { quiet, test } from "../../supervised.ts"

/** A service as `emp run` starts one: what it makes belongs to its port. */
const service = <E, R>(body: Effect.Effect<{ readonly supervisor: Port.PortId }, E, R>, made: Array<Port.PortId>) =>
  Effect.gen(function*() {
    const port = yield* Port.make({
      crash: () => Effect.fail("the disk is full, and nobody has an idea of what to do about it")
    })
    const { supervisor } = yield* Effect.provideService(body, Port.Self, port)
    made.push(supervisor)
    return port
  })

describe("supervisors that are read together", () => {
  test("a service and the supervisor that it makes are one tree", () =>
    Effect.gen(function*() {
      const made: Array<Port.PortId> = []
      const app = Supervisor.make({ name: "app", children: [{ id: "echo", start: Port.make({}) }] })
      const services = yield* Supervisor.make({
        name: "services",
        children: [{ id: "./app.ts", start: service(app, made) }]
      })
      const { roots, silent } = yield* readForest([...made, services.supervisor])
      assert.deepStrictEqual(silent, [])
      assert.deepStrictEqual(roots.map(({ name }) => name), ["services"])
      const [child] = roots[0]!.children
      assert.deepStrictEqual(child?.made.map(({ name, owner }) => [name, owner]), [["app", child?.port]])
      const lines = Supervisor.render(roots[0]!).split("\n")
      assert.match(lines[1]!, /^└─ \.\/app\.ts /)
      assert.match(lines[2]!, /^ {3}└─ app \(one_for_one\) /)
      assert.match(lines[3]!, /^ {6}└─ echo /)
    }))

  test("why a service failed last stands below it, where its line has no room for that", () =>
    Effect.gen(function*() {
      const failing = service(Supervisor.make({ name: "app", children: [] }), [])
      const services = yield* Supervisor.make({ name: "services", children: [{ id: "./app.ts", start: failing }] })
      yield* Port.snd(yield* services.port("./app.ts"), "crash")
      yield* quiet
      const { roots } = yield* readForest([services.supervisor])
      const text = Supervisor.render(roots[0]!)
      assert.match(
        text,
        /^└─ \.\/app\.ts \S+, up \S+, 1 restart\n {3}last end: fail: the disk is full, and nobody has an idea/m
      )
      for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
    }))

  test("what is below another one is no root, and one that does not answer is named", () =>
    Effect.gen(function*() {
      const inner = Supervisor.make({ name: "inner", children: [{ id: "worker", start: Port.make({}) }] })
      const outer = yield* Supervisor.make({ name: "outer", children: [{ id: "inner", start: inner }] })
      const below = yield* outer.port("inner")
      const { roots, silent } = yield* readForest([below, outer.supervisor, `${below}x`])
      assert.deepStrictEqual(roots.map(({ name }) => name), ["outer"])
      const [child] = roots[0]!.children
      assert.isTrue(typeof child?.tree === "object" && child.tree.name === "inner" && child.tree.children.length === 1)
      assert.deepStrictEqual(silent, [`${below}x`])
    }))

  test("those that say that they are in a ring are shown all the same, each once", () =>
    Effect.gen(function*() {
      const pretend = (child: () => string) =>
        Port.make((tag: string, replyTo: string) =>
          Port.snd(
            replyTo,
            "ok",
            tag === "about" ? { name: "odd", strategy: "dynamic" } : [{
              id: "next",
              status: "running",
              type: "supervisor",
              port: child(),
              restarts: 0,
              uptime: 1,
              lastReason: null
            }]
          )
        )
      const ports: Array<string> = []
      for (let n = 0; n < 3; n++) ports.push(yield* pretend(() => ports[(n + 1) % 3]!))
      const { roots } = yield* readForest(ports)
      assert.strictEqual(roots.length, 1)
      assert.strictEqual(roots.map((root) => Supervisor.render(root)).join("\n").split("odd (dynamic)").length, 4)
    }))
})
