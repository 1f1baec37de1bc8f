/**
 * What the nodes of `emp demo` do: two of them can host a greeter, the third keeps one alive and talks to it. Each says
 * what it sees on standard output, a line of JSON each, for the timeline.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Global from "../../../Global.ts"
import * as Node from "../../../Node.ts"
import * as Port from "../../../Port.ts"
import * as Supervisor from "../../../Supervisor.ts"
import { reasonFromExit } from "../../values/reason.ts"
import type { Report } from "./report.ts"

const Greeter = Port.protocol({ greet: Port.message(Schema.String).replies(Schema.String) })
const greeter = Port.remote("demo::greeter", [], Greeter)

/** Says what happened, and when, for the process that shows the timeline. */
const report = (event: Report["event"], text: string): Effect.Effect<void> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (at) => Console.log(JSON.stringify({ demo: true, event, text, at } satisfies Report))
  )

/** Ends this node with the demo, however that ends: the end of the demo's process closes the standard input of its nodes. */
const endWithParent = Effect.sync(() => {
  process.stdin.on("end", () => process.exit(0)).resume()
})

const nodeEvents = Node.events.pipe(
  Stream.runForEach((event) =>
    event._tag === "Up"
      ? report("joined", `sees node ${event.nodeId}`)
      : report("end", `is told that node ${event.nodeId} is down: ${event.reason}`)
  )
)

/** Runs whatever greeters it is asked for, and says so in the database. */
const host = Layer.merge(
  Port.implement(greeter, () =>
    Effect.map(Node.id, (here) => ({
      greet: (name) => Effect.succeed(`hello ${name}, says the greeter on ${here}`)
    }))),
  Layer.effectDiscard(Effect.flatMap(Node.id, (here) => Global.set("greeter-hosts", here, null)))
)

/** Watches every greeter that is registered, as any program on any node could. */
const watchGreeters = Global.mon("greeters").pipe(
  Stream.runForEach((change) =>
    Effect.forEach(
      change.added,
      (port) => Port.mon(port, (exit) => report("end", `is told that ${port} ended: ${reason(exit)}`))
    )
  )
)

const reason = (exit: Exit.Exit<void, Port.Killed>): string => reasonFromExit(exit).join(", ") || "a normal end"

const background = <E, R>(effect: Effect.Effect<unknown, E, R>) => Layer.effectDiscard(Effect.forkScoped(effect))

/** The node that the others join by. */
export const seed = Layer.mergeAll(host, background(nodeEvents), background(watchGreeters)).pipe(
  Layer.provide(Layer.effectDiscard(endWithParent))
)

/** The node that will be killed. */
export const receiver = Layer.mergeAll(host, background(nodeEvents)).pipe(
  Layer.provide(Layer.effectDiscard(endWithParent))
)

/** Starts a greeter on the first of these nodes that can host one. */
const startGreeter = Effect.gen(function*() {
  const hosts = yield* Global.keys("greeter-hosts")
  const node = ["demo/receiver", "demo/seed"].find((nodeId) => hosts.includes(nodeId))
  if (node === undefined) return yield* Effect.fail("no node hosts greeters")
  const port = yield* Port.spawn(node, greeter)
  // Other nodes must not hear of the greeter before it answers.
  yield* Port.cal(port, "greet", "supervisor")
  yield* Global.register(port, "greeters")
  yield* report("started", `its supervisor started the greeter ${port}`)
  return port
})

const converse = Effect.gen(function*() {
  yield* Global.mon("greeter-hosts").pipe(Stream.takeUntil(({ entries }) => entries.size === 2), Stream.runDrain)
  const supervised = yield* Supervisor.restart(startGreeter, {
    id: "greeter",
    schedule: Schedule.exponential("20 millis")
  })
  yield* Effect.forkScoped(
    supervised.events.pipe(
      Stream.runForEach((event) =>
        event._tag === "Ended"
          ? report("end", `is told that ${event.port} ended: ${reason(event.exit)}`)
          : Effect.void
      )
    )
  )
  const greet = Effect.fnUntraced(function*(n: number) {
    const port = yield* supervised.port
    const answer = yield* Port.calTimeout(port, "1 second", "greet", `sender (${n})`)
    yield* report("message", `"${answer}"`)
  })
  for (let n = 1;; n++) {
    yield* Effect.ignore(greet(n))
    yield* Effect.sleep("200 millis")
  }
})

/** The node that keeps a greeter alive and talks to it. */
export const sender = Layer.mergeAll(background(nodeEvents), background(converse)).pipe(
  Layer.provide(Layer.effectDiscard(endWithParent))
)
