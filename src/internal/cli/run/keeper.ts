/**
 * Who has started a node of `emp run`, and looks after it: a watchdog, nobody, or the main thread.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Node from "../../../Node.ts"
import { isTagged, type Reason, reasons } from "../../values/reason.ts"
import { isWatched, tellWatchdog } from "./channel.ts"

export interface Keeper {
  /** Has the node ended and started again; `undefined`: nobody would start it. */
  readonly restart: (() => void) | undefined
  /** The node has joined its network, and its services run. */
  readonly tellReady: Effect.Effect<void, never, Node.Node>
}

const toRestart = "the node was asked to restart"

/** What a thread ends with that is to be started again at once: an end in order, which is no failure. */
export const restartReason: Reason = reasons.shutdown(toRestart)

export const isRestart = (reason: Reason): boolean => isTagged(reason, "shutdown") && reason[1] === toRestart

/** That of a process. To be asked for before the node obeys it. */
export const keeperOfProcess = (): Keeper => ({
  restart: isWatched() ? () => tellWatchdog({ restart: true }) : undefined,
  tellReady: Effect.sync(() => tellWatchdog({ ready: true }))
})
