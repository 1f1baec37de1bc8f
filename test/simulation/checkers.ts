/**
 * What must hold in every run. Each checker sees all events in their order, and says what is wrong with one of them; none
 * knows how the events came about.
 */
import { type Checker, hasBecome, text } from "./checker.ts"
import { drains } from "./drainChecker.ts"
import { locks } from "./locks.ts"
import type { Carried } from "./payloads.ts"
import { groups, rpcs } from "./rpcCheckers.ts"
import { services } from "./services.ts"
import type { Event, Life, Reason, Stamped, Trace } from "./trace.ts"

export interface Violation {
  readonly checker: string
  readonly message: string
  /** Which event it was. */
  readonly at: number
}

/** A life is over when its process is: nothing is heard of it any more. */
const life = (): Checker => {
  const over = new Set<Life>()
  return (event) => {
    if (!("life" in event)) return undefined
    if (over.has(event.life)) return `${event._tag} of ${event.life}, which is over`
    if (event._tag === "Stopped" || event._tag === "Crashed") over.add(event.life)
    return undefined
  }
}

/** A port ID names one port for ever; only that one gets its messages, and only while it lives. */
const names = (): Checker => {
  const made = new Map<string, Life>()
  const ended = new Set<string>()
  const channels = new Map<string, string>()
  return (event) => {
    switch (event._tag) {
      case "Made":
        if (made.has(event.port)) return `${event.port} was made twice`
        made.set(event.port, event.life)
        return undefined
      case "Ended":
        if (ended.has(event.port)) return `${event.port} ended twice`
        ended.add(event.port)
        return undefined
      case "Monitored":
        channels.set(event.channel, event.port)
        return undefined
      case "Got": {
        const port = channels.get(event.channel)
        if (port !== event.port) return `${event.port} got a message of ${event.channel}, which is for ${port}`
        if (made.get(event.port) !== event.life) {
          return `${event.port} is no port of ${event.life}, which got a message to it`
        }
        return ended.has(event.port) ? `${event.port} got a message after its end` : undefined
      }
      default:
        return undefined
    }
  }
}

/** The messages of a channel arrive without a hole, none twice, and none that was not sent. */
const guarantee = (): Checker => {
  const sent = new Map<string, number>()
  const got = new Map<string, number>()
  return (event) => {
    if (event._tag === "Sent") sent.set(event.channel, event.n)
    if (event._tag === "Unsent") {
      if (sent.get(event.channel) !== event.n) {
        return `${event.channel} was refused ${event.n}, which is not the last one`
      }
      sent.set(event.channel, event.n - 1)
    }
    if (event._tag !== "Got") return undefined
    const last = got.get(event.channel) ?? 0
    got.set(event.channel, event.n)
    if (event.n !== last + 1) return `${event.channel} delivered ${event.n} after ${last}`
    return event.n > (sent.get(event.channel) ?? 0)
      ? `${event.channel} delivered ${event.n}, which was not sent`
      : undefined
  }
}

/**
 * What arrives is what was sent, as it was then, whatever became of it since. What every link carries is not refused, and what none
 * carries is.
 */
const contents = (): Checker => {
  const sent = new Map<string, { readonly holds: string; readonly carried: Carried; readonly n: number }>()
  /** Messages under way: the channel and number of each. */
  const underWay = new Map<string, string>()
  const notes = new Map<string, { readonly holds: string; readonly carried: Carried }>()
  const reminders = new Map<string, string>()
  return (event) => {
    switch (event._tag) {
      case "Sent": {
        const last = sent.get(event.channel)
        sent.set(event.channel, event)
        underWay.set(`${event.channel} ${event.n}`, event.holds)
        return last?.carried === "never" && last.n < event.n
          ? `${event.channel} was not refused ${last.holds}, which no link carries`
          : undefined
      }
      case "Unsent": {
        const last = sent.get(event.channel)
        underWay.delete(`${event.channel} ${event.n}`)
        return last?.carried === "always"
          ? `${event.channel} was refused ${last.holds}, which every link carries`
          : undefined
      }
      case "Got":
        return differs(`${event.channel} ${event.n}`, underWay.get(`${event.channel} ${event.n}`), event.holds)
      case "Entrusted":
        notes.set(event.note, event)
        return event.carried === "never"
          ? `${event.note} was not refused ${event.holds}, which no link carries`
          : undefined
      case "Noted": {
        // What the link cannot carry of a note goes as text: it was set when nobody knew the link.
        const note = notes.get(event.note)
        return note?.carried === "perhaps" ? undefined : differs(event.note, note?.holds, event.holds)
      }
      case "Promised":
        reminders.set(event.reminder, event.holds)
        return undefined
      case "Reminded":
        return differs(event.reminder, reminders.get(event.reminder), event.holds)
      default:
        return undefined
    }
  }
}

const differs = (what: string, before: string | undefined, after: string): string | undefined =>
  before === after ? undefined : `${what} held ${after}, and was sent with ${before}`

/**
 * What was given up is not done; what is done is done once: messages of senders that wait, of monitors, of reminders.
 */
const favours = (): Checker => {
  const states = new Map<string, "stands" | "is done" | "was given up">()
  const done = (id: string): string | undefined => {
    const before = states.get(id)
    states.set(id, "is done")
    return before === "stands" ? undefined : `${id} came, which ${before ?? "nobody has begun"}`
  }
  /** What was on its way when it was taken back may still come. */
  const onTheWay = new Set<string>()
  return (event) => {
    switch (event._tag) {
      case "Pushed":
        states.set(event.push, "stands")
        return undefined
      case "GaveUp":
        if (states.get(event.push) === "is done") return `${event.push} was given up, and had come`
        states.set(event.push, "was given up")
        return undefined
      case "Came":
        return done(event.push)
      case "Entrusted":
        states.set(event.note, "stands")
        return undefined
      case "Noted":
        return done(event.note)
      case "Promised":
        states.set(event.reminder, "stands")
        if (!event.own) onTheWay.add(event.reminder)
        return undefined
      case "Recalled":
        if (states.get(event.reminder) === "stands" && !onTheWay.has(event.reminder)) {
          states.set(event.reminder, "was given up")
        }
        return undefined
      case "Reminded":
        return done(event.reminder)
      default:
        return undefined
    }
  }
}

/** Once a message of a new monitor has arrived, none arrives that was sent under one that had fired before it stood. */
const generations = (): Checker => {
  const channels = new Map<string, { readonly pair: string; readonly stands: number; fired: number }>()
  /** For each sender and port, when the newest monitor stood of which something has arrived. */
  const newest = new Map<string, number>()
  return (event, at) => {
    switch (event._tag) {
      case "Monitored":
        channels.set(event.channel, { pair: `${event.life} ${event.port}`, stands: at, fired: Infinity })
        return undefined
      case "Fired": {
        const channel = channels.get(event.channel)
        if (channel !== undefined) channel.fired = at
        return undefined
      }
      case "Got": {
        const channel = channels.get(event.channel)
        if (channel === undefined) return `a message of ${event.channel}, which nobody opened`
        const newer = newest.get(channel.pair) ?? -1
        newest.set(channel.pair, Math.max(newer, channel.stands))
        return channel.fired < newer
          ? `${event.channel} delivered ${event.n} behind what was sent after it had fired`
          : undefined
      }
      default:
        return undefined
    }
  }
}

/** A monitor, and what there was when it was set. */
interface Watch {
  readonly port: string
  readonly life: Life
  readonly known: boolean
  readonly wasLinked: boolean
}

/** A monitor fires once, not when it was taken back, and with a reason that is true. */
const monitors = (): Checker => {
  const made = new Map<string, Life>()
  const ended = new Map<string, Reason>()
  const over = new Set<Life>()
  const nodes = new Map<Life, string>()
  const touched = new Set<string>()
  const linked = new Set<string>()
  let twins = false
  let stopping = false
  const channels = new Map<
    string,
    Watch & { state: string }
  >()

  const wrongReason = (
    channel: Watch,
    reason: Reason
  ) => {
    const { port } = channel
    const owner = made.get(port)
    const end = ended.get(port)
    if (end !== undefined && hasBecome(end, reason)) return undefined
    switch (reason[0]) {
      case "transport_error": {
        const node = port.split("#")[0]!
        // Without a link it says that none came about. A port may be told in its turn, when another one has come up meanwhile.
        const known = stopping || !channel.wasLinked || !linked.has(`${channel.life} ${node}`)
        return known || [nodes.get(channel.life), node].some((id) => touched.has(id ?? ""))
          ? undefined
          : "nothing was done to the two nodes"
      }
      case "no_such_port":
        // Of two processes with one node ID either may answer.
        return channel.known && !twins && end === undefined && owner !== undefined && !over.has(owner)
          ? "the port lives"
          : undefined
      default:
        return `the port ended with ${end && text(end)}`
    }
  }

  return (event) => {
    switch (event._tag) {
      case "Started":
        nodes.set(event.life, event.node)
        return undefined
      case "Stopped":
      case "Crashed":
        over.add(event.life)
        touched.add(nodes.get(event.life) ?? "")
        return undefined
      case "Fault":
        twins ||= event.what.startsWith("twin")
        for (const node of event.nodes) touched.add(node)
        return undefined
      case "Up":
        linked.add(`${event.life} ${event.peer}`)
        return undefined
      case "Seen":
        stopping = true
        return undefined
      case "Made":
        made.set(event.port, event.life)
        return undefined
      case "Ended":
        ended.set(event.port, event.reason)
        return undefined
      case "Monitored": {
        const { channel, life, port } = event
        const wasLinked = linked.has(`${life} ${port.split("#")[0]}`)
        channels.set(channel, { port, life, known: made.has(port), wasLinked, state: "stands" })
        return undefined
      }
      case "Unmonitored": {
        const channel = channels.get(event.channel)
        if (channel !== undefined) channel.state = "was taken back"
        return undefined
      }
      case "Fired": {
        const channel = channels.get(event.channel)
        if (channel === undefined) return `${event.channel} fired, which nobody opened`
        if (channel.state !== "stands") return `${event.channel} fired, which ${channel.state}`
        channel.state = "has fired"
        const wrong = wrongReason(channel, event.reason)
        return wrong && `${event.channel} to ${channel.port} fired ${text(event.reason)}, but ${wrong}`
      }
      default:
        return undefined
    }
  }
}

/** A call is answered, or refused, once; and the answer is right. One that would wait for itself is told so. */
const calls = (): Checker => {
  const asked = new Map<string, { readonly value: number; readonly itself: boolean }>()
  return (event) => {
    if (event._tag === "Asked") asked.set(event.call, event)
    if (event._tag !== "Answered" && event._tag !== "Refused") return undefined
    const call = asked.get(event.call)
    if (call === undefined) return `${event.call} has an answer, and is not open`
    asked.delete(event.call)
    if (event._tag === "Refused") {
      const isTold = event.reason[0] === "calling_self"
      return isTold === call.itself ? undefined : `${event.call} was refused with ${text(event.reason)}`
    }
    return call.itself || event.value !== 2 * call.value
      ? `${event.call} was answered ${String(event.value)}`
      : undefined
  }
}

/** Nothing else happens in a process while a handler sends an answer: the caller goes on in its own turn. */
const turns = (): Checker => {
  const answering = new Set<Life>()
  return (event) => {
    if (!("life" in event)) return undefined
    const { _tag, life } = event
    const isWithin = answering.has(life)
    if (_tag === "Answers") answering.add(life)
    // A process that has crashed in the middle is over.
    else answering.delete(life)
    return isWithin && _tag !== "HasAnswered" && _tag !== "Crashed"
      ? `${_tag} at ${life}, while a handler was sending an answer`
      : undefined
  }
}

/** A link is lost for a reason; and what came up goes down before it comes up again. */
const links = (): Checker => {
  const nodes = new Map<Life, string>()
  const touched = new Set<string>()
  const up = new Set<string>()
  let stopping = false
  return (event) => {
    switch (event._tag) {
      case "Started":
        nodes.set(event.life, event.node)
        return undefined
      case "Fault":
        for (const node of event.nodes) touched.add(node)
        return undefined
      case "Seen":
        stopping = true
        return undefined
      case "Up": {
        const link = `${event.life} ${event.peer}`
        if (up.has(link)) return `${event.peer} came up at ${event.life}, where it was up`
        up.add(link)
        return undefined
      }
      case "Down": {
        if (!up.delete(`${event.life} ${event.peer}`)) {
          return `${event.peer} went down at ${event.life}, where it was not up`
        }
        const known = stopping || touched.has(event.peer) || touched.has(nodes.get(event.life) ?? "")
        return known
          ? undefined
          : `the link of ${event.life} to ${event.peer} was lost, and nothing had been done to it`
      }
      default:
        return undefined
    }
  }
}

/**
 * When all is whole again and quiet, what was begun is done: messages under monitors that stand have arrived, monitors of
 * what is gone have fired, calls have an answer. Looks once, when the first of the survivors says what it sees.
 */
const liveness = (): Checker => {
  const made = new Map<string, Life>()
  const gone = new Set<string>()
  const over = new Set<Life>()
  const open = new Map<string, { readonly port: string; readonly life: Life; sent: number; got: number }>()
  const asked = new Map<string, Life>()
  const reminders = new Map<string, Life>()
  const notes = new Map<string, { readonly life: Life; readonly port: string; readonly other: string }>()
  let survivors: ReadonlySet<Life> | undefined

  const missing = (lives: ReadonlySet<Life>): string | undefined => {
    for (const [channel, { got, life, port, sent }] of open) {
      const owner = made.get(port)
      if (!lives.has(life)) continue
      if (gone.has(port) || owner !== undefined && over.has(owner)) {
        return `${channel} to ${port}, which is gone, has not fired`
      }
      if (owner !== undefined && lives.has(owner) && got < sent) {
        return `of ${channel} ${got} messages arrived, of ${sent}`
      }
    }
    for (const [call, life] of asked) if (lives.has(life)) return `${call} has no answer`
    for (const [reminder, life] of reminders) if (lives.has(life)) return `${reminder} has not come`
    for (const [note, { life, other, port }] of notes) {
      const owner = made.get(port)
      const isGone = gone.has(port) || owner !== undefined && over.has(owner)
      if (isGone && lives.has(life) && made.get(other) === life && !gone.has(other)) {
        return `${other} has not got ${note}, though ${port} is gone`
      }
    }
    return undefined
  }

  return (event) => {
    switch (event._tag) {
      case "Healed":
        survivors = new Set(event.lives)
        return undefined
      case "Stopped":
      case "Crashed":
        over.add(event.life)
        return undefined
      case "Made":
        made.set(event.port, event.life)
        return undefined
      case "Ended":
        gone.add(event.port)
        return undefined
      case "Monitored":
        open.set(event.channel, { port: event.port, life: event.life, sent: 0, got: 0 })
        return undefined
      case "Fired":
      case "Unmonitored":
        open.delete(event.channel)
        return undefined
      case "Sent": {
        const channel = open.get(event.channel)
        if (channel !== undefined) channel.sent = event.n
        return undefined
      }
      case "Unsent": {
        const channel = open.get(event.channel)
        if (channel !== undefined) channel.sent = event.n - 1
        return undefined
      }
      case "Got": {
        const channel = open.get(event.channel)
        if (channel !== undefined) channel.got = event.n
        return undefined
      }
      case "Promised":
        if (event.own) reminders.set(event.reminder, event.life)
        return undefined
      case "Reminded":
      case "Recalled":
        reminders.delete(event.reminder)
        return undefined
      case "Entrusted":
        notes.set(event.note, event)
        return undefined
      case "Noted":
      case "Withdrawn":
        notes.delete(event.note)
        return undefined
      case "Asked":
        asked.set(event.call, event.life)
        return undefined
      case "Answered":
      case "Refused":
        asked.delete(event.call)
        return undefined
      case "Seen": {
        const lives = survivors
        survivors = undefined
        return lives && missing(lives)
      }
      default:
        return undefined
    }
  }
}

/** At the end all survivors see the same: what survivors have set, and nothing else. */
const database = (): Checker => {
  const own = new Map<
    string,
    { readonly life: Life; readonly family: string; readonly key: string; readonly value: unknown }
  >()
  let survivors: ReadonlySet<Life> = new Set()
  return (event) => {
    switch (event._tag) {
      case "Healed":
        survivors = new Set(event.lives)
        return undefined
      case "Set":
        // Two lives of a node may set the same key.
        own.set(`${event.life} ${event.family} ${event.key}`, event)
        return undefined
      case "Deleted":
        own.delete(`${event.life} ${event.family} ${event.key}`)
        return undefined
      case "Seen": {
        const expected = Array.from(own.values()).filter(({ family, life }) =>
          family === event.family && survivors.has(life)
        )
        const lost = expected.find(({ key, value }) => event.entries[key] !== value)
        if (lost !== undefined) {
          return `${event.life} sees ${String(event.entries[lost.key])} for ${lost.key}, not ${String(lost.value)}`
        }
        const keys = new Set(expected.map(({ key }) => key))
        const extra = Object.keys(event.entries).find((key) => !keys.has(key))
        return extra && `${event.life} sees ${extra}, which nobody holds`
      }
      default:
        return undefined
    }
  }
}

/** The children that supervisors have on other nodes, and which of the supervisors live. */
class Families {
  readonly children = new Map<string, Extract<Event, { readonly _tag: "ChildUp" }>>()
  private readonly supervisors = new Map<string, Life>()

  see(event: Event): void {
    switch (event._tag) {
      case "SupervisorUp":
        this.supervisors.set(event.supervisor, event.life)
        break
      case "SupervisorOver":
        this.supervisors.delete(event.supervisor)
        break
      case "ChildUp":
        this.children.set(event.port, event)
        break
      case "ChildOver":
        this.children.delete(event.port)
        break
      case "Stopped":
      case "Crashed":
        for (const [supervisor, life] of this.supervisors) if (life === event.life) this.supervisors.delete(supervisor)
        for (const [port, { life }] of this.children) if (life === event.life) this.children.delete(port)
    }
  }

  /** Whether the supervisor of a child lives. */
  isLed({ supervisor }: { readonly supervisor: string }): boolean {
    return this.supervisors.has(supervisor)
  }
}

/** When all is quiet there is no child whose supervisor is gone. */
const orphans = (): Checker => {
  const families = new Families()
  return (event) => {
    families.see(event)
    if (event._tag !== "Quiet") return undefined
    const orphan = Array.from(families.children.values()).find((child) =>
      event.lives.includes(child.life) && !families.isLed(child)
    )
    return orphan && `${orphan.port} at ${orphan.life} lives on without its supervisor ${orphan.supervisor}`
  }
}

/** When all is quiet there are no more of a child than its supervisor wants. */
const doubles = (): Checker => {
  const families = new Families()
  return (event) => {
    families.see(event)
    if (event._tag !== "Quiet") return undefined
    const counts = new Map<string, number>()
    for (const { child, life, most } of families.children.values()) {
      if (!event.lives.includes(life)) continue
      const count = (counts.get(child) ?? 0) + 1
      counts.set(child, count)
      if (count > most) return `${child} is there ${count} times`
    }
    return undefined
  }
}

const leaks = (): Checker => (event) => event._tag === "Leaked" ? event.what : undefined

const checkers: Readonly<Record<string, () => Checker>> = {
  leaks,
  life,
  names,
  guarantee,
  contents,
  favours,
  generations,
  monitors,
  calls,
  turns,
  links,
  liveness,
  database,
  orphans,
  doubles,
  rpcs,
  drains,
  groups,
  locks,
  services
}

/** All there are, by name. */
export const checkerNames: ReadonlyArray<string> = Object.keys(checkers)

/** Some of the checkers at work: it is told one event after the other, and says what is wrong with one. */
export const watch = (names: ReadonlyArray<string>): (event: Stamped, at: number) => Violation | undefined => {
  const all = names.map((name) => [name, checkers[name]!()] as const)
  return (event, at) => {
    for (const [checker, see] of all) {
      const message = see(event, at)
      if (message !== undefined) return { checker, message, at }
    }
    return undefined
  }
}

/** The first thing that is wrong with a run. */
export const check = (trace: Trace): Violation | undefined => {
  const see = watch(checkerNames)
  for (const [at, event] of trace.events.entries()) {
    const violation = see(event, at)
    if (violation !== undefined) return violation
  }
  return undefined
}
