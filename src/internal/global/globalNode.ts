/**
 * What a node does once it is a global one: it keeps what all nodes have set, tells other global nodes what its slaves (the nodes
 * whose master it is, itself among them) have set, and tells nodes that monitor a family of its changes. Follows protocol section
 * 17.
 *
 * @internal
 */
import type { Router } from "../node/router.ts"
import { globalsFamily, listenersFamily } from "./families.ts"
import type { OwnData } from "./ownData.ts"
import { type Change, type Family, Shards, type Stamp, type Table, type Told } from "./shards.ts"
import { divide, ownGlobal, portion, readAddresses, toWire } from "./wire.ts"

export class GlobalNode {
  private readonly router: Router
  private readonly ownData: OwnData
  /** The other global nodes, while they are up. */
  private readonly globals: ReadonlySet<string>
  private readonly shards = new Shards()
  /** Who monitors which family: node IDs, by family. */
  private readonly watchers = new Map<string, Set<string>>()

  /**
   * Begins with what this node has set itself. Nobody is told yet: other global nodes get all of it when this one meets them, and
   * nobody could monitor it so far.
   */
  constructor(router: Router, ownData: OwnData, globals: ReadonlySet<string>, stamp: Stamp) {
    this.router = router
    this.ownData = ownData
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

  /** The addresses where a node listens. */
  addressesOf(nodeId: string): ReadonlyArray<string> {
    return readAddresses(this.listenersOf(nodeId))
  }

  // ---- its slaves

  /**
   * A node has chosen this one as its master. Nodes of our own kind give a stamp, and with it a first part of all that they have
   * set: what they gave before is void. What comes without a stamp adds to it.
   */
  addSlave(nodeId: string, stamp: Stamp | undefined, table: Table): void {
    this.shards.addSlave(nodeId)
    if (stamp !== undefined && nodeId !== this.router.nodeId) {
      this.passOn(ownGlobal.set, [[nodeId, stamp, {}]])
      this.publishAll(this.shards.begin(nodeId, undefined, stamp))
    }
    this.updateAll(nodeId, table)
  }

  /** A node, a slave or a global one of another kind, sets and deletes entries of its own. */
  update(nodeId: string, family: string, { deleted, set }: Change): void {
    const told = this.shards.update(nodeId, family, set, deleted)
    if (this.shards.isSlave(nodeId)) {
      const stamp = this.shards.stampOf(nodeId) ?? null
      this.passOn(ownGlobal.update, nodeId, stamp, family, ...toWire({ set, deleted }))
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
    this.ownData.delete(listenersFamily, [nodeId])
    this.forget(nodeId)
  }

  /** All that a node has set, passed on for its slaves or monitored is void. */
  private forget(nodeId: string): void {
    // First its monitors: to tell the lost node of what is deleted here would connect to it again.
    for (const [family, nodes] of this.watchers) {
      nodes.delete(nodeId)
      if (nodes.size === 0) this.watchers.delete(family)
    }
    if (this.shards.isSlave(nodeId)) this.passOn(ownGlobal.gone, nodeId)
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
    const { first, rest } = divide(this.shards.ofSlaves())
    this.router.request(nodeId, "g_set", first)
    for (const [family, set] of rest) this.router.request(nodeId, "g_upd", family, set, [])
  }

  private meetOwnKind(nodeId: string): void {
    let all: Array<unknown> = []
    let size = 0
    const send = (): void => {
      this.router.request(nodeId, ownGlobal.set, all)
      all = []
      size = 0
    }
    for (const { origin, stamp, table } of this.shards.bySlave()) {
      const { first, rest, size: more } = divide(table)
      if (size > 0 && size + more > portion) send()
      all.push([origin, stamp ?? null, first])
      size += more
      if (rest.length > 0) send()
      for (const [family, set] of rest) {
        this.router.request(nodeId, ownGlobal.update, origin, stamp ?? null, family, set, [])
      }
    }
    if (all.length > 0) send()
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
  }

  /** `origin` is no slave of the global node `via` any more. */
  goneVia(via: string, origin: string): void {
    this.publishAll(this.shards.dropVia(origin, via))
  }

  /** This node says itself where another global node listens, as all global nodes do. */
  private noteListeners(nodeId: string, table: Table): void {
    this.ownData.set(listenersFamily, nodeId, table.get(listenersFamily)?.get(nodeId) ?? null)
  }

  /** Tells global nodes of our own kind what a slave of this one does. */
  private passOn(request: string, ...args: ReadonlyArray<unknown>): void {
    for (const nodeId of this.globals) {
      if (this.router.isOwnKind(nodeId)) this.router.request(nodeId, request, ...args)
    }
  }

  // ---- who is told what a family has become

  /** A node monitors a family: it is told all of it, and each change from now on. */
  watch(nodeId: string, family: string): void {
    this.watchers.set(family, (this.watchers.get(family) ?? new Set()).add(nodeId))
    const entries = this.shards.family(family)
    const whole = entries.size === 0 ? null : Object.fromEntries(entries)
    if (!this.router.isOwnKind(nodeId)) return this.router.request(nodeId, "g_chg1", family, whole)
    const { first, rest } = divide(new Map([[family, entries]]))
    this.router.request(nodeId, "g_chg1", family, Object.values(first)[0] ?? null, rest.length)
    for (const [, set] of rest) this.router.request(nodeId, "g_chg2", family, set, [])
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
        if (!this.router.isOwnKind(nodeId)) this.router.request(nodeId, "g_upd", family, ...toWire(told.globals))
      }
    }
    if (told.monitors === undefined) return
    for (const nodeId of this.watchers.get(family) ?? []) {
      this.router.request(nodeId, "g_chg2", family, ...toWire(told.monitors))
    }
  }
}
