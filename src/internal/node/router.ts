/**
 * The middle of a node: its ports, its peers, and the way of a message from one to the other. Plain calls, no fibers:
 * what `Port` and `Node` do as Effects ends up here.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Cell, Host, Message, Receiver, Watcher } from "../port/cell.ts"
import type { Packet } from "../transport/framing/framing.ts"
import { type Link, ownRequests } from "../transport/link.ts"
import { LinkError, type LinkErrorReason, transportErrorText } from "../transport/linkError.ts"
import { exitFromReason, type PortExit, quoted, type Reason, reasonFromExit, showReason } from "../values/killed.ts"
import { isPortId, nameOf, nodeOf, portName, type PortNames } from "../values/portId.ts"
import { Peer, type PeerHost } from "./peer.ts"

/**
 * A request that the node port answers: `["", NAME, ARG...]`. `from` is the node whose link it came on; it must take
 * any arguments without harm.
 */
export type Request = (from: string, args: ReadonlyArray<unknown>) => void

/** What a spawned port runs: called with the port's name and the arguments. */
export type SpawnFunction = (portName: string, args: ReadonlyArray<unknown>, from: string) => void

/** What is known of the network that a node is part of. */
export interface NetworkStatus {
  readonly master: string | null
  readonly isGlobal: boolean
  readonly families: Readonly<Record<string, number>>
}

/** Told when nodes come and go, in the same call. */
export interface NodeListener {
  up(nodeId: string): void
  /** `orderly`: the node said that it stops. */
  down(nodeId: string, why: string, orderly: boolean): void
}

export class Router implements Host, PeerHost {
  readonly nodeId: string
  readonly names: PortNames
  /** By port ID. The node port stands under the bare node ID. */
  readonly ports = new Map<string, Receiver>()
  readonly peers = new Map<string, Peer>()
  readonly requests = new Map<string, Request>()
  /** What others may spawn with. Of several of one name the last one counts. */
  readonly functions = new Map<string, ReadonlyArray<SpawnFunction>>()
  readonly listeners = new Set<NodeListener>()
  /** The ports of supervisors that were made here, for those who look at the node. */
  readonly supervisors = new Set<string>()
  /** What the room of the network tells those who look at the node. */
  networkStatus: () => NetworkStatus = () => ({ master: null, isGlobal: false, families: {} })
  readonly bornAt: number
  /** Addresses under which others reach this node. */
  addresses: ReadonlyArray<string> = []
  /** Finds and dials a node. A node without a network knows nobody. */
  dial: (peer: Peer) => void = (peer) => peer.lost(new LinkError({ reason: "no_known_address", peer: peer.nodeId }))
  /** How many incoming connections are in their handshakes. */
  handshaking: () => number = () => 0
  private readonly context: Context.Context<never>

  constructor(nodeId: string, names: PortNames, context: Context.Context<never>) {
    this.nodeId = nodeId
    this.names = names
    this.context = context
    this.bornAt = this.now()
  }

  /** Milliseconds since 1970, by the node's Clock. */
  now(): number {
    return Context.get(this.context, Clock.Clock).currentTimeMillisUnsafe()
  }

  /** Milliseconds of a clock that never jumps. */
  monotonic(): number {
    return Number(Context.get(this.context, Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
  }

  /** Runs an effect with the node's clock and loggers, for callers that have none. */
  fork(effect: Effect.Effect<unknown>): void {
    Effect.runForkWith(this.context)(effect)
  }

  /** What operators must see. */
  alarm(text: string): void {
    this.fork(Effect.logError(text).pipe(Effect.annotateLogs("node", this.nodeId)))
  }

  warn(text: string, ...details: ReadonlyArray<unknown>): void {
    this.fork(Effect.logWarning(text, ...details).pipe(Effect.annotateLogs("node", this.nodeId)))
  }

  // ---- messages

  /** Sends a message to a port, here or elsewhere, whether there is room for it or not. */
  send(to: string, message: Message): void {
    const receiver = this.ports.get(to)
    if (receiver === undefined) this.sendElsewhere(to, message, true)
    else receiver.send(message)
  }

  /** The same, if there is room for it. If not, a sender that can wait should, with `whenRoom`, and try again. */
  offer(to: string, message: Message): boolean {
    const receiver = this.ports.get(to)
    if (receiver === undefined) return this.sendElsewhere(to, message, false)
    receiver.send(message)
    return true
  }

  /**
   * Sends a message for another node. To a port of ours it goes as from there: it is validated, and a request to the node
   * port has that node as its source.
   */
  relay(from: string, to: string, message: Message): void {
    const receiver = this.ports.get(to)
    if (to === this.nodeId) this.handleRequest(from, message[0] ?? "", message.slice(1))
    else if (receiver === undefined) {
      // What our own kind says of a link is said by the side that holds it, and by nobody in its name.
      if (!ofLink(to, message)) this.sendElsewhere(to, message, true)
    } else receiver.sendForeign(message)
  }

  private sendElsewhere(to: string, message: Message, force: boolean): boolean {
    if (!isPortId(to)) {
      this.warn(`a message to the malformed port ID ${quoted(to)} was dropped`, message)
      return true
    }
    const node = nodeOf(to)
    if (node !== this.nodeId) {
      const peer = this.peer(node)
      if (!force && !peer.hasRoom) return false
      peer.send(nameOf(to), message)
    } else if (nameOf(to) === "") this.ports.get(node)?.send(message)
    // To a port of ours that is gone: dropped, as AEMP does. Only a monitor tells.
    return true
  }

  /** Waits until a message to this port would find room. */
  whenRoom(to: string): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const peer = this.peers.get(nodeOf(to))
      if (peer === undefined || peer.state === "down") return resume(Effect.void)
      const cancel = peer.whenRoom(() => resume(Effect.void))
      return Effect.sync(cancel)
    })
  }

  /** A request to the node port of any node, this one included. */
  request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void {
    this.guarded(`the request ${request} to node ${nodeId} was dropped`, () => this.send(nodeId, [request, ...args]))
  }

  /** What others made us do must not end in their caller, which may be a socket: a failure is logged. */
  private guarded(what: string, body: () => void): void {
    try {
      body()
    } catch (error) {
      this.unheard(what, error)
    }
  }

  kill(to: string, reason: Reason): void {
    const receiver = this.ports.get(to)
    if (receiver !== undefined) return receiver.kill(reason)
    if (!isPortId(to)) return this.warn(`kil of the malformed port ID ${quoted(to)}`, reason)
    const node = nodeOf(to)
    if (node === this.nodeId) return
    if (nameOf(to) === "") return this.warn(`kil of the node port ${to} is refused: it would take the node with it`)
    this.peer(node).kill(nameOf(to), reason)
  }

  /** Calls back once, when the port has ended or its node cannot be reached. The result takes the monitor back. */
  monitor(to: string, watcher: Watcher): () => void {
    const receiver = this.ports.get(to)
    if (receiver !== undefined) return receiver.watch(watcher)
    const node = isPortId(to) ? nodeOf(to) : this.nodeId
    if (node !== this.nodeId) return this.peer(node).monitor(nameOf(to), watcher)
    let cancelled = false
    // Never in the caller's own stack.
    queueMicrotask(() => {
      if (!cancelled) watcher(exitFromReason(String(to), noSuchPort(to)))
    })
    return () => {
      cancelled = true
    }
  }

  // ---- ports

  add(receiver: Receiver): void {
    this.ports.set(receiver.id, receiver)
  }

  removed(cell: Cell): void {
    this.ports.delete(cell.id)
  }

  unheard(what: string, cause: unknown): void {
    this.warn(what, cause)
  }

  unmonitored({ id }: { readonly id: string }, exit: PortExit): void {
    const [tag] = reasonFromExit(exit)
    // Those are ends that somebody has asked for, or that come with the loss of a node, which is told anyway.
    if (tag === "shutdown" || tag === "interrupted" || tag === "transport_error") return
    this.warn(`port ${id}, which nobody monitored, has ended: ${showReason(exit)}`)
  }

  /** A port of this node, by the name that others know it by. */
  portNamed(name: string): Receiver | undefined {
    return this.ports.get(name === "" ? this.nodeId : `${this.nodeId}#${name}`)
  }

  // ---- peers

  peer(nodeId: string): Peer {
    const known = this.peers.get(nodeId)
    if (known !== undefined) return known
    const peer = new Peer(this, nodeId)
    this.peers.set(nodeId, peer)
    return peer
  }

  isUp(nodeId: string): boolean {
    return nodeId === this.nodeId || this.peers.get(nodeId)?.state === "up"
  }

  /** Whether a node is of our own kind, as far as that is known: there is a link to it, or it is this one. */
  isOwnKind(nodeId: string): boolean {
    return nodeId === this.nodeId || this.peers.get(nodeId)?.link?.incarnation !== undefined
  }

  upNodes(): Array<string> {
    return Array.from(this.peers.values()).filter((peer) => peer.state === "up").map((peer) => peer.nodeId)
  }

  connect(peer: Peer): void {
    this.dial(peer)
  }

  /**
   * A link stands: from now on it serves its peer. Answers false if the peer has one already, unless that is the one that
   * it replaces: then its monitors fire before anything comes on the new one.
   */
  linked(link: Link, replaces?: Link): boolean {
    const before = this.peers.get(link.nodeId)
    if (before?.state === "up") {
      if (replaces === undefined || before.link !== replaces) return false
      replaces.lose(new LinkError({ reason: "replaced", peer: link.nodeId }))
    }
    const peer = this.peer(link.nodeId)
    link.attach(peer)
    peer.up(link)
    return true
  }

  receive(peer: Peer, packet: Packet): string | undefined {
    if (packet.length === 0) return undefined
    const name = portName(packet[0])
    if (name === undefined) return `its port name is ${quoted(packet[0])}, which is no string`
    if (name !== "") this.ports.get(`${this.nodeId}#${name}`)?.sendForeign(packet.slice(1))
    else this.handleRequest(peer.nodeId, packet[1] ?? "", packet.slice(2))
    return undefined
  }

  /** What the node port does with a message. Unknown requests do no harm. */
  handleRequest(from: string, request: unknown, args: ReadonlyArray<unknown>): void {
    const handler = typeof request === "string" ? this.requests.get(request) : undefined
    if (handler !== undefined) {
      this.guarded(`the request ${String(request)} of node ${from} failed`, () => handler(from, args))
    } else this.fork(Effect.logDebug(`node ${from} sent the unknown request ${quoted(request)}`))
  }

  cameUp(peer: Peer): void {
    for (const listener of this.listeners) listener.up(peer.nodeId)
  }

  wentDown(peer: Peer, wasUp: boolean, error: LinkError): void {
    if (this.peers.get(peer.nodeId) === peer) this.peers.delete(peer.nodeId)
    if (!wasUp) return
    if (mistakes.has(error.reason)) this.warn(`lost the link to ${error.message}`)
    for (const listener of this.listeners) {
      listener.down(peer.nodeId, transportErrorText(error), error.reason === "node_left")
    }
  }
}

/** Why links end that would stand otherwise, and may end for that again. */
const mistakes: ReadonlySet<LinkErrorReason> = new Set([
  "bad_packet",
  "packet_too_large",
  "unsendable",
  "buffer_overflow"
])

const linkRequests: ReadonlyArray<unknown> = Object.values(ownRequests)

const ofLink = (to: string, [request]: Message): boolean =>
  isPortId(to) && nameOf(to) === "" && linkRequests.includes(request)

/** What a monitor of a port that is not there is told. */
export const noSuchPort = (port: unknown): Reason => [
  "no_such_port",
  isPortId(port) ? "cannot monitor nonexistent port" : "cannot monitor a malformed port ID",
  port
]
