/**
 * How one of several members is chosen (pure, but for whose turn it is).
 *
 * @internal
 */
import * as Hash from "effect/Hash"
import * as HashRing from "effect/HashRing"
import * as PrimaryKey from "effect/PrimaryKey"
import { nodeOf } from "../values/portId.ts"

/** How `pick` chooses. */
export type Choice = "random" | "round-robin" | "nearest"

/** How the local view of a group chooses. */
export type Strategy = Choice | "least-pending" | { readonly key: string }

/** What there is to know of a node, for those who choose the nearest one. */
export interface Places {
  readonly nodeId: string
  readonly isUp: (nodeId: string) => boolean
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  /** How long a message to a node and its answer take, as far as that is known. */
  readonly roundTripMillis: (nodeId: string, now: number) => number | undefined
}

/** One of several, by a number from 0 up to 1. */
export const oneOf = (members: ReadonlyArray<string>, chance: number): string | undefined =>
  members[Math.floor(chance * members.length)]

/** Those on this very node; without any, those on nodes that there is a link to, and of these the quick ones; without any, all of them. */
export const nearest = (members: ReadonlyArray<string>, places: Places): ReadonlyArray<string> => {
  const here = members.filter((member) => nodeOf(member) === places.nodeId)
  if (here.length > 0) return here
  const linked = members.filter((member) => places.isUp(nodeOf(member)))
  return linked.length > 0 ? quickest(linked, places) : members
}

/** By so much a node may be slower than the quickest one, and is as near: a process that is busy needs as long to answer. */
const leewayMillis = 5

/**
 * Those on nodes that take no more than twice as long as the quickest one, or hardly more. A node that nobody knows it of may be near. Where
 * there is but one node, nothing is measured.
 */
const quickest = (members: ReadonlyArray<string>, places: Places): ReadonlyArray<string> => {
  const nodes = members.map(nodeOf)
  if (nodes.every((nodeId) => nodeId === nodes[0])) return members
  const now = places.monotonic()
  const millis = nodes.map((nodeId) => places.roundTripMillis(nodeId, now))
  let least = Infinity
  for (const time of millis) if (time !== undefined && time < least) least = time
  const most = Math.max(2 * least, least + leewayMillis)
  return members.filter((_, nth) => (millis[nth] ?? 0) <= most)
}

/** Those with the fewest calls that are under way. */
export const leastPending = (
  members: ReadonlyArray<string>,
  pending: ReadonlyMap<string, number>
): ReadonlyArray<string> => {
  let least = Infinity
  let found: Array<string> = []
  for (const member of members) {
    const count = pending.get(member) ?? 0
    if (count > least) continue
    if (count < least) {
      least = count
      found = []
    }
    found.push(member)
  }
  return found
}

/**
 * Whose turn it is: the one behind the last one in the order of their IDs, so that nobody is passed over when others come and go.
 */
export class Turns {
  private sorted: ReadonlyArray<string> = []
  private at = 0

  next(sorted: ReadonlyArray<string>): string | undefined {
    const last = this.sorted[this.at] ?? ""
    const behind = sorted === this.sorted ? this.at + 1 : sorted.findIndex((member) => member > last)
    this.sorted = sorted
    this.at = behind < 0 || behind >= sorted.length ? 0 : behind
    return sorted[this.at]
  }
}

class Spot implements PrimaryKey.PrimaryKey {
  readonly member: string
  constructor(member: string) {
    this.member = member
  }
  [PrimaryKey.symbol](): string {
    return this.member
  }
}

/** Which member a key belongs to: the same one for as long as that stays, whoever else comes and goes. */
export class Ring {
  private readonly ring = HashRing.make<Spot>()
  private members: ReadonlySet<string> = new Set()
  private seen: ReadonlyArray<string> | undefined = undefined

  /** All nodes that see the same members come to the same one. */
  memberFor(key: string, members: ReadonlyArray<string>): string | undefined {
    if (members !== this.seen) this.update(members)
    return HashRing.get(this.ring, key)?.member
  }

  private update(members: ReadonlyArray<string>): void {
    const now = new Set(members)
    for (const member of this.members) if (!now.has(member)) HashRing.remove(this.ring, new Spot(member))
    const added = members.filter((member) => !this.members.has(member))
    if (added.length > 0) HashRing.addMany(this.ring, added.map((member) => new Spot(member)))
    this.members = now
    this.seen = members
  }
}

/** The member for a key among those that are left when some are not to be chosen: all nodes come to the same one here, too. */
export const otherFor = (key: string, members: ReadonlyArray<string>): string | undefined => {
  let found: string | undefined
  let most = -Infinity
  for (const member of members) {
    const weight = Hash.string(`${key} ${member}`)
    if (weight <= most) continue
    most = weight
    found = member
  }
  return found
}
