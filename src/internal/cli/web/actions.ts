/**
 * What somebody may do who was allowed to: the requests of nodes that commands of the same names have.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import { type Network, reachPort, type Session } from "../network/session.ts"
import { restartRequest } from "../run/watchdog.ts"
import { type Action, NotDone } from "./api.ts"
import type { Collector } from "./collector.ts"
import { askIfKnown } from "./inspect.ts"

/** What a node is asked for, and what it means that it answers true. */
const requests = {
  restart: { name: restartRequest, done: "restarts", refused: " has no watchdog that would start it again" },
  drain: { name: "emp_drain", done: "drains", refused: " does not drain" },
  stop: { name: "emp_stop", done: "stops", refused: " does not stop" },
  reload: { name: "emp_reload", done: "has read its configuration again", refused: " has not read its configuration" }
} as const

/** What has come of a configuration that was read again. */
const isReloaded = Schema.is(Schema.Struct({
  taken: Schema.Array(Schema.String),
  needsRestart: Schema.Array(Schema.String),
  wrong: Schema.optionalKey(Schema.String)
}))

/** What was asked for, for the log and the timeline. */
const described = (action: Action): string =>
  action.action === "kil" ? `kil ${action.port}` : `${action.action} ${action.node}`

const carryOut = (session: Session, action: Action) =>
  Effect.gen(function*() {
    if (action.action === "kil") {
      const { port, reason } = action
      if (!Port.isPortId(port) || Port.nodeOf(port) === port) {
        return yield* new NotDone({ problem: `${JSON.stringify(port)} is no port that can be ended` })
      }
      yield* reachPort(session, port)
      yield* Port.kil(port, ...reason === undefined || reason === "" ? ["killed"] : [reason])
      return `${port} was told to end`
    }
    const { done, name, refused } = requests[action.action]
    const [answer] = yield* askIfKnown(session, action.node, name)
    if (answer === true) return `node ${action.node} ${done}`
    if (!isReloaded(answer)) {
      const why = typeof answer === "string" ? `: ${answer}` : refused
      return yield* new NotDone({ problem: `node ${action.node}${why}` })
    }
    const { needsRestart, taken, wrong } = answer
    if (wrong !== undefined) return yield* new NotDone({ problem: `node ${action.node}${refused}: ${wrong}` })
    const parts = [
      ...taken.length === 0 ? [] : [`taken: ${taken.join(", ")}`],
      ...needsRestart.length === 0 ? [] : [`needs a restart: ${needsRestart.join(", ")}`]
    ]
    return `node ${action.node} ${done}; ${parts.join("; ") || "nothing has changed"}`
  })

/** Does it, and says in the log and the timeline who wanted it, whether it was done or not. */
export const act = (
  session: Session,
  collector: Collector,
  action: Action,
  who: string
): Effect.Effect<string, NotDone, Network> =>
  Effect.gen(function*() {
    yield* Effect.logWarning(`emp web: ${who} asks for ${JSON.stringify(described(action))}`)
    const result = yield* Effect.result(Effect.mapError(
      carryOut(session, action),
      (error) => error instanceof NotDone ? error : new NotDone({ problem: error.message })
    ))
    const outcome = result._tag === "Success" ? result.success : `not done: ${result.failure.problem}`
    const node = action.action === "kil" ? Port.nodeOf(action.port) : action.node
    const at = yield* Clock.currentTimeMillis
    collector.tell({ at, kind: "action", node, text: `${described(action)}, asked for from ${who}: ${outcome}` })
    return yield* Effect.fromResult(result)
  })
