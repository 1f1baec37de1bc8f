/**
 * Gives other nodes parts of the database: in messages that they take, and without what they cannot take. What is left out for a
 * node is said once for each link to it, and no link is lost by it.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import { culpritOfEntry, envelope, sizeOfEntry } from "./entry.ts"
import { scopedFamily } from "./families.ts"
import type { Change, Family, Table } from "./shards.ts"
import { divide, divideKeys, portion } from "./wire.ts"

/** Entries as they travel. */
export type Entries = Readonly<Record<string, unknown>>

/** Sends what it is given, in one message. Answers false if the link cannot carry that. */
type Send = (set: Entries) => boolean
type SendChange = (set: Entries, deleted: ReadonlyArray<string>) => boolean
type SendOfFamily = (family: string, set: Entries) => boolean

export class Delivery {
  private readonly router: Router
  /** Nodes of which it was said that they are not told of everything. */
  private readonly reported = new Set<string>()

  constructor(router: Router) {
    this.router = router
  }

  /** The link to a node is lost: the next one may be another. */
  down(nodeId: string): void {
    this.reported.delete(nodeId)
  }

  /** How many bytes of entries a node takes in one message, as far as that is known. */
  mostFor(nodeId: string | undefined): number {
    const limits = nodeId === undefined ? undefined : this.router.linkTo(nodeId)?.peerLimits
    return limits === undefined ? Infinity : limits.bytes - envelope
  }

  /** How many of them go in one message. */
  private portionFor(nodeId: string): number {
    return Math.min(portion, this.mostFor(nodeId))
  }

  /** Whether a node knows what a family is for. */
  private knows(nodeId: string, family: string): boolean {
    return family !== scopedFamily || this.router.isOwnKind(nodeId)
  }

  /** Tells a change: in one message, or in several if the node does not take one that large. */
  change(nodeId: string, family: string, change: Change, send: SendChange): void {
    if (!this.knows(nodeId, family)) return
    if (send(Object.fromEntries(change.set), change.deleted)) return
    const most = this.portionFor(nodeId)
    const { first, rest } = divide(new Map([[family, change.set]]), most)
    // What the node has under a key that it cannot be told of is old.
    const old = [first[family] ?? {}, ...rest.map(([, set]) => set)]
      .flatMap((set) => this.part(nodeId, family, set, (fitting) => send(fitting, [])))
    for (const keys of divideKeys([...change.deleted, ...old], most)) send({}, keys)
  }

  /** Gives a table: a first part with all that fits in, which must be sent, and the rest of it by families. */
  table(
    nodeId: string,
    table: Table,
    sendFirst: (first: Readonly<Record<string, Entries>>) => boolean,
    send: SendOfFamily
  ): void {
    const known = Array.from(table).filter(([family]) => this.knows(nodeId, family))
    const { first, rest } = divide(new Map(known), this.portionFor(nodeId))
    const isSent = sendFirst(first)
    if (!isSent) sendFirst({})
    for (const [family, set] of isSent ? rest : [...Object.entries(first), ...rest]) {
      this.part(nodeId, family, set, (fitting) => send(family, fitting))
    }
  }

  /** Gives a whole family: in as many messages as it takes, each with how many are still to come. */
  family(nodeId: string, family: string, entries: Family, send: (set: Entries, left: number) => boolean): void {
    // This node may tell itself all of it at once.
    if (nodeId === this.router.nodeId) return this.whole(nodeId, family, entries, (set) => send(set, 0))
    const { first, rest } = divide(new Map([[family, entries]]), this.portionFor(nodeId))
    const parts = [first[family] ?? {}, ...rest.map(([, set]) => set)]
    parts.forEach((set, at) => this.part(nodeId, family, set, (fitting) => send(fitting, parts.length - 1 - at)))
  }

  /** Gives a whole family in one message, to a node that does not know of others. */
  whole(nodeId: string, family: string, entries: Family, send: Send): void {
    this.part(nodeId, family, Object.fromEntries(entries), send)
  }

  /** Sends one message, without those entries that the node cannot take. Answers their keys. */
  private part(nodeId: string, family: string, set: Entries, send: Send): ReadonlyArray<string> {
    if (send(set)) return []
    const isFit = (key: string, value: unknown): boolean => this.isFit(nodeId, key, value)
    const fit = Object.entries(set).filter((entry) => isFit(...entry))
    const unfit = Object.entries(set).filter((entry) => !isFit(...entry)).map(([key]) => key)
    this.report(nodeId, family, unfit[0])
    if (send(Object.fromEntries(fit))) return unfit
    send({})
    return Object.keys(set)
  }

  private isFit(nodeId: string, key: string, value: unknown): boolean {
    return sizeOfEntry(key, value) <= this.mostFor(nodeId) &&
      culpritOfEntry(key, value, this.router.linkTo(nodeId)?.carries ?? "cbor") === undefined
  }

  private report(nodeId: string, family: string, key = "?"): void {
    if (this.reported.has(nodeId)) return
    this.reported.add(nodeId)
    const most = this.mostFor(nodeId)
    const size = most === Infinity ? "" : `, which takes no messages of more than ${most + envelope} bytes`
    this.router.log.of("Global").warn(
      `node ${nodeId}${size}: it cannot be told of the entry ${
        JSON.stringify(key.slice(0, 60))
      } of family ${family}, nor of others like it`
    )
  }
}
