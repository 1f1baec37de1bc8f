/**
 * Log lines of nodes, followed from elsewhere: AEMP's LogCatcher. A node that `emp run` runs passes its lines on to those who
 * have asked for them, for as long as they go on asking.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Node from "../../Node.ts"
import * as Port from "../../Port.ts"
import { isPortId } from "../portId.ts"
import type { Router } from "../router.ts"
import { UsageError } from "../usage.ts"
import { allNodes, ask, failed, type Session } from "./connect.ts"

/** `emp_logs LEVEL PORT REPLYPORT`: lines of this level and above to the port, for a minute. */
const request = "emp_logs"
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
    router.requests.set(request, (from, [level, port, to, ...rest]) => {
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

const Line = Schema.Tuple([Schema.Finite, Schema.String, Schema.String, Schema.Record(Schema.String, Schema.String)])

/** Follows the lines of one node or of all, those that come later too, until it is interrupted. */
export const logs = (session: Session, node: string | undefined, level: string) =>
  Effect.gen(function*() {
    const wanted = levels.find((known) => known.toLowerCase() === level.toLowerCase())
    if (wanted === undefined) {
      return yield* new UsageError({
        problem: `${JSON.stringify(level)} is none of ${levels.join(", ").toLowerCase()}`
      })
    }
    const names = new Map<string, string>()
    const portFor = Effect.fnUntraced(function*(name: string) {
      const known = names.get(name)
      if (known !== undefined) return known
      const port: string = yield* Port.make({
        line: (...line: ReadonlyArray<unknown>) => Schema.is(Line)(line) ? print(session, name, line) : Effect.void
      })
      names.set(name, port)
      return port
    })
    const subscribe = Effect.fnUntraced(function*(name: string) {
      const [accepted] = yield* ask(session, name, request, wanted, yield* portFor(name))
      if (accepted !== true) yield* failed(`node ${name} takes no more listeners`)
    })
    if (node !== undefined) yield* subscribe(node)
    const again = Effect.gen(function*() {
      const all = node === undefined ? yield* allNodes(session) : [node]
      yield* Effect.forEach(all, (name) => Effect.ignore(subscribe(name)), { concurrency: 16, discard: true })
    })
    return yield* Effect.forever(Effect.andThen(Effect.ignore(again), Effect.sleep("2 seconds")))
  }).pipe(
    Effect.provideService(References.MinimumLogLevel, "Error" satisfies LogLevel.LogLevel),
    Effect.tap(() => Node.id)
  )

const print = (session: Session, node: string, [at, level, text, annotations]: typeof Line.Type) =>
  Console.log(
    session.json
      ? JSON.stringify({ node, at, level, text, ...annotations })
      : `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)} ${node}: ${text}`
  )
