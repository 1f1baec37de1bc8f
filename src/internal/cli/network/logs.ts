/**
 * `emp logs`: log lines of nodes, followed from elsewhere.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import { levels, logsRequest } from "../run/logCatcher.ts"
import { print, printJson } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { allNodes, ask, failed, type Session } from "./session.ts"

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
    const subscribe = Effect.fnUntraced(function*(name: string) {
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

const printLine = (session: Session, node: string, [at, level, text, annotations]: typeof Line.Type) =>
  session.json
    ? printJson({ ...annotations, node, at, level, text })
    : print(`${timeOf(at)} ${level.toUpperCase().padEnd(5)} ${node}: ${text}`)

/** A time that no calendar has is shown as it came. */
const timeOf = (at: number): string => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString()
}
