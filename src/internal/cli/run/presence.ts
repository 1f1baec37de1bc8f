/**
 * Whether what a node of `emp run` is to have is there: as long as something that is wanted is not, the node is not ready.
 *
 * @internal
 */
import type { Router } from "../../node/router.ts"
import { isOrderly, reasonFromExit } from "../../values/reason.ts"

/** That of a service or a thread. */
export class Presence {
  private readonly router: Router
  private readonly kind: "service" | "thread"
  private readonly id: string
  private found: (() => void) | undefined

  constructor(router: Router, kind: "service" | "thread", id: string) {
    this.router = router
    this.kind = kind
    this.id = id
  }

  get nodeId(): string {
    return this.router.nodeId
  }

  /** Why it is not there; `undefined`: it is, or nobody wants it. */
  isMissed(why: string | undefined): void {
    this.found?.()
    this.found = why === undefined ? undefined : this.router.observed.lack(`${this.kind} ${this.id}: ${why}`)
  }

  /** It runs in this port: when that ends, and not in order, it is started again. */
  runsIn(port: string): void {
    this.router.observed.role(port, { kind: this.kind, what: this.id })
    this.router.monitor(port, (exit) => {
      if (!isOrderly(reasonFromExit(exit))) this.isMissed("has ended, and is started again")
    })
  }
}
