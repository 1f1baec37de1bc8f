/**
 * What can be said of a trace in one pass: names, monitors, the guarantee, answers, leftovers. It stands in for the
 * checkers until they are there.
 */
import type { Trace } from "./trace.ts"

export interface Violation {
  readonly checker: string
  readonly message: string
  readonly at: number
}
export const check = (trace: Trace): Violation | undefined => {
  const channels = new Map<
    string,
    {
      port: string
      last: number
      sent: number
      state: string
      madeBefore: boolean
      life: string
      monitoredAt: number
      firedAt: number
    }
  >()
  const hasTwins = trace.events.some((e) => e._tag === "Fault" && e.what.startsWith("twin"))
  const newest = new Map<string, number>()
  const calls = new Map<string, number>()
  const made = new Map<string, string>()
  const ended = new Map<string, string>()
  const over = new Set<string>()
  const nodes = new Map<string, string>()
  /** Nodes that something was done to. */
  const touched = new Set<string>()
  /** The processes stop. */
  let isOver = false
  for (const [at, e] of trace.events.entries()) {
    const bad = (checker: string, message: string): Violation => ({ checker, message, at })
    if ("life" in e && over.has(e.life)) return bad("life", `${e._tag} of a dead life`)
    switch (e._tag) {
      case "Leaked":
        return bad("leaks", e.what)
      case "Stopped":
      case "Crashed":
        over.add(e.life)
        break
      case "Started":
        nodes.set(e.life, e.node)
        break
      case "Fault":
        for (const node of e.nodes) touched.add(node)
        break
      case "Seen":
        isOver = true
        break
      case "Down": {
        const node = nodes.get(e.life)!
        if (isOver || touched.has(node) || touched.has(e.peer)) break
        return bad("links", `the link of ${e.life} to ${e.peer} was lost, and nothing had been done to it`)
      }
      case "Made":
        if (made.has(e.port)) return bad("names", `${e.port} made twice`)
        made.set(e.port, e.life)
        break
      case "Ended":
        if (ended.has(e.port)) return bad("names", `${e.port} ended twice`)
        ended.set(e.port, JSON.stringify(e.reason))
        break
      case "Monitored":
        channels.set(e.channel, {
          port: e.port,
          last: 0,
          sent: 0,
          state: "open",
          madeBefore: made.has(e.port),
          life: e.life,
          monitoredAt: at,
          firedAt: Infinity
        })
        break
      case "Fired": {
        const c = channels.get(e.channel)!
        if (c.state !== "open") return bad("monitors", `${e.channel} fired while ${c.state}`)
        c.state = "fired"
        c.firedAt = at
        const reason = JSON.stringify(e.reason)
        const tag = e.reason[0]
        if (tag === "transport_error") break
        if (tag === "no_such_port") {
          if (c.madeBefore && !hasTwins && !ended.has(c.port) && !over.has(made.get(c.port)!)) {
            return bad("monitors", `${e.channel} fired no_such_port but ${c.port} lives`)
          }
        } else if (ended.get(c.port) !== reason) {
          return bad("monitors", `${e.channel} fired ${reason}, the port ended ${ended.get(c.port)}`)
        }
        break
      }
      case "Unmonitored":
        channels.get(e.channel)!.state = "unmonitored"
        break
      case "Sent":
        channels.get(e.channel)!.sent = e.n
        break
      case "Got": {
        const c = channels.get(e.channel)!
        if (c.port !== e.port) return bad("names", `${e.channel} delivered to ${e.port}`)
        const pair = `${c.life} ${c.port}`
        const latest = newest.get(pair) ?? -1
        if (c.firedAt < latest) return bad("generation", `${e.channel} got ${e.n} behind what was sent after it fired`)
        newest.set(pair, Math.max(latest, c.monitoredAt))
        if (e.n !== c.last + 1) return bad("guarantee", `${e.channel} got ${e.n} after ${c.last}`)
        c.last = e.n
        if (ended.has(e.port)) return bad("names", `${e.port} got after its end`)
        break
      }
      case "Asked":
        calls.set(e.call, e.value)
        break
      case "Answered":
        if (e.value !== 2 * calls.get(e.call)!) return bad("calls", `${e.call} answered ${String(e.value)}`)
    }
  }
  return undefined
}
