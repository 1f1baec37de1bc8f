/**
 * Whether a node reaches more than half of the voters, and what keeps it from having keys. Voters that are away for a moment are no news.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import type { Router } from "../node/router.ts"
import type { Polls, Standing } from "./polls.ts"
import type { Rules } from "./rules.ts"

/** A majority that is missed for so much of a term is news. */
const patiencePerTerm = 1 / 2

export class Majority {
  /** For some time this node has not reached a majority of the voters. */
  isMissed = false
  private readonly router: Router
  private readonly rules: Rules
  private readonly polls: Polls
  private readonly changed: () => void
  private readonly stopLooking: () => void
  private stopWaiting: (() => void) | undefined = undefined

  /** `changed` is called when a majority has been missed for a while, and when it is there again. */
  constructor(router: Router, rules: Rules, polls: Polls, changed: () => void) {
    this.router = router
    this.rules = rules
    this.polls = polls
    this.changed = changed
    this.stopLooking = polls.onStanding(() => this.look())
    this.look()
  }

  close(): void {
    this.stopLooking()
    this.stopWaiting?.()
  }

  private nodesThat(...standings: ReadonlyArray<Standing>): ReadonlyArray<string> {
    return this.rules.voters.filter((voter) => standings.includes(this.polls.standing(voter)))
  }

  private get isHere(): boolean {
    return this.nodesThat("votes", "starts").length >= this.rules.majority
  }

  private look(): void {
    if (this.isHere) {
      this.stopWaiting?.()
      this.stopWaiting = undefined
      this.miss(false)
    } else if (!this.isMissed) {
      this.stopWaiting ??= this.router.after(this.rules.termMillis * patiencePerTerm, () => {
        this.stopWaiting = undefined
        this.miss(true)
      })
    }
  }

  private miss(isMissed: boolean): void {
    if (this.isMissed === isMissed) return
    this.isMissed = isMissed
    this.changed()
  }

  /** What keeps a key from this node, in words. */
  get lack(): string {
    if (!this.isHere) {
      const [away, refusing] = [this.nodesThat("away"), this.nodesThat("refuses")]
      return `no majority of the voters ${this.rules.voters.join(", ")} answers` +
        (away.length === 0 ? "" : `; out of reach: ${away.join(", ")}`) +
        (refusing.length === 0 ? "" : `; refuse this node: ${refusing.join(", ")}`)
    }
    if (this.polls.isReady) return "another node has it, or had it a moment ago"
    return `its voters ${this.nodesThat("starts").join(", ")} have just started, and grant nothing within their first ${
      Duration.format(Duration.millis(this.rules.leaseMillis))
    }`
  }
}
