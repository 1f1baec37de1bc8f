/** Workflows and cron over several runners: what goes on elsewhere when the runner of a workflow dies, or all of them. */
import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as ClusterCron from "effect/cluster/ClusterCron"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as TestNetwork from "../src/TestNetwork.ts"
import { Machine, staged } from "./clusterStage.ts"
import { soon, test } from "./clusterWorld.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { attempt: Schema.Number }) {}

const payload = { id: Schema.String }
const idempotencyKey = ({ id }: { readonly id: string }) => id

const Order = Workflow.make("Order", { payload, success: Schema.String, error: Refused, idempotencyKey })

const Approval = DurableDeferred.make("Approval", { success: Schema.String })

const step = (name: string, millis: number) =>
  Activity.make({
    name,
    success: Schema.String,
    execute: Effect.gen(function*() {
      const { nodeId, note } = yield* Machine
      yield* note(`begins ${name}`)
      yield* Effect.sleep(millis)
      yield* note(`ends ${name}`)
      return nodeId
    })
  })

type Needs =
  | Machine
  | WorkflowEngine.WorkflowEngine
  | WorkflowEngine.WorkflowInstance
  | Workflow.Execution<"Order">
  | Scope.Scope
type Body = () => Effect.Effect<string, Refused, Needs>

const run = (body: Body) => staged(Order.toLayer(body).pipe(Layer.provideMerge(ClusterWorkflowEngine.layer)))

const count = (lines: ReadonlyArray<string>, what: string): number => lines.filter((line) => line.endsWith(what)).length

/** The node that a line is of. */
const hostOf = (lines: ReadonlyArray<string>, what: string): string =>
  lines.find((line) => line.endsWith(what))?.split(" ")[0] ?? "none"

type Running = Effect.Success<ReturnType<typeof run>>

/** Kills the node of a line, and answers another one. */
const killHostOf = Effect.fnUntraced(function*({ lines, nodes }: Running, what: string) {
  const first = hostOf(lines, what)
  yield* nodes.find(({ nodeId }) => nodeId === first)!.kill
  return { first, other: nodes.find(({ nodeId }) => nodeId !== first)! }
})

/** All nodes end in order, and there are new ones. */
const restart = Effect.fnUntraced(function*({ nodes, startAll }: Running) {
  yield* Effect.forEach(nodes, ({ stop }) => stop, { concurrency: "unbounded" })
  return yield* startAll
})

describe("a workflow", () => {
  test(
    "whose runner dies between two activities goes on elsewhere, without the first one",
    Effect.gen(function*() {
      const running = yield* run(() =>
        Effect.zipWith(step("packing", 100), step("sending", 3000), (packed, sent) => `${packed}${sent}`)
      )
      const { lines, nodes } = running
      yield* soon(nodes[0].run(Order.execute({ id: "1" }, { discard: true })))
      yield* TestNetwork.until("it sends", () => count(lines, "begins sending") === 1)
      const { first, other } = yield* killHostOf(running, "begins sending")
      const answer = yield* soon(other.run(Order.execute({ id: "1" })))
      assert.match(answer, new RegExp(`^${hostOf(lines, "ends packing")}[^${first}]$`))
      assert.deepStrictEqual([count(lines, "begins packing"), count(lines, "begins sending")], [1, 2])
    })
  )

  test(
    "runs once, whichever nodes begin it, and has its answer for all of them",
    Effect.gen(function*() {
      const running = yield* run(() => step("packing", 1000))
      const { lines, nodes } = running
      const answers = yield* soon(
        Effect.forEach(nodes, (node) => node.run(Order.execute({ id: "1" })), { concurrency: "unbounded" })
      )
      assert.lengthOf(new Set(answers), 1)
      assert.strictEqual(count(lines, "begins packing"), 1)
    })
  )

  test(
    "that fails for good has tried as often as it was to, and fails for whoever asks later, without trying again",
    Effect.gen(function*() {
      const running = yield* run(() =>
        Activity.make({
          name: "paying",
          success: Schema.String,
          error: Refused,
          execute: Effect.gen(function*() {
            const { note } = yield* Machine
            const attempt = yield* Activity.CurrentAttempt
            yield* note(`attempt ${attempt}`)
            return yield* new Refused({ attempt })
          })
        }).pipe(Activity.retry({ times: 2 }))
      )
      const { lines, nodes } = running
      yield* soon(Effect.flip(nodes[0].run(Order.execute({ id: "1" }))))
      const { other } = yield* killHostOf(running, "attempt 3")
      const error = yield* soon(Effect.flip(other.run(Order.execute({ id: "1" }))))
      assert.strictEqual(error._tag === "Refused" && error.attempt, 3)
      assert.deepStrictEqual(lines.map((line) => line.slice(2)), ["attempt 1", "attempt 2", "attempt 3"])
    })
  )

  test(
    "that sleeps wakes at its time, though all nodes were restarted meanwhile",
    Effect.gen(function*() {
      const running = yield* run(() =>
        Effect.gen(function*() {
          yield* step("packing", 0)
          yield* DurableClock.sleep({ name: "drying", duration: "30 seconds", inMemoryThreshold: 0 })
          return yield* step("sending", 0)
        })
      )
      const { lines, nodes } = running
      const begun = yield* Clock.currentTimeMillis
      yield* soon(nodes[0].run(Order.execute({ id: "1" }, { discard: true })))
      yield* TestNetwork.until("it is packed", () => count(lines, "ends packing") === 1)
      yield* restart(running)
      yield* TestNetwork.until("it is sent", () => count(lines, "ends sending") === 1)
      const took = (yield* Clock.currentTimeMillis) - begun
      assert.isTrue(took >= 30_000 && took < 45_000, `after ${took} ms`)
      assert.strictEqual(count(lines, "begins packing"), 1)
    })
  )

  test(
    "that waits for somebody goes on when that one answers, at any of the nodes that there are by then",
    Effect.gen(function*() {
      const running = yield* run(() => Effect.andThen(step("packing", 0), DurableDeferred.await(Approval)))
      const { lines, nodes } = running
      const executionId = yield* soon(nodes[0].run(Order.execute({ id: "1" }, { discard: true })))
      yield* TestNetwork.until("it is packed", () => count(lines, "ends packing") === 1)
      const [, b, c] = yield* restart(running)
      const token = DurableDeferred.tokenFromExecutionId(Approval, { workflow: Order, executionId })
      yield* soon(b.run(DurableDeferred.succeed(Approval, { token, value: "granted" })))
      assert.strictEqual(yield* soon(c.run(Order.execute({ id: "1" }))), "granted")
      assert.strictEqual(count(lines, "begins packing"), 1)
    })
  )

  test(
    "that is interrupted after its runner has died undoes what it has done, once",
    Effect.gen(function*() {
      const running = yield* run(() =>
        Effect.gen(function*() {
          const { note } = yield* Machine
          yield* Order.withCompensation(step("packing", 0), () => note("unpacks"))
          return yield* DurableDeferred.await(Approval)
        })
      )
      const { lines, nodes } = running
      const executionId = yield* soon(nodes[0].run(Order.execute({ id: "1" }, { discard: true })))
      yield* TestNetwork.until("it is packed", () => count(lines, "ends packing") === 1)
      const { other } = yield* killHostOf(running, "ends packing")
      yield* soon(other.run(Order.interrupt(executionId)))
      yield* TestNetwork.until("it is undone", () => count(lines, "unpacks") === 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(count(lines, "unpacks"), 1)
      assert.strictEqual(count(lines, "begins packing"), 1)
    })
  )
})

describe("cron", () => {
  test(
    "runs each of its times once, in order, though the node that has it is killed",
    Effect.gen(function*() {
      const every = ClusterCron.make({
        name: "every second",
        cron: Cron.parseUnsafe("* * * * * *"),
        calculateNextRunFromPrevious: true,
        execute: Effect.gen(function*() {
          const { note } = yield* Machine
          yield* note(`runs ${(yield* ClusterCron.CurrentScheduledTime).epochMilliseconds / 1000}`)
        })
      })
      const { lines, nodes } = yield* staged(every, { entityMessagePollInterval: "500 millis" })
      yield* TestNetwork.until("it runs", () => lines.length >= 3)
      const first = hostOf(lines.slice(-1), "")
      yield* nodes.find(({ nodeId }) => nodeId === first)!.kill
      yield* TestNetwork.until(
        "it runs elsewhere",
        () => lines.length - lines.findLastIndex((line) => line.startsWith(first)) > 3
      )
      const times = lines.map((line) => Number(line.split(" ").at(-1)))
      assert.deepStrictEqual(times, times.map((_, n) => times[0]! + n))
    })
  )
})
