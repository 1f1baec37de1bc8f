/**
 * AEMP's LogCatcher: a node that `emp run` runs passes its log lines on to those who have asked for them, for as long as they go
 * on asking.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { isPortId } from "./portId.ts"
import type { Router } from "./router.ts"

/** `emp_logs LEVEL PORT REPLYPORT`: lines of this level and above to the port, for a minute. */
export const logsRequest = "emp_logs"
const validity = 60_000

/** Those who listen at a time. More would make a log line a burden. */
const mostListeners = 100

export const levels = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"] as const
export type Level = typeof levels[number]

const severity = (level: string): number => levels.indexOf(level as Level)

interface Listener {
  readonly least: number
  readonly until: number
}

/** Passes on what is logged in this process, once it knows the node that does so. */
class Catcher {
  private router: Router | undefined = undefined
  private readonly listeners = new Map<string, Listener>()
  /** A line that comes of sending one is not sent. */
  private isSending = false

  attach(router: Router): void {
    this.router = router
    router.requests.set(logsRequest, (from, [level, port, to, ...rest]) => {
      const accepted = severity(String(level)) >= 0 && isPortId(port) &&
        (this.listeners.has(port) || this.listeners.size < mostListeners)
      if (accepted) this.listeners.set(port, { least: severity(String(level)), until: router.now() + validity })
      if (isPortId(to)) router.relay(from, to, [...rest, accepted])
    })
  }

  line(level: string, text: string, annotations: Readonly<Record<string, unknown>>): void {
    const { router } = this
    if (router === undefined || this.listeners.size === 0 || this.isSending) return
    this.isSending = true
    const now = router.now()
    for (const [port, { least, until }] of this.listeners) {
      if (until < now) this.listeners.delete(port)
      else if (severity(level) >= least) router.offer(port, ["line", now, level, text, annotations])
    }
    this.isSending = false
  }
}

export const catcher = new Catcher()

/** Beside the logger that writes to standard error. */
export const catchingLogger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
  const parts = [message].flat().map((part) => typeof part === "string" ? part : JSON.stringify(part) ?? String(part))
  if (cause.reasons.length > 0) parts.push(Cause.pretty(cause))
  const annotations = Object.fromEntries(
    Object.entries(fiber.getRef(References.CurrentLogAnnotations)).map(([name, value]) => [name, String(value)])
  )
  catcher.line(logLevel, parts.join(" "), annotations)
})
