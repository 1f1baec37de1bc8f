/**
 * Where ports of other nodes are: the IDs that were sent to lately, taken apart. Most messages go where others went before.
 *
 * @internal
 */
import type { Peer } from "./peer.ts"

/** A port of another node: who leads there, and how it is called there. */
export interface Place {
  readonly peer: Peer
  readonly name: string
}

const mostKnown = 1000
const longestKnown = 200

export class Places {
  private readonly known = new Map<string, Place>()

  get(to: string): Place | undefined {
    return this.known.get(to)
  }

  add(to: string, place: Place): void {
    if (to.length > longestKnown) return
    if (this.known.size >= mostKnown) this.known.clear()
    this.known.set(to, place)
  }

  /** A peer is gone: whoever is sent to next has another one. */
  clear(): void {
    this.known.clear()
  }
}
