/**
 * Streams of bytes with other nodes, each on a connection of its own beside the link: who waits for one, what the two nodes tell each other
 * over the link until it stands, and what ends it. The node that has dialled the link dials this connection too, since it can; if that
 * fails, the other one tries.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { Channel } from "../transport/data/channel.ts"
import type { Ending, Flow } from "../transport/data/flow.ts"
import { localWires } from "../transport/data/localWires.ts"
import type { Receiving } from "../transport/data/receiving.ts"
import { type Greeting, guestKey, ownKindKey } from "../transport/handshake/greeting.ts"
import type { Link } from "../transport/link.ts"
import { inWords, type LinkError } from "../transport/linkError.ts"
import type { Wire, WireEvents } from "../transport/wire.ts"
import { BytesError, type BytesErrorReason, bytesErrorTexts } from "../values/bytesError.ts"
import { nodeOf } from "../values/portId.ts"
import { printableInLine } from "../values/printable.ts"
import { type Data, dataRequests } from "./noData.ts"

/** So many at once: with one node, and in all. */
const mostWithNode = 64
const mostInAll = 256
/** So many IDs may wait for their sender. */
const mostPlaces = 10_000
/** So much is kept of what another node says. */
const longestDetail = 400

/** What a stream of bytes is for the program at this end of it. */
export interface ProgramEnd {
  readonly flow: Flow
  /** Called once: it is over, in order if there is no error. */
  readonly over: (error: BytesError | undefined) => void
}

/** Where bytes are awaited. */
interface Place {
  readonly end: ProgramEnd & { readonly flow: Receiving }
  readonly forget: () => void
  /** Whether guests may send there. */
  readonly isForGuests: boolean
}

/** One end of a stream of bytes, from the moment that the two nodes know of each other. */
interface Transfer {
  readonly number: string
  readonly nodeId: string
  /** The link with the other node, without which it ends; `undefined`: both ends are on this node. */
  readonly link: Link | undefined
  readonly end: ProgramEnd
  channel: Channel | undefined
  hasDialled: boolean
  /** Takes back the limit of the time that the connection may take to come about. */
  inTime: () => void
}

/** What this needs of its node. */
export interface DataHost {
  readonly nodeId: string
  readonly network: {
    readonly monitorTimeoutMillis: number
    hasDialled(link: Link): boolean
    dialData(link: Link, number: string): Effect.Effect<void, LinkError>
    watch(channel: Channel, link: Link): () => void
  }
  /** Whether the node, or another one as far as this one knows, is about to stop. */
  drains(nodeId: string): boolean
  linkTo(nodeId: string): Link | undefined
  request(nodeId: string, request: string, ...args: ReadonlyArray<unknown>): void
  after(millis: number, act: () => void): () => void
  fork(effect: Effect.Effect<unknown>): void
}

export class DataConnections implements Data {
  private readonly host: DataHost
  /** By ID. */
  private readonly places = new Map<string, Place>()
  /** By number. A stream within this node has two of them. */
  private readonly transfers = new Map<string, Transfer>()
  /** How many connections are being closed: what was said last is still on its way. */
  private closing = 0
  private readonly whenIdle = new Set<() => void>()

  constructor(host: DataHost) {
    this.host = host
  }

  /** How many streams there are. */
  get count(): number {
    return this.transfers.size
  }

  /** Whether there is none, and the other nodes have heard that: a node that says at once that it leaves may be faster by its link. */
  get isIdle(): boolean {
    return this.count === 0 && this.closing === 0
  }

  /** Calls back as soon as it is so. */
  awaitIdle(act: () => void): void {
    this.whenIdle.add(act)
    this.tellIfIdle()
  }

  private tellIfIdle(): void {
    if (!this.isIdle) return
    for (const act of Array.from(this.whenIdle)) {
      this.whenIdle.delete(act)
      act()
    }
  }

  private closeInOrder(channel: Channel): void {
    this.closing++
    const closed = Effect.sync(() => {
      this.closing--
      this.tellIfIdle()
    })
    this.host.fork(Effect.ensuring(channel.close, closed))
  }

  // ---- what programs do

  /** Waits for a sender. Answers why not, if so. */
  expect(id: string, end: Place["end"], patienceMillis: number, isForGuests: boolean): BytesError | undefined {
    const { host, places } = this
    if (host.drains(host.nodeId)) return this.error("draining", host.nodeId)
    if (places.size >= mostPlaces) return this.error("too_many", host.nodeId)
    const forget = patienceMillis === Infinity
      ? () => {}
      : host.after(patienceMillis, () => {
        if (places.delete(id)) end.over(this.error("nobody_came", host.nodeId))
      })
    places.set(id, { end, forget, isForGuests })
    return undefined
  }

  /** Whether bytes of guests are awaited under this ID. */
  isOpenToGuests(id: string): boolean {
    return this.places.get(id)?.isForGuests === true
  }

  /** How many streams there are with such nodes. */
  countWith(isOne: (nodeId: string) => boolean): number {
    return Array.from(this.transfers.values()).filter(({ link, nodeId }) => link !== undefined && isOne(nodeId)).length
  }

  /** Nobody waits under this ID any more. */
  forget(id: string): void {
    this.places.get(id)?.forget()
    this.places.delete(id)
  }

  private takePlace(id: unknown): Place["end"] | undefined {
    const place = typeof id === "string" ? this.places.get(id) : undefined
    if (place !== undefined) this.forget(String(id))
    return place?.end
  }

  /** Begins to send to a place on the other end of a link, or on this node. */
  send(id: string, number: string, end: ProgramEnd): void {
    const { host } = this
    const nodeId = nodeOf(id)
    const link = host.linkTo(nodeId)
    const wrong = this.wrongWith(nodeId)
    if (wrong !== undefined) return end.over(this.error(wrong, nodeId))
    if (nodeId === host.nodeId) return this.sendHere(id, number, end)
    if (link === undefined) return end.over(this.error("unreachable", nodeId, "the link was lost"))
    if (link.incarnation === undefined) {
      return end.over(this.error("not_expected", nodeId, "a node of another kind"))
    }
    this.open(number, link, end)
    host.request(nodeId, dataRequests.begin, id, number)
  }

  private sendHere(id: string, number: string, end: ProgramEnd): void {
    const receiver = this.takePlace(id)
    if (receiver === undefined) return end.over(this.error("not_expected", this.host.nodeId))
    const [here, there] = localWires()
    const connect = (wire: Wire, name: string, programEnd: ProgramEnd): void =>
      wire.start(this.connect(this.open(name, undefined, programEnd), wire))
    connect(here, number, end)
    connect(there, `${number}'`, receiver)
  }

  // ---- what the other node says

  /** It would send bytes to a place of ours. */
  begins(link: Link, id: unknown, number: string): void {
    const { host } = this
    if (this.transfers.has(number)) return
    const wrong = this.wrongWith(link.nodeId) ?? (host.drains(host.nodeId) ? "draining" : undefined)
    const end = wrong === undefined ? this.takePlace(id) : undefined
    if (end === undefined) return host.request(link.nodeId, dataRequests.off, number, wrong ?? "not_expected")
    const transfer = this.open(number, link, end)
    if (host.network.hasDialled(link)) this.dial(transfer, link)
    else host.request(link.nodeId, dataRequests.dial, number)
  }

  /** It expects us to dial. */
  dials(link: Link, number: string, why: unknown): void {
    const transfer = this.transfers.get(number)
    if (transfer?.link !== link) return this.host.request(link.nodeId, dataRequests.off, number, "not_expected")
    if (!transfer.hasDialled) this.dial(transfer, link, typeof why === "string" ? readDetail(why) : undefined)
  }

  /** Nothing will come of it. */
  off(link: Link, number: string, reason: unknown, detail: unknown): void {
    const transfer = this.transfers.get(number)
    if (transfer?.link !== link || transfer.channel !== undefined) return
    const known = typeof reason === "string" && isReason(reason) ? reason : "unreachable"
    this.close(transfer, this.error(known, link.nodeId, typeof detail === "string" ? readDetail(detail) : undefined))
  }

  // ---- the connection

  private open(number: string, link: Link | undefined, end: ProgramEnd): Transfer {
    const { host } = this
    const transfer: Transfer = {
      number,
      nodeId: link?.nodeId ?? host.nodeId,
      link,
      end,
      channel: undefined,
      hasDialled: false,
      inTime: () => {}
    }
    this.transfers.set(number, transfer)
    transfer.inTime = host.after(
      host.network.monitorTimeoutMillis,
      () => this.giveUp(transfer, this.error("unreachable", transfer.nodeId, "it took too long"))
    )
    end.flow.whenOver = (ending) => this.flowIsOver(transfer, ending)
    return transfer
  }

  /** Dials the other node. `theirs` says why it could not dial us. */
  private dial(transfer: Transfer, link: Link, theirs?: string): void {
    const { host } = this
    const { nodeId, number } = transfer
    transfer.hasDialled = true
    const failed = (error: LinkError): void => {
      if (transfer.channel !== undefined || !this.transfers.has(number)) return
      if (theirs === undefined) return host.request(nodeId, dataRequests.dial, number, inWords(error))
      this.giveUp(
        transfer,
        this.error("unreachable", nodeId, `${host.nodeId}: ${inWords(error)}; ${nodeId}: ${theirs}`)
      )
    }
    host.fork(Effect.catch(host.network.dialData(link, number), (error) => Effect.sync(() => failed(error))))
  }

  /** Whether somebody who has proven who it is dials for a stream of bytes that this node knows. */
  isExpected(number: string, greeting: Greeting): boolean {
    return this.expected(number, greeting) !== undefined
  }

  private expected(number: string, greeting: Greeting): Transfer | undefined {
    const { keys, nodeId } = greeting
    const transfer = this.transfers.get(number)
    if (transfer?.link === undefined || transfer.channel !== undefined || transfer.link.isOver) return undefined
    // The very process that the link is with.
    const { link } = transfer
    const isSame = link.nodeId === nodeId && link.incarnation === keys.get(ownKindKey)
    return isSame && (link.guestUntil === undefined) === !keys.has(guestKey) ? transfer : undefined
  }

  /** The handshake of a connection is done: answers what goes on with it, or nothing, if nobody waits for it any more. */
  attach(number: string, greeting: Greeting, wire: Wire): WireEvents | undefined {
    const transfer = this.expected(number, greeting)
    if (transfer?.link === undefined) return undefined
    const channel = this.connect(transfer, wire)
    transfer.inTime = this.host.network.watch(channel, transfer.link)
    return channel
  }

  private connect(transfer: Transfer, wire: Wire): Channel {
    const { end: { flow }, nodeId } = transfer
    transfer.inTime()
    transfer.inTime = () => {}
    const channel = new Channel(wire, nodeId, flow, (error) => this.lost(transfer, error))
    transfer.channel = channel
    flow.attach(channel)
    return channel
  }

  /** Both ends have said what they had to say. */
  private flowIsOver(transfer: Transfer, ending: Ending): void {
    if (this.transfers.get(transfer.number) !== transfer) return
    const { channel, end: { flow: { role } }, link, nodeId } = transfer
    if (channel !== undefined) this.closeInOrder(channel)
    else if (link !== undefined && ending._tag === "Left") {
      const reason: BytesErrorReason = role === "sender" ? "sender_ended" : "receiver_ended"
      this.host.request(nodeId, dataRequests.off, transfer.number, reason, ending.why)
    }
    this.close(transfer, this.errorOf(transfer, ending))
  }

  private errorOf({ end: { flow: { role } }, nodeId }: Transfer, ending: Ending): BytesError | undefined {
    if (ending._tag === "Done") return undefined
    const isSenders = (role === "sender") === (ending._tag === "Left")
    return this.error(isSenders ? "sender_ended" : "receiver_ended", nodeId, readDetail(ending.why))
  }

  /** The connection is gone. Whoever has all that there was does not need it. */
  private lost(transfer: Transfer, error: LinkError): void {
    transfer.inTime()
    if (transfer.end.flow.isComplete) return
    this.close(transfer, this.errorOfLink("connection_lost", transfer.nodeId, error))
  }

  private giveUp(transfer: Transfer, error: BytesError): void {
    if (transfer.channel !== undefined || !this.transfers.has(transfer.number)) return
    if (transfer.link !== undefined) {
      this.host.request(transfer.nodeId, dataRequests.off, transfer.number, error.reason, error.detail ?? "")
    }
    this.close(transfer, error)
  }

  private close(transfer: Transfer, error: BytesError | undefined): void {
    if (this.transfers.get(transfer.number) !== transfer) return
    this.transfers.delete(transfer.number)
    transfer.inTime()
    transfer.end.over(error)
    this.tellIfIdle()
  }

  /** The link with a node is lost, and with it all streams of bytes. */
  wentDown(nodeId: string, error: LinkError): void {
    for (const transfer of Array.from(this.transfers.values())) {
      if (transfer.link?.nodeId !== nodeId) continue
      if (transfer.channel !== undefined) transfer.channel.lose(error)
      else this.close(transfer, this.errorOfLink("unreachable", nodeId, error))
    }
  }

  // ---- errors

  private wrongWith(nodeId: string): BytesErrorReason | undefined {
    const same = Array.from(this.transfers.values()).filter((transfer) => transfer.link?.nodeId === nodeId).length
    return same >= mostWithNode || this.count >= mostInAll ? "too_many" : undefined
  }

  private error(reason: BytesErrorReason, node: string, detail?: string): BytesError {
    return new BytesError({ reason, node, detail })
  }

  private errorOfLink(reason: BytesErrorReason, node: string, error: LinkError): BytesError {
    return new BytesError({ reason, node, detail: inWords(error), linkError: error.reason })
  }
}

/** Those of a node, from the first time on that a program has to do with them. */
export const dataOf = (node: DataHost & { data: Data }): DataConnections => {
  if (node.data instanceof DataConnections) return node.data
  const data = new DataConnections(node)
  node.data = data
  return data
}

const isReason = (text: string): text is BytesErrorReason => Object.hasOwn(bytesErrorTexts, text)

const readDetail = (text: string): string => printableInLine(text.slice(0, longestDetail))
