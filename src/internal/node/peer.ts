/**
 * Another node, as this one sees it: the link to it, what waits for one, and who monitors whom. When the link is lost,
 * all of it ends in one step, and the next message begins with a new peer. Follows protocol sections 11 and 12.
 *
 * @internal
 */
import { type Aside, asideToWire } from "../port/aside.ts"
import { enqueue, type Runnable } from "../port/readyQueue.ts"
import { type Host, type Message, type Receiver, tellWatchers, type Watcher } from "../port/receiver.ts"
import { leastMessageSize } from "../transport/framing/framing.ts"
import { type Link, type LinkEvents, UnsendableMessage } from "../transport/link.ts"
import { LinkError, transportErrorText } from "../transport/linkError.ts"
import { isForPort, readAside, withAside } from "../transport/ownRequests.ts"
import { describe, quoted } from "../values/describe.ts"
import { type Copied, copy, culprit } from "../values/plainData.ts"
import { exitFromReason, type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import { abandonedRequest, fullRequests, inProtocol, refusedRequest } from "./fullRequests.ts"
import { type Resume, Waiters } from "./waiters.ts"

/** `idle`: nothing was ever sent there. `down`: gone, and of no further use. */
export type PeerState = "idle" | "connecting" | "up" | "down"

/** Messages that wait for a link; beyond it a sender that can wait has to. */
const queueLimit = 10_000
/** Beyond this many the search for the node is given up: those that cannot wait have sent them. */
const queueOverflow = 1_000_000

/** Why a message cannot be sent now: others wait, or it depends on the link whether it can be sent at all. */
export type WaitFor = "room" | "link"

/** As JSON, which has six bytes for some characters, a message takes so many times the size of its copy at most. */
const widestEncoding = 6
/** Of a message of this size, as its copy is measured, no link is afraid: the rest of a packet is for the port's name. */
const harmlessSize = Math.floor((leastMessageSize - 1024) / widestEncoding)
/** What is too long for a link is shortened to so many parts, and each of them to so many characters. */
const shortest = { parts: 20, characters: 200 } as const

/** What a peer needs of its node. */
export interface PeerHost extends Pick<Host, "nodeId" | "unheard" | "counts"> {
  /** Find the node, and connect to it. Ends in `up` or `lost`. */
  connect(peer: Peer): void
  /** A message came from the peer, for the port of this name. Answers what is wrong with it, if anything is. */
  receive(peer: Peer, name: unknown, message: Message): string | undefined
  /** What has come of the peer, a guest, has been read. */
  hasRead(peer: Peer): void
  /** Text of the peer was no UTF-8, and has come in part. */
  damaged(peer: Peer): void
  /** The peer has a link. What is sent now goes behind what waited. */
  cameUp(peer: Peer): void
  /** The peer is of no further use. Its monitors have fired. */
  wentDown(peer: Peer, wasUp: boolean, error: LinkError): void
}

export class Peer implements LinkEvents, Runnable {
  readonly nodeId: string
  state: PeerState = "idle"
  link: Link | undefined = undefined
  /** It has come with a ticket: it is no node of the network. */
  isGuest = false
  /** It has said that it takes no new calls. */
  isDraining = false
  private readonly host: PeerHost
  private queue: Array<readonly [name: string, message: Message]> = []
  private queueing = true
  /** Our monitors of its ports, by name. */
  private monitors = new Map<string, Set<Watcher>>()
  /** Its monitors of our ports, by name: how to take them back. */
  private monitored = new Map<string, () => void>()
  /** Senders that wait for room. */
  private readonly waiters = new Waiters()
  /** Senders whose message not every link can carry. */
  private readonly waitingForLink = new Waiters()
  /** In the run queue, to admit the next sender. */
  private isAdmitting = false

  constructor(host: PeerHost, nodeId: string) {
    this.host = host
    this.nodeId = nodeId
  }

  /** How many messages wait for a link. */
  get queued(): number {
    return this.queue.length
  }

  /** Sends a message to a port of the peer. Throws an `UnsendableMessage` if the link cannot carry it. */
  send(name: string, message: Message, aside?: Aside): void {
    const { link } = this
    if (link === undefined || this.queueing) {
      const fixed = this.fixed(name, message)
      if (aside === undefined) this.keep(name, fixed)
      else this.keep("", withAside(asideToWire(aside), name, fixed))
    } else if (aside === undefined || !link.takesAsides) link.send(name, message)
    else sendBeside(link, name, message, aside)
  }

  /** The same, if nothing speaks against it. */
  offer(name: string, message: Message, aside?: Aside): WaitFor | undefined {
    // Of no further use: what is still sent here is lost, as what waited.
    if (this.state === "down") {
      this.dropped([[name, message]])
      return undefined
    }
    return this.hasRoom ? this.offerInTurn(name, message, aside) : "room"
  }

  /** The same for a sender whose turn it is: others may wait. */
  offerInTurn(name: string, message: Message, aside?: Aside): WaitFor | undefined {
    if (this.link === undefined && this.dependsOnLink(name, message)) {
      this.wake()
      return "link"
    }
    this.send(name, message, aside)
    return undefined
  }

  /** Sends a monitor's message with the reason behind it. What the link cannot carry goes as text. */
  note(name: string, message: Message, reason: Reason): void {
    this.sendShort(name, [], [...message, ...reason])
  }

  /** The message as it is now. Throws an `UnsendableMessage` if no link, or not that to the peer, can carry it. */
  fixed(name: string, message: Message): Message {
    const { copy, size } = this.measure(name, message)
    if (size > harmlessSize) this.link?.assertFits(name, copy)
    return copy
  }

  /** Whether it is open if a link to the peer can carry the message: not all carry all that CBOR can, or are for large ones. */
  private dependsOnLink(name: string, message: Message): boolean {
    return culprit(message, "json") !== undefined || this.measure(name, message).size + name.length > harmlessSize
  }

  private measure(name: string, message: Message): Copied<Message> {
    const result = copy(message, this.link?.carries ?? "cbor")
    if ("path" in result) throw new UnsendableMessage(`${this.nodeId}#${name}`, result)
    return result
  }

  /** Sends a request to the peer's node port. The caller vouches for the data, and that nobody changes it. */
  request(request: string, ...args: ReadonlyArray<unknown>): void {
    this.sendFixed("", [request, ...args])
  }

  /** Sends what nobody changes any more, and what any link can carry. */
  private sendFixed(name: string, message: Message): void {
    if (this.link !== undefined && !this.queueing) return this.link.send(name, message)
    this.link?.assertFits(name, message)
    this.keep(name, message)
  }

  private keep(name: string, message: Message): void {
    if (this.state === "down") return this.dropped([[name, message]])
    this.queue.push([name, message])
    this.wake()
    if (this.queue.length > queueOverflow) {
      this.lost(new LinkError({ reason: "buffer_overflow", peer: this.nodeId }))
    }
  }

  private dropped(messages: typeof this.queue): void {
    this.host.counts.dropped.no_link += messages.filter(([name, message]) => isForPort(name, message)).length
  }

  /** Whether a sender that can wait may send: there is room, and nobody waits for it. */
  get hasRoom(): boolean {
    return this.waiters.size === 0 && this.takesMore
  }

  private get takesMore(): boolean {
    return this.link !== undefined && !this.queueing ? this.link.hasRoom : this.queue.length < queueLimit
  }

  /** How many senders wait for room. */
  get senders(): number {
    return this.waiters.size
  }

  /** Sees to it that a link is on its way. */
  wake(): void {
    if (this.state !== "idle") return
    this.state = "connecting"
    // Not in the caller's stack: where nobody is known, the answer is there at once, and monitors must stand by then.
    queueMicrotask(() => this.host.connect(this))
  }

  /** Calls back when it is the sender's turn, or when it is to try again. The result gives up. */
  when(waitFor: WaitFor, resume: Resume): () => void {
    const giveUp = (waitFor === "room" ? this.waiters : this.waitingForLink).add(resume)
    // What the sender waits for may have come since it was told to wait.
    if (waitFor === "room") this.admitNext()
    else if (this.link !== undefined) enqueue(this)
    return giveUp
  }

  /** Lets the one who waits longest send, if there is room: in the run queue, since it may let the next one send. */
  admitNext(): void {
    if (this.isAdmitting || this.waiters.size === 0 || !this.takesMore) return
    this.isAdmitting = true
    enqueue(this)
  }

  run(): void {
    this.isAdmitting = false
    if (this.state === "down") {
      this.waitingForLink.release("lost")
      this.waiters.release("try again")
      return
    }
    if (this.link !== undefined) this.waitingForLink.release("try again")
    if (this.takesMore) this.waiters.take()?.("send")
  }

  broken(error: unknown): void {
    this.host.unheard(`a sender to node ${this.nodeId} failed`, error)
    this.admitNext()
  }

  /** Monitors a port of the peer. The node port is monitored without a message: only a lost link triggers it. */
  monitor(name: string, watcher: Watcher): () => void {
    let watchers = this.monitors.get(name)
    if (watchers === undefined) {
      watchers = new Set()
      this.monitors.set(name, watchers)
      if (name === "") this.wake()
      else if (!this.sendSafely("", ["mon1", name])) this.nobodyNamed(name)
    }
    const group = watchers.add(watcher)
    return () => {
      group.delete(watcher)
      if (group.size > 0 || this.monitors.get(name) !== group) return
      this.monitors.delete(name)
      if (name !== "") this.sendSafely("", ["mon0", name])
    }
  }

  /** A name that is too long for a message is that of no port. */
  private nobodyNamed(name: string): void {
    const tell = (): void => this.portDied(name, reasons.no_such_port(`${this.nodeId}#${name}`))
    enqueue({ run: tell, broken: (error) => this.host.unheard(`a monitor of node ${this.nodeId} failed`, error) })
  }

  /** The peer says that one of its ports is dead. */
  portDied(name: string, reason: Reason): void {
    const watchers = this.monitors.get(name)
    this.monitors.delete(name)
    this.fire(name, watchers, reason)
  }

  private fire(name: string, watchers: ReadonlySet<Watcher> | undefined, reason: Reason): void {
    if (watchers === undefined) return
    const exit = exitFromReason(name === "" ? this.nodeId : `${this.nodeId}#${name}`, reason)
    tellWatchers(watchers, exit, this.host)
  }

  /** How many ports of ours the peer monitors. */
  get monitoredHere(): number {
    return this.monitored.size
  }

  /** The peer monitors a port of ours. A second request for the same port changes nothing. */
  monitoredBy(name: string, receiver: Receiver): void {
    if (this.monitored.has(name)) return
    const cancel = receiver.watch((exit) => {
      this.monitored.delete(name)
      this.sendDeath(name, reasonFromExit(exit))
    })
    this.monitored.set(name, cancel)
  }

  /** The peer takes its monitor back. */
  unmonitoredBy(name: string): void {
    this.monitored.get(name)?.()
    this.monitored.delete(name)
  }

  /** Tells the peer that a port which it monitors is dead. What cannot travel of the reason goes as text. */
  sendDeath(name: string, reason: Reason): void {
    this.sendShort("", ["kil0", name], reason)
  }

  /** Kills a port of the peer. */
  kill(name: string, reason: Reason): void {
    this.sendShort("", ["kil1", name], reason)
  }

  /** The same, when it is done with the message that it has in hand. A peer of another kind does not wait for that. */
  finish(name: string, reason: Reason): void {
    const [request] = this.understood([fullRequests.finish])
    this.sendShort("", [request, name], reason)
  }

  /** Tells a caller there that what it has asked for was refused. Others than our own kind have no word for it. */
  failCall(name: string, reason: Reason): void {
    if (this.link?.incarnation !== undefined) this.sendShort("", [refusedRequest, name], reason)
  }

  /** Tells a port there that its caller is gone. Whoever has no word for it does what it was asked. */
  abandoned(name: string, caller: string): void {
    if (this.link === undefined || this.link.incarnation !== undefined) {
      this.sendSafely("", [abandonedRequest, name, caller])
    }
  }

  /** Has the peer make a port that ends with its owner, if the peer can see to that. */
  spawn(owner: string, request: ReadonlyArray<unknown>): void {
    this.send("", this.understood([fullRequests.spawn, owner, ...request]))
  }

  /** A request as the peer understands it, once that is known: what waits for a link is translated when there is one. */
  private understood(request: Message): Message {
    return this.link !== undefined && this.link.incarnation === undefined ? inProtocol(request) : request
  }

  /** Sends what waited for a link, as the other side takes it. */
  private sendAsTaken(link: Link, name: string, message: Message): void {
    if (name !== "") return link.send(name, message)
    if (message[0] === abandonedRequest && link.incarnation === undefined) return
    const held = link.takesAsides ? undefined : readAside(message)
    if (held === undefined) link.send(name, this.understood(message))
    else link.send(String(held.to), held.message)
  }

  /** Sends parts of which those that cannot travel go as text; and shortened, if all of them are more than a message may be. */
  private sendShort(to: string, head: Message, parts: Reason): void {
    if (this.sendSafely(to, [...head, ...this.sendable(parts)])) return
    const short = parts.slice(0, shortest.parts).map((part) => this.shortened(part))
    if (this.sendSafely(to, [...head, ...short])) return
    this.host.unheard(
      `node ${this.nodeId} cannot be told of an end: the port's name is too long`,
      quoted(head.at(-1) ?? to).slice(0, 40)
    )
  }

  private sendable(reason: Reason): Reason {
    const carries = this.link?.carries ?? "json"
    return reason.map((part) => {
      // In the packet each of them is one level deeper.
      const result = copy([part], carries)
      return "path" in result ? describe(part) : result.copy[0]
    })
  }

  private shortened(part: unknown): unknown {
    if (typeof part !== "object" && typeof part !== "string" || part === null) return this.sendable([part])[0]
    const text = describe(part)
    return text.length > shortest.characters ? `${text.slice(0, shortest.characters).toWellFormed()}…` : text
  }

  /** Sends if the message is not too large for the link; without one, for any link. */
  private sendSafely(name: string, message: Message): boolean {
    if (this.link === undefined && this.measure(name, message).size + name.length > harmlessSize) return false
    try {
      this.sendFixed(name, message)
      return true
    } catch (error) {
      if (error instanceof UnsendableMessage) return false
      throw error
    }
  }

  /** The link stands. The node hears of it first; what it sends goes behind what waited. */
  up(link: Link): void {
    this.state = "up"
    this.link = link
    this.isGuest = link.guestUntil !== undefined
    this.host.cameUp(this)
    try {
      for (const [name, message] of this.queue) this.sendAsTaken(link, name, message)
    } catch (error) {
      if (!(error instanceof UnsendableMessage)) throw error
      return link.giveUp(new LinkError({ reason: "unsendable", peer: this.nodeId, detail: error.message }))
    }
    this.queue = []
    this.queueing = false
    enqueue(this)
  }

  message(name: unknown, message: Message): void {
    const wrong = this.host.receive(this, name, message)
    if (wrong === undefined) return
    this.link?.giveUp(new LinkError({ reason: "bad_packet", peer: this.nodeId, detail: wrong }))
  }

  read(): void {
    if (this.isGuest) this.host.hasRead(this)
  }

  damaged(): void {
    this.host.damaged(this)
  }

  drained(): void {
    this.admitNext()
  }

  /** No link, or none any more: drops what waits and fires all monitors, in one step. */
  lost(error: LinkError): void {
    if (this.state === "down") return
    const wasUp = this.state === "up"
    const { monitored, monitors } = this
    this.state = "down"
    this.link = undefined
    this.dropped(this.queue)
    this.queue = []
    this.monitors = new Map()
    this.monitored = new Map()
    for (const cancel of monitored.values()) cancel()
    this.host.wentDown(this, wasUp, error)
    const reason = reasons.transport_error(this.nodeId, transportErrorText(error), error.reason)
    for (const [name, watchers] of monitors) this.fire(name, watchers, reason)
    enqueue(this)
  }
}

/**
 * What cannot be sent so is sent alone: it may just fit, and if it does not, the sender learns where in the message the culprit is.
 */
const sendBeside = (link: Link, name: string, message: Message, aside: Aside): void => {
  try {
    link.send("", withAside(asideToWire(aside), name, message))
  } catch (error) {
    if (!(error instanceof UnsendableMessage)) throw error
    link.send(name, message)
  }
}
