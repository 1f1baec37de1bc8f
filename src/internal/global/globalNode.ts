/**
 * What a node does once it is a global one: it keeps what all nodes have set, tells other global nodes what its slaves (the nodes
 * whose master it is, itself among them) have set, and tells nodes that monitor a family of its changes. Follows protocol section
 * 17.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import type { Delivery, Entries } from "./delivery.ts"
import { globalsFamily, listenersFamily, scopedFamily } from "./families.ts"
import type { OwnData } from "./ownData.ts"
import { type Change, type Family, Shards, type Stamp, type Table, type Told } from "./shards.ts"
import { ownGlobal, readAddresses } from "./wire.ts"

/** Where nodes listen. */
const placesFamilies: ReadonlyArray<string> = [listenersFamily, scopedFamily]

export class GlobalNode {
  private readonly router: Router
  private readonly ownData: OwnData
  private readonly delivery: Delivery
  /** The other global nodes, while they are up. */
  private readonly globals: ReadonlySet<string>
  private readonly shards = new Shards()
  /** Who monitors which family: node IDs, by family. */
  private readonly watchers = new Map<string, Set<string>>()

  /**
   * Begins with what this node has set itself. Nobody is told yet: other global nodes get all of it when this one meets them, and
   * nobody could monitor it so far.
   */
  constructor(
    router: Router,
    ownData: OwnData,
    delivery: Delivery,
    globals: ReadonlySet<string>,
    stamp: Stamp
  ) {
    this.router = router
    this.ownData = ownData
    this.delivery = delivery
    this.globals = globals
    this.shards.addSlave(router.nodeId)
    this.shards.begin(router.nodeId, undefined, stamp)
    for (const [family, entries] of ownData.table) this.shards.update(router.nodeId, family, new Map(entries), [])
  }

  // ---- what it knows

  /** All that is known of a family. */
  family(name: string): Family {
    return this.shards.family(name)
  }

  /** How many entries each family has. */
  get sizes(): Record<string, number> {
    return this.shards.sizes
  }

  /** Where a node listens, as it was told; `undefined` if nobody knows. */
  listenersOf(nodeId: string): unknown {
    return this.shards.get(listenersFamily, nodeId)
  }

  /** The same for those who dial by labels. */
  scopedOf(nodeId: string): unknown {
    return this.shards.get(scopedFamily, nodeId)
  }

  /** The addresses where a node listens, with those that have labels. */
  addressesOf(nodeId: string): ReadonlyArray<string> {
    return [...readAddresses(this.scopedOf(nodeId)), ...readAddresses(this.listenersOf(nodeId))]
  }

  // ---- its slaves

  /**
   * A node has chosen this one as its master. Nodes of our own kind give a stamp, and with it a first part of all that they have
   * set: what they gave before is void. What comes without a stamp adds to it.
   */
  addSlave(nodeId: string, stamp: Stamp | undefined, table: Table): void {
    this.shards.addSlave(nodeId)
    if (stamp !== undefined && nodeId !== this.router.nodeId) {
      for (const other of this.ownGlobals()) this.router.request(other, ownGlobal.set, [[nodeId, stamp, {}]])
      this.publishAll(this.shards.begin(nodeId, undefined, stamp))
    }
    this.updateAll(nodeId, table)
  }

  /** A node, a slave or a global one of another kind, sets and deletes entries of its own. */
  update(nodeId: string, family: string, { deleted, set }: Change): void {
    const told = this.shards.update(nodeId, family, set, deleted)
    if (this.shards.isSlave(nodeId)) {
      const stamp = this.shards.stampOf(nodeId) ?? null
      for (const other of this.ownGlobals()) {
        this.tellChange(other, ownGlobal.update, [nodeId, stamp], family, { set, deleted })
      }
    }
    this.publish(family, told)
  }

  private updateAll(nodeId: string, table: Table): void {
    for (const [family, set] of table) this.update(nodeId, family, { set, deleted: [] })
  }

  /**
   * A node is down. Its own entries go, and those that came through it; and what this global node has set itself about the lost
   * one: that it is global, and where it listens.
   */
  down(nodeId: string): void {
    this.ownData.delete(globalsFamily, [nodeId])
    for (const family of placesFamilies) this.ownData.delete(family, [nodeId])
    this.forget(nodeId)
  }

  /** All that a node has set, passed on for its slaves or monitored is void. */
  private forget(nodeId: string): void {
    // First its monitors: to tell the lost node of what is deleted here would connect to it again.
    for (const [family, nodes] of this.watchers) {
      nodes.delete(nodeId)
      if (nodes.size === 0) this.watchers.delete(family)
    }
    if (this.shards.isSlave(nodeId)) {
      for (const other of this.ownGlobals()) this.router.request(other, ownGlobal.gone, nodeId)
    }
    this.publishAll(this.shards.drop(nodeId))
  }

  // ---- other global nodes

  /** Another node that is up says that it is a global one. It may have been a slave, and is treated like a new node. */
  greeted(nodeId: string): void {
    this.forget(nodeId)
    this.meet(nodeId)
  }

  /** Gives another global node all that the slaves of this one have set. The other one does the same. */
  meet(nodeId: string): void {
    this.ownData.set(globalsFamily, nodeId, null)
    if (this.router.isOwnKind(nodeId)) return this.meetOwnKind(nodeId)
    this.delivery.table(
      nodeId,
      this.shards.ofSlaves(),
      (first) => this.router.requestIfCarried(nodeId, "g_set", first),
      (family, set) => this.router.requestIfCarried(nodeId, "g_upd", family, set, [])
    )
  }

  private meetOwnKind(nodeId: string): void {
    for (const { origin, stamp = null, table } of this.shards.bySlave()) {
      this.delivery.table(
        nodeId,
        table,
        (first) => this.router.requestIfCarried(nodeId, ownGlobal.set, [[origin, stamp, first]]),
        (family, set) => this.router.requestIfCarried(nodeId, ownGlobal.update, origin, stamp, family, set, [])
      )
    }
  }

  /** A global node of another kind gives all that its slaves have set, and among it where it listens. */
  merge(nodeId: string, table: Table): void {
    this.updateAll(nodeId, table)
    this.noteListeners(nodeId, table)
  }

  /** `via`, a global node of our own kind, gives all that its slave `origin` has set, or a first part of it. */
  beginVia(via: string, origin: string, stamp: Stamp | undefined, table: Table): void {
    if (origin === this.router.nodeId) return
    this.publishAll(this.shards.begin(origin, via, stamp))
    for (const [family, set] of table) this.updateVia(via, origin, stamp, family, { set, deleted: [] })
    if (origin === via) this.noteListeners(via, table)
  }

  /** `via`, a global node of our own kind, tells what its slave `origin` has set and deleted. */
  updateVia(via: string, origin: string, stamp: Stamp | undefined, family: string, { deleted, set }: Change): void {
    // What this node has set itself it knows better than others.
    if (origin === this.router.nodeId) return
    this.publish(family, this.shards.update(origin, family, set, deleted, via, stamp))
    if (origin === via) this.noteMove(via, family, { set, deleted })
  }

  /** `origin` is no slave of the global node `via` any more. */
  goneVia(via: string, origin: string): void {
    this.publishAll(this.shards.dropVia(origin, via))
  }

  /** This node says itself where another global node listens, as all global nodes do: others may know neither by another way. */
  private noteListeners(nodeId: string, table: Table): void {
    this.ownData.set(listenersFamily, nodeId, table.get(listenersFamily)?.get(nodeId) ?? null)
    const scoped = table.get(scopedFamily)?.get(nodeId)
    if (scoped === undefined) this.ownData.delete(scopedFamily, [nodeId])
    else this.ownData.set(scopedFamily, nodeId, scoped)
  }

  /** The same when it listens elsewhere from now on. */
  private noteMove(nodeId: string, family: string, { deleted, set }: Change): void {
    if (!placesFamilies.includes(family)) return
    if (set.has(nodeId)) this.ownData.set(family, nodeId, set.get(nodeId))
    else if (deleted.includes(nodeId)) this.ownData.delete(family, [nodeId])
  }

  /** The global nodes of our own kind: they are told what each slave of this one does. */
  private ownGlobals(): ReadonlyArray<string> {
    return Array.from(this.globals).filter((nodeId) => this.router.isOwnKind(nodeId))
  }

  private tellChange(
    nodeId: string,
    request: string,
    before: ReadonlyArray<unknown>,
    family: string,
    change: Change
  ): void {
    this.delivery.change(
      nodeId,
      family,
      change,
      (set, deleted) => this.router.requestIfCarried(nodeId, request, ...before, family, set, deleted)
    )
  }

  // ---- who is told what a family has become

  /** A node monitors a family: it is told all of it, and each change from now on. */
  watch(nodeId: string, family: string): void {
    this.watchers.set(family, (this.watchers.get(family) ?? new Set()).add(nodeId))
    const entries = this.shards.family(family)
    let isFirst = true
    this.answerInParts(nodeId, family, entries, (set, left) => {
      const first = Object.keys(set).length === 0 ? null : set
      const isSent = isFirst
        ? this.router.requestIfCarried(nodeId, "g_chg1", family, first, ...this.router.isOwnKind(nodeId) ? [left] : [])
        : this.router.requestIfCarried(nodeId, "g_chg2", family, set, [])
      isFirst &&= !isSent
      return isSent
    })
  }

  /**
   * Gives entries of a family to a node that has asked for them: to one of our own kind in messages that it takes, each with how many
   * are still to come.
   */
  answerInParts(
    nodeId: string,
    family: string,
    entries: Family,
    send: (set: Entries, left: number) => boolean
  ): void {
    if (this.router.isOwnKind(nodeId)) this.delivery.family(nodeId, family, entries, send)
    else this.delivery.whole(nodeId, family, entries, (set) => send(set, 0))
  }

  unwatch(nodeId: string, family: string): void {
    const nodes = this.watchers.get(family)
    if (nodes?.delete(nodeId) && nodes.size === 0) this.watchers.delete(family)
  }

  private publishAll(all: ReadonlyMap<string, Told>): void {
    for (const [family, told] of all) this.publish(family, told)
  }

  private publish(family: string, told: Told): void {
    if (told.globals !== undefined) {
      for (const nodeId of this.globals) {
        if (!this.router.isOwnKind(nodeId)) this.tellChange(nodeId, "g_upd", [], family, told.globals)
      }
    }
    if (told.monitors === undefined) return
    for (const nodeId of this.watchers.get(family) ?? []) this.tellChange(nodeId, "g_chg2", [], family, told.monitors)
  }
}
