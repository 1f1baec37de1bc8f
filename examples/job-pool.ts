/**
 * A pool of workers on several nodes, and jobs for it, which are lines of standard input. A job is tried again when it fails, and when its
 * worker is lost; one that fails too often is dropped. No more lines are taken than can be worked on.
 *
 * emp run --node-id jobs --bind 127.0.0.1:4040 --service examples/job-pool.ts
 * emp run --node-id worker1 --seed 127.0.0.1:4040 --service examples/job-pool.ts#worker
 * emp run --node-id worker2 --seed 127.0.0.1:4040 --service examples/job-pool.ts#worker
 */
import { Global, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"

/** A job that fails is an answer: it does not end the worker, which has other jobs. */
const Answer = Schema.Union([Schema.Struct({ done: Schema.String }), Schema.Struct({ failed: Schema.String })])
const Worker = Port.protocol({ work: Port.message(Schema.String).replies(Answer) })
const makeWorker = Port.remote("job-pool::worker", [], Worker)

/** Its members are on the nodes that have workers. */
const group = "job workers"

/** Takes a moment, and fails now and then, as jobs do that need the network. One kind always does. */
const work = Effect.fnUntraced(function*(job: string) {
  yield* Effect.sleep("100 millis")
  if (job.startsWith("poison") || (yield* Random.next) < 0.1) return { failed: `cannot ${job}` }
  return { done: job.toUpperCase() }
})

/** A node for workers: it says how they are made, and that it is there. */
export const worker = Layer.merge(
  Port.implement(makeWorker, () => Effect.succeed({ work })),
  Layer.effectDiscard(Effect.flatMap(Port.make({}), Global.register(group)))
)

/** What is typed, or comes from a file. */
const lines: Stream.Stream<string> = Stream.suspend(() =>
  Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (cause) => cause)
).pipe(Stream.orDie, Stream.filter((line) => line !== ""))

export default Effect.gen(function*() {
  const workers = yield* Supervisor.pool(makeWorker, {
    on: Stream.map(Global.watch(group), ({ members }) => members),
    size: 4
  })

  /** Fails if the job does, and if the worker is lost: then nobody knows whether it was done, and it may be done twice. */
  const attempt = Effect.fnUntraced(function*(job: string) {
    const worker = yield* workers.next
    yield* Console.log(`${job}: to ${Port.nodeOf(worker)}`)
    const answer = yield* Port.cal(worker, "work", job)
    return "done" in answer ? answer.done : yield* Effect.fail(answer.failed)
  })

  const jobs = yield* Supervisor.dynamic({
    name: "jobs",
    start: (job: string) => Supervisor.task(attempt(job)),
    // For log lines and trees, and so that no job is under way twice.
    id: (job) => job,
    // Done is done; what failed is tried again, after a moment.
    restart: "transient",
    schedule: Schedule.exponential("10 millis"),
    // Of each job alone: one that can never be done is no trouble for the others.
    perChild: { intensity: 5, period: "1 hour" }
  })

  const show = (job: string) =>
    Effect.matchEffect(jobs.runChild(job), {
      onSuccess: (done) => Console.log(`${job}: done, ${done}`),
      onFailure: (error) => Console.log(`${job}: dropped, ${typeof error === "string" ? error : error.message}`)
    })
  yield* lines.pipe(Stream.mapEffect(show, { concurrency: 4, unordered: true }), Stream.runDrain)
})
