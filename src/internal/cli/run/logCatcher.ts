/**
 * The log of a process that `emp run` runs: it is written in the format and at the levels that are wanted, the last lines are kept, and
 * those who have asked for them get them, for as long as they go on asking, as by AEMP's LogCatcher.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  defaultLevels,
  isShown,
  lineLevels,
  type LogLevels,
  readLevelText,
  showLevels
} from "../../config/logLevels.ts"
import type { Router } from "../../node/router.ts"
import { asideOf } from "../../node/sending.ts"
import { UnsendableMessage } from "../../transport/link.ts"
import { describe } from "../../values/describe.ts"
import { isPortId, nameOf, nodeOf } from "../../values/portId.ts"
import { ofWatchdog } from "./channel.ts"
import { logLevelRequest, logsRequest, logTailRequest, perlLevel, perlLogsRequest, TailOptions } from "./logRequests.ts"
import { type LogLine, LogRing, shortened } from "./logRing.ts"

/** Whoever listens asks again within this time. */
const validityMillis = 60_000

/** So many characters of a line go to a node that does not take all of it. Any node takes so many. */
const longestCut = 4000

/** So long a text may be that another node gives for the levels: each line of the log is held against them. */
const longestLevels = 4000

/** So many ports may listen at a time. With more, each log line would be a burden. */
const mostListeners = 100

/** -1 for what is no level. */
const severity = (level: unknown): number => lineLevels.findIndex((known) => known === level)

interface Listener {
  readonly least: number
  readonly until: number
  readonly isPerl: boolean
  readonly unwatch: () => void
}

/** A line as it travels. */
const wireLine = ({ annotations, at, cause, level, text }: LogLine) =>
  [at, level, cause === undefined ? text : `${text}\n${cause}`, annotations] as const

/** What a request asks, and the port that is to get the answer: behind it, as calls have it, or before it. */
const askedBy = (from: string, [first, second]: ReadonlyArray<unknown>) =>
  isPortId(second) && nodeOf(second) === from && nameOf(second) !== ""
    ? { to: second, argument: first }
    : { to: first, argument: second }

/** Times that a calendar has. */
const isTime = (at: number): boolean => Math.abs(at) <= 8.64e15

export class LogCatcher {
  private router: Router | undefined = undefined
  private readonly listeners = new Map<string, Listener>()
  private readonly ring = new LogRing()
  private write: ((line: LogLine) => void) | undefined = undefined
  /** Lines that are not written yet. */
  private held: Array<LogLine> | undefined = undefined
  private levels = defaultLevels
  /** A line that is logged because another one is being sent is not sent itself: there would be no end. */
  private isSending = false

  /** Lines are to be written, once it is known how. */
  hold(): void {
    this.held = []
  }

  /** How that is; `when they are held`: unless somebody has said so before. */
  writeTo(write: (line: LogLine) => void, when?: "when they are held"): void {
    const { held } = this
    if (held === undefined && when !== undefined) return
    this.held = undefined
    this.write = write
    held?.forEach(write)
  }

  /** From now on lines of these levels are written, kept, and passed on. */
  setLevels(levels: LogLevels): void {
    this.levels = levels
  }

  shows(level: string, { module, service }: Readonly<Record<string, unknown>>): boolean {
    return isShown(this.levels, level, module, service)
  }

  /** What was logged before this process was there: by its watchdog. */
  earlier(lines: ReadonlyArray<readonly [atMillis: number, level: string, text: string]>): void {
    const known = lines.filter(([at]) => isTime(at))
    this.ring.earlier(
      known.map(([at, level, text]) =>
        shortened({ at, level, text: text.toWellFormed(), cause: undefined, annotations: ofWatchdog })
      )
    )
  }

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
    router.requests.add(logLevelRequest, (from, args) => {
      const { argument, to } = askedBy(from, args)
      const [isTaken, text] = this.levelsFor(router, from, argument)
      if (isPortId(to)) router.relay(from, to, [isTaken, text])
    })
    router.requests.add(logTailRequest, (from, args) => {
      const { argument, to } = askedBy(from, args)
      if (isPortId(to)) this.tail(router, from, argument, (answer) => router.answer(from, to, [answer]))
    })
  }

  private levelsFor(router: Router, from: string, spec: unknown): readonly [isTaken: boolean, text: string] {
    if (spec === undefined || spec === null) return [true, showLevels(this.levels)]
    if (typeof spec !== "string") return [false, "the levels are no text"]
    if (spec.length > longestLevels) return [false, `the levels are longer than ${longestLevels} characters`]
    const read = readLevelText(spec)
    if (Result.isFailure(read)) return [false, read.failure]
    const text = showLevels(read.success)
    // By the levels that held until now: those to come may show nothing.
    router.log.of("Cli").warnSome(`levels by ${from}`, `node ${from} sets the levels of the log to ${text}`)
    this.setLevels(read.success)
    return [true, text]
  }

  private tail(router: Router, from: string, options: unknown, answer: (with_: unknown) => void): void {
    if (!Schema.is(TailOptions)(options)) return answer("the options are not { tail, since, level, follow }")
    const { follow, level, since = -Infinity, tail = since === -Infinity ? 0 : Infinity } = options
    const least = severity(level ?? "Trace")
    const wanted = this.ring.all.filter((line) => line.at >= since && severity(line.level) >= least)
    const lines = tail < 1 ? [] : wanted.slice(-tail).map(wireLine)
    if (follow === undefined) return answerShort(lines, answer)
    if (!isPortId(follow) || nodeOf(follow) !== from) return answer("the listener is no port of the node that asks")
    if (!router.hasRoom(follow)) return answer("the link to the listener has no room")
    if (!this.listen(router, follow, { least, until: router.now() + validityMillis, isPerl: false })) {
      return answer("this node has as many listeners as it takes")
    }
    // The ring is small: a listener's link that has room has enough for all of it.
    for (const line of lines) sendCut(["line", ...line], (line) => router.send(follow, line))
    answer(true)
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
      const least = lineLevels.findIndex((name) => perlLevel(name) <= most)
      if (isPortId(port) && least >= 0) this.listen(router, port, { least, until: Infinity, isPerl: true })
    })
  }

  line(line: LogLine): void {
    if (this.held === undefined) this.write?.(line)
    else this.held.push(line)
    const short = shortened(line)
    this.ring.add(short)
    const { router } = this
    if (router === undefined || this.listeners.size === 0 || this.isSending) return
    this.isSending = true
    try {
      this.drop(router.now())
      const [at, level, text, annotations] = wireLine(short)
      for (const [port, { isPerl, least }] of this.listeners) {
        if (severity(level) < least) continue
        const message = isPerl
          ? [at / 1000, "effect-mp", perlLevel(level), text]
          : ["line", at, level, text, annotations]
        sendCut(message, (line) => void router.offer(port, line))
      }
    } finally {
      this.isSending = false
    }
  }
}

/** Sends a line, cut if the listener's node takes none of that length. */
const sendCut = (line: ReadonlyArray<unknown>, send: (line: ReadonlyArray<unknown>) => void): void => {
  try {
    send(line)
  } catch (error) {
    if (!(error instanceof UnsendableMessage)) throw error
    const cut = (part: unknown): unknown => typeof part === "string" ? part.slice(0, longestCut).toWellFormed() : {}
    send(line.map((part) => typeof part === "number" ? part : cut(part)))
  }
}

/** Answers with as many of the last lines as whoever asks takes in one message. */
const answerShort = (lines: ReadonlyArray<unknown>, answer: (lines: ReadonlyArray<unknown>) => void): void => {
  try {
    answer(lines)
  } catch (error) {
    if (!(error instanceof UnsendableMessage) || lines.length === 0) throw error
    answerShort(lines.slice(Math.ceil(lines.length / 2)), answer)
  }
}

/** With stack traces. To look at an error may run its code, which may throw. */
const showCause = (cause: Cause.Cause<unknown>): string => {
  try {
    return Cause.pretty(cause).toWellFormed()
  } catch {
    return describe(Cause.squash(cause))
  }
}

/** Gives to a catcher what is logged: each line whose level its module, or its service, lets through. */
export const loggerOf = (catcher: LogCatcher): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, date, fiber, logLevel, message }) => {
    const annotations = fiber.getRef(References.CurrentLogAnnotations)
    if (!catcher.shows(logLevel, annotations)) return
    const parts = [message].flat().map((part) => typeof part === "string" ? part : describe(part))
    const where = { ...traceOf(fiber), ...annotations }
    catcher.line({
      at: date.getTime(),
      level: logLevel,
      text: parts.join(" ").toWellFormed(),
      cause: cause.reasons.length === 0 ? undefined : showCause(cause),
      annotations: Object.fromEntries(
        Object.entries(where).map(([name, value]) => [name.toWellFormed(), describe(value)])
      )
    })
  })

/** The span that a line is logged in, if it is one that others are to know of, under the names of OpenTelemetry. */
const traceOf = (fiber: Fiber.Fiber<unknown, unknown>): Readonly<Record<string, string>> => {
  const span = asideOf(fiber)?.span
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId }
}

/** Gives other loggers what the log shows, and no more: by itself each of them would get all lines of every level. */
export const asTheLogShows = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(effect, Logger.CurrentLoggers, (loggers) => new Set(Array.from(loggers, shownAlone)))

const shownAlone = (logger: Logger.Logger<unknown, unknown>): Logger.Logger<unknown, unknown> =>
  logger === catchingLogger ? logger : Logger.make((options) => {
    if (catcher.shows(options.logLevel, options.fiber.getRef(References.CurrentLogAnnotations))) logger.log(options)
  })

/** That of this process. */
export const catcher = new LogCatcher()
export const catchingLogger = loggerOf(catcher)
