/**
 * Nodes of a mesh without time and without fibers: a test says when a link comes, when a message arrives, and who notices a loss when.
 */
import * as Context from "effect/Context"
import * as Scope from "effect/Scope"
import { Router } from "../src/internal/node/router.ts"
import type { Watcher } from "../src/internal/port/receiver.ts"
import { PortNames } from "../src/internal/values/names.ts"
import { nodeOf } from "../src/internal/values/portId.ts"
import { exitFromReason, type Reason, reasons } from "../src/internal/values/reason.ts"

/**
 * What travels between nodes, one queue for each direction of a link. A lost link takes what is on its way with it; one side
 * may notice long before the other.
 */
export class Network {
  readonly nodes = new Map<string, TestRouter>()
  private readonly queues = new Map<string, Array<() => void>>()
  /** `from>to`: `from` takes `to` for up. */
  private readonly up = new Set<string>()

  linked(from: string, to: string): boolean {
    return this.up.has(`${from}>${to}`)
  }
  /** The links, as one of their nodes sees them: `[node, other]`. */
  get links(): ReadonlyArray<readonly [string, string]> {
    return Array.from(this.up, (link) => link.split(">") as [string, string])
  }
  /** The directions in which something is on its way: `[from, to]`. */
  get busy(): ReadonlyArray<readonly [string, string]> {
    const busy = Array.from(this.queues).filter(([, queue]) => queue.length > 0)
    return busy.map(([way]) => way.split(">") as [string, string])
  }
  send(from: string, to: string, request: string, args: ReadonlyArray<unknown>): void {
    // As over the wire: nobody shares data.
    const copy = structuredClone(args)
    this.queues.get(`${from}>${to}`)?.push(() => this.nodes.get(to)?.handleRequest(from, request, copy))
  }
  /** Something else that travels: what happens when it arrives. */
  post(from: string, to: string, arrive: () => void): void {
    this.queues.get(`${from}>${to}`)?.push(arrive)
  }
  connect(left: string, right: string): void {
    if (left === right || this.queues.has(`${left}>${right}`)) return
    this.notice(left, right)
    this.notice(right, left)
    this.queues.set(`${left}>${right}`, [])
    this.queues.set(`${right}>${left}`, [])
    this.up.add(`${left}>${right}`).add(`${right}>${left}`)
    for (const [node, other] of [[left, right], [right, left]] as const) {
      for (const listener of this.nodes.get(node)!.listeners) listener.up(other)
    }
  }
  /** The link is lost, and `node` notices. */
  lose(node: string, other: string): void {
    this.queues.delete(`${node}>${other}`)
    this.queues.delete(`${other}>${node}`)
    this.notice(node, other)
  }
  private notice(node: string, other: string): void {
    if (!this.up.delete(`${node}>${other}`)) return
    for (const listener of this.nodes.get(node)!.listeners) listener.down(other, "lost", false)
    this.nodes.get(node)!.lost(other)
  }
  /** Lets the oldest message of a direction arrive. */
  deliver(from: string, to: string): void {
    this.queues.get(`${from}>${to}`)?.shift()?.()
  }
  /** Lets all of them arrive, and what they bring about. */
  settle(): void {
    for (let busy = true; busy;) {
      busy = false
      for (const queue of this.queues.values()) {
        const next = queue.shift()
        if (next === undefined) continue
        busy = true
        next()
      }
    }
  }
}

/** A router whose peers are in the test's network. All of them are of our own kind, unless they are called `perl...`. */
export class TestRouter extends Router {
  private readonly wires: Network
  private readonly startedAt: number
  private readonly watchers = new Map<string, Set<Watcher>>()
  private readonly unreachable = new Set<string>()
  private readonly ended = new Set<string>()
  constructor(network: Network, nodeId: string, startedAt: number) {
    super(nodeId, new PortNames(nodeId, "x", "y"), Context.make(Scope.Scope, Scope.makeUnsafe()))
    this.wires = network
    this.startedAt = startedAt
    network.nodes.set(nodeId, this)
  }
  override now(): number {
    return this.startedAt
  }
  override request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void {
    if (nodeId === this.nodeId) this.handleRequest(nodeId, request, structuredClone(args))
    else this.wires.send(this.nodeId, nodeId, request, args)
  }
  override requestIfCarried(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): boolean {
    this.request(nodeId, request, ...args)
    return true
  }
  override isUp(nodeId: string): boolean {
    return nodeId === this.nodeId || this.wires.linked(this.nodeId, nodeId)
  }
  override monitor(to: string, watcher: Watcher): () => void {
    const watchers = this.watchers.get(to) ?? new Set()
    this.watchers.set(to, watchers.add(watcher))
    if (!this.isUp(nodeOf(to)) || this.ended.has(to)) this.unreachable.add(to)
    return () => watchers.delete(watcher)
  }
  /** Monitors of ports that are gone, or whose nodes cannot be reached, fire: not in the call that set them. */
  searched(): void {
    for (const port of this.unreachable) {
      if (this.ended.has(port)) this.fire(port, reasons.no_such_port(port))
      else if (!this.isUp(nodeOf(port))) this.fire(port, lostLink(port))
    }
    this.unreachable.clear()
  }
  /** A port of this node ends: whoever has a link with it may hear of that. */
  ends(port: string): void {
    this.ended.add(port)
    this.fire(port, [])
    for (const other of this.wires.nodes.values()) {
      this.wires.post(this.nodeId, other.nodeId, () => other.fire(port, []))
    }
  }
  lost(nodeId: string): void {
    for (const port of Array.from(this.watchers.keys())) if (nodeOf(port) === nodeId) this.fire(port, lostLink(port))
  }
  private fire(port: string, reason: Reason): void {
    const watchers = this.watchers.get(port) ?? []
    this.watchers.delete(port)
    for (const watcher of watchers) watcher(exitFromReason(port, reason))
  }
  override upNodes(): Array<string> {
    return Array.from(this.wires.nodes.keys()).filter((other) => this.wires.linked(this.nodeId, other))
  }
  override isOwnKind(nodeId: string): boolean {
    return ![nodeId, this.nodeId].some((id) => id.startsWith("perl"))
  }
}

export const globals: ReadonlyArray<string> = ["g1", "g2", "g3"]
const slaves = ["a", "b", "z"]
export const all: ReadonlyArray<string> = [...globals, ...slaves]

const lostLink = (port: string): Reason => reasons.transport_error(nodeOf(port), "lost")
