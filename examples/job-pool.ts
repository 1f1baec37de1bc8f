/**
 * A pool of jobs: each is a port of its own under a dynamic supervisor, which starts again what fails. Run it with
 *
 * node examples/job-pool.ts
 */
import { Node, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** Fails at its first attempts, as jobs do that need the network. */
const attempts = new Map<string, number>()
const work = (job: string) =>
  Effect.suspend(() => {
    const nth = (attempts.get(job) ?? 0) + 1
    attempts.set(job, nth)
    return job.length % 3 >= nth ? Effect.fail(`attempt ${nth} at ${job} failed`) : Effect.succeed(job.toUpperCase())
  })

const program = Effect.gen(function*() {
  const results = yield* Queue.unbounded<string>()
  const room = yield* Queue.unbounded<void>()

  /** A port that works, says what came of it, and ends. Its failure is its end too: then it is started again. */
  const start = Effect.fnUntraced(function*(job: string) {
    const port = yield* Port.make({
      go: () =>
        Effect.gen(function*() {
          yield* Queue.offer(results, yield* work(job))
          yield* Port.kil(yield* Port.Self)
        })
    })
    yield* Port.snd(port, "go")
    return port
  })

  const pool = yield* Supervisor.dynamic({
    name: "jobs",
    start,
    // Done is done; what failed is tried again, after a moment.
    restart: "transient",
    schedule: Schedule.exponential("10 millis"),
    intensity: 100,
    maxChildren: 3
  })

  const jobs = ["resize", "fetch", "index", "mail", "backup", "report", "sync", "prune"]
  // No more than the pool takes: the end of one makes room for the next.
  const submit = (job: string): Effect.Effect<void, unknown> =>
    pool.startChild(job).pipe(
      Effect.catchIf(
        (error) => error._tag === "ChildError" && error.reason === "max_children",
        () => Effect.andThen(Queue.take(room), submit(job))
      ),
      Effect.asVoid
    )
  yield* pool.events.pipe(
    Stream.runForEach((event) => event._tag === "Stopped" ? Queue.offer(room, undefined) : Effect.void),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.forkScoped(Effect.forEach(jobs, submit, { discard: true }))
  // A pool that gives up is the end of the program, not of its progress.
  const gaveUp = Effect.andThen(pool.await, Effect.never)
  const done = yield* Effect.raceFirst(Effect.forEach(jobs, () => Queue.take(results)), gaveUp)
  yield* Console.log(done.toSorted().join(" "))
  yield* Console.log(`${Array.from(attempts.values()).reduce((sum, n) => sum + n, 0)} attempts at ${jobs.length} jobs`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
