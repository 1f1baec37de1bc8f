/**
 * Whose turn it is, for those who pick the members of a group one after the other.
 *
 * @internal
 */

/** Groups may come and go: of so many it is known whose turn it is. */
const mostGroups = 1000

/** Counts the rounds of each group, of those that were asked for last. */
export class Rounds {
  private readonly next = new Map<string, number>()

  /** The number of this round: 0, 1, 2 ... */
  take(group: string): number {
    const round = this.next.get(group) ?? 0
    // Those that were asked for last stand last.
    this.next.delete(group)
    this.next.set(group, round + 1)
    const [oldest] = this.next.keys()
    if (oldest !== undefined && this.next.size > mostGroups) this.next.delete(oldest)
    return round
  }
}
