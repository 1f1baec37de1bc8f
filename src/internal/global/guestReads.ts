/**
 * What guests see of the database: of families that are open to them all that there is, and of all others, groups among them, the ports of
 * this very node that are open to guests. They ask as nodes ask their master, and nothing of what they ask leaves this node.
 *
 * @internal
 */
import type { Request, Router } from "../node/router.ts"
import { isPortId, nodeOf, readName } from "../values/portId.ts"
import type { Delivery, Entries } from "./delivery.ts"
import { listenersFamily, longestFamilyName } from "./families.ts"
import type { FamilyChange, FamilyListener } from "./familyCopy.ts"
import type { Follower } from "./follower.ts"
import type { OwnData } from "./ownData.ts"
import type { Change, Family } from "./shards.ts"

interface Parts {
  readonly router: Router
  readonly ownData: OwnData
  readonly follower: Follower
  readonly delivery: Delivery
}

const nothing: Family = new Map()

export class GuestReads {
  private readonly router: Router
  private readonly ownData: OwnData
  private readonly follower: Follower
  private readonly delivery: Delivery
  private readonly open: ReadonlySet<string>

  constructor({ delivery, follower, ownData, router }: Parts) {
    this.router = router
    this.ownData = ownData
    this.follower = follower
    this.delivery = delivery
    this.open = new Set(router.network.guestLimits?.families)
  }

  /** Answers guests. The result ends that. */
  install(): () => void {
    const { guests, network } = this.router
    if (network.guestLimits === undefined) return () => {}
    let nodes: Family = nothing
    guests.isKnown = (nodeId) => nodes.has(nodeId)
    const keep = (change: FamilyChange): void => {
      nodes = change.entries
    }
    const all: Record<string, Request> = {
      // Whoever asks waits for an answer. It reaches nobody but this node, with which it has a link.
      g_find: (from, [nodeId]) => this.router.request(from, "g_found", readName(nodeId) ?? "", null),
      g_mon1: (from, [family]) => this.follow(from, family),
      g_mon0: (from, [family]) => guests.unfollow(from, readName(family) ?? ""),
      g_db_family: this.question((set) => set),
      g_db_keys: this.question((set) => Object.keys(set)),
      g_db_values: this.question((set) => Object.values(set))
    }
    const takeBack = [
      this.follower.monitor(listenersFamily, keep),
      ...Array.from(this.open, (family) => this.follower.monitor(family, () => {})),
      ...Object.entries(all).map(([name, request]) => guests.requests.add(name, request))
    ]
    return () => {
      guests.isKnown = () => false
      for (const back of takeBack) back()
    }
  }

  /** Looks at what guests see of a family. The result ends that. */
  private look(family: string, listener: FamilyListener): () => void {
    return this.open.has(family) ? this.follower.monitor(family, listener) : this.lookAtPorts(family, listener)
  }

  /** Of a family that is not open, what this node has set: its open ports. */
  private lookAtPorts(family: string, listener: FamilyListener): () => void {
    const { ownData } = this
    let seen = new Set<string>()
    const tell = (): void => {
      const entries = new Map(Array.from(ownData.family(family)).filter(([key]) => this.isOpenPort(key)))
      const before = seen
      seen = new Set(entries.keys())
      listener({
        entries,
        added: Array.from(seen).filter((key) => !before.has(key)),
        changed: [],
        deleted: Array.from(before).filter((key) => !seen.has(key))
      })
    }
    const changed = (name: string, { deleted, set }: Change): void => {
      if (name === family && [...set.keys(), ...deleted].some((key) => seen.has(key) || this.isOpenPort(key))) tell()
    }
    ownData.listeners.add(changed)
    tell()
    return () => ownData.listeners.delete(changed)
  }

  private isOpenPort(key: string): boolean {
    const { router } = this
    return isPortId(key) && nodeOf(key) === router.nodeId && router.guests.isOpen(key)
  }

  private follow(from: string, about: unknown): void {
    const family = readName(about)
    if (family === undefined || family.length > longestFamilyName) return
    this.router.guests.follow(from, family, () => {
      let isFirst = true
      return this.look(family, (change) => {
        if (isFirst) this.tellAll(from, family, change.entries)
        else this.tellChange(from, family, change)
        isFirst = false
      })
    })
  }

  private tellAll(from: string, family: string, entries: Family): void {
    let isFirst = true
    this.delivery.family(from, family, entries, (set, left) => {
      const first = Object.keys(set).length === 0 ? null : set
      const isSent = isFirst
        ? this.router.requestIfCarried(from, "g_chg1", family, first, left)
        : this.router.requestIfCarried(from, "g_chg2", family, set, [])
      isFirst &&= !isSent
      return isSent
    })
  }

  private tellChange(from: string, family: string, { added, changed, deleted, entries }: FamilyChange): void {
    const set = new Map([...added, ...changed].map((key) => [key, entries.get(key)]))
    this.delivery.change(
      from,
      family,
      { set, deleted },
      (some, gone) => this.router.requestIfCarried(from, "g_chg2", family, some, gone)
    )
  }

  /** A question that is answered once: as soon as this node knows the family. */
  private question(answer: (set: Entries) => unknown): Request {
    return (from, [about, id]) => {
      const family = readName(about)
      const name = readName(id)
      if (family === undefined || name === undefined || family.length > longestFamilyName) return
      // What is asked stands beside what is followed, under a name that no family has.
      const asked = `?${name}`
      let isAnswered = false
      const done = (): void => this.router.guests.unfollow(from, asked)
      this.router.guests.follow(from, asked, () =>
        this.look(family, ({ entries }) => {
          if (isAnswered) return
          isAnswered = true
          // Not in the call that begins it.
          this.router.soon("an answer to a guest failed", done)
          this.delivery.family(from, family, entries, (set, left) =>
            this.router.requestIfCarried(from, "g_reply", id, answer(set), ...left > 0 ? [left] : []))
        }))
    }
  }
}
