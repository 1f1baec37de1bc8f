/**
 * A pool of jobs: each is a task under a dynamic supervisor, which tries again what fails, and drops what fails too often. The jobs come
 * from a stream, and no more are taken from it than can be worked on. Run it with
 *
 * node examples/job-pool.ts
 */
import { Node, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

const jobs = ["resize", "fetch", "poison", "index", "mail", "backup", "report", "sync", "prune"]

/** Fails at its first attempts, as jobs do that need the network. One of them always does. */
const attempts = new Map<string, number>()
const work = (job: string) =>
  Effect.suspend(() => {
    const nth = (attempts.get(job) ?? 0) + 1
    attempts.set(job, nth)
    const fails = job === "poison" || job.length % 3 >= nth
    return fails ? Effect.fail(`attempt ${nth} at ${job} failed`) : Effect.succeed(job.toUpperCase())
  })

const makePool = Supervisor.dynamic({
  name: "jobs",
  start: (job: string) => Supervisor.task(work(job)),
  // For log lines and trees, and so that no job is there twice.
  id: (job) => job,
  // Done is done; what failed is tried again, after a moment.
  restart: "transient",
  schedule: Schedule.exponential("10 millis"),
  // Of each job alone: one that can never be done is no trouble for the others.
  perChild: { intensity: 4 },
  // A start that hangs holds up no other, and not for ever.
  concurrency: 3,
  startTimeout: "10 seconds"
})

const program = Effect.gen(function*() {
  const pool = yield* makePool
  const done = yield* Stream.fromIterable(jobs).pipe(
    Stream.mapEffect((job) => Effect.exit(pool.runChild(job)), { concurrency: 3 }),
    Stream.map((exit) => Exit.isSuccess(exit) ? exit.value : "-"),
    Stream.runCollect
  )
  yield* Console.log(done.join(" "))
  yield* Console.log(`${Array.from(attempts.values()).reduce((sum, n) => sum + n, 0)} attempts at ${jobs.length} jobs`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
