/**
 * Which node a node has as its master: the global node that keeps its entries and answers its questions. A global node is its
 * own master. Follows protocol section 15.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import type { Stamp } from "./shards.ts"

export class Master {
  private readonly router: Router
  private current: string | undefined = undefined
  private term: Stamp

  constructor(router: Router) {
    this.router = router
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

  /** From now on this node is the master. */
  choose(nodeId: string): void {
    const [startedAt, count] = this.term
    this.current = nodeId
    this.term = [startedAt, count + 1]
  }

  /** The link to the master is lost. */
  lost(): void {
    this.current = undefined
  }

  /** Asks the master for something. While there is none it is dropped: the next master is asked again for all that matters. */
  request(request: string, ...args: ReadonlyArray<unknown>): void {
    if (this.current !== undefined) this.router.request(this.current, request, ...args)
  }
}
