/**
 * What must hold of nodes that drain, as far as others can rely on it: what they have begun for others is answered before they say that
 * they are done, and what they refuse has not begun and never does.
 */
import { type Checker, text } from "./checker.ts"
import type { Event, Life } from "./trace.ts"

type Began = Extract<Event, { readonly _tag: "RpcBegan" }>
type Over = Extract<Event, { readonly _tag: "RpcOver" }>

/** A call, where its handler runs or ran, and what has become of it. */
interface Call {
  readonly call: string
  readonly caller: Life
  server: Life | undefined
  /** The port of the rpc server that it began at. */
  port: string | undefined
  isDone: boolean
  /** Its caller has its end. */
  isOver: boolean
  hasGivenUp: boolean
  wasRefused: boolean
}

/** Ends of a call that say nothing of its server but that it is out of reach. */
const losses: ReadonlySet<unknown> = new Set(["transport_error", "shutdown"])

export const drains = (): Checker => {
  const nodes = new Map<Life, string>()
  const foreign = new Set<Life>()
  const touched = new Set<string>()
  const drain = new Map<Life, "goes on" | "is done" | "took too long">()
  const calls = new Map<string, Call>()
  /** Servers that somebody ends: drains leave it to those how long that takes. Their callers hear of it. */
  const ending = new Set<string>()
  let hasTwins = false

  /** Nothing is promised to a node's own callers, to other kinds of nodes, and where a link may have been lost. */
  const isPromised = ({ caller, server }: Call): boolean => {
    if (server === undefined || hasTwins) return false
    const ids = [caller, server].map((life) => nodes.get(life) ?? "")
    return ids[0] !== ids[1] && ![caller, server].some((life) => foreign.has(life)) &&
      !ids.some((id) => touched.has(id))
  }

  const inHand = (life: Life): string | undefined => {
    for (const call of calls.values()) {
      if (call.server !== life || call.isDone || call.isOver || call.hasGivenUp || !isPromised(call)) continue
      if (call.port !== undefined && ending.has(call.port)) continue
      return `${life} has drained, and ${call.call} is still at work there`
    }
    return undefined
  }

  const begins = (call: Call, { life, server }: Began): string | undefined => {
    call.server = life
    call.port = server
    if (call.wasRefused) return `${call.call} began at ${life}, and had been refused since its node drains`
    return drain.get(life) === "is done" && isPromised(call)
      ? `${call.call} began at ${life}, which had drained`
      : undefined
  }

  const ends = (call: Call, over: Over): string | undefined => {
    call.isOver = true
    if (over.how !== "killed") return undefined
    const { server } = call
    const ended = `${call.call} ended with ${text(over.reason)}`
    if (over.reason[0] === "draining") {
      call.wasRefused = true
      return server === undefined ? undefined : `${ended}, and had begun at ${server}`
    }
    const state = server && drain.get(server)
    const isLost = losses.has(over.reason[0]) && !call.hasGivenUp && (state === "goes on" || state === "is done")
    return isLost && isPromised(call) ? `${ended}, and had begun at ${server}, which drained` : undefined
  }

  return (event) => {
    switch (event._tag) {
      case "Started":
        nodes.set(event.life, event.node)
        if (event.isForeign === true) foreign.add(event.life)
        return undefined
      case "Fault":
        hasTwins ||= event.what.startsWith("twin")
        // One that stops in order costs nobody what was promised.
        if (!event.what.startsWith("stop")) { for (const node of event.nodes) touched.add(node) }
        return undefined
      case "Draining":
        drain.set(event.life, "goes on")
        return undefined
      case "Drained":
        drain.set(event.life, event.isDone ? "is done" : "took too long")
        return event.isDone ? inHand(event.life) : undefined
      case "RpcServes":
        ending.delete(event.port)
        return undefined
      case "RpcEnds":
        ending.add(event.port)
        return undefined
      case "RpcAsked": {
        const { call, life: caller } = event
        calls.set(call, {
          call,
          caller,
          server: undefined,
          port: undefined,
          isDone: false,
          isOver: false,
          hasGivenUp: false,
          wasRefused: false
        })
        return undefined
      }
    }
    const call = "call" in event ? calls.get(event.call) : undefined
    if (call === undefined) return undefined
    switch (event._tag) {
      case "RpcBegan":
        return begins(call, event)
      case "RpcDone":
        call.isDone = true
        return undefined
      case "RpcGaveUp":
        call.hasGivenUp = true
        return undefined
      case "RpcOver":
        return ends(call, event)
      default:
        return undefined
    }
  }
}
