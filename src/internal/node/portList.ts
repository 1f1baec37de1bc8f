/**
 * The ports of a node for operators: one request of the node port, `emp_ports`, answered with plain data. Of many ports those are told
 * that lead by what is asked for. One question is answered after the other.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isCell } from "../port/cell.ts"
import type { Receiver } from "../port/receiver.ts"
import { isPortId } from "../values/portId.ts"
import { localNamesOf } from "./localNames.ts"
import type { Role } from "./observed.ts"
import { mostPorts, type Sorting, sortings, usualPorts } from "./portOptions.ts"
import { eachPort } from "./portWalk.ts"
import type { Request, Router } from "./router.ts"
import { Count, list } from "./told.ts"

export const portsRequest = "emp_ports"

/** So many different questions wait for their turn. */
const mostQuestions = 64

const Options = Schema.Struct({
  sort: Schema.optionalKey(Schema.Literals(sortings)),
  limit: Schema.optionalKey(Schema.Finite),
  /** These alone, by their IDs: what is not among the first thousand is left out. */
  ports: Schema.optionalKey(Schema.Array(Schema.String))
})
export type PortsOptions = typeof Options.Type

/**
 * A port as operators see it. `kind` is a word, and `what` says which one: the specification of a service, the name of a supervisor, the
 * supervisor and the ID of a child, the groups of a member. `oldestMillis` is the age of the oldest message that is in hand or waits, as
 * far as a handler or other ports kept it waiting: of messages that the port takes up together that is the first one's.
 */
export const PortStatus = Schema.Struct({
  port: Schema.String,
  name: Schema.optionalKey(Schema.String),
  kind: Schema.String,
  what: Schema.String,
  mailbox: Count,
  handled: Count,
  ageMillis: Count,
  oldestMillis: Count,
  monitors: Count
})
export type PortStatus = typeof PortStatus.Type

/** What a node answers. `total` counts all of its ports. */
export const PortList = Schema.Struct({
  nodeId: Schema.String,
  total: Count,
  ports: list(PortStatus)
})
export type PortList = typeof PortList.Type

/** How much a port is of what is sorted by. Ports that are none of a program have nothing of that. */
const measure = (receiver: Receiver, sort: Sorting, now: number): number => {
  if (!isCell(receiver)) return -1
  switch (sort) {
    case "mailbox":
      return receiver.mailbox
    case "handled":
      return receiver.handled
    case "age":
      return now - receiver.bornMillis
    case "oldest":
      return now - (receiver.oldestSince ?? now)
  }
}

interface Candidate {
  readonly receiver: Receiver
  readonly measure: number
  readonly handled: number
}

/** Of two that are equal otherwise the one comes first that has handled more, and of those the older one. */
const inOrder = (a: Candidate, b: Candidate): number => b.measure - a.measure || b.handled - a.handled

/** The first ones of many: what is kept is never more than twice as much as is asked for. */
class Leaders {
  private readonly limit: number
  private kept: Array<Candidate> = []
  /** Who does not come before this one is not among them. */
  private last: Candidate | undefined = undefined

  constructor(limit: number) {
    this.limit = limit
  }

  offer(receiver: Receiver, measure: number): void {
    const candidate = { receiver, measure, handled: isCell(receiver) ? receiver.handled : -1 }
    if (this.last !== undefined && inOrder(this.last, candidate) <= 0) return
    this.kept.push(candidate)
    if (this.kept.length < 2 * this.limit) return
    this.cut()
    this.last = this.kept.at(-1)
  }

  private cut(): void {
    this.kept = this.kept.toSorted(inOrder).slice(0, this.limit)
  }

  get all(): ReadonlyArray<Receiver> {
    this.cut()
    return this.kept.map(({ receiver }) => receiver)
  }
}

const leaders = (router: Router, sort: Sorting, limit: number): Effect.Effect<ReadonlyArray<Receiver>> =>
  Effect.suspend(() => {
    const found = new Leaders(limit)
    const now = router.monotonic() - router.began
    const look = (receiver: Receiver): void => found.offer(receiver, measure(receiver, sort, now))
    return Effect.map(eachPort(router, look), () => found.all)
  })

const roleOf = (router: Router, receiver: Receiver): Role => {
  if (receiver._tag !== "Port") {
    return receiver._tag === "NodePort"
      ? { kind: "node", what: "answers for the node" }
      : { kind: "call", what: "waits for an answer" }
  }
  const { observed } = router
  const role = observed.roleOf(receiver.id)
  const child = router.childOf(receiver.id)
  const place = child === undefined ? "" : `${observed.roleOf(child.supervisor)?.what ?? child.supervisor}/${child.id}`
  // A service is the child of that name, and says all of it.
  if (role?.kind === "supervisor") return child === undefined ? role : { ...role, what: `${role.what}, ${place}` }
  if (role !== undefined) return role
  if (child !== undefined) return { kind: "child", what: place }
  const groups = observed.groupsOf(receiver.id)
  return groups.length > 0 ? { kind: "group member", what: groups.join(", ") } : { kind: "port", what: "" }
}

const statusOf = (router: Router, receiver: Receiver, name: string | undefined, now: number): PortStatus => {
  const named = name === undefined ? { port: receiver.id } : { port: receiver.id, name }
  const role = roleOf(router, receiver)
  if (!isCell(receiver)) {
    const ageMillis = receiver._tag === "NodePort" ? Math.round(now) : 0
    return { ...named, ...role, mailbox: 0, handled: 0, ageMillis, oldestMillis: 0, monitors: 0 }
  }
  const { handled, mailbox, monitors, oldestSince = now } = receiver
  return {
    ...named,
    ...role,
    mailbox,
    handled,
    ageMillis: Math.round(Math.max(0, now - receiver.bornMillis)),
    oldestMillis: Math.round(Math.max(0, now - oldestSince)),
    monitors
  }
}

export const readPorts = (
  router: Router,
  { limit = usualPorts, ports, sort = "mailbox" }: PortsOptions
): Effect.Effect<PortList> =>
  Effect.gen(function*() {
    const most = Math.min(Math.max(1, Math.floor(limit)), mostPorts)
    const receivers = ports === undefined
      ? yield* leaders(router, sort, most)
      : ports.slice(0, mostPorts).flatMap((port) => router.ports.get(port) ?? [])
    const names = localNamesOf(router).namesOf(new Set(receivers.map(({ id }) => id)))
    const now = router.monotonic() - router.began
    return {
      nodeId: router.nodeId,
      total: router.ports.size,
      // One that was counted may have ended since.
      ports: receivers.filter(({ id }) => router.ports.has(id)).map((receiver) =>
        statusOf(router, receiver, names.get(receiver.id), now)
      )
    }
  })

/** What is asked for, and where the answers go. */
interface Question {
  readonly options: PortsOptions
  readonly answer: Array<(answer: PortList) => void>
}

/** One question after the other; those that ask for the same at the same time get one answer. */
class Questions {
  private readonly router: Router
  private readonly waiting = new Map<string, Question>()
  private isAnswering = false

  constructor(router: Router) {
    this.router = router
  }

  /** Answers false if too many wait already. */
  ask(options: PortsOptions, answer: (answer: PortList) => void): boolean {
    const key = JSON.stringify(options)
    const known = this.waiting.get(key)
    if (known !== undefined) known.answer.push(answer)
    else if (this.waiting.size >= mostQuestions) return false
    else this.waiting.set(key, { options, answer: [answer] })
    if (!this.isAnswering) {
      this.isAnswering = true
      this.router.fork(this.answerAll)
    }
    return true
  }

  private readonly answerAll = Effect.gen({ self: this }, function*() {
    for (const [key, { answer, options }] of this.waiting) {
      // The node does other things between two lists; whoever asks for the same meanwhile gets this one.
      yield* Effect.yieldNow
      this.waiting.delete(key)
      const list = yield* readPorts(this.router, options)
      for (const tell of answer) this.router.log.guarded("a list of ports was not sent", () => tell(list))
    }
    this.isAnswering = false
  })
}

/**
 * Answers `emp_ports REPLYPORT OPTIONS`, or `emp_ports OPTIONS REPLYPORT`, which is how a call asks it: with a `PortList`, or a text that
 * says why there is none.
 */
export const answerPorts = (router: Router): Request => {
  const questions = new Questions(router)
  return (from, args) => {
    const [first, second] = args
    const [to, given] = isPortId(first) ? [first, second] : [second, first]
    if (!isPortId(to)) return
    const options = Schema.decodeUnknownOption(Options)(given ?? {})
    const reply = (answer: unknown): void => router.answer(from, to, [answer])
    if (Option.isNone(options)) reply("these are no options of a list of ports")
    else if (!questions.ask(options.value, reply)) reply("too many ask for lists of ports")
  }
}
