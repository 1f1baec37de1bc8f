/**
 * The guests of a node: those that have come with a ticket. What they send goes through the gate (`guestGate.ts`) at the pace of
 * `guestIntake.ts`; requests have handlers of their own, so that nothing is open to them that was not made for them. Other nodes hear
 * nothing of them.
 *
 * @internal
 */
import type { Aside } from "../port/aside.ts"
import { isCell } from "../port/cell.ts"
import type { Counts } from "../port/counts.ts"
import type { Message, Receiver } from "../port/receiver.ts"
import { isReplyPort } from "../port/replyPort.ts"
import type { Link } from "../transport/link.ts"
import { LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import { ownRequests, readAside } from "../transport/ownRequests.ts"
import { hostOf } from "../values/address.ts"
import { readIp } from "../values/ip.ts"
import { isPortId, nodeOf, portName } from "../values/portId.ts"
import { type Reason, reasons } from "../values/reason.ts"
import { answerDrain, type DrainHost, drainRequests } from "./drain.ts"
import { abandonedRequest, refusedRequest, spawnRequest, ticketRequest } from "./fullRequests.ts"
import { judge, type Open, type Verdict } from "./guestGate.ts"
import { Intake } from "./guestIntake.ts"
import type { GuestLimits } from "./guestLimits.ts"
import type { Network } from "./network.ts"
import { type Data, dataRequests } from "./noData.ts"
import { type GuestsOfNode, notTaken } from "./noGuests.ts"
import type { Peer } from "./peer.ts"
import { Registry, type Request } from "./registry.ts"

/** Requests that do the same for a guest as for every node: the gate has looked at what they name. */
const asForAll: ReadonlySet<string> = new Set([
  "mon0",
  "kil0",
  "time",
  ownRequests.probe,
  ownRequests.probed,
  ownRequests.bye,
  ownRequests.end,
  abandonedRequest,
  refusedRequest,
  dataRequests.off
])

/** What this needs of its node. */
export interface GuestHost extends DrainHost {
  readonly network: Pick<Network, "guestLimits" | "isNewTicket">
  readonly requests: Registry<Request>
  readonly data: DrainHost["data"] & Pick<Data, "isOpenToGuests" | "countWith">
  readonly counts: Counts
  now(): number
  monotonic(): number
  after(millis: number, act: () => void): () => void
  portNamed(name: string): Receiver | undefined
  deliverFrom(peer: Peer, name: string, message: Message, aside?: Aside): void
  refused(receiver: Receiver, message: Message, reason: Reason): void
  request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void
}

/** The clock on the wall is looked at so often: it is moved, and goes on while a machine sleeps. */
const longestMillis = 60_000
/** So many streams of bytes all guests may have together: there is room for those of others. */
const mostStreams = 128

/** What a link with a guest has. */
interface Guest {
  readonly peer: Peer
  readonly link: Link
  /** Where it comes from. */
  readonly machine: string
  readonly open: Open
  readonly intake: Intake
  /** Families that it follows: how to end that. */
  readonly followed: Map<string, () => void>
  /** Bytes of the link that were counted. */
  received: number
  /** Connections with rpc servers. */
  spawned: number
  /** When its ticket ends, in seconds since 1970. */
  until: number
  /** Takes back the end of its ticket. */
  forget: () => void
}

/** The machine at an address, or what else it is of. Whoever has one address of IPv6 has 64 bits of them. */
const machineOf = (address: string): string => {
  const host = hostOf(address)
  const parts = host === undefined ? undefined : readIp(host.split("%", 1)[0]!)
  return parts?.length === 8 ? parts.slice(0, 4).join(":") : host ?? address
}

/** The name of the port that a packet is for, beside which something may go. */
const receiverOf = (name: unknown, message: Message): string | undefined => {
  const port = portName(name)
  const held = port === "" ? readAside(message) : undefined
  return held === undefined ? port : portName(held.to)
}

/** Whether a port takes messages of a guest with this node ID. */
const isOpenTo = (receiver: Receiver | undefined, guest: string): boolean => {
  if (receiver === undefined) return false
  if (isCell(receiver)) return receiver.settings.guests === true || receiver.settings.guests === guest
  return isReplyPort(receiver) && receiver.asked !== undefined && nodeOf(receiver.asked) === guest
}

export class Guests implements GuestsOfNode {
  /** What rooms above do with requests of guests. */
  readonly requests = new Registry<Request>()
  /** Functions by which guests may have ports made. */
  readonly functions = new Registry<true>()
  /** Whether the network has a node with this ID, as far as whoever keeps the addresses knows. */
  isKnown: (nodeId: string) => boolean = () => false
  private readonly host: GuestHost
  /** By node ID. */
  private readonly guests = new Map<string, Guest>()

  constructor(host: GuestHost) {
    this.host = host
    const own: Record<string, Request> = {
      mon1: (from, [name]) => this.monitors(from, name),
      [drainRequests.begins]: (from) => this.drains(from),
      [spawnRequest]: (from, args) => this.spawns(from, args),
      [ticketRequest]: (from, [expires, proof]) => this.hasNewTicket(from, expires, proof),
      [dataRequests.begin]: (from, args) => this.sends(from, args),
      // It has dialled the link: nobody else can dial the one or the other.
      [dataRequests.dial]: (from, [number]) => host.request(from, dataRequests.off, number, "unreachable")
    }
    for (const [name, request] of Object.entries(own)) this.requests.add(name, request)
  }

  private get limits(): GuestLimits | undefined {
    return this.host.network.guestLimits
  }

  get count(): number {
    return this.guests.size
  }

  untilOf(nodeId: string): number | undefined {
    const guest = this.guests.get(nodeId)
    return guest === undefined ? undefined : guest.until * 1000
  }

  /** Whether a port of this node is open to all guests. */
  isOpen(port: string): boolean {
    const receiver = this.host.ports.get(port)
    return receiver !== undefined && isCell(receiver) && receiver.settings.guests === true
  }

  // ---- links

  /** Why a guest that says it has this ticket is not let in; nobody has authenticated yet. */
  refusalOf(
    nodeId: string,
    expires: number | undefined,
    address: string
  ): readonly [LinkErrorReason, string] | undefined {
    const { host, limits } = this
    if (limits === undefined) return notTaken
    if (expires === undefined) return ["auth_failed", "it is a guest, and does not say when its ticket ends"]
    if (expires * 1000 <= host.now()) return ["auth_failed", "it is a guest, and its ticket has ended"]
    if (this.isNode(nodeId, nodeId)) return ["guest_not_taken", "a node of the network has its node ID"]
    const known = this.guests.get(nodeId)
    const others = Array.from(this.guests.values()).filter((guest) => guest !== known)
    if (others.length >= limits.links) return ["guest_not_taken", `there are ${others.length} guests already`]
    const machine = machineOf(address)
    const near = others.filter((guest) => guest.machine === machine).length
    return near < limits.linksPerAddress
      ? undefined
      : ["guest_not_taken", `there are ${near} guests from this address already`]
  }

  /** A guest has a link. */
  linked(peer: Peer, link: Link, until: number): void {
    const { host, limits } = this
    if (limits === undefined) return
    const { nodeId } = peer
    const open = this.openTo(nodeId)
    const intake = new Intake({
      monotonic: () => host.monotonic(),
      after: (millis, act) => host.after(millis, act),
      hasRoom: (name, message) => link.hasRoom && this.hasRoom(receiverOf(name, message), limits),
      deliver: (name, message) => this.carryOut(guest, judge(open, name, message)),
      overflow: () => this.end(link, "guest_limit", `more than ${limits.waitingBytes} bytes of it wait`)
    }, limits)
    const guest: Guest = {
      peer,
      link,
      machine: machineOf(link.address),
      open,
      intake,
      followed: new Map(),
      received: link.received,
      spawned: 0,
      until,
      forget: () => {}
    }
    this.guests.set(nodeId, guest)
    this.endInTime(guest, until)
  }

  wentDown(nodeId: string): void {
    const guest = this.guests.get(nodeId)
    if (guest === undefined) return
    this.guests.delete(nodeId)
    guest.forget()
    guest.intake.end()
    for (const unfollow of guest.followed.values()) unfollow()
  }

  /** Ends the link when the ticket does. */
  private endInTime(guest: Guest, until: number): void {
    const leftMillis = until * 1000 - this.host.now()
    guest.until = until
    guest.forget()
    if (leftMillis <= 0) return this.end(guest.link, "ticket_expired")
    guest.forget = this.host.after(Math.min(leftMillis, longestMillis), () => this.endInTime(guest, until))
  }

  private end(link: Link, reason: LinkErrorReason, detail?: string): void {
    link.giveUp(new LinkError({ reason, peer: link.nodeId, detail }))
  }

  // ---- what a guest sends

  private openTo(guest: string): Open {
    const { host } = this
    return {
      guest,
      host: host.nodeId,
      isOpen: (name) => isOpenTo(host.portNamed(name), guest),
      isTag: (name, message) => {
        const receiver = host.portNamed(name)
        return receiver !== undefined && isCell(receiver) && receiver.knowsTagOf(message)
      },
      isCall: (name, message) => {
        const receiver = host.portNamed(name)
        return receiver !== undefined && isCell(receiver) && receiver.isAsked(message)
      },
      isOpenFunction: (name) => this.functions.has(name),
      isOpenPlace: (id) => host.data.isOpenToGuests(id),
      isNode: (nodeId) => this.isNode(nodeId, guest)
    }
  }

  /** Whether somebody else than this guest has the node ID. */
  private isNode(nodeId: string, guest: string): boolean {
    const { host } = this
    if (nodeId === host.nodeId || this.isKnown(nodeId)) return true
    const peer = host.peers.get(nodeId)
    return peer?.state === "up" && (nodeId !== guest || !peer.isGuest)
  }

  /** A busy port has enough to do: what guests send it waits for it. */
  private hasRoom(port: string | undefined, { mailbox }: GuestLimits): boolean {
    const receiver = port === undefined || port === "" ? undefined : this.host.portNamed(port)
    return receiver === undefined || !isCell(receiver) || receiver.hasRoomWithin(mailbox)
  }

  receive(peer: Peer, name: unknown, message: Message): void {
    const guest = this.guests.get(peer.nodeId)
    if (guest === undefined) return
    const size = guest.link.received - guest.received
    guest.received = guest.link.received
    guest.intake.take(name, message, size)
  }

  /** What has come and is no message, a part of one or signs of life, counts as well. */
  hasRead({ nodeId }: Peer): void {
    const guest = this.guests.get(nodeId)
    if (guest === undefined) return
    const size = guest.link.received - guest.received
    guest.received = guest.link.received
    if (size > 0) guest.intake.noise(size)
  }

  private carryOut(guest: Guest, verdict: Verdict): void {
    const { host } = this
    const { link, peer } = guest
    switch (verdict._tag) {
      case "Message": {
        const { patienceMillis } = verdict
        const aside = patienceMillis === undefined ? undefined : { span: undefined, patienceMillis, link }
        return host.deliverFrom(peer, verdict.name, verdict.message, aside)
      }
      case "Request":
        return this.request(guest, verdict.request, verdict.args)
      case "NoSuchPort":
        return peer.sendDeath(verdict.name, reasons.no_such_port(`${host.nodeId}#${verdict.name}`))
      case "Drop":
        host.counts.dropped.no_port++
        return
      case "Refuse":
        return this.refuse(peer.nodeId, verdict.name, verdict.message)
      case "End":
        return this.end(link, "not_for_guests", verdict.what)
    }
  }

  private refuse(guest: string, name: string, message: Message): void {
    const receiver = this.host.portNamed(name)
    const why = reasons.invalid_message(message[0], "it names a port that is not open to the guest who has sent it")
    const caller = message.at(-1)
    // It may name the port of a call that somebody else waits for.
    const isOwn = isPortId(caller) && nodeOf(caller) === guest
    if (receiver === undefined) return
    this.host.refused(receiver, isOwn ? message : [], why)
    // Whoever has asked the guest gets no other answer.
    if (isReplyPort(receiver)) receiver.refuse(why)
  }

  private request({ peer: { nodeId } }: Guest, request: string, args: ReadonlyArray<unknown>): void {
    const { host } = this
    const handler = this.requests.get(request) ?? (asForAll.has(request) ? host.requests.get(request) : undefined)
    if (handler === undefined) return
    host.log.guarded(`the request ${request} of guest ${nodeId} failed`, () => handler(nodeId, args))
  }

  private monitors(from: string, name: unknown): void {
    const guest = this.guests.get(from)
    const port = portName(name)
    const receiver = port === undefined ? undefined : this.host.portNamed(port)
    if (guest === undefined || port === undefined || receiver === undefined) return
    if (guest.peer.monitoredHere >= (this.limits?.monitors ?? 0)) return this.end(guest.link, "guest_limit", "monitors")
    guest.peer.monitoredBy(port, receiver)
  }

  private drains(from: string): void {
    const guest = this.guests.get(from)
    if (guest === undefined || guest.peer.isDraining) return
    guest.peer.isDraining = true
    answerDrain(this.host, from)
  }

  private spawns(from: string, args: ReadonlyArray<unknown>): void {
    const guest = this.guests.get(from)
    const name = portName(args[0])
    if (guest === undefined || name === undefined || this.host.portNamed(name) !== undefined) return
    if (this.hasAll(guest)) return this.end(guest.link, "guest_limit", "connections")
    this.host.requests.get(spawnRequest)?.(from, args)
    const made = this.host.portNamed(name)
    if (made === undefined) return
    guest.spawned++
    made.watch(() => void guest.spawned--)
  }

  private hasAll(guest: Guest): boolean {
    const streams = this.host.data.countWith((nodeId) => nodeId === guest.peer.nodeId)
    return guest.spawned + streams >= (this.limits?.connections ?? 0)
  }

  private sends(from: string, args: ReadonlyArray<unknown>): void {
    const guest = this.guests.get(from)
    if (guest === undefined) return
    const streams = this.host.data.countWith((nodeId) => this.guests.has(nodeId))
    if (this.hasAll(guest) || streams >= mostStreams) {
      return this.host.request(from, dataRequests.off, args[1], "too_many")
    }
    this.host.requests.get(dataRequests.begin)?.(from, args)
  }

  /** It stays for as long as its new ticket says. */
  private hasNewTicket(from: string, expires: unknown, proof: unknown): void {
    const guest = this.guests.get(from)
    if (guest === undefined) return
    if (typeof expires !== "number" || typeof proof !== "string") {
      return this.end(guest.link, "not_for_guests", "a new ticket")
    }
    if (!this.host.network.isNewTicket(guest.link, expires, proof)) {
      return this.end(guest.link, "not_for_guests", "a new ticket that no secret of this node has made")
    }
    this.endInTime(guest, expires)
  }

  // ---- what guests follow

  /** A guest follows a family, until `unfollow` or the end of its link. `begin` answers how to end that. */
  follow(nodeId: string, family: string, begin: () => () => void): void {
    const guest = this.guests.get(nodeId)
    if (guest === undefined) return
    this.unfollow(nodeId, family)
    if (guest.followed.size >= (this.limits?.subscriptions ?? 0)) {
      return this.end(guest.link, "guest_limit", "subscriptions")
    }
    guest.followed.set(family, begin())
  }

  unfollow(nodeId: string, family: string): void {
    const guest = this.guests.get(nodeId)
    guest?.followed.get(family)?.()
    guest?.followed.delete(family)
  }
}
