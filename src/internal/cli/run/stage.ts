/**
 * How far a node is that `emp run` runs: for those who ask from before it starts until after it has stopped.
 *
 * @internal
 */
import { lacksOf } from "../../node/lacks.ts"
import type { Router } from "../../node/router.ts"

export class Stage {
  private router: Router | undefined = undefined
  private isOver = false

  nodeStarted(router: Router): void {
    this.router = router
  }

  nodeStopped(): void {
    this.isOver = true
  }

  /** Why the node is not ready for work; nothing if it is. */
  get lacks(): ReadonlyArray<string> {
    if (this.isOver) return ["stopped"]
    return this.router === undefined ? ["starting"] : lacksOf(this.router)
  }
}
