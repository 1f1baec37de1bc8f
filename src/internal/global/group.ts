/**
 * A group as one node sees it: the members that the database tells, those that the node has registered itself, and not those of which
 * a monitor or the loss of a link says that they cannot be reached. To choose one asks nobody.
 *
 * @internal
 */
import type { Watcher } from "../port/receiver.ts"
import { nodeOf } from "../values/portId.ts"
import { isTagged, type PortExit, reasonFromExit } from "../values/reason.ts"
import { leastPending, nearest, oneOf, otherFor, type Places, Ring, type Strategy, Turns } from "./choice.ts"
import type { FamilyChange } from "./familyCopy.ts"
import { isMember } from "./member.ts"
import type { Change } from "./shards.ts"

/** What a group needs of its node. */
export interface GroupHost extends Places {
  /** Whether a node is about to stop: nobody is to choose its members. */
  readonly drains: (nodeId: string) => boolean
  readonly monitor: (port: string, watcher: Watcher) => () => void
  /** Calls back when the node has answered: what it was told before that it knows, and has said what it had to say of it. */
  readonly echo: (nodeId: string, answered: () => void) => void
}

/** Whether what is lost is the member's own node, and not one that the member ended with. */
const isLost = (member: string, exit: PortExit): boolean => {
  const reason = reasonFromExit(exit)
  return isTagged(reason, "transport_error") && reason[1] === nodeOf(member)
}

export class Group {
  private readonly host: GroupHost
  /** A member is away since its node is: the node is to be looked for. */
  private readonly lookFor: (nodeId: string) => void
  /** What the database tells. */
  private readonly told = new Set<string>()
  /** What this node has registered itself. */
  private readonly own = new Set<string>()
  /** Those that have ended, as far as the database does not know yet. */
  private readonly ended = new Set<string>()
  /** Those of them that may be there: another port may have the ID by now, and the node is asked. By question. */
  private readonly doubted = new Map<string, object>()
  /** Those whose node was lost, and has not come back so far. */
  private readonly away = new Set<string>()
  /** Those that were chosen are monitored: how to take that back. */
  private readonly monitors = new Map<string, () => void>()
  /** How many calls are under way, by member. */
  private readonly pending = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  private readonly turns = new Turns()
  private readonly ring = new Ring()
  private present: ReadonlyArray<string> | undefined = undefined
  private known = false
  private isOpen = true

  constructor(host: GroupHost, lookFor: (nodeId: string) => void) {
    this.host = host
    this.lookFor = lookFor
  }

  /** Whether it is known who else is in the group: from a master, or since there is nobody to tell. */
  get isKnown(): boolean {
    return this.known
  }

  /** The members, in the order of their IDs. Another list after each change. */
  get members(): ReadonlyArray<string> {
    this.present ??= Array.from(new Set([...this.told, ...this.own]))
      .filter((member) => !this.ended.has(member) && !this.away.has(member) && !this.host.drains(nodeOf(member)))
      .toSorted()
    return this.present
  }

  /** Nodes that are to be looked for, since members are away with them. */
  get nodesAway(): ReadonlyArray<string> {
    return Array.from(this.away, nodeOf)
  }

  /** Called after each change. The result takes that back. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  // ---- what is heard of it

  /** The database tells a change. */
  familyChanged({ added, changed, deleted, entries }: FamilyChange): void {
    this.known = true
    for (const key of [...added, ...changed]) {
      if (!isMember(key, entries.get(key))) this.leave(this.told, key)
      else {
        this.enter(this.told, key)
        this.doubt(key)
      }
    }
    for (const key of deleted) this.leave(this.told, key)
    this.changed()
  }

  /** This node registers members, or takes them out. */
  ownChanged({ deleted, set }: Change): void {
    for (const [key, value] of set) {
      if (isMember(key, value)) {
        // It is registered now, whatever had its ID before.
        this.ended.delete(key)
        this.enter(this.own, key)
      } else this.leave(this.own, key)
    }
    for (const key of deleted) this.leave(this.own, key)
    this.changed()
  }

  private enter(list: Set<string>, member: string): void {
    list.add(member)
    // Its node says that it is there.
    this.away.delete(member)
    // What is here costs nothing to watch.
    if (nodeOf(member) === this.host.nodeId) this.watch(member)
  }

  private leave(list: Set<string>, member: string): void {
    if (!list.delete(member) || this.told.has(member) || this.own.has(member)) return
    this.ended.delete(member)
    this.doubted.delete(member)
    this.away.delete(member)
    this.monitors.get(member)?.()
    this.monitors.delete(member)
  }

  nodeUp(nodeId: string): void {
    const back = Array.from(this.away).filter((member) => nodeOf(member) === nodeId)
    for (const member of back) {
      this.away.delete(member)
      this.doubt(member)
    }
    if (back.length > 0) this.changed()
  }

  nodeDrains(nodeId: string): void {
    if (this.members.some((member) => nodeOf(member) === nodeId)) this.changed()
  }

  nodeDown(nodeId: string): void {
    // Those of a node that was draining are no members by now, and may be there again when it is.
    const all = [...this.told, ...this.own].filter((member) => nodeOf(member) === nodeId)
    const lost = all.filter((member) => !this.ended.has(member) && !this.away.has(member))
    for (const member of lost) this.goesAway(member)
    if (lost.length > 0) this.changed()
  }

  /** Tells of the end of a member as soon as it is known, from the first time that it is chosen. */
  private watch(member: string): void {
    if (!this.isOpen || this.monitors.has(member) || this.ended.has(member) && !this.doubted.has(member)) return
    const cancel = this.host.monitor(member, (exit) => {
      this.monitors.delete(member)
      const isAnswer = this.doubted.delete(member)
      if (isLost(member, exit)) this.goesAway(member)
      else {
        this.ended.add(member)
        // What is said of an end may be late, and of the port that had this ID before.
        if (!isAnswer) this.doubt(member)
      }
      this.changed()
    })
    this.monitors.set(member, cancel)
  }

  /** Finds out whether one that has ended is there all the same: its node says at once that it is not, or answers. */
  private doubt(member: string): void {
    if (!this.isOpen || !this.ended.has(member) || this.doubted.has(member)) return
    const question = {}
    this.doubted.set(member, question)
    this.watch(member)
    this.host.echo(nodeOf(member), () => {
      if (this.doubted.get(member) !== question) return
      this.doubted.delete(member)
      this.ended.delete(member)
      this.changed()
    })
  }

  private goesAway(member: string): void {
    this.away.add(member)
    this.lookFor(nodeOf(member))
  }

  private changed(): void {
    this.present = undefined
    for (const listener of Array.from(this.listeners)) listener()
  }

  // ---- who is chosen

  /** Chooses a member, by a number from 0 up to 1 where chance has a part in it, and never one of `except`. */
  choose(strategy: Strategy, chance: number, except?: ReadonlySet<string>): string | undefined {
    const all = this.members
    const members = except === undefined ? all : all.filter((member) => !except.has(member))
    const chosen = this.chooseFrom(members, strategy, chance)
    if (chosen !== undefined) this.watch(chosen)
    return chosen
  }

  private chooseFrom(members: ReadonlyArray<string>, strategy: Strategy, chance: number): string | undefined {
    switch (strategy) {
      case "random":
        return oneOf(members, chance)
      case "round-robin":
        return this.turns.next(members)
      case "nearest":
        return oneOf(nearest(members, this.host), chance)
      case "least-pending":
        return oneOf(leastPending(members, this.pending), chance)
      default:
        return members === this.members
          ? this.ring.memberFor(strategy.key, members)
          : otherFor(strategy.key, members)
    }
  }

  /** All members, as those who were chosen. */
  chooseAll(): ReadonlyArray<string> {
    const { members } = this
    for (const member of members) this.watch(member)
    return members
  }

  /** A call of a member begins. The result ends it. */
  begin(member: string): () => void {
    this.pending.set(member, (this.pending.get(member) ?? 0) + 1)
    return () => {
      const left = (this.pending.get(member) ?? 1) - 1
      if (left > 0) this.pending.set(member, left)
      else this.pending.delete(member)
    }
  }

  /** Nobody looks at it any more. Whoever still has it sees what it was. */
  close(): void {
    this.isOpen = false
    this.doubted.clear()
    for (const cancel of this.monitors.values()) cancel()
    this.monitors.clear()
    this.listeners.clear()
  }
}
