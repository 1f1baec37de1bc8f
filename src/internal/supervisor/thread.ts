/**
 * Children that are worker threads with a node of their own: how one is started and ended.
 *
 * @internal
 */
import { startThread } from "#platform"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Worker, WorkerOptions } from "node:worker_threads"
import type { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { readFromThread, tellThread } from "../node/ownThread.ts"
import { NodeRouter, type NodeService, type Router } from "../node/router.ts"
import { describe } from "../values/describe.ts"
import { Killed, type Reason, reasonFromExit, reasons } from "../values/reason.ts"

/** Documented as `Supervisor.ThreadOptions`. */
export interface ThreadOptions
  extends Pick<WorkerOptions, "argv" | "env" | "execArgv" | "name" | "resourceLimits" | "transferList" | "workerData">
{
  /** How long its end in order may take; then it is terminated. Default: 4 seconds, which a child with the default of `shutdown` has. */
  readonly stopTimeout?: Duration.Input | undefined
}

/** Documented as `Supervisor.Thread`. */
export interface Thread extends NodeService {
  /** Ends as the thread does, and the thread with it. Messages to it are dropped. */
  readonly port: Port.PortId
  /** Node's number for it. */
  readonly threadId: number
  /** Ends the thread at once, whatever it does, as one that stands still has to be ended; its port ends with `fail`. */
  readonly terminate: Effect.Effect<void>
}

/** A worker, as long as its port lives: its end is that of the port, and the other way round. */
class Spawned {
  readonly worker: Worker
  readonly threadId: number
  private readonly ended = Deferred.makeUnsafe<void>()
  private isReady = false
  /** Why it ends, as far as it has said so. */
  private why: Reason | undefined = undefined

  constructor(worker: Worker, router: Router, port: string, ready: Deferred.Deferred<NodeService, Killed>) {
    this.worker = worker
    this.threadId = worker.threadId
    worker.on("message", (message: unknown) => {
      const said = readFromThread(message)
      this.why ??= said.failed
      if (said.ready === undefined) return
      this.isReady = true
      Deferred.doneUnsafe(ready, Exit.succeed(said.ready))
    })
    // What nobody catches in the thread: without a listener it would end the process.
    worker.on("error", (error) => {
      this.why ??= reasons.die(describe(error))
    })
    worker.on("exit", (code) => {
      Deferred.doneUnsafe(this.ended, Exit.void)
      router.kill(port, this.why ?? this.silentEnd(code))
    })
  }

  private silentEnd(code: number): Reason {
    if (code !== 0) return reasons.fail(`the thread ended with exit code ${code}`)
    return this.isReady
      ? []
      : reasons.fail("the thread ended before it had a node: its module has to run Supervisor.launchThread")
  }

  /** At once, whatever it does. */
  get terminate(): Effect.Effect<void> {
    return Effect.asVoid(Effect.promise(() => {
      this.why ??= reasons.fail("the thread was terminated")
      return this.worker.terminate()
    }))
  }

  /** In order, if it can within the time. */
  stop(patience: Duration.Input): Effect.Effect<void> {
    return Effect.sync(() => tellThread(this.worker, { stop: true })).pipe(
      Effect.andThen(Effect.interruptible(Deferred.await(this.ended))),
      Effect.timeoutOption(patience),
      Effect.andThen(this.terminate)
    )
  }
}

/** Less than a child has by itself for its end. */
const defaultStopTimeout = "4 seconds"

/** Documented as `Supervisor.spawnThread`. */
export const spawnThread = (
  module: string | URL,
  { stopTimeout = defaultStopTimeout, ...options }: ThreadOptions = {}
): Effect.Effect<Thread, Killed, Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const port = yield* Port.make(() => {})
    const ready = Deferred.makeUnsafe<NodeService, Killed>()
    router.monitor(port, (exit) => {
      Deferred.doneUnsafe(ready, Exit.fail(new Killed({ port, reason: reasonFromExit(exit) })))
    })
    const start = Effect.try({
      try: () => new Spawned(startThread(module, options), router, port, ready),
      catch: (error) => error
    })
    const spawned = yield* Port.peval(port, Effect.acquireRelease(start, (spawned) => spawned.stop(stopTimeout)))
    const place = yield* Deferred.await(ready)
    return { port, threadId: spawned.threadId, terminate: spawned.terminate, ...place }
  })
