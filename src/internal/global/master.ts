/**
 * Which node a node has as its master: the global node that keeps its entries and answers its questions. A global node is its
 * own master. Follows protocol section 15.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import type { Delivery } from "./delivery.ts"
import { envelope, largestEntry } from "./entry.ts"
import type { Change, Stamp } from "./shards.ts"

export class Master {
  private readonly router: Router
  private readonly delivery: Delivery
  private current: string | undefined = undefined
  private term: Stamp

  constructor(router: Router, delivery: Delivery) {
    this.router = router
    this.delivery = delivery
    this.term = [router.now(), 0]
  }

  /** `undefined` while there is none. */
  get nodeId(): string | undefined {
    return this.current
  }

  /** Orders what this node gives to one master after the other: its masters are counted. */
  get stamp(): Stamp {
    return this.term
  }

  /** So many bytes an entry of this node may have: its master has to take it, and so has whoever follows it here. */
  get largestEntry(): number {
    const own = this.router.network.maxMessageSize - envelope
    return Math.min(largestEntry, own, this.delivery.mostFor(this.current))
  }

  /** From now on this node is the master. */
  choose(nodeId: string): void {
    const [startedAt, count] = this.term
    this.current = nodeId
    this.term = [startedAt, count + 1]
    const log = this.router.log.of("Global")
    if (nodeId === this.router.nodeId) {
      log.life("master", `node ${nodeId} is a global node: others can use it as a seed`)
    } else log.life("master", `node ${nodeId} is the master of this node`, nodeId)
  }

  /** The link to the master is lost. */
  lost(): void {
    this.current = undefined
  }

  /** Asks the master for something. While there is none it is dropped: the next master is asked again for all that matters. */
  request(request: string, ...args: ReadonlyArray<unknown>): void {
    if (this.current !== undefined) this.router.request(this.current, request, ...args)
  }

  /** Tells the master, if there is one, of a change of what this node has set. */
  tell(family: string, change: Change): void {
    const { current } = this
    if (current === undefined) return
    this.delivery.change(current, family, change, (set, deleted) => {
      const args = deleted.length === 0 ? [set] : [Object.keys(set).length === 0 ? null : set, deleted]
      return this.router.requestIfCarried(current, "g_upd", family, ...args)
    })
  }
}
