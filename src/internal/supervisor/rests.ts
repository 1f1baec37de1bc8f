/**
 * Rests: a node that could not keep a service alive lets all others go first for a while, twice as long each time.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Router } from "../node/router.ts"

const firstMillis = 60_000
const longestMillis = 3_600_000

/** A node's rest from one service, past or present. Times are those of the clock that never jumps. */
interface Rest {
  readonly until: number
  readonly millis: number
}

/** By service. They outlive the node's parts in it: a part that has given up is made anew by whoever supervises it. */
const restsOfNodes = new WeakMap<Router, Map<string, Rest>>()

/** A node's rests from one service. */
export class Rests {
  private readonly router: Router
  private readonly service: string
  private readonly all: Map<string, Rest>

  constructor(router: Router, service: string) {
    this.router = router
    this.service = service
    this.all = restsOfNodes.get(router) ?? new Map()
    restsOfNodes.set(router, this.all)
  }

  /** Whether the service could not be kept alive here a moment ago. */
  get isResting(): boolean {
    const last = this.all.get(this.service)
    return last !== undefined && last.until > this.router.monotonic()
  }

  /** The service could not be kept alive here. */
  begin(): void {
    const before = this.all.get(this.service)
    const millis = before === undefined ? firstMillis : Math.min(longestMillis, 2 * before.millis)
    this.all.set(this.service, { until: this.router.monotonic() + millis, millis })
  }

  /** The service was up here for so long. If that was longer than the last rest, all is well again. */
  wasUp(millis: number): void {
    if (millis > (this.all.get(this.service)?.millis ?? Infinity)) this.all.delete(this.service)
  }

  /** Waits until the present rest, if there is one, is over. Answers whether there ever was one. */
  get over(): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function*() {
      const last = this.all.get(this.service)
      if (last === undefined) return false
      // A timer counts whole milliseconds, and may be early.
      while (this.isResting) yield* Effect.sleep(Math.ceil(last.until - this.router.monotonic()) + 1)
      return true
    })
  }
}
