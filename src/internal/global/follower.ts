/**
 * What a node asks its master: families that it monitors, addresses of nodes that it looks for, and single questions. It chooses
 * its master among its seeds, and asks each new one again for what it still wants to know. A global node asks itself in the same
 * way. Follows protocol sections 13, 15 and 16.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import type { Delivery } from "./delivery.ts"
import { FamilyCopy, type FamilyListener } from "./familyCopy.ts"
import type { Master } from "./master.ts"
import type { OwnData } from "./ownData.ts"
import type { Change } from "./shards.ts"

/** The questions about a family that are answered once. */
export type Question = "g_db_family" | "g_db_keys" | "g_db_values"

/** A question that waits for its answer. */
interface Query {
  readonly question: Question
  readonly family: string
  readonly answer: (result: unknown) => void
  /** What has come of an answer in portions. */
  parts: Array<unknown>
}

type AddressListener = (addresses: ReadonlyArray<string>) => void

export class Follower {
  private readonly router: Router
  private readonly master: Master
  private readonly ownData: OwnData
  private readonly delivery: Delivery
  private readonly isSeed: (nodeId: string) => boolean
  /** The families that are monitored here, by name. */
  private readonly copies = new Map<string, FamilyCopy>()
  /** Who waits for the addresses of a node, by its node ID. */
  private readonly searches = new Map<string, Set<AddressListener>>()
  private readonly queries = new Map<string, Query>()
  private lastQuery = 0

  constructor(
    router: Router,
    master: Master,
    ownData: OwnData,
    delivery: Delivery,
    isSeed: (nodeId: string) => boolean
  ) {
    this.router = router
    this.master = master
    this.ownData = ownData
    this.delivery = delivery
    this.isSeed = isSeed
  }

  // ---- what programs ask

  /** Asks the master, as soon as there is one. The result takes the question back. */
  query(question: Question, family: string, answer: (result: unknown) => void): () => void {
    const id = `q${++this.lastQuery}`
    this.queries.set(id, { question, family, answer, parts: [] })
    this.master.request(question, family, id)
    return () => this.queries.delete(id)
  }

  /** Follows a family. The result ends it. */
  monitor(family: string, listener: FamilyListener): () => void {
    const known = this.copies.get(family)
    const copy = known ?? new FamilyCopy()
    copy.add(listener)
    if (known === undefined) {
      this.copies.set(family, copy)
      // Last: a global node answers itself at once.
      this.master.request("g_mon1", family)
    }
    return () => {
      copy.remove(listener)
      if (copy.hasListeners) return
      this.copies.delete(family)
      this.master.request("g_mon0", family)
    }
  }

  /** Asks the master for the addresses of a node: once for all who wait for them. The result takes the question back. */
  search(nodeId: string, answer: AddressListener): () => void {
    const waiting = this.searches.get(nodeId) ?? new Set()
    if (!this.searches.has(nodeId)) {
      this.searches.set(nodeId, waiting)
      this.master.request("g_find", nodeId)
    }
    waiting.add(answer)
    return () => {
      waiting.delete(answer)
      // The answer may never come: nothing waits for it.
      if (waiting.size === 0 && this.searches.get(nodeId) === waiting) this.searches.delete(nodeId)
    }
  }

  // ---- the master comes and goes

  isMaster(nodeId: string): boolean {
    return this.master.nodeId === nodeId
  }

  up(nodeId: string): void {
    if (this.isSeed(nodeId)) this.seedUp(nodeId)
  }

  /** A seed is up: it is to become a global node, and the master of this node if it has none. */
  seedUp(nodeId: string): void {
    this.router.request(nodeId, "g_slave")
    if (this.master.nodeId === undefined) this.choose(nodeId)
  }

  /** A node is down. If it was the master, another seed that is up takes its place. */
  down(nodeId: string): void {
    if (this.master.nodeId !== nodeId) return
    this.master.lost()
    const next = this.router.upNodes().find((other) => this.isSeed(other))
    if (next !== undefined) this.choose(next)
  }

  private choose(nodeId: string): void {
    this.master.choose(nodeId)
    const stamp = this.router.isOwnKind(nodeId) ? [this.master.stamp] : []
    this.delivery.table(
      nodeId,
      this.ownData.table,
      (first) => this.router.requestIfCarried(nodeId, "g_slave", first, ...stamp),
      (family, set) => this.router.requestIfCarried(nodeId, "g_upd", family, set)
    )
    this.askAgain()
  }

  /** Asks a new master for all that an earlier one has not answered, and for all that is monitored. */
  askAgain(): void {
    for (const nodeId of this.searches.keys()) this.master.request("g_find", nodeId)
    for (const [family, copy] of this.copies) {
      copy.abandon()
      this.master.request("g_mon1", family)
    }
    for (const [id, query] of this.queries) {
      query.parts = []
      this.master.request(query.question, query.family, id)
    }
  }

  // ---- what the master answers

  /** A question has its answer, or a part of it: then so many are still to come. */
  answered(id: string, part: unknown, left: number): void {
    const query = this.queries.get(id)
    if (query === undefined) return
    query.parts.push(part)
    if (left > 0) return
    this.queries.delete(id)
    query.answer(query.parts.length === 1 ? part : joined(query.parts))
  }

  /** The addresses of a node. */
  found(nodeId: string, addresses: ReadonlyArray<string>): void {
    const waiting = this.searches.get(nodeId)
    this.searches.delete(nodeId)
    waiting?.forEach((answer) => answer(addresses))
  }

  /** The node has become a global one: what was looked for is looked up instead. */
  lookUp(addressesOf: (nodeId: string) => ReadonlyArray<string>): void {
    for (const nodeId of Array.from(this.searches.keys())) this.found(nodeId, addressesOf(nodeId))
  }

  /** A family that is monitored, or its first part: then so many portions follow as changes. */
  familyCame(family: string, all: Map<string, unknown>, portions: number): void {
    this.copies.get(family)?.whole(all, portions)
  }

  /** A change of a family that is monitored. */
  familyChanged(family: string, change: Change): void {
    this.copies.get(family)?.change(change)
  }
}

/** An answer of several parts: lists make a list, families a family. */
const joined = (parts: ReadonlyArray<unknown>): unknown =>
  parts.every(Array.isArray) ? parts.flat() : Object.fromEntries(parts.flatMap((part) => Object.entries(part ?? {})))
