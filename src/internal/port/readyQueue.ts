/**
 * The run queue: what has something to do, ports above all, runs one after another by a single microtask. Whoever wakes
 * meanwhile joins the same pass, so nothing recurses. A pass lasts a few milliseconds, whatever its handlers do: then it goes
 * through the event loop, so that sockets and timers get their turn. A pass is one fiber, which whoever runs in it may take for the
 * current one.
 *
 * @internal
 */
import { afterIo } from "#platform"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** What can stand in the queue. */
export interface Runnable {
  /** Does what waits, until that is done or `passIsOver`. Who is not done puts itself into the queue again. */
  run(): void
  /** `run` threw, which is a defect of this package: it must stop neither the queue nor the process, nor go unseen. */
  broken(error: unknown): void
}

/** What holds something that is dear, and is likely to need it again within a pass. */
export interface Rested {
  /** The pass is over: it may let go of it. */
  passEnded(): void
}

/** How long a pass may last. */
const passMillis = 5
/** The clock is looked at after so many messages at most; more often while they take their time. */
const longestStride = 32
/** What takes no longer than this between two looks at the clock may be looked at half as often. */
const quickMillis = 0.25

/** Real time, in milliseconds: it is the event loop that must not wait. */
let now = (): number => performance.now()

let ready: Array<Runnable | undefined> = []
let head = 0
let draining = false
let rested: Array<Rested> = []
let passEndsAt = 0
let lookedAt = 0
let stride = 1
/** So many more messages until the clock is looked at. */
let left = 1

/** Puts a port at the end of the queue. The caller sees to it that no port stands in it twice. */
export const enqueue = (runnable: Runnable): void => {
  ready.push(runnable)
  if (!draining) {
    draining = true
    queueMicrotask(pass)
  }
}

/** Whether something stands in the queue. */
export const isBusy = (): boolean => draining

/** Tells it when the pass is over; at once, if there is none. */
export const afterPass = (holder: Rested): void => {
  if (draining) rested.push(holder)
  else holder.passEnded()
}

/** Whether the pass has to go through the event loop. To be asked before each message. */
export const passIsOver = (): boolean => {
  if (--left > 0) return false
  const time = now()
  if (time >= passEndsAt) {
    left = 1
    return true
  }
  stride = time - lookedAt > quickMillis ? 1 : Math.min(2 * stride, longestStride)
  lookedAt = time
  left = stride
  return false
}

/** Reads the time elsewhere, until the result takes that back. A simulation, whose runs have to repeat, lets none pass. */
export const readTimeFrom = (clock: () => number): () => void => {
  const before = now
  now = clock
  return () => {
    now = before
  }
}

/** No Effect runs in a pass's fiber, which has no services: it is there for those who ask for the current one. */
const pass = (): void => {
  const exit = Effect.runFork(drained).pollUnsafe()
  if (exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause)) throw Cause.squash(exit.cause)
}

const drained = Effect.sync(() => {
  drain()
  const holders = rested
  rested = []
  for (const holder of holders) holder.passEnded()
})

const drain = (): void => {
  lookedAt = now()
  passEndsAt = lookedAt + passMillis
  stride = left = 1
  while (head < ready.length) {
    if (passIsOver()) {
      afterIo(pass)
      return
    }
    const runnable = ready[head]!
    ready[head++] = undefined // lets go of it
    if (head > 1024 && head * 2 > ready.length) {
      ready = ready.slice(head)
      head = 0
    }
    try {
      runnable.run()
    } catch (error) {
      runnable.broken(error)
    }
  }
  ready.length = head = 0
  draining = false
}
