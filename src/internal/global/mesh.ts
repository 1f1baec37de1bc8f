/**
 * A node's place in the network: what it has set itself, what it asks its master, and what it does as a global node. Here stands
 * which of the three has its turn when something happens. Follows protocol sections 13 and 15 to 17.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Inspectable from "effect/Inspectable"
import type { NodeListener, Router } from "../node/router.ts"
import { isForAll } from "../values/address.ts"
import { Delivery } from "./delivery.ts"
import { globalsFamily, listenersFamily, scopedFamily } from "./families.ts"
import type { FamilyListener } from "./familyCopy.ts"
import { type Asked, Follower, type Question, type SeedsOfNode } from "./follower.ts"
import { GlobalNode } from "./globalNode.ts"
import { Groups } from "./groups.ts"
import { GuestReads } from "./guestReads.ts"
import { Master } from "./master.ts"
import { type Holding, OwnData } from "./ownData.ts"
import { isForFollowers, requests } from "./requests.ts"
import { Rounds } from "./rounds.ts"
import { Global, type GlobalService } from "./service.ts"

export class Mesh extends Inspectable.Class implements GlobalService, NodeListener {
  /** Whose turn it is in the groups that this node picks from. */
  readonly rounds = new Rounds()
  /** The groups that this node looks at. */
  readonly groups: Groups
  readonly router: Router
  readonly delivery: Delivery
  private readonly ownMaster: Master
  readonly ownData: OwnData
  readonly follower: Follower
  /** Nodes that said they are global, while they are up. */
  private readonly globals = new Set<string>()
  /** `undefined` until the node is a global one. */
  private globalNode: GlobalNode | undefined = undefined
  /** What begins when the node becomes a global one. */
  private readonly waitingForGlobal: Array<() => void> = []

  constructor(router: Router, seeds: SeedsOfNode) {
    super()
    this.router = router
    this.delivery = new Delivery(router)
    this.ownMaster = new Master(router, this.delivery)
    this.ownData = new OwnData(router.nodeId, this.ownMaster)
    this.follower = new Follower(router, this.ownMaster, this.ownData, this.delivery, seeds)
    this.groups = new Groups(router, this.follower, this.ownData)
    this.tellAddresses()
  }

  /** What a log or a debugger shows of it. */
  toJSON() {
    return { _id: "Global", nodeId: this.router.nodeId }
  }

  /** Tells the network where this node listens. Addresses with labels or schemes are for those who know what they mean. */
  private tellAddresses(): void {
    const { addresses, network, nodeId } = this.router
    // A guest is dialled by nobody.
    if (network.isGuest) return
    const scoped = addresses.filter((address) => !isForAll(address))
    this.ownData.set(listenersFamily, nodeId, addresses.filter(isForAll))
    if (scoped.length > 0) this.ownData.set(scopedFamily, nodeId, scoped)
    else this.ownData.delete(scopedFamily, [nodeId])
  }

  get master(): string | undefined {
    return this.ownMaster.nodeId
  }

  get isGlobal(): boolean {
    return this.globalNode !== undefined
  }

  // ---- what programs do

  set(family: string, key: string, value: unknown): void {
    this.ownData.set(family, key, value)
  }

  wrongEntry(family: string, key: string, value: unknown): string | undefined {
    return this.router.network.isGuest
      ? `this node, ${this.router.nodeId}, is a guest, which sets nothing`
      : this.ownData.wrong(family, key, value)
  }

  hold(holding: Holding, value: unknown, ended: () => void): () => void {
    return this.ownData.hold(holding, value, ended)
  }

  holdAgain(holding: Holding, value: unknown): boolean {
    return this.ownData.holdAgain(holding, value)
  }

  delete(family: string, keys: ReadonlyArray<string>): ReadonlyArray<string> {
    return this.ownData.delete(family, keys)
  }

  query(question: Question, family: string, answer: (result: unknown) => void, asked?: Asked): () => void {
    return this.follower.query(question, family, answer, asked)
  }

  /** What can be answered without a question to anyone; `undefined` if that is for a master to say. */
  knownAnswer(question: Question, family: string): unknown {
    return this.follower.knownAnswer(question, family)
  }

  /** Nobody may tell a family that is followed: it is what this node knows itself, until somebody does. */
  assume(family: string): void {
    this.follower.assume(family)
  }

  monitor(family: string, listener: FamilyListener): () => void {
    return this.follower.monitor(family, listener)
  }

  /** Finds the addresses of a node: a global node looks them up, others ask their master. The result takes the question back. */
  find(nodeId: string, answer: (addresses: ReadonlyArray<string>) => void): () => void {
    if (this.globalNode === undefined) return this.follower.search(nodeId, answer)
    answer(this.globalNode.addressesOf(nodeId))
    return () => {}
  }

  // ---- what happens to the node

  up(nodeId: string): void {
    if (this.isGlobal) this.router.request(nodeId, "g_global")
    this.follower.up(nodeId)
  }

  down(nodeId: string): void {
    this.globals.delete(nodeId)
    this.delivery.down(nodeId)
    this.globalNode?.down(nodeId)
    this.follower.down(nodeId)
  }

  /** A seed turns out to be up already. */
  seedUp(nodeId: string): void {
    this.follower.seedUp(nodeId)
  }

  /** A node, perhaps this one, says that it is global. */
  private greeted(nodeId: string): void {
    if (nodeId === this.router.nodeId) return
    this.globals.add(nodeId)
    this.globalNode?.greeted(nodeId)
  }

  /** Makes this node a global one, for good. */
  becomeGlobal(): GlobalNode {
    if (this.globalNode !== undefined) return this.globalNode
    const { nodeId } = this.router
    this.ownMaster.choose(nodeId)
    const globalNode = new GlobalNode(this.router, this.ownData, this.delivery, this.globals, this.ownMaster.stamp)
    this.globalNode = globalNode
    this.ownData.set(globalsFamily, nodeId, null)
    for (const other of this.router.upNodes()) this.router.request(other, "g_global")
    for (const other of this.globals) globalNode.meet(other)
    this.follower.lookUp((other) => globalNode.addressesOf(other))
    this.follower.askAgain()
    for (const begin of this.waitingForGlobal.splice(0)) begin()
    return globalNode
  }

  /** Begins something as soon as the node is a global one. */
  whenGlobal(begin: () => void): void {
    if (this.isGlobal) begin()
    else this.waitingForGlobal.push(begin)
  }

  /** Takes part: hears of nodes that come and go, and answers requests. The result ends that. */
  install(): () => void {
    const { follower, ownData, router } = this
    const table = requests({
      router,
      ownData,
      follower,
      globalNode: () => this.globalNode,
      becomeGlobal: () => this.becomeGlobal(),
      greeted: (nodeId) => this.greeted(nodeId)
    })
    const takeBack = [
      new GuestReads(this).install(),
      router.network.onMoved(() => this.tellAddresses()),
      ...Array.from(
        router.network.isGuest ? table.filter(([name]) => isForFollowers(name)) : table,
        ([name, request]) => router.requests.add(name, request)
      ),
      router.observed.network(() => ({
        master: this.master ?? null,
        isGlobal: this.isGlobal,
        families: this.globalNode?.sizes ?? {}
      })),
      router.observed.groups((port) => ownData.familiesWith(port))
    ]
    const leave = (): void => {
      ownData.leaveGroups()
      this.groups.draining(router.nodeId)
    }
    router.drain.listeners.add(leave)
    const listeners = [this, this.groups]
    for (const listener of listeners) router.listeners.add(listener)
    return () => {
      router.drain.listeners.delete(leave)
      for (const listener of listeners) router.listeners.delete(listener)
      for (const back of takeBack) back()
    }
  }
}

/** The mesh of the node that an effect runs on: the very value that programs find as `Global`, as this package sees it. */
export const NodeMesh = Context.Service<Global, Mesh>(Global.key)
