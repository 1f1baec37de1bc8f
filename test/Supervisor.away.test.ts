/**
 * Children whose node is not there: they wait for it, and that is no crash.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Port, Supervisor } from "../src/index.ts"
import { connect, makeLogs, makeWorld, type TestNode, until, within } from "./harness.ts"
import { networkTest as test, short } from "./supervised.ts"

const Work = Port.protocol({ who: Port.message().replies(Schema.String), crash: Port.message() })
const Worker = Port.remote("test::away", [], Work)

/** A node that supervises, and those that come and go: `served` has the node of each start. */
const makeNodes = Effect.gen(function*() {
  const { start } = yield* makeWorld
  const here = yield* start("here", short)
  const served: Array<string> = []
  const come = Effect.fnUntraced(function*(id: string) {
    const node = yield* start(id, short)
    const layer = Port.implement(Worker, () =>
      Effect.sync(() => {
        served.push(id)
        return { who: () => Effect.succeed(id), crash: () => Effect.fail("boom") }
      }))
    yield* node.run(Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layer, scope)))
    return node
  })
  const events: Array<Supervisor.Event> = []
  const watch = ({ events: all }: Supervisor.Handle) =>
    Effect.forkScoped(Stream.runForEach(all, (event) => Effect.sync(() => events.push(event))), {
      startImmediately: true
    })
  const waits = (count: number) =>
    until(`it waits, ${count}`, () => events.filter(({ _tag }) => _tag === "Waiting").length >= count)
  const starts = (...nodes: ReadonlyArray<string>) =>
    until(`it was started on ${nodes.join()}`, () => served.join() === nodes.join())
  return { come, events, here, served, starts, waits, watch }
})

const statusOf = (handle: Supervisor.Handle, id: string) =>
  Effect.map(handle.which, (which) => which.find((child) => child.id === id)?.status)

const has = (handle: Supervisor.Handle, id: string, status: Supervisor.ChildInfo["status"]) =>
  until(`${id} is ${status}`, () => Effect.map(statusOf(handle, id), (present) => present === status))

const leave = (here: TestNode, node: TestNode) =>
  Effect.andThen(node.stop, until("it is gone", () => !here.router.isUp(node.id)))

/** A local child, and how often it was started. */
const makeLocal = () => {
  const local = { starts: 0, port: "" }
  const start = Effect.tap(Port.make({ crash: () => Effect.fail("boom") }), (port) =>
    Effect.sync(() => {
      local.starts++
      local.port = port
    }))
  return { local, start }
}

describe("a child whose node is not there", () => {
  test("waits for it, however long that takes, and its supervisor does not give up", () =>
    Effect.gen(function*() {
      const { come, events, here, starts, waits, watch } = yield* makeNodes
      const { layer, lines } = makeLogs()
      const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["w"], Worker), { intensity: 0 })).pipe(
        Effect.provide(layer)
      )
      yield* watch(supervised)
      yield* waits(3)
      assert.strictEqual(yield* statusOf(supervised, "child"), "waiting")
      const told = lines.filter((line) => line.includes("waits for its node"))
      assert.strictEqual(told.length, 1)
      assert.match(told[0]!, /WARN here supervised: child waits for its node: transport_error: w/)
      const tree = yield* here.run(Supervisor.tree(supervised.supervisor))
      assert.match(Supervisor.render(tree, 200), /└─ child waiting.*, last end: transport_error: w/)
      yield* come("w")
      yield* starts("w")
      yield* has(supervised, "child", "running")
      assert.isFalse(events.some(({ _tag }) => _tag === "Restarting" || _tag === "GaveUp"))
    }))

  test("that was lost counts as one end, and waits for it from then on", () =>
    Effect.gen(function*() {
      const { come, events, here, starts, waits, watch } = yield* makeNodes
      const first = yield* come("w")
      yield* connect(here, first)
      const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["w"], Worker), { intensity: 1 }))
      yield* watch(supervised)
      yield* starts("w")
      yield* leave(here, first)
      yield* waits(2)
      yield* come("w")
      yield* starts("w", "w")
      yield* has(supervised, "child", "running")
      const port = yield* supervised.port
      assert.strictEqual(yield* within("an answer", here.run(Port.cal(port, "who"))), "w")
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "Restarting").length, 1)
    }))

  test("and crashes when it is there is restarted as often as its supervisor allows, and no more", () =>
    Effect.gen(function*() {
      const { come, here, starts, waits, watch } = yield* makeNodes
      const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["w"], Worker), { intensity: 1 }))
      yield* watch(supervised)
      yield* waits(2)
      yield* come("w")
      yield* starts("w")
      yield* here.run(Port.snd(yield* supervised.port, "crash"))
      yield* starts("w", "w")
      yield* here.run(Port.snd(yield* supervised.port, "crash"))
      const killed = yield* within("the end", Effect.flip(supervised.await))
      assert.strictEqual(killed.reason[0], "restart_limit")
    }))

  test("does not keep its siblings from being restarted, and can be terminated meanwhile", () =>
    Effect.gen(function*() {
      const { here, waits, watch } = yield* makeNodes
      const { local, start } = makeLocal()
      const supervisor = yield* here.run(Supervisor.make({
        children: [{ id: "away", start: Supervisor.spawn(["w"], Worker) }, { id: "local", start }]
      }))
      yield* watch(supervisor)
      yield* waits(1)
      yield* here.run(Port.snd(local.port, "crash"))
      yield* until("the sibling is back", () => local.starts === 2)
      yield* within("its end", supervisor.terminateChild("away"))
      assert.strictEqual(yield* statusOf(supervisor, "away"), "stopped")
    }))

  for (const [strategy, before] of [["rest_for_one", 1], ["one_for_all", 3]] as const) {
    test(`comes back with its group when its node does, and those that need not wait do not: ${strategy}`, () =>
      Effect.gen(function*() {
        const { come, here, starts, waits, watch } = yield* makeNodes
        const node = yield* come("w")
        yield* connect(here, node)
        const earlier = makeLocal()
        const later = makeLocal()
        const supervisor = yield* here.run(Supervisor.make({
          strategy,
          children: [
            { id: "earlier", start: earlier.start },
            { id: "remote", start: Supervisor.spawn(["w"], Worker) },
            { id: "later", start: later.start }
          ]
        }))
        yield* watch(supervisor)
        yield* starts("w")
        yield* leave(here, node)
        yield* waits(1)
        assert.strictEqual(yield* statusOf(supervisor, "later"), "restarting")
        yield* come("w")
        yield* starts("w", "w")
        yield* has(supervisor, "later", "running")
        assert.strictEqual(later.local.starts, 2)
        assert.isAtLeast(earlier.local.starts, before)
        if (strategy === "rest_for_one") assert.strictEqual(earlier.local.starts, 1)
      }))
  }

  test("is started elsewhere when another node is there first", () =>
    Effect.gen(function*() {
      const { come, here, starts, waits, watch } = yield* makeNodes
      const start = Supervisor.spawn(["gone", "w"], Worker)
      const supervised = yield* here.run(Supervisor.restart(start, { intensity: 0 }))
      yield* watch(supervised)
      yield* waits(2)
      yield* come("w")
      yield* starts("w")
    }))

  test("is started where its start says by then", () =>
    Effect.gen(function*() {
      const { come, here, starts, waits, watch } = yield* makeNodes
      let nodes = ["gone"]
      const start = Effect.suspend(() => Supervisor.spawn(nodes, Worker))
      const supervised = yield* here.run(Supervisor.restart(start, { intensity: 0 }))
      yield* watch(supervised)
      yield* waits(1)
      nodes = ["w"]
      yield* come("w")
      yield* starts("w")
    }))

  test("of a dynamic supervisor, of a partition and of a failover waits as well", () =>
    Effect.gen(function*() {
      const { come, here, served, waits, watch } = yield* makeNodes
      const start = Supervisor.spawn(["w"], Worker)
      const pool = yield* here.run(Supervisor.dynamic({ start: () => start, intensity: 0 }))
      yield* watch(pool)
      yield* pool.startChild()
      const shards = yield* here.run(Supervisor.partition({ partitions: 1, start: () => start, intensity: 0 }))
      yield* watch(shards)
      const part = yield* here.run(Supervisor.failover(start, { name: "away", nodes: ["here"], intensity: 0 }))
      yield* waits(4)
      yield* come("w")
      yield* until("all run", () => served.length === 3)
      const port = yield* within("a port", part.port)
      assert.strictEqual(yield* within("an answer", here.run(Port.cal(port, "who"))), "w")
    }))
})
