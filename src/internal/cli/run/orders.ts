/**
 * What a thread is told that the node of `emp run` starts for a further node. It runs the command line of its process once more, as the
 * watchdog's node does. Loaded before anything else: it is without the library.
 *
 * @internal
 */
import { workerData } from "node:worker_threads"

export interface ThreadOrders {
  /** Whole. */
  readonly nodeId: string
  /** The main thread has 0. */
  readonly index: number
  /** Where the node of the main thread is. */
  readonly seed: string
}

const mark = "effect-mp/run"

/** For the data of a worker. */
export const marked = (orders: ThreadOrders) => ({ [mark]: orders })

/** What this thread was told; `undefined` in a main thread, and in one that somebody else has started. */
export const ownOrders = (): ThreadOrders | undefined =>
  typeof workerData === "object" && workerData !== null && mark in workerData
    ? workerData[mark] as ThreadOrders
    : undefined
