/**
 * The middle of a node: its ports, its peers, and the way of a message from one to the other. Plain calls, no fibers:
 * what `Port` and `Node` do as Effects ends up here.
 *
 * @internal
 */
import { afterIo } from "#platform"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as Scope from "effect/Scope"
import { type Aside, asideFromWire } from "../port/aside.ts"
import { isCell } from "../port/cell.ts"
import { Counts } from "../port/counts.ts"
import { enqueue } from "../port/readyQueue.ts"
import type { Annotations, Host, Message, Receiver, Watcher } from "../port/receiver.ts"
import { isReplyPort } from "../port/replyPort.ts"
import { type Link, UnsendableMessage } from "../transport/link.ts"
import { LinkError } from "../transport/linkError.ts"
import { isOfLink, readAside } from "../transport/ownRequests.ts"
import { describeList, quoted } from "../values/describe.ts"
import type { PortNames } from "../values/names.ts"
import { isPortId, nameOf, nodeOf, portName } from "../values/portId.ts"
import { exitFromReason, type PortExit, type Reason, reasons } from "../values/reason.ts"
import { answerDrain, defaultDrainMillis, Drain, isOfDrain } from "./drain.ts"
import { fullRequests } from "./fullRequests.ts"
import { tellOfLink, tellOfLoss } from "./linkNews.ts"
import { type Network, noNetwork } from "./network.ts"
import { type Data, noData } from "./noData.ts"
import { NodeLog } from "./nodeLog.ts"
import { type GuestsOfNode, noGuests } from "./noGuests.ts"
import { Observed } from "./observed.ts"
import { Peer, type PeerHost, type WaitFor } from "./peer.ts"
import { type Place, Places } from "./places.ts"
import { Registry, type Request } from "./registry.ts"
import { together, type Trace } from "./traces.ts"
import { Traffic } from "./traffic.ts"
import type { Turn } from "./waiters.ts"

/** What a spawned port runs: called with the port's name and the arguments. */
export type SpawnFunction = (portName: string, args: ReadonlyArray<unknown>, from: string) => void

/** No request of sense is carried out by so many others. */
const deepestNesting = 64

/** Told when nodes come and go, in the same call. */
export interface NodeListener {
  up(nodeId: string): void
  down(nodeId: string, why: LinkError): void
  /** It takes no new calls: it is about to stop. */
  draining?(nodeId: string): void
}

/** Told when a port begins to end. Its finalizers may keep it for as long as they like. */
export interface EndingWatcher {
  /** Whose port it is: for operators. */
  readonly child: { readonly id: string; readonly supervisor: string }
  readonly ending: (port: string, exit: PortExit) => void
}

/** What a node is documented to be: the service that programs see. */
export interface NodeService {
  /** The node's ID, expanded. */
  readonly nodeId: string
  /** The addresses that others can dial now, with their real ports. */
  readonly addresses: ReadonlyArray<string>
}

/** Re-exported as `Node.Node`, where it is documented. */
export class Node extends Context.Service<Node, NodeService>()("effect-mp/Node") {}

export type { Request } from "./registry.ts"

export { Witness } from "../port/receiver.ts"

/** The same service as the rooms of this package see it. */
export const NodeRouter = Context.Service<Node, Router>(Node.key)

/** The same, where the service is at hand. */
export const routerOf = (node: NodeService): Router => node as Router

export class Router extends Inspectable.Class implements NodeService, Host, PeerHost {
  readonly nodeId: string
  readonly names: PortNames
  /** By port ID. The node port stands under the bare node ID. */
  readonly ports = new Map<string, Receiver>()
  readonly peers = new Map<string, Peer>()
  readonly listeners = new Set<NodeListener>()
  readonly requests = new Registry<Request>()
  /** What others may spawn with. */
  readonly functions = new Registry<SpawnFunction>()
  readonly observed = new Observed()
  readonly log: NodeLog
  readonly drain: Drain
  /** `dataOf` is for programs. */
  data: Data
  /** A node that takes guests has others. */
  guests: GuestsOfNode = noGuests()
  readonly network: Network
  readonly bornAt: number
  /** When the node began, by the clock that never jumps. */
  readonly began: number
  readonly counts = new Counts()
  readonly traffic = new Traffic()
  private readonly context: Context.Context<Scope.Scope>
  private readonly places = new Places()
  /** Ports of ours that others have sent to, by the name that they know them by. */
  private readonly named = new Map<string, Receiver>()
  private readonly endings = new Map<string, EndingWatcher>()
  private readonly traces = new Set<Trace>()
  /** All of them in one: nothing, as long as nobody looks. */
  private tracing: Trace | undefined = undefined
  private rough: number | undefined = undefined
  /** How many requests are being carried out, each within the one before it. */
  private nesting = 0

  /** `connect` makes what reaches other nodes; without it the node is alone. */
  constructor(
    nodeId: string,
    names: PortNames,
    context: Context.Context<Scope.Scope>,
    connect: (router: Router) => Network = () => noNetwork,
    drainMillis = defaultDrainMillis
  ) {
    super()
    this.nodeId = nodeId
    this.names = names
    this.context = context
    this.log = new NodeLog(nodeId, context)
    this.drain = new Drain(this, drainMillis)
    this.bornAt = this.now()
    this.began = this.monotonic()
    this.network = connect(this)
    this.data = noData(this)
  }

  get addresses(): ReadonlyArray<string> {
    return this.network.addresses
  }

  /** What a log or a debugger shows of it: all that it has would be the whole process, with its secrets. */
  toJSON() {
    return { _id: "Node", nodeId: this.nodeId, addresses: this.addresses }
  }

  /** Milliseconds since 1970, by the node's Clock. */
  now(): number {
    return Context.get(this.context, Clock.Clock).currentTimeMillisUnsafe()
  }

  /** Milliseconds of a clock that never jumps. */
  monotonic(): number {
    return Number(Context.get(this.context, Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
  }

  roughly(): number {
    if (this.rough !== undefined) return this.rough
    afterIo(() => {
      this.rough = undefined
    })
    return this.rough = this.monotonic() - this.began
  }

  /** Runs an effect with the node's clock and loggers, for callers that have none. */
  fork(effect: Effect.Effect<unknown>): void {
    Effect.runForkWith(this.context)(effect)
  }

  /** Does something after a time, as long as the node is there. The result takes that back. */
  after(millis: number, act: () => void): () => void {
    const fiber = Effect.runForkWith(this.context)(Effect.delay(Effect.sync(act), millis))
    Fiber.runIn(fiber, Context.get(this.context, Scope.Scope))
    return () => fiber.interruptUnsafe()
  }

  /** Shows each message to this one from now on. It must not throw. The result ends that. */
  trace(trace: Trace): () => void {
    this.traces.add(trace)
    this.tracesChanged()
    return () => {
      if (this.traces.delete(trace)) this.tracesChanged()
    }
  }

  private tracesChanged(): void {
    this.tracing = together(this.traces)
    for (const { link } of this.peers.values()) link?.traceWith(this.tracing?.sent)
  }

  // ---- messages

  /** Sends a message to a port, here or elsewhere, whether there is room for it or not. */
  send(to: string, message: Message): void {
    const receiver = this.ports.get(to)
    if (receiver === undefined) this.sendElsewhere(to, message, true)
    else this.deliver(receiver, message)
  }

  /** The same, if nothing speaks against it. If something does, a sender that can wait should, with `whenItMay`. */
  offer(to: string, message: Message, aside?: Aside): WaitFor | undefined {
    const receiver = this.ports.get(to)
    if (receiver === undefined) return this.sendElsewhere(to, message, false, aside)
    this.deliver(receiver, message, aside)
    return undefined
  }

  /** The same for a sender whose turn it is: others may wait. */
  offerInTurn(to: string, message: Message, aside?: Aside): WaitFor | undefined {
    const place = this.placeOf(to)
    if (place !== undefined) return place.peer.offerInTurn(place.name, message, aside)
    this.send(to, message)
    return undefined
  }

  /** Sends a message in any case, and answers whether a sender that can wait may go on. */
  post(to: string, message: Message): boolean {
    const receiver = this.ports.get(to)
    if (receiver === undefined) {
      this.sendElsewhere(to, message, true)
      return this.hasRoom(to)
    }
    this.deliver(receiver, message)
    return true
  }

  /** Whether a sender to this port that can wait may send. */
  hasRoom(to: string): boolean {
    const peer = this.places.get(to)?.peer ?? (isPortId(to) ? this.peers.get(nodeOf(to)) : undefined)
    return peer === undefined || peer.hasRoom
  }

  /**
   * Sends what a monitor has to say, and why the port ended: what of that cannot travel goes as text.
   */
  note(to: string, message: Message, reason: Reason): void {
    const place = this.placeOf(to)
    if (place === undefined) this.send(to, [...message, ...reason])
    else place.peer.note(place.name, message, reason)
  }

  /** A message that is to be sent later, as it is now. Throws an `UnsendableMessage` if it cannot be. */
  fixed(to: string, message: Message): Message {
    const place = this.placeOf(to)
    return place === undefined ? message : place.peer.fixed(place.name, message)
  }

  /** Where a port is, if that is on another node. */
  private placeOf(to: string): Place | undefined {
    const known = this.places.get(to)
    if (known !== undefined) return known
    if (this.ports.has(to) || !isPortId(to) || nodeOf(to) === this.nodeId) return undefined
    const place = { peer: this.peer(nodeOf(to)), name: nameOf(to) }
    this.places.add(to, place)
    return place
  }

  private deliver(receiver: Receiver, message: Message, aside?: Aside): void {
    if (this.tracing !== undefined) this.tracing.sent(receiver.id, message)
    receiver.send(message, aside)
  }

  /** Nobody waits any more for what a port was asked: if it has not begun with that, it need not. */
  abandoned(port: string, caller: string): void {
    const receiver = this.ports.get(port)
    if (receiver === undefined) this.placeOf(port)?.peer.abandoned(nameOf(port), nameOf(caller))
    else if (isCell(receiver)) receiver.abandon(caller)
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
      const name = isPortId(to) ? nameOf(to) : undefined
      if (!isOfLink(name, message) && !isOfDrain(name, message)) this.sendElsewhere(to, message, true)
    } else {
      if (this.tracing !== undefined) this.tracing.received(to, from, message)
      receiver.sendForeign(message)
    }
  }

  /**
   * Relays an answer that may be far larger than its question: to the node that asks, over a link that has room, and to nobody else.
   * Otherwise any number of them would wait here for who does not read, or for a node that does not exist.
   */
  answer(from: string, to: string, message: Message): void {
    if (nodeOf(to) === from && this.hasRoom(to)) return this.relay(from, to, message)
    this.log.debug(`an answer to ${quoted(to)}, which node ${from} has asked for, was dropped`)
  }

  private sendElsewhere(to: string, message: Message, force: boolean, aside?: Aside): WaitFor | undefined {
    const place = this.placeOf(to)
    if (place !== undefined) {
      if (!force) return place.peer.offer(place.name, message, aside)
      place.peer.send(place.name, message)
    } else if (!isPortId(to)) {
      this.counts.dropped.no_port++
      this.log.warnSome("malformed port ID", `a message to the malformed port ID ${quoted(to)} was dropped`, message)
    } else if (nameOf(to) === "") this.ports.get(this.nodeId)?.send(message)
    // To a port of ours that is gone: dropped, as AEMP does. Only a monitor tells.
    else this.counts.dropped.no_port++
    return undefined
  }

  /** Waits until a message to this port may be sent. Whoever is told to send must do it at once, and say `sentOrNot`. */
  whenItMay(to: string, waitFor: WaitFor): Effect.Effect<Turn> {
    return Effect.callback((resume) => {
      const peer = this.peers.get(nodeOf(to))
      if (peer === undefined || peer.state === "down") return resume(Effect.succeed("try again"))
      return Effect.sync(peer.when(waitFor, (turn) => resume(Effect.succeed(turn))))
    })
  }

  /** A sender that was admitted has sent, or has given up: it is the next one's turn. */
  sentOrNot(to: string): void {
    this.peers.get(nodeOf(to))?.admitNext()
  }

  /** Does something in the run queue's turn: not in the stack of whoever makes it happen, which may be a socket's. */
  soon(what: string, act: () => void): void {
    enqueue({ run: act, broken: (error) => this.unheard(what, error) })
  }

  /** A request to the node port of any node, this one included. */
  request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void {
    this.log.guarded(
      `the request ${request} to node ${nodeId} was dropped`,
      () => this.send(nodeId, [request, ...args])
    )
  }

  /** The same. Answers false, and says nothing, if the link cannot carry it. */
  requestIfCarried(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): boolean {
    try {
      this.send(nodeId, [request, ...args])
      return true
    } catch (error) {
      if (!(error instanceof UnsendableMessage)) throw error
      return false
    }
  }

  kill(to: string, reason: Reason): void {
    const receiver = this.ports.get(to)
    if (receiver !== undefined) return receiver.kill(reason)
    if (!isPortId(to)) {
      return this.log.warnSome("malformed port ID", `kil of the malformed port ID ${quoted(to)}`, reason)
    }
    const node = nodeOf(to)
    if (node === this.nodeId) return
    if (nameOf(to) === "") {
      return this.log.warnSome(
        "kil of a node port",
        `kil of the node port ${to} is refused: it would take the node with it`
      )
    }
    if (!this.isForNodes(`kil of ${to}`)) return
    this.peer(node).kill(nameOf(to), reason)
  }

  /** The same, when it is done with the message that it has in hand: to kill it meanwhile ends that too. */
  finish(to: string, reason: Reason): void {
    const receiver = this.ports.get(to)
    if (receiver !== undefined && isCell(receiver)) receiver.finishAndEnd(reason)
    else if (receiver !== undefined || !isPortId(to) || nodeOf(to) === this.nodeId || nameOf(to) === "") {
      this.kill(to, reason)
    } else if (this.isForNodes(`kil of ${to}`)) this.peer(nodeOf(to)).finish(nameOf(to), reason)
  }

  /** Whether this node may do what no guest may: a guest that did it would lose its link. */
  private isForNodes(what: string): boolean {
    if (!this.network.isGuest) return true
    this.log.warnSome("a guest", `${what} is refused: this node is a guest`)
    return false
  }

  /**
   * Has a node make a port that ends when its owner does: a port of this node, or (by the node's ID) this node itself. `request` is the
   * name, the function and its arguments.
   */
  spawn(node: string, owner: string, ...request: ReadonlyArray<unknown>): void {
    if (node === this.nodeId) this.send(node, [fullRequests.spawn, owner, ...request])
    else if (this.isForNodes(`spawn on ${node}`)) this.peer(node).spawn(owner, request)
  }

  /** Calls back once, when the port has ended or its node cannot be reached. The result takes the monitor back. */
  monitor(to: string, watcher: Watcher): () => void {
    const receiver = this.ports.get(to)
    if (receiver !== undefined) return receiver.watch(watcher)
    const node = isPortId(to) ? nodeOf(to) : this.nodeId
    if (node !== this.nodeId) return this.peer(node).monitor(nameOf(to), watcher)
    let cancelled = false
    this.soon(`a monitor of ${quoted(to)} failed`, () => {
      if (!cancelled) watcher(exitFromReason(String(to), reasons.no_such_port(to)))
    })
    return () => {
      cancelled = true
    }
  }

  // ---- ports

  add(receiver: Receiver): void {
    this.ports.set(receiver.id, receiver)
  }

  ending({ id }: Receiver, exit: PortExit): void {
    if (this.endings.size === 0) return
    const watcher = this.endings.get(id)
    if (watcher !== undefined) this.soon(`whoever watches over ${id} failed`, () => watcher.ending(id, exit))
  }

  removed(receiver: Receiver): void {
    const { id } = receiver
    this.ports.delete(id)
    if (this.named.size > 0) this.named.delete(nameOf(id))
    if (this.endings.size > 0) this.endings.delete(id)
    this.observed.ended(id)
    if (this.drain.hasBegun) this.drain.removed(receiver)
  }

  /** Tells when a port of this node begins to end: for the one who supervises it. Monitors are told when it has ended. */
  watchEnding(port: string, watcher: EndingWatcher): void {
    if (this.ports.has(port)) this.endings.set(port, watcher)
  }

  /** The child of a supervisor of this node that a port is. */
  childOf(port: string): EndingWatcher["child"] | undefined {
    return this.endings.get(port)?.child
  }

  refused({ id }: Receiver, message: Message, reason: Reason): void {
    this.counts.refused++
    this.log.warnSome(`messages refused by ${id}`, `port ${id} refused a message: ${describeList(reason, 2)}`)
    this.failCallTo(message.at(-1), reason)
  }

  private failCallTo(to: unknown, reason: Reason): void {
    if (!isPortId(to)) return
    if (nodeOf(to) === this.nodeId) this.failCall(nameOf(to), reason)
    else this.peers.get(nodeOf(to))?.failCall(nameOf(to), reason)
  }

  /** What a caller of this node has asked for was refused. Other ports than those of calls are left alone. */
  failCall(name: string, reason: Reason): void {
    const receiver = this.portNamed(name)
    if (receiver !== undefined && isReplyPort(receiver)) receiver.refuse(reason)
  }

  // ---- draining

  /** Whether this node is about to stop. */
  get isDraining(): boolean {
    return this.drain.hasBegun
  }

  /** Whether a node is about to stop, as far as this one knows. */
  drains(nodeId: string): boolean {
    return nodeId === this.nodeId ? this.isDraining : this.takesNoCalls(nodeId)
  }

  /** Whether calls of this node are refused by another one, since that is about to stop. */
  takesNoCalls(nodeId: string): boolean {
    return this.peers.get(nodeId)?.isDraining === true
  }

  /** A message goes on to another port. If it is a call of this node, that is who has been asked, and whose end it is told. */
  passedOn(port: string, message: Message): void {
    const last = message.at(-1)
    const caller = isPortId(last) ? this.ports.get(last) : undefined
    if (caller === undefined || !isReplyPort(caller)) return
    caller.asked = port
    caller.endsWith(port)
  }

  /** A message that was to go on to another port is lost. A call, of any node, is told. */
  notPassedOn(message: Message, reason: Reason): void {
    this.failCallTo(message.at(-1), reason)
  }

  /** Another node drains. */
  peerDrains(peer: Peer): void {
    if (peer.isDraining) return
    peer.isDraining = true
    this.tellListeners((listener) => listener.draining?.(peer.nodeId))
    answerDrain(this, peer.nodeId)
  }

  unheard(what: string, cause: unknown, where: Annotations = {}): void {
    this.log.of("Port").about(where).crash(what, "unheard", cause)
  }

  crashed({ id }: Receiver, exit: PortExit, cause: Cause.Cause<unknown>, where: Annotations): void {
    const child = this.endings.get(id)?.child
    const log = this.log.of("Port").about(where)
    if (child === undefined) log.crashed(id, exit, cause)
    else log.about({ child: child.id }).crashed(id, exit, cause)
  }

  unmonitored({ id }: Receiver, exit: PortExit): void {
    this.log.unmonitored(id, exit)
  }

  /** A port of this node, by the name that others know it by. */
  portNamed(name: string): Receiver | undefined {
    return this.ports.get(this.idOf(name))
  }

  private idOf(name: string): string {
    return name === "" ? this.nodeId : `${this.nodeId}#${name}`
  }

  // ---- peers

  peer(nodeId: string): Peer {
    const known = this.peers.get(nodeId)
    if (known !== undefined) return known
    const peer = new Peer(this, nodeId)
    this.peers.set(nodeId, peer)
    return peer
  }

  /** Whether there is a link to a node of the network, which guests are not. */
  isUp(nodeId: string): boolean {
    const peer = this.peers.get(nodeId)
    return nodeId === this.nodeId || peer?.state === "up" && !peer.isGuest
  }

  /** Whether a node is of our own kind, as far as that is known: there is a link to it, or it is this one. */
  isOwnKind(nodeId: string): boolean {
    return nodeId === this.nodeId || this.linkTo(nodeId)?.incarnation !== undefined
  }

  /** The link to another node, if there is one. */
  linkTo(nodeId: string): Link | undefined {
    return this.peers.get(nodeId)?.link
  }

  /** How long a message to another node and its answer take, as far as that is known. Sees to it that it will be. */
  roundTripMillis(nodeId: string, now: number): number | undefined {
    return this.linkTo(nodeId)?.measure(now)
  }

  upNodes(): Array<string> {
    const up = Array.from(this.peers.values()).filter((peer) => peer.state === "up" && !peer.isGuest)
    return up.map((peer) => peer.nodeId)
  }

  connect(peer: Peer): void {
    this.network.search(peer)
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
    if (this.tracing !== undefined) link.traceWith(this.tracing.sent)
    link.attach(peer)
    this.traffic.add(link)
    peer.up(link)
    return true
  }

  receive(peer: Peer, to: unknown, message: Message, aside?: Aside): string | undefined {
    if (peer.isGuest) {
      this.guests.receive(peer, to, message)
      return undefined
    }
    const name = portName(to)
    const held = name === "" && aside === undefined ? readAside(message) : undefined
    if (held !== undefined) {
      return this.receive(peer, held.to, held.message, asideFromWire(held.aside, peer.link) ?? nothingBeside)
    }
    if (name === undefined) return `its port name is ${quoted(to).slice(0, 100)}, which is no string`
    if (name !== "") this.deliverFrom(peer, name, message, aside)
    else {
      if (this.tracing !== undefined) this.tracing.received(this.nodeId, peer.nodeId, message)
      this.handleRequest(peer.nodeId, message[0] ?? "", message.slice(1))
    }
    return undefined
  }

  /** A message of another node for a port of ours. */
  deliverFrom(peer: Peer, name: string, message: Message, aside?: Aside): void {
    if (this.tracing !== undefined) this.tracing.received(this.idOf(name), peer.nodeId, message)
    this.deliverForeign(peer, this.receiverNamed(name), message, aside)
  }

  private deliverForeign(peer: Peer, receiver: Receiver | undefined, message: Message, aside?: Aside): void {
    if (receiver === undefined) this.counts.dropped.no_port++
    else if (this.drain.hasBegun && this.drain.refuses(peer, receiver, message, aside?.patienceMillis !== undefined)) {
      this.failCallTo(message.at(-1), reasons.draining(this.nodeId))
    } else receiver.sendForeign(message, aside)
  }

  hasRead(peer: Peer): void {
    this.guests.hasRead(peer)
  }

  damaged({ nodeId }: Peer): void {
    this.log.warnSome(
      `damaged text of ${nodeId}`,
      `node ${nodeId} sent text that is not UTF-8: what could not be read of it is U+FFFD, in a message that arrives`
    )
  }

  /** As `portNamed`, for messages: most of them are for the port that others were for. */
  private receiverNamed(name: string): Receiver | undefined {
    const known = this.named.get(name)
    if (known !== undefined) return known
    const receiver = this.portNamed(name)
    // One that takes a single message is not asked for again.
    if (receiver !== undefined && receiver._tag !== "ReplyPort") this.named.set(name, receiver)
    return receiver
  }

  /**
   * What the node port does with a message. Unknown requests do no harm. A request may have another one carried out, `snd` and
   * all that have a reply prefix, and that one the next: so far and no further.
   */
  handleRequest(from: string, request: unknown, args: ReadonlyArray<unknown>): void {
    const handler = typeof request === "string" ? this.requests.get(request) : undefined
    if (handler === undefined) return this.log.debug(`node ${from} sent the unknown request ${quoted(request)}`)
    if (this.nesting === deepestNesting) {
      return this.log.warnSome(
        `nesting of ${from}`,
        `node ${from} sent requests within requests, more than ${deepestNesting} deep: the rest was dropped`
      )
    }
    this.nesting++
    this.log.guarded(`the request ${String(request)} of node ${from} failed`, () => handler(from, args))
    this.nesting--
  }

  cameUp(peer: Peer): void {
    const { link } = peer
    if (link !== undefined) tellOfLink(this.log, link)
    if (link?.guestUntil !== undefined) this.guests.linked(peer, link, link.guestUntil)
    this.drain.cameUp(peer)
    if (!peer.isGuest) this.tellListeners((listener) => listener.up(peer.nodeId))
  }

  private tellListeners(tell: (listener: NodeListener) => void): void {
    for (const listener of this.listeners) {
      this.log.guarded("a listener for nodes that come and go failed", () => tell(listener))
    }
  }

  wentDown(peer: Peer, wasUp: boolean, error: LinkError): void {
    if (this.peers.get(peer.nodeId) === peer) this.peers.delete(peer.nodeId)
    this.places.clear()
    if (!wasUp) return
    this.drain.wentDown(peer)
    this.data.wentDown(peer.nodeId, error)
    tellOfLoss(this.log, peer, error)
    if (peer.isGuest) return this.guests.wentDown(peer.nodeId)
    this.tellListeners((listener) => listener.down(peer.nodeId, error))
  }
}

/** Beside a message whose aside says nothing that is understood: there is none within it. */
const nothingBeside: Aside = { span: undefined, patienceMillis: undefined }
