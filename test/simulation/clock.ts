/**
 * Time that passes when the simulation says so. One clock for the whole run, and a view of it for every process: time
 * is the same for all, but a process can stand still, and its wall clock can be wrong.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly due: number
  /** Among those of one millisecond, the first to lie down is the first to wake. */
  readonly order: number
  readonly owner: ProcessClock
  wake: (() => void) | undefined
}

/** When runs begin, in milliseconds since 1970. Any time would do. */
const epoch = Date.UTC(2025, 0, 1)

/** Turns of the event loop that one millisecond may take: beyond that something spins. */
const turnLimit = 20_000

export class SimulatedClock {
  /** Milliseconds since the run began. */
  now = 0
  /** Turns of the event loop, for those who want to know what a run costs. */
  turns = 0
  private readonly sleepers: Array<Sleeper> = []
  private lastOrder = 0

  lieDown(owner: ProcessClock, millis: number, wake: () => void): Sleeper {
    // As a timer of Node's does: whole milliseconds, at least one.
    const due = this.now + Math.max(1, Math.trunc(millis))
    const sleeper: Sleeper = { due, order: ++this.lastOrder, owner, wake }
    push(this.sleepers, sleeper)
    owner.sleeping++
    return sleeper
  }

  /** Nobody who is dead wakes: what would have woken need not be kept. */
  bury(owner: ProcessClock): void {
    for (const sleeper of this.sleepers) if (sleeper.owner === owner) sleeper.wake = undefined
  }

  /** Lets everything happen until a time, and all that follows from it at that very time. */
  async advanceTo(time: number): Promise<void> {
    await this.settle()
    for (;;) {
      const next = this.sleepers[0]
      if (next === undefined || next.due > time) break
      if (next.wake === undefined) {
        pop(this.sleepers)
        continue
      }
      this.now = Math.max(this.now, next.due)
      while (this.sleepers[0] !== undefined && this.sleepers[0].due <= this.now) {
        const sleeper = pop(this.sleepers)!
        sleeper.owner.expired(sleeper)
      }
      await this.settle()
    }
    this.now = Math.max(this.now, time)
  }

  /** Lets the event loop turn until nothing is left to do but to wait for time to pass. */
  async settle(): Promise<void> {
    let turns = 0
    do {
      await turn()
      if (++turns > turnLimit) throw new Error(`the processes do not come to rest at ${this.now} ms`)
    } while (process.getActiveResourcesInfo().includes("Immediate"))
    this.turns += turns
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The clock as one process sees it. */
export class ProcessClock implements Clock.Clock {
  /** How far its wall clock is off, in milliseconds. The other clock never jumps. */
  wallOffset = 0
  /** Fibers that sleep now. */
  sleeping = 0
  private readonly world: SimulatedClock
  private state: "runs" | "stands" | "dead" = "runs"
  private overslept: Array<Sleeper> = []

  constructor(world: SimulatedClock) {
    this.world = world
  }

  /** The process stands still: it wakes late. */
  stand(): void {
    if (this.state === "runs") this.state = "stands"
  }

  /** The process goes on: everything that is overdue wakes at once. */
  goOn(): void {
    if (this.state !== "stands") return
    this.state = "runs"
    const overslept = this.overslept
    this.overslept = []
    for (const sleeper of overslept) this.expired(sleeper)
  }

  /** Nobody wakes any more. */
  die(): void {
    this.state = "dead"
    this.overslept = []
    this.world.bury(this)
  }

  expired(sleeper: Sleeper): void {
    const { wake } = sleeper
    if (wake === undefined || this.state === "dead") return
    if (this.state === "stands") {
      this.overslept.push(sleeper)
      return
    }
    sleeper.wake = undefined
    this.sleeping--
    wake()
  }

  currentTimeMillisUnsafe(): number {
    return epoch + this.world.now + this.wallOffset
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.trunc(this.currentTimeMillisUnsafe())) * 1_000_000n
  }
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(Math.trunc(this.world.now)) * 1_000_000n
  }
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      const sleeper = this.world.lieDown(this, millis, () => resume(Effect.void))
      return Effect.sync(() => {
        if (sleeper.wake === undefined) return
        sleeper.wake = undefined
        this.sleeping--
      })
    })
  }
}

// ---- a heap: the next to wake is first

const isBefore = (a: Sleeper, b: Sleeper): boolean => a.due < b.due || a.due === b.due && a.order < b.order

const push = (heap: Array<Sleeper>, sleeper: Sleeper): void => {
  let at = heap.length
  heap.push(sleeper)
  while (at > 0) {
    const parent = at - 1 >> 1
    const above = heap[parent]!
    if (!isBefore(sleeper, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = sleeper
}

const pop = (heap: Array<Sleeper>): Sleeper | undefined => {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    const below = heap[child]!
    if (!isBefore(below, last)) break
    heap[at] = below
    at = child
  }
  heap[at] = last
  return first
}
