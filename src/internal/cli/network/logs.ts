/**
 * `emp logs`: log lines of nodes, followed from elsewhere.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import { NodeRouter } from "../../node/router.ts"
import type { Link } from "../../transport/link.ts"
import { levels, logsRequest, nameOfPerlLevel, perlLevel, perlLogsRequest } from "../run/logCatcher.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { allNodes, ask, failed, isOwnKind, type Session } from "./session.ts"
import { show } from "./talk.ts"

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
        line: (...line: ReadonlyArray<unknown>) => Schema.is(Line)(line) ? printLine(session, name, line) : Effect.void
      })
      names.set(name, port)
      return port
    })
    const perl = new PerlLogs(session, wanted)
    const subscribe = Effect.fnUntraced(function*(name: string) {
      if (!(yield* isOwnKind(session, name))) return yield* perl.subscribe(name)
      const [accepted] = yield* ask(session, name, logsRequest, wanted, yield* portFor(name))
      if (accepted !== true) yield* failed(`node ${name} takes no more listeners`)
    })
    if (node !== undefined) yield* subscribe(node)
    const again = Effect.gen(function*() {
      const all = node === undefined ? yield* allNodes(session) : [node]
      yield* Effect.forEach(all, (name) => Effect.ignore(subscribe(name)), { concurrency: 16, discard: true })
    })
    return yield* Effect.forever(Effect.andThen(Effect.ignore(again), Effect.sleep("2 seconds")))
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
