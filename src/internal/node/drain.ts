/**
 * How a node stops in order. From the moment that it drains, the nodes that it has links to ask it nothing new: they are told, refuse such
 * calls on their own side, where it is certain that nothing has begun, and say when all that they had asked before is answered. So a call
 * costs nothing for it while nobody drains. What other kinds of nodes ask is handled until the end: they have no word for a refusal.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Cell, isCell } from "../port/cell.ts"
import type { Message, Receiver } from "../port/receiver.ts"
import { isReplyPort } from "../port/replyPort.ts"
import { isPortId, nodeOf } from "../values/portId.ts"
import { endOfNode, isEndOfNode, type PortExit, reasonFromExit } from "../values/reason.ts"
import type { NodeLog } from "./nodeLog.ts"
import type { Peer } from "./peer.ts"

export const drainRequests = {
  /** `emp_drain REPLYPORT ARG...`: the node is to drain. Answered by true when it has begun; `emp_status` tells when it is done. */
  drain: "emp_drain",
  /** `emp_draining`: the sender takes no new calls from now on. Answered by `emp_drained`. */
  begins: "emp_draining",
  /** `emp_drained`: the sender has its answers to all that it had asked of the receiver before. */
  answered: "emp_drained"
} as const

const ofNode: ReadonlySet<unknown> = new Set([drainRequests.begins, drainRequests.answered])

/** Whether what is sent under this name, none for the node port, is what a node says of itself alone: told in its name it would end calls. */
export const isOfDrain = (name: unknown, [request]: Message): boolean => name === "" && ofNode.has(request)

/** For what is no new work: a supervisor is asked though its node drains. */
export const DespiteDrain = Context.Reference<boolean>("effect-mp/Node/DespiteDrain", { defaultValue: () => false })

/** What holds where a node is not told how long it may drain. */
export const defaultDrainMillis = 10_000

/** So long the finalizers of a port may take when its node stops: as long as a link may take to deliver what it holds. */
const endTimeout = "2 seconds"

/** What ports have in hand goes on in other ports of the node: those are looked at once more. */
const rounds = 2

/** So many ports are named of those that were not done in time. */
const mostNamed = 5

/** What draining needs of its node. */
export interface DrainHost {
  readonly nodeId: string
  readonly ports: ReadonlyMap<string, Receiver>
  readonly peers: ReadonlyMap<string, Peer>
  readonly log: NodeLog
  /** Streams of bytes. */
  readonly data: { readonly count: number; readonly isIdle: boolean; awaitIdle(act: () => void): void }
  request(nodeId: string, request: string): void
  soon(what: string, act: () => void): void
}

export class Drain {
  /** Told when it begins: what others choose this node for is to go. */
  readonly listeners = new Set<() => void>()
  /** Ports that other ports need for their end, as what they hold is given back by them: the node ends those when the others have ended. */
  readonly lasting = new Set<Receiver>()
  /** So long it may take, if whoever asks for it does not say. */
  timeoutMillis: number
  private readonly host: DrainHost
  private begun = false
  /** Told when all that was in hand is done. */
  private readonly whenDone = new Set<() => void>()
  /** Nodes that were told when it began, and wait for answers. */
  private readonly waiting = new Set<string>()
  /** Nodes that there has been a link to since it began: what they ask on it is new. */
  private readonly late = new Set<string>()
  /** Ports that have not handled yet what had arrived. */
  private busy: Set<Cell> | undefined = undefined
  private roundsLeft = 0
  private handled = Deferred.makeUnsafe<void>()
  /** Ports of which a handler waits for the drain: it is not waited for in its turn. */
  private readonly askers = new Set<string>()
  /** Ports that the node ends, and what is told when they have ended. */
  private ending: { readonly cells: Set<Cell>; readonly ended: () => void } | undefined = undefined

  constructor(host: DrainHost, timeoutMillis: number) {
    this.host = host
    this.timeoutMillis = timeoutMillis
  }

  get hasBegun(): boolean {
    return this.begun
  }

  /** Whether all that it had in hand is done. */
  get isDone(): boolean {
    return Deferred.isDoneUnsafe(this.handled)
  }

  /**
   * Drains, and waits until all that was in hand is done, or the time is over. Whoever comes second waits for the same. `asker` is the
   * port that this runs in.
   */
  within(timeoutMillis = this.timeoutMillis, asker?: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (asker !== undefined) this.isAwaitedIn(asker)
      this.begin()
      const late = Effect.sync(() => this.tellWhatIsLeft(timeoutMillis))
      const handled = Deferred.await(this.handled)
      if (this.isDone || timeoutMillis === Infinity) return handled
      return inItsTime(Effect.timeoutOrElse(handled, { duration: timeoutMillis, orElse: () => late }))
    })
  }

  /** The node ends: drains, if it has ports that could have something in hand, and ends them. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.endable.length === 0 && this.host.data.isIdle) return Effect.void
      this.lookAgain()
      return Effect.andThen(this.within(), this.endPorts)
    })
  }

  /** It has drained before, perhaps long ago: what has come since is in hand now. */
  private lookAgain(): void {
    if (this.busy === undefined || this.busy.size > 0) return
    this.busy = undefined
    this.handled = Deferred.makeUnsafe()
    this.goOn()
  }

  private isAwaitedIn(port: string): void {
    this.askers.add(port)
    const cell = this.host.ports.get(port)
    if (cell !== undefined && isCell(cell)) this.isHandled(cell)
  }

  /** The node's ports, but for those that are ending: whoever has told them to waits for them, as long as that may take. */
  private get cells(): ReadonlyArray<Cell> {
    return Array.from(this.host.ports.values()).filter(isCell).filter(({ doomed }) => doomed === undefined)
  }

  /** Those that end with their node, and those that it is ending already. */
  private get endable(): ReadonlyArray<Cell> {
    return Array.from(this.host.ports.values()).filter(isCell).filter(({ doomed }) => isOurs(doomed))
  }

  private begin(): void {
    if (this.begun) return
    this.begun = true
    const { host } = this
    for (const leave of this.listeners) host.log.guarded("what is to leave when its node drains failed", leave)
    for (const { link, nodeId, state } of host.peers.values()) {
      if (state !== "up" || link?.incarnation === undefined) continue
      // Whoever could keep the node from stopping has to be one of the network: calls of guests are refused from now on.
      if (link.guestUntil === undefined) this.waiting.add(nodeId)
      else this.late.add(nodeId)
    }
    for (const nodeId of [...this.waiting, ...this.late]) host.request(nodeId, drainRequests.begins)
    this.goOn()
  }

  /** A node has a link from now on. */
  cameUp({ link, nodeId }: Peer): void {
    if (!this.begun || link?.incarnation === undefined) return
    this.late.add(nodeId)
    this.host.request(nodeId, drainRequests.begins)
  }

  /** Another node has all its answers, or is gone. */
  answered(nodeId: string): void {
    if (this.waiting.delete(nodeId)) this.goOn()
  }

  wentDown({ nodeId }: Peer): void {
    this.late.delete(nodeId)
    this.answered(nodeId)
  }

  /** When all have their answers, the ports have what was sent to them before. */
  private goOn(): void {
    if (this.waiting.size > 0 || this.busy !== undefined) return
    this.roundsLeft = rounds
    this.look()
  }

  private look(): void {
    const busy = this.busy = new Set(this.cells.filter(({ id }) => !this.askers.has(id)))
    if (busy.size === 0) return this.roundIsOver()
    for (const cell of Array.from(busy)) cell.whenHandled(() => this.isHandled(cell))
  }

  private isHandled(cell: Cell): void {
    if (this.busy?.delete(cell) && this.busy.size === 0) this.roundIsOver()
  }

  private roundIsOver(): void {
    if (--this.roundsLeft > 0) return this.look()
    this.host.data.awaitIdle(() => this.allIsDone())
  }

  private allIsDone(): void {
    Deferred.doneUnsafe(this.handled, Effect.void)
    for (const act of Array.from(this.whenDone)) act()
  }

  /** A port has ended. Those that monitor it are about to be told. */
  removed(receiver: Receiver): void {
    if (!isCell(receiver)) return
    this.isHandled(receiver)
    const { ending } = this
    if (ending?.cells.delete(receiver) && ending.cells.size === 0) {
      this.host.soon("the end of a node's ports failed", ending.ended)
    }
  }

  /** Whether a message is a call that comes too late: on a link that was made since the node drains. */
  refuses({ nodeId }: Peer, receiver: Receiver, message: Message, isLimited: boolean): boolean {
    return this.late.has(nodeId) && isCell(receiver) && isPortId(message.at(-1)) &&
      (isLimited || receiver.isAsked(message))
  }

  /** The port of a supervisor on another node, which has it elsewhere then, ends when it has handled what it has. */
  endWhenDone(receiver: Receiver): void {
    const end = (): void => receiver.kill(endOfNode())
    if (this.isDone) return end()
    this.whenDone.add(end)
    receiver.watch(() => this.whenDone.delete(end))
  }

  /** Whether another node may make ports here. */
  takesPortsOf(nodeId: string): boolean {
    return !this.late.has(nodeId)
  }

  private tellWhatIsLeft(timeoutMillis: number): void {
    const { busy, host, waiting } = this
    const left = busy === undefined ? this.cells.filter((cell) => cell.isBusy) : Array.from(busy)
    const named = left.slice(0, mostNamed).map((cell) => `${cell.id} (${cell.mailbox} waiting)`)
    if (left.length > mostNamed) named.push(`${left.length - mostNamed} others`)
    const parts = [
      ...waiting.size === 0 ? [] : [`calls of ${Array.from(waiting).join(", ")}`],
      ...named.length === 0 ? [] : [`messages of ${named.join(", ")}`],
      ...host.data.count === 0 ? [] : [`streams of bytes: ${host.data.count}`]
    ]
    // Connections that are being closed are nothing that anybody waits for.
    if (parts.length === 0) return
    const time = Duration.format(Duration.millis(timeoutMillis))
    host.log.warn(`node ${host.nodeId} has drained for ${time}, and is not done with: ${parts.join("; ")}`)
  }

  /** Ends all ports. Those that monitor them are told before the links end. */
  private get endPorts(): Effect.Effect<void> {
    return Effect.andThen(
      this.endThose((cell) => !this.lasting.has(cell)),
      this.endThose((cell) => this.lasting.has(cell))
    )
  }

  private endThose(which: (cell: Cell) => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const cells = this.endable.filter(which)
      if (cells.length === 0) return Effect.void
      const ended = Deferred.makeUnsafe<void>()
      this.ending = { cells: new Set(cells), ended: () => Deferred.doneUnsafe(ended, Effect.void) }
      for (const cell of cells) cell.kill(endOfNode())
      return inItsTime(Effect.asVoid(Effect.timeoutOption(Deferred.await(ended), endTimeout)))
    })
  }
}

/** Whether the end of a port, if it has begun, is the node's doing. */
const isOurs = (doomed: PortExit | undefined): boolean => doomed === undefined || isEndOfNode(reasonFromExit(doomed))

/** In a fiber of its own: where a program ends, the fiber that this is called in has been interrupted, and would wait for nothing. */
const inItsTime = (effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), Fiber.join)

/** Another node drains: answers it when the calls of this one have their answers that are open there. */
export const answerDrain = (host: DrainHost, nodeId: string): void => {
  let left = 1
  const done = (): void => {
    if (--left === 0) host.request(nodeId, drainRequests.answered)
  }
  for (const receiver of host.ports.values()) {
    if (!isReplyPort(receiver) || receiver.asked === undefined || nodeOf(receiver.asked) !== nodeId) continue
    left++
    receiver.watch(done)
  }
  done()
}
