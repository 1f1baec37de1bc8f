/**
 * `emp logs`: log lines of nodes, followed from elsewhere.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import { type LineLevel, lineLevels } from "../../config/logLevels.ts"
import { NodeRouter } from "../../node/router.ts"
import type { Link } from "../../transport/link.ts"
import {
  logLevelRequest,
  logsRequest,
  logTailRequest,
  nameOfPerlLevel,
  perlLevel,
  perlLogsRequest
} from "../run/logRequests.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { allNodes, ask, failed, isOwnKind, type Session } from "./session.ts"
import { show } from "./talk.ts"

const Line = Schema.Tuple([Schema.Finite, Schema.String, Schema.String, Schema.Record(Schema.String, Schema.String)])
const isLine = Schema.is(Line)

/** Which lines are wanted of those that were logged before, and how long to stay. */
export interface LogsOptions {
  /** The least level, as it was given. */
  readonly level: string
  /** So many of the last ones. */
  readonly tail: number | undefined
  /** Those from this time on, as it was given. */
  readonly since: string | undefined
  /** Whether lines that come later are wanted too. */
  readonly follow: boolean
}

/** Shows the last lines of one node or of all, and follows those that come later until it is interrupted. */
export const logs = (session: Session, node: string | undefined, options: LogsOptions) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const level = yield* readLevel(options.level)
    const since = options.since === undefined ? undefined : yield* readTime(options.since, now)
    const wanted: Wanted = {
      level,
      ...since === undefined ? {} : { since },
      ...options.tail === undefined ? {} : { tail: options.tail }
    }
    const readers = new Map<string, Reader>()
    const readerOf = (name: string): Reader => {
      const reader = readers.get(name) ?? new Reader(session, name, wanted, now)
      readers.set(name, reader)
      return reader
    }
    const perl = new PerlLogs(session, level)
    const read = Effect.fnUntraced(function*(name: string, isFirst: boolean) {
      if (!(yield* isOwnKind(session, name))) return yield* perl.subscribe(name)
      yield* readerOf(name).follow(isFirst)
    })
    if (!options.follow) return yield* showLast(session, node === undefined ? yield* allNodes(session) : [node], wanted)
    if (node !== undefined) yield* read(node, true)
    let isFirst = true
    const again = Effect.gen(function*() {
      const all = node === undefined ? yield* allNodes(session) : [node]
      yield* Effect.forEach(all, (name) => Effect.ignore(read(name, isFirst)), { concurrency: 16, discard: true })
      isFirst = false
    })
    return yield* Effect.forever(Effect.andThen(Effect.ignore(again), Effect.sleep("2 seconds")))
  })

const readLevel = (level: string) => {
  const wanted = lineLevels.find((known) => known.toLowerCase() === level.toLowerCase())
  return wanted === undefined
    ? Effect.fail(
      new UsageError({ problem: `${JSON.stringify(level)} is none of ${lineLevels.join(", ").toLowerCase()}` })
    )
    : Effect.succeed(wanted)
}

/** A node that comes while lines are followed may have started so long before: it has taken that to join. */
const joiningMillis = 10_000

const unitMillis: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds since 1970: of a time, `10:30` of today or `2026-03-01T10:30`, or of so long ago, `90s`, `10m`, `2h`, `1d`. */
export const readTime = (text: string, now: number): Effect.Effect<number, UsageError> => {
  const [, count = "", unit = ""] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  const today = new Date(now).toDateString()
  const at = unit === ""
    ? Date.parse(/^\d\d?:\d\d(:\d\d)?$/.test(text) ? `${today} ${text}` : text)
    : now - Number(count) * unitMillis[unit]!
  return Number.isNaN(at)
    ? Effect.fail(
      new UsageError({ problem: `${JSON.stringify(text)} is no time: 90s, 10m, 2h, 1d, 10:30 or 2026-03-01T10:30` })
    )
    : Effect.succeed(at)
}

/** What a node is asked for, as `emp_log_tail` has it. */
interface Wanted {
  readonly level: LineLevel
  readonly tail?: number
  readonly since?: number
}

/**
 * The lines of one node of our own kind. It is asked for what came before when there is a link to it that was not there before: from the
 * last line on that it has told, as it may be another process by then.
 */
class Reader {
  private readonly session: Session
  private readonly name: string
  private readonly wanted: Wanted
  private readonly begun: number
  private port: string | undefined = undefined
  private link: Link | undefined = undefined
  /** Nothing of it is told twice: the time of the last line, and all lines of that time. */
  private lastAt = -Infinity
  private lastTexts = new Set<string>()

  constructor(session: Session, name: string, wanted: Wanted, begun: number) {
    this.session = session
    this.name = name
    this.wanted = wanted
    this.begun = begun
  }

  /** Goes on listening, or begins with it. Of a node that comes later all lines are wanted, from its start on. */
  follow(isFirst: boolean) {
    return Effect.gen({ self: this }, function*() {
      const link = (yield* NodeRouter).linkTo(this.name)
      this.port ??= yield* Port.make({ line: (...line: ReadonlyArray<unknown>) => this.line(line) })
      if (this.link === link && link !== undefined) {
        const [accepted] = yield* ask(this.session, this.name, logsRequest, this.wanted.level, this.port)
        return accepted === true ? undefined : yield* failed(`node ${this.name} takes no more listeners`)
      }
      const isKnown = this.lastAt > -Infinity
      const { level, since = this.begun - joiningMillis } = this.wanted
      const what = isKnown ? { level, since: this.lastAt } : isFirst ? this.wanted : { level, since }
      const [answer] = yield* ask(this.session, this.name, logTailRequest, { ...what, follow: this.port })
      if (answer !== true) yield* failed(`node ${this.name}: ${show(answer)}`)
      this.link = link
    })
  }

  private line(line: unknown): Effect.Effect<void> {
    if (!isLine(line)) return Effect.void
    const [at, , text] = line
    if (at < this.lastAt || at === this.lastAt && this.lastTexts.has(text)) return Effect.void
    if (at > this.lastAt) this.lastTexts.clear()
    this.lastAt = at
    this.lastTexts.add(text)
    return printLine(this.session, this.name, line)
  }
}

/** Shows the last lines of nodes in the order of their times. What a node has to say is shown though another one does not answer. */
const showLast = (session: Session, nodes: ReadonlyArray<string>, { since, tail, ...others }: Wanted) =>
  Effect.gen(function*() {
    const most = tail ?? (since === undefined ? 10 : undefined)
    const what = { ...others, ...since === undefined ? {} : { since }, ...most === undefined ? {} : { tail: most } }
    const linesOf = Effect.fnUntraced(function*(node: string) {
      // Other kinds keep none.
      if (!(yield* isOwnKind(session, node))) return []
      const [answer] = yield* ask(session, node, logTailRequest, what)
      if (!Array.isArray(answer)) return yield* failed(`node ${node}: ${show(answer)}`)
      return answer.filter(isLine).map((line) => ({ node, line }))
    })
    const [found, missing] = yield* Effect.partition(nodes, linesOf, { concurrency: 16 })
    const inOrder = found.flat().toSorted((one, other) => one.line[0] - other.line[0])
    yield* Effect.forEach(inOrder, ({ line, node }) => printLine(session, node, line), { discard: true })
    if (missing.length === 1) return yield* Effect.fail(missing[0]!)
    if (missing.length > 1) yield* failed(missing.map(({ message }) => message).join("; "))
  })

/** Shows the levels of a node's log, or changes them. */
export const logLevel = (session: Session, node: string, spec: string | undefined) =>
  Effect.gen(function*() {
    const [isTaken, text] = yield* ask(session, node, logLevelRequest, spec ?? null)
    if (isTaken !== true) return yield* new UsageError({ problem: show(text) })
    yield* session.json ? printOutput("log-level", { node, levels: show(text) }) : print(show(text))
  })

/**
 * Lines of AnyEvent::MP's nodes: those of which anybody may call functions send them, to a port that each of them asks for once on a
 * link. Whether they do, they do not say.
 */
class PerlLogs {
  private readonly session: Session
  private readonly wanted: string
  private readonly ports = new Map<string, string>()
  private readonly asked = new Map<string, Link>()

  constructor(session: Session, wanted: string) {
    this.session = session
    this.wanted = wanted
  }

  subscribe(name: string) {
    return Effect.gen({ self: this }, function*() {
      const router = yield* NodeRouter
      const link = router.linkTo(name)
      if (link === undefined || this.asked.get(name) === link) return
      const port = this.ports.get(name) ?? (yield* Port.make((...line) => this.line(name, line)))
      this.ports.set(name, port)
      this.asked.set(name, link)
      router.request(name, perlLogsRequest, 0, port, perlLevel(this.wanted))
    })
  }

  private line(name: string, [at, , level, text]: ReadonlyArray<unknown>) {
    return printLine(this.session, name, [Number(at) * 1000, nameOfPerlLevel(level), show(text), {}])
  }
}

const printLine = (session: Session, node: string, [at, level, text, annotations]: typeof Line.Type) =>
  session.json
    ? printOutput("logs", { ...annotations, node, at, level, text })
    : print(`${timeOf(at)} ${level.toUpperCase().padEnd(5)} ${node}: ${text}`)

/** A time that no calendar has is shown as it came. */
const timeOf = (at: number): string => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString()
}
