/** Children on nodes that are about to stop, and children that can never be started: how often their supervisors try. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Node, Port, Supervisor } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import type * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"
import { sized } from "./size.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Transport.Transport | Scope.Scope

const onStage = <A, E>(body: (logs: ReadonlyArray<string>) => Effect.Effect<A, E, Stage>): Effect.Effect<A, E> => {
  const { layer, lines } = makeLogs()
  return Effect.suspend(() => body(lines)).pipe(
    Effect.scoped,
    Effect.provide(TestNetwork.layer),
    Effect.provide(layer)
  )
}

const Worker = Port.remote("test::drained")

const serving = Layer.fresh(Port.implement(Worker, () => Effect.succeed({ work: () => {} })))

const startServing = (id: string) => TestNetwork.start(id, { services: serving })

const drain = (node: TestNetwork.TestNode) => TestNetwork.within("1 minute")(node.run(Node.drain()))

/** Makes a link. */
const meet = (node: TestNetwork.TestNode, other: string) =>
  Effect.andThen(node.run(Port.snd(other, "devnull")), TestNetwork.settle)

const statusOf = (handle: Supervisor.Handle) => Effect.map(handle.which, (which) => which.map(({ status }) => status))

const is = (handle: Supervisor.Handle, status: Supervisor.ChildInfo["status"]) =>
  TestNetwork.until(`it is ${status}`, Effect.map(statusOf(handle), ([present]) => present === status))

/** A start that counts how often it is tried. */
const counted = <A, E, R>(start: Effect.Effect<A, E, R>) => {
  const tried = { times: 0 }
  return { tried, start: Effect.andThen(Effect.sync(() => void tried.times++), start) }
}

describe("a child on a node that drains, and runs on", () => {
  it.live("waits for that node to begin anew, as for one that is away", () =>
    onStage((logs) =>
      Effect.gen(function*() {
        const here = yield* TestNetwork.start("here")
        const there = yield* startServing("there")
        const { start, tried } = counted(Supervisor.spawn(["there"], Worker))
        const supervised = yield* here.run(Supervisor.restart(start, { intensity: 1 }))
        yield* is(supervised, "running")
        yield* drain(there)
        yield* is(supervised, "waiting")
        yield* TestClock.adjust("1 minute")
        assert.isAtMost(tried.times, 12)
        assert.lengthOf(logs.filter((line) => line.includes("waits for its node")), 1)
        assert.isEmpty(logs.filter((line) => line.startsWith("ERROR")))
        yield* there.stop
        yield* startServing("there")
        yield* is(supervised, "running")
      })
    ))

  it.live("waits for it from its first start on, and that counts as no restart", () =>
    onStage(() =>
      Effect.gen(function*() {
        const here = yield* TestNetwork.start("here")
        const there = yield* startServing("there")
        yield* meet(here, "there")
        yield* drain(there)
        const start = Supervisor.spawn(["there"], Worker)
        const supervised = yield* here.run(Supervisor.restart(start, { intensity: 0 }))
        yield* is(supervised, "waiting")
        yield* there.stop
        yield* startServing("there")
        yield* is(supervised, "running")
      })
    ))

  it.live("stays where it is if its supervisor is there too", () =>
    onStage(() =>
      Effect.gen(function*() {
        const here = yield* startServing("here")
        const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["here"], Worker), { intensity: 0 }))
        const port = yield* supervised.port
        yield* drain(here)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* supervised.port, port)
        assert.deepStrictEqual(yield* statusOf(supervised), ["running"])
      })
    ))
})

type Start = Effect.Effect<Supervisor.Started, unknown, Node.Node | Scope.Scope>

interface Vain {
  /** It is waited for a node: that costs no restart. */
  readonly waits: boolean
  /** Begins what the child is started by. */
  readonly begin: Effect.Effect<Start, never, Node.Node | Scope.Scope>
}

const onNodes = (waits: boolean, ...nodes: ReadonlyArray<string>): Vain => ({
  waits,
  begin: Effect.succeed(Supervisor.spawn(nodes, Worker))
})

const failing = (start: Start): Vain => ({ waits: false, begin: Effect.succeed(start) })

/** Ways in which a child never comes to work. */
const vain: Readonly<Record<string, Vain>> = {
  "whose node has drained": onNodes(true, "drained"),
  "whose node has drained before there was a link": onNodes(true, "strange"),
  "whose nodes have drained, or are not there": onNodes(true, "nowhere", "strange", "drained"),
  "whose node is not there": onNodes(true, "nowhere"),
  "whose node does not have the function": onNodes(false, "bare"),
  "whose own node does not have the function": onNodes(false, "here"),
  "whose start fails": failing(Effect.fail("in vain")),
  "whose start dies": failing(Effect.die("in vain")),
  "whose port ends at once": failing(Effect.tap(Port.make({}), (port) => Port.kil(port, "in vain"))),
  "whose port has ended before": {
    waits: false,
    begin: Effect.map(Effect.tap(Port.make({}), (port) => Port.kil(port)), Effect.succeed)
  }
}

const Case = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  at: Schema.Literals([0, 1, 2]),
  intensity: Schema.Literals(["0", "3", "100", "Infinity"])
})

/** The supervisor has that child among others, which comes up once, so that its supervisor begins. */
const supervise = ({ begin }: Vain, { at, intensity, strategy }: typeof Case.Type) =>
  Effect.gen(function*() {
    const again = yield* begin
    const first: Start = Port.make({ end: () => Effect.fail("boom") })
    let next = first
    const { start, tried } = counted(Effect.suspend(() => next))
    const children = [0, 1, 2].map((n) => ({ id: `c${n}`, start: n === at ? start : Port.make({}) }))
    const limits = { intensity: Number(intensity), period: "1 hour" } as const
    const supervisor = yield* Supervisor.make({ strategy, children, ...limits })
    next = again
    const port = (yield* supervisor.which)[at]?.port
    if (port !== undefined) yield* Port.snd(port, "end")
    return { supervisor, tried }
  })

describe("a supervisor tries as often as it is allowed to, and where all is allowed, or a node is waited for, so often a second", () => {
  for (const [which, kind] of Object.entries(vain)) {
    it.effect.prop(
      `a child ${which}`,
      [Case],
      ([options]) =>
        onStage(() =>
          Effect.gen(function*() {
            const here = yield* TestNetwork.start("here")
            yield* TestNetwork.start("bare")
            const drained = yield* startServing("drained")
            yield* meet(here, "drained")
            yield* Effect.forEach([drained, yield* startServing("strange")], drain)
            const { supervisor, tried } = yield* here.run(supervise(kind, options))
            yield* TestClock.adjust("3 seconds")
            const allowed = Number(options.intensity)
            assert.isAtMost(tried.times, 2 + Math.min(allowed, kind.waits ? 4 : 300))
            const hasGivenUp = (yield* statusOf(supervisor)).every((status) => status === "stopped")
            assert.strictEqual(hasGivenUp, allowed < (kind.waits ? 1 : Infinity))
          })
        ),
      { arbitrary: { runs: sized(2, 50) } }
    )
  }
})
