/**
 * Children that are worker threads with a node of their own: how one is started and ended, and what the two sides say to each other.
 *
 * @internal
 */
import { parentPort, startThread } from "#platform"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Worker, WorkerOptions } from "node:worker_threads"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { describe } from "../values/describe.ts"
import { Killed, type Reason, reasonFromCause, reasonFromExit, reasons } from "../values/reason.ts"

/** Documented as `Supervisor.ThreadOptions`. */
export interface ThreadOptions
  extends Pick<WorkerOptions, "argv" | "env" | "execArgv" | "name" | "resourceLimits" | "transferList" | "workerData">
{
  /** How long its end in order may take; then it is terminated. Default: 4 seconds, which a child with the default of `shutdown` has. */
  readonly stopTimeout?: Duration.Input | undefined
}

/** Documented as `Supervisor.Thread`. */
export interface Thread {
  /** Ends as the thread does, and the thread with it. Messages to it are dropped. */
  readonly port: Port.PortId
  /** Node's number for it. */
  readonly threadId: number
  /** The node in it. */
  readonly nodeId: string
  /** Where that node listens. */
  readonly addresses: ReadonlyArray<string>
}

// ---- what the two sides say

/** A thread says where its node is, and why it ends; it is told to stop. The program may say something by the same way: what is ours is marked. */
const mark = "effect-mp/spawned"

type Place = Pick<Thread, "nodeId" | "addresses">

interface FromThread {
  readonly ready?: Place
  readonly failed?: Reason
}

interface ToThread {
  readonly stop?: true
}

const unmarked = (message: unknown): object => {
  const said = typeof message === "object" && message !== null && mark in message ? message[mark] : undefined
  return typeof said === "object" && said !== null ? said : {}
}

const tellParent = (message: FromThread): void => parentPort?.postMessage({ [mark]: message })

const tellThread = (worker: Worker, message: ToThread): void => worker.postMessage({ [mark]: message })

// ---- in the thread

/** There is nobody who asks in a main thread. */
const stopAsked: Effect.Effect<void> = Effect.callback((resume) => {
  const unlisten = (): void => void parentPort?.off("message", listener)
  const listener = (message: unknown): void => {
    if (!(unmarked(message) as ToThread).stop) return
    // As long as somebody listens the thread does not end.
    unlisten()
    resume(Effect.void)
  }
  parentPort?.on("message", listener)
  return Effect.sync(unlisten)
})

/** The node of the thread is there. */
export const tellReady = (context: Context.Context<Node>): Effect.Effect<void> =>
  Effect.sync(() => {
    const { addresses, nodeId } = Context.get(context, Node)
    tellParent({ ready: { nodeId, addresses } })
  })

/** Runs what lasts until whoever has started this thread asks it to stop, and is told why it has ended before. */
export const untilStopped = <E, R>(running: Effect.Effect<never, E, R>): Effect.Effect<void, E, R> =>
  Effect.raceFirst(running, stopAsked).pipe(
    Effect.tapCause((cause) => Effect.sync(() => tellParent({ failed: reasonFromCause(cause) })))
  )

// ---- who starts it

/** A worker, as long as its port lives: its end is that of the port, and the other way round. */
class Spawned {
  readonly worker: Worker
  readonly threadId: number
  private readonly ended = Deferred.makeUnsafe<void>()
  private isReady = false
  /** Why it ends, as far as it has said so. */
  private why: Reason | undefined = undefined

  constructor(worker: Worker, router: Router, port: string, ready: Deferred.Deferred<Place, Killed>) {
    this.worker = worker
    this.threadId = worker.threadId
    worker.on("message", (message: unknown) => {
      const said = unmarked(message) as FromThread
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

  /** In order, if it can within the time. */
  stop(patience: Duration.Input): Effect.Effect<void> {
    return Effect.sync(() => tellThread(this.worker, { stop: true })).pipe(
      Effect.andThen(Effect.interruptible(Deferred.await(this.ended))),
      Effect.timeoutOption(patience),
      Effect.andThen(Effect.promise(() => this.worker.terminate())),
      Effect.asVoid
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
    const ready = Deferred.makeUnsafe<Place, Killed>()
    router.monitor(port, (exit) => {
      Deferred.doneUnsafe(ready, Exit.fail(new Killed({ port, reason: reasonFromExit(exit) })))
    })
    const start = Effect.try({
      try: () => new Spawned(startThread(module, options), router, port, ready),
      catch: (error) => error
    })
    const { threadId } = yield* Port.peval(port, Effect.acquireRelease(start, (spawned) => spawned.stop(stopTimeout)))
    const place = yield* Deferred.await(ready)
    return { port, threadId, ...place }
  })
