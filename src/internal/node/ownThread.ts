/**
 * What a worker thread with a node of its own and whoever has started it say to each other, and the side of the thread: by it the thread says
 * where its node is and why it ends, and hears that it is to stop.
 *
 * @internal
 */
import { parentPort } from "#platform"
import * as Effect from "effect/Effect"
import type { Worker } from "node:worker_threads"
import { type Reason, reasonFromCause } from "../values/reason.ts"
import { type Node, NodeRouter, type NodeService } from "./router.ts"

/** The program may say something by the same way: what is ours is marked. */
const mark = "effect-mp/spawned"

interface FromThread {
  readonly ready?: NodeService
  readonly failed?: Reason
}

interface ToThread {
  readonly stop?: true
}

const unmarked = (message: unknown): object => {
  const said = typeof message === "object" && message !== null && mark in message ? message[mark] : undefined
  return typeof said === "object" && said !== null ? said : {}
}

/** What a thread has said; what is not ours says nothing. */
export const readFromThread = (message: unknown): FromThread => unmarked(message) as FromThread

export const tellThread = (worker: Worker, message: ToThread): void => worker.postMessage({ [mark]: message })

const tellParent = (message: FromThread): void => parentPort?.postMessage({ [mark]: message })

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
export const tellReady: Effect.Effect<void, never, Node> = Effect.map(
  NodeRouter,
  ({ addresses, nodeId }) => tellParent({ ready: { nodeId, addresses } })
)

/** Runs what lasts until whoever has started this thread asks it to stop, and is told why it has ended before. */
export const untilStopped = <E, R>(running: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> =>
  Effect.raceFirst(running, stopAsked).pipe(
    Effect.tapCause((cause) => Effect.sync(() => tellParent({ failed: reasonFromCause(cause) })))
  )
