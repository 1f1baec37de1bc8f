/**
 * What must hold of calls by rpc, and of what processes see of the group of workers.
 */
import { type Checker, hasBecome, text } from "./checker.ts"
import type { Event, Life, Reason } from "./trace.ts"

type Asked = Extract<Event, { readonly _tag: "RpcAsked" }>
type Over = Extract<Event, { readonly _tag: "RpcOver" }>

/** A call, and what has happened to it. */
interface Call extends Asked {
  items: number
  /** Where its handler runs, or ran. */
  server: Life | undefined
  isDone: boolean
  wasStopped: boolean
  hasGivenUp: boolean
  isOver: boolean
}

/** Which servers there were at an address, and how they ended. */
class Servers {
  /** Those that there are now, by address. */
  private readonly lives = new Map<string, Set<Life>>()
  /** At which event the first of those that there are now came. */
  private readonly since = new Map<string, number>()
  readonly ends = new Map<string, Array<Reason>>()

  see(event: Event, at: number): void {
    switch (event._tag) {
      case "RpcServes": {
        const lives = this.lives.get(event.port) ?? new Set()
        this.lives.set(event.port, lives)
        if (lives.size === 0) this.since.set(event.port, at)
        lives.add(event.life)
        break
      }
      case "RpcServed":
        this.lives.get(event.port)?.delete(event.life)
        this.ends.set(event.port, [...this.ends.get(event.port) ?? [], event.reason])
        break
      case "Stopped":
      case "Crashed":
        for (const lives of this.lives.values()) lives.delete(event.life)
    }
  }

  /** Whether there was no server there for a while since that event, or ever since the first one was there. */
  wasMissing(port: string, since: number | undefined): boolean {
    const isThere = (this.lives.get(port)?.size ?? 0) > 0
    const cameAt = this.since.get(port) ?? Infinity
    return !isThere || (since === undefined ? this.ends.has(port) : cameAt > since)
  }
}

/** Where a link may be lost: a link that something was done to, and one that there was not. */
class Links {
  private readonly nodes = new Map<Life, string>()
  private readonly touched = new Set<string>()
  private readonly linked = new Set<string>()
  private isStopping = false
  hasTwins = false

  see(event: Event): void {
    switch (event._tag) {
      case "Started":
        this.nodes.set(event.life, event.node)
        break
      case "Stopped":
      case "Crashed":
        this.touched.add(this.nodes.get(event.life) ?? "")
        break
      case "Fault":
        this.hasTwins ||= event.what.startsWith("twin")
        for (const node of event.nodes) this.touched.add(node)
        break
      case "Up":
        this.linked.add(`${event.life} ${event.peer}`)
        break
      case "Seen":
        this.isStopping = true
    }
  }

  mayBeLost(life: Life, node: string): boolean {
    return this.isStopping || !this.linked.has(`${life} ${node}`) ||
      [this.nodes.get(life) ?? "", node].some((id) => this.touched.has(id))
  }
}

/** A call ends once, with its answer or with a reason that is true; its handler runs once at most, and not longer than anybody waits. */
export const rpcs = (): Checker => {
  const servers = new Servers()
  const links = new Links()
  const calls = new Map<string, Call>()
  /** When clients were made; `undefined` if their connections may be older. */
  const clients = new Map<string, number | undefined>()
  /** Reasons that are true only if the server ends at once: it may tell its callers first. */
  const claims = new Map<string, Over & { readonly how: "killed" }>()
  let survivors: ReadonlySet<Life> | undefined

  const wrongAnswer = (call: Call, over: Over): string | undefined => {
    if (call.server === undefined) return "and no handler had begun"
    if (over.how === "answered") {
      const isDone = call.kind === "answer" ? over.n === 2 * call.n : call.items === call.n
      return ["answer", "count", "endless"].includes(call.kind) && isDone && !call.wasStopped ? undefined : "wrongly"
    }
    if (over.how === "died") return call.kind === "die" && over.why.includes("on purpose") ? undefined : over.why
    const isWhole = call.kind === "refuse" || call.kind === "breaks" && call.items === call.n
    return over.how === "refused" && over.by === call.call && isWhole ? undefined : "wrongly"
  }

  const wrongReason = (call: Call, over: Over & { readonly how: "killed" }): string | undefined => {
    const { port, reason } = over
    if (call.port !== undefined && call.port !== port) return `by ${port}, and it called ${call.port}`
    if (servers.ends.get(port)?.some((end) => hasBecome(end, reason))) return undefined
    const said = `with ${text(reason)}`
    if (reason[0] === "transport_error") {
      const node = port.split("#")[0]!
      return reason[1] === node && links.mayBeLost(call.life, node) ? undefined : said
    }
    // What its node has refused is looked at by the checker of drains.
    if (reason[0] === "draining") return undefined
    if (reason[0] === "no_such_port" && servers.wasMissing(port, clients.get(call.client))) return undefined
    if (!links.hasTwins) claims.set(call.call, over)
    return undefined
  }

  const wrongEnd = (call: Call, over: Over): string | undefined => {
    switch (over.how) {
      case "answered":
      case "refused":
      case "died":
        return wrongAnswer(call, over)
      case "killed":
        return wrongReason(call, over)
      case "rejected":
        return call.kind === "wrong" && call.server === undefined ? undefined : "wrongly"
      case "unfound":
        return call.port === undefined ? undefined : "though it named its server"
      case "closed":
      case "interrupted":
        return call.hasGivenUp ? undefined : "and nobody had given it up"
    }
  }

  const openOf = (lives: ReadonlySet<Life>): string | undefined => {
    for (const [id, claim] of claims) {
      return `${id} was killed with ${text(claim.reason)}, and ${claim.port} never ended so`
    }
    for (const { call, isDone, isOver, life, server } of calls.values()) {
      if (!isOver && lives.has(life)) return `${call} has not ended`
      if (!isDone && server !== undefined && lives.has(server)) {
        return `the handler of ${call} is at work, and nobody waits for it`
      }
    }
    return undefined
  }

  return (event, at) => {
    servers.see(event, at)
    links.see(event)
    switch (event._tag) {
      case "Healed":
        survivors = new Set(event.lives)
        return undefined
      case "Seen": {
        const lives = survivors
        survivors = undefined
        return lives && openOf(lives)
      }
      case "RpcServed":
        for (const [id, { port, reason }] of claims) {
          if (port === event.port && (reason[0] === "no_such_port" || hasBecome(event.reason, reason))) {
            claims.delete(id)
          }
        }
        return undefined
      case "Crashed": {
        const { life } = event
        // What it was about to tell nobody knows.
        for (const [id, { port }] of claims) if (life.startsWith(`${port.split("#")[0]}/`)) claims.delete(id)
        return undefined
      }
      case "RpcClient":
        clients.set(event.client, event.isShared ? undefined : at)
        return undefined
      case "RpcAsked":
        calls.set(event.call, {
          ...event,
          items: 0,
          server: undefined,
          isDone: false,
          wasStopped: false,
          hasGivenUp: false,
          isOver: false
        })
        return undefined
    }
    const call = "call" in event ? calls.get(event.call) : undefined
    switch (event._tag) {
      case "RpcBegan":
        if (call === undefined || call.server !== undefined) return `the handler of ${event.call} began, and should not`
        call.server = event.life
        return undefined
      case "RpcStopped":
        if (call !== undefined) call.wasStopped = true
        return undefined
      case "RpcDone":
        if (call !== undefined) call.isDone = true
        return undefined
      case "RpcGaveUp":
        if (call !== undefined) call.hasGivenUp = true
        return undefined
      case "RpcTold": {
        const { about, item } = event
        if (call === undefined || call.isOver) return `${event.call} was told something, and is over`
        if (about !== event.call) return `${event.call} was told what ${about} had asked`
        if (item !== undefined && item !== ++call.items) return `${event.call} was told ${item} as item ${call.items}`
        return undefined
      }
      case "RpcOver": {
        if (call === undefined || call.isOver) return `${event.call} ended, and is over`
        call.isOver = true
        const wrong = wrongEnd(call, event)
        return wrong && `${event.call}, of kind ${call.kind}, ended ${event.how} ${wrong}`
      }
      default:
        return undefined
    }
  }
}

/** A worker that was seen to end is not chosen any more; and when all is quiet, all see those that there are. */
export const groups = (): Checker => {
  const workers = new Map<string, Set<Life>>()
  /** How often there was a worker at an address: the next one may come before the end of the last one is seen. */
  const counts = new Map<string, number>()
  const ended = new Set<string>()
  return (event) => {
    switch (event._tag) {
      case "RpcServes":
        if (!event.isWorker) return undefined
        workers.set(event.port, new Set(workers.get(event.port)).add(event.life))
        counts.set(event.port, (counts.get(event.port) ?? 0) + 1)
        return undefined
      case "RpcServed":
        workers.get(event.port)?.delete(event.life)
        return undefined
      case "Stopped":
      case "Crashed":
        for (const lives of workers.values()) lives.delete(event.life)
        return undefined
      case "SeenEnd":
        ended.add(`${event.life} ${event.port}`)
        return undefined
      case "Chosen": {
        const isGone = ended.has(`${event.life} ${event.port}`) && counts.get(event.port) === 1
        return isGone ? `${event.life} chose ${event.port}, which it had seen end` : undefined
      }
      case "Viewed": {
        const there = Array.from(workers).flatMap(([port, lives]) => lives.size > 0 ? [port] : []).toSorted()
        const seen = event.members.join(", ")
        return seen === there.join(", ") ? undefined : `${event.life} sees the workers ${seen}, not ${there.join(", ")}`
      }
      default:
        return undefined
    }
  }
}
