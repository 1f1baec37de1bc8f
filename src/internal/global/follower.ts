/**
 * What a node asks its master: families that it monitors, addresses of nodes that it looks for, and single questions. It chooses
 * its master among its seeds, and asks each new one again for what it still wants to know. A global node asks itself in the same
 * way. While there is no master it answers itself what it knows. Follows protocol sections 13, 15 and 16.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import type { Delivery } from "./delivery.ts"
import { FamilyCopy, type FamilyListener } from "./familyCopy.ts"
import type { Master } from "./master.ts"
import type { OwnData } from "./ownData.ts"
import type { Change, Family } from "./shards.ts"

/** The questions about a family that are answered once. */
export type Question = "g_db_family" | "g_db_keys" | "g_db_values"

/** Who is to answer: the master, if need be the next one; or this node itself while there is none, if it knows the family. */
export type Asked = "master" | "anyone"

/** A question that waits for its answer. */
interface Query {
  readonly question: Question
  readonly family: string
  readonly asked: Asked
  readonly answer: (result: unknown) => void
  /** What has come of an answer in portions. */
  parts: Array<unknown>
}

/** What the database has to know of the seeds. */
export interface SeedsOfNode {
  isSeed(nodeId: string): boolean
  /** Whether there are seeds other than the node itself. Without them nobody is asked, and the node has what it has set itself. */
  readonly hasOthers: boolean
}

type AddressListener = (addresses: ReadonlyArray<string>) => void

export class Follower {
  private readonly router: Router
  private readonly master: Master
  private readonly ownData: OwnData
  private readonly delivery: Delivery
  private readonly seeds: SeedsOfNode
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
    seeds: SeedsOfNode
  ) {
    this.router = router
    this.master = master
    this.ownData = ownData
    this.delivery = delivery
    this.seeds = seeds
    ownData.listeners.add((family, change) => this.copies.get(family)?.ownChanged(change))
  }

  // ---- what programs ask

  /** Asks the master, as soon as there is one, or whoever is asked. The result takes the question back. */
  query(
    question: Question,
    family: string,
    answer: (result: unknown) => void,
    asked: Asked = "master"
  ): () => void {
    const id = `q${++this.lastQuery}`
    const query = { question, family, asked, answer, parts: [] }
    this.queries.set(id, query)
    if (this.master.nodeId === undefined) this.answerAlone(id, query)
    else this.master.request(question, family, id)
    return () => this.queries.delete(id)
  }

  /**
   * What can be answered without a question to anyone; `undefined` if that is for a master to say. A family that is followed here is
   * what it was when a master last told it, with what this node has set and deleted since. A node without seeds knows what it has set
   * itself.
   */
  knownAnswer(question: Question, family: string): unknown {
    const known = this.copies.get(family)?.known ?? (this.isAlone ? this.ownData.family(family) : undefined)
    return known === undefined ? undefined : answerFrom(question, known)
  }

  private get isAlone(): boolean {
    return this.master.nodeId === undefined && !this.seeds.hasOthers
  }

  /** There is no master. */
  private answerAlone(id: string, { answer, asked, family, question }: Query): void {
    const known = asked === "anyone" ? this.knownAnswer(question, family) : undefined
    if (known === undefined) return
    this.queries.delete(id)
    answer(known)
  }

  /** Nobody may tell a family that is followed: it is what this node knows itself, until somebody does. */
  assume(family: string): void {
    this.copies.get(family)?.assume()
  }

  /** Follows a family. The result ends it. */
  monitor(family: string, listener: FamilyListener): () => void {
    const known = this.copies.get(family)
    const copy = known ?? new FamilyCopy(() => this.ownData.family(family))
    copy.add(listener)
    if (known === undefined) {
      this.copies.set(family, copy)
      if (this.isAlone) copy.assume()
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
    if (this.seeds.isSeed(nodeId)) this.seedUp(nodeId)
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
    for (const copy of this.copies.values()) copy.abandon()
    const next = this.router.upNodes().find((other) => this.seeds.isSeed(other))
    if (next !== undefined) return this.choose(next)
    for (const [id, query] of Array.from(this.queries)) this.answerAlone(id, query)
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
      copy.asked()
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

/** What a master would answer that had these entries. */
const answerFrom = (question: Question, entries: Family): unknown => {
  switch (question) {
    case "g_db_family":
      return Object.fromEntries(entries)
    case "g_db_keys":
      return Array.from(entries.keys())
    case "g_db_values":
      return Array.from(entries.values())
  }
}

/** An answer of several parts: lists make a list, families a family. */
const joined = (parts: ReadonlyArray<unknown>): unknown =>
  parts.every(Array.isArray) ? parts.flat() : Object.fromEntries(parts.flatMap((part) => Object.entries(part ?? {})))
