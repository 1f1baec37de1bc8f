/**
 * What waits at the ports of a node, all together and where the most is.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { type Cell, isCell } from "../port/cell.ts"
import { type PortStatus, readPorts } from "./portList.ts"
import { eachPort } from "./portWalk.ts"
import type { Router } from "./router.ts"

export interface PortsSeen {
  /** How many messages wait. */
  readonly waiting: number
  /** The age of the oldest message that waits or is in hand. */
  readonly oldestMillis: number
  /** Ports at which messages wait: those with the most, and no more than ten. */
  readonly largest: ReadonlyArray<PortStatus>
}

/** So many ports are named. */
const named = 10
const bySize = (a: Cell, b: Cell): number => b.mailbox - a.mailbox

export class PortCensus {
  private readonly router: Router
  private isCounting = false
  private seen: PortsSeen = { waiting: 0, oldestMillis: 0, largest: [] }

  constructor(router: Router) {
    this.router = router
  }

  /** As the ports were counted last. On a node with very many ports they are counted until somebody asks the next time. */
  latest(): PortsSeen {
    if (!this.isCounting) {
      this.isCounting = true
      this.router.fork(this.count)
    }
    return this.seen
  }

  private readonly count = Effect.gen({ self: this }, function*() {
    const { router } = this
    const now = router.monotonic() - router.began
    let waiting = 0
    let oldestSince = now
    let largest: Array<Cell> = []
    yield* eachPort(router, (port) => {
      if (!isCell(port)) return
      const { mailbox } = port
      waiting += mailbox
      oldestSince = Math.min(oldestSince, port.oldestSince ?? now)
      if (mailbox > 0) largest.push(port)
      if (largest.length > 100 * named) largest = largest.toSorted(bySize).slice(0, named)
    })
    const ports = largest.toSorted(bySize).slice(0, named).map(({ id }) => id)
    const list = yield* readPorts(router, { ports })
    this.seen = { waiting, oldestMillis: now - oldestSince, largest: list.ports }
    this.isCounting = false
  })
}
