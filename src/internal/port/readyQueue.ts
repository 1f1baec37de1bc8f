/**
 * The run queue: ports that have something to do, run one after another by a single microtask. Ports that wake
 * meanwhile join the same pass, so nothing recurses; after a budget the queue passes through the event loop, so that
 * sockets and timers get their turn.
 *
 * @internal
 */

/** What can stand in the queue. */
export interface Runnable {
  /** Does what waits, and answers how much that was, in messages. */
  run(): number
}

/** Messages until the queue passes through the event loop: about a millisecond of plain handlers. */
const budget = 4096

let ready: Array<Runnable | undefined> = []
let head = 0
let draining = false

/** Puts a port at the end of the queue. The caller sees to it that no port stands in it twice. */
export const enqueue = (runnable: Runnable): void => {
  ready.push(runnable)
  if (!draining) {
    draining = true
    queueMicrotask(drain)
  }
}

const drain = (): void => {
  for (let left = budget; head < ready.length;) {
    if (left <= 0) {
      setImmediate(drain)
      return
    }
    const runnable = ready[head]!
    ready[head++] = undefined // lets go of it
    if (head > 1024 && head * 2 > ready.length) {
      ready = ready.slice(head)
      head = 0
    }
    try {
      left -= 1 + runnable.run()
    } catch (error) {
      // A defect of ours in one port must stop neither the queue nor go unseen.
      setImmediate(() => {
        throw error
      })
    }
  }
  ready.length = head = 0
  draining = false
}
