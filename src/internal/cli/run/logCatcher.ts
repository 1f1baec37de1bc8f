/**
 * AEMP's LogCatcher: a node that `emp run` runs passes its log lines on to those who have asked for them, for as long as they go
 * on asking.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { Router } from "../../node/router.ts"
import { UnsendableMessage } from "../../transport/link.ts"
import { describe } from "../../values/describe.ts"
import { isPortId, nodeOf } from "../../values/portId.ts"
import type { Line } from "./channel.ts"

/**
 * `emp_logs LEVEL PORT REPLYPORT`: lines of this level and above to a port of the node that asks, for a minute, unless the port
 * ends before. Answered by true or false.
 */
export const logsRequest = "emp_logs"
const validityMillis = 60_000

/** So many characters of a line go to a node that does not take all of it. Any node takes so many. */
const longestCut = 4000

/** So many ports may listen at a time. With more, each log line would be a burden. */
const mostListeners = 100

export const levels = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"] as const

/** -1 for what is no level. */
const severity = (level: unknown): number => levels.findIndex((known) => known === level)

/** What a Perl node asks instead: `0 PORT LEVEL`, until the port ends. The port gets `TIME CONTEXT LEVEL TEXT`. */
export const perlLogsRequest = "AnyEvent::MP::LogCatcher::connect"

/** AnyEvent's levels. Ours are among them. */
const perlLevels: ReadonlyMap<string, number> = new Map([
  ["fatal", 1],
  ["alert", 2],
  ["critical", 3],
  ["error", 4],
  ["warn", 5],
  ["note", 6],
  ["info", 7],
  ["debug", 8],
  ["trace", 9]
])

/** By name or by number. */
export const perlLevel = (level: string): number => perlLevels.get(level.toLowerCase()) ?? Number(level)

/** Whatever else a node says is shown as it is. */
export const nameOfPerlLevel = (level: unknown): string =>
  Array.from(perlLevels).find(([, number]) => number === Number(level))?.[0] ?? describe(level)

interface Listener {
  readonly least: number
  readonly until: number
  readonly isPerl: boolean
  readonly unwatch: () => void
}

/** Passes on what is logged in this process, once it is attached to the node that sends the lines. */
class Catcher {
  private router: Router | undefined = undefined
  private readonly listeners = new Map<string, Listener>()
  /** A line that is logged because another one is being sent is not sent itself: there would be no end. */
  private isSending = false

  attach(router: Router): void {
    this.router = router
    this.attachPerl(router)
    router.requests.add(logsRequest, (from, [level, port, to, ...rest]) => {
      const least = severity(level)
      const accepted = least >= 0 && isPortId(port) && nodeOf(port) === from
      const isTaken = accepted &&
        this.listen(router, port, { least, until: router.now() + validityMillis, isPerl: false })
      if (isPortId(to)) router.relay(from, to, [...rest, isTaken])
    })
  }

  /** Answers false if there are too many listeners already. */
  private listen(router: Router, port: string, listener: Omit<Listener, "unwatch">): boolean {
    const known = this.listeners.get(port)
    if (known === undefined) {
      this.drop(router.now())
      if (this.listeners.size >= mostListeners) return false
    }
    const unwatch = known?.unwatch ?? router.monitor(port, () => this.listeners.delete(port))
    this.listeners.set(port, { ...listener, unwatch })
    return true
  }

  /** Listeners that have not asked again in time get no more. */
  private drop(now: number): void {
    for (const [port, { until, unwatch }] of this.listeners) {
      if (until >= now) continue
      this.listeners.delete(port)
      unwatch()
    }
  }

  private attachPerl(router: Router): void {
    router.requests.add(perlLogsRequest, (_from, [, port, level]) => {
      const most = perlLevel(describe(level))
      const least = levels.findIndex((name) => perlLevel(name) <= most)
      if (isPortId(port) && least >= 0) this.listen(router, port, { least, until: Infinity, isPerl: true })
    })
  }

  /** What the watchdog of this node has logged before the node was started. */
  earlier(lines: ReadonlyArray<Line>): void {
    for (const [, level, text] of lines) this.line(level, text, {})
  }

  line(level: string, text: string, annotations: Readonly<Record<string, unknown>>): void {
    const { router } = this
    if (router === undefined || this.listeners.size === 0 || this.isSending) return
    this.isSending = true
    try {
      const now = router.now()
      this.drop(now)
      for (const [port, { isPerl, least }] of this.listeners) {
        if (severity(level) < least) continue
        const line = isPerl
          ? [now / 1000, "effect-mp", perlLevel(level), text]
          : ["line", now, level, text, annotations]
        offer(router, port, line)
      }
    } finally {
      this.isSending = false
    }
  }
}

export const catcher = new Catcher()

/** Sends a line, cut if the listener's node takes none of that length. */
const offer = (router: Router, port: string, line: ReadonlyArray<unknown>): void => {
  try {
    router.offer(port, line)
  } catch (error) {
    if (!(error instanceof UnsendableMessage)) throw error
    const cut = (part: unknown): unknown => typeof part === "string" ? part.slice(0, longestCut).toWellFormed() : {}
    router.offer(port, line.map((part) => typeof part === "number" ? part : cut(part)))
  }
}

/** Beside the logger that writes to standard error. */
export const catchingLogger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
  const parts = [message].flat().map((part) => typeof part === "string" ? part : describe(part))
  if (cause.reasons.length > 0) parts.push(Cause.pretty(cause))
  const annotations = Object.fromEntries(
    Object.entries(fiber.getRef(References.CurrentLogAnnotations)).map((
      [name, value]
    ) => [name, String(value).toWellFormed()])
  )
  catcher.line(logLevel, parts.join(" ").toWellFormed(), annotations)
})
