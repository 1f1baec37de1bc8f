/**
 * How long the event loop of this process keeps what is due waiting: whoever blocks it holds up all nodes of the process. It is measured
 * once for all of them, by the platform itself where it can, as long as there is one.
 *
 * @internal
 */
import { type Lateness, watchEventLoop } from "#platform"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** How late things were, since a few seconds ago. */
export interface LoopDelay {
  readonly meanMillis: number
  readonly maxMillis: number
}

/** So often it is looked how late it is. What is due is late by that anyway where nothing is. */
const resolutionMillis = 20
/** A window lasts so long. There are two, of which the older one is read: what happens while they change is in one of them. */
const windowMillis = 5000
/** For the worst of the last minute: those who look once in a minute miss nothing. */
const mostRemembered = 12

interface Windows {
  older: Lateness
  newer: Lateness
  beganAt: number
  /** The worst of each window that is over. */
  worst: ReadonlyArray<number>
}

let windows: Windows | undefined
let users = 0

const begin = (): Lateness => watchEventLoop(resolutionMillis)

const late = (nanos: number): number => Math.max(0, nanos / 1e6 - resolutionMillis)

const acquire = (): void => {
  users++
  windows ??= { older: begin(), newer: begin(), beganAt: performance.now(), worst: [] }
}

const release = (): void => {
  if (--users > 0 || windows === undefined) return
  windows.older.disable()
  windows.newer.disable()
  windows = undefined
}

/** Each node asks for it: the first one to do so when it is time does it for all. */
const turn = (): void => {
  const now = performance.now()
  if (windows === undefined || now - windows.beganAt < windowMillis) return
  const { newer, older, worst } = windows
  older.disable()
  windows = {
    older: newer,
    newer: begin(),
    beganAt: now,
    worst: [...worst, late(older.max)].slice(-mostRemembered)
  }
}

/** Measures as long as the scope is open. */
export const measureLoopDelay: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(acquire),
  () => Effect.sync(release)
).pipe(
  Effect.andThen(Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(windowMillis), Effect.sync(turn))))),
  Effect.asVoid
)

/** That of the last five to ten seconds; none where no node measures, or too little time has passed. */
export const loopDelay = (): LoopDelay | undefined => {
  if (windows === undefined || windows.older.count === 0) return undefined
  return { meanMillis: late(windows.older.mean), maxMillis: late(windows.older.max) }
}

/** The worst of the last minute. */
export const worstLoopDelayMillis = (): number | undefined => {
  const present = loopDelay()
  return present === undefined ? undefined : Math.max(present.maxMillis, ...windows?.worst ?? [])
}
