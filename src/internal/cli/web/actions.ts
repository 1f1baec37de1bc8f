/**
 * What somebody may do who was allowed to: the requests of nodes that commands of the same names have.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Port from "../../../Port.ts"
import { drainRequests } from "../../node/drain.ts"
import { exitFromReason, showReason } from "../../values/reason.ts"
import { endPort } from "../network/ports.ts"
import { isReloaded } from "../network/reload.ts"
import type { Network, Session } from "../network/session.ts"
import { reloadRequest, showReloaded } from "../run/reloaded.ts"
import { stopRequest } from "../run/stopping.ts"
import { restartRequest } from "../run/watched.ts"
import { type Action, NotDone } from "./api.ts"
import type { Collector } from "./collector.ts"
import { askIfKnown } from "./inspect.ts"

/** What a node is asked for, and what it means that it answers true. */
const requests = {
  restart: { name: restartRequest, done: "restarts", refused: " has no watchdog that would start it again" },
  drain: { name: drainRequests.drain, done: "drains", refused: " does not drain" },
  stop: { name: stopRequest, done: "stops", refused: " does not stop" },
  reload: { name: reloadRequest, done: "has read its configuration again", refused: " has not read its configuration" }
} as const

/** What was asked for, for the log and the timeline. */
const described = (action: Action): string =>
  action.action === "kil" ? `kil ${action.port}` : `${action.action} ${action.node}`

const carryOut = (session: Session, action: Action) =>
  Effect.gen(function*() {
    if (action.action === "kil") {
      const ending = yield* endPort(session, action.port, [action.reason || "killed"])
      return `${action.port} has ended: ${showReason(exitFromReason("", ending))}`
    }
    const { done, name, refused } = requests[action.action]
    const [answer] = yield* askIfKnown(session, action.node, name)
    if (answer === true) return `node ${action.node} ${done}`
    if (isReloaded(answer) && answer.wrong === undefined) return `node ${action.node}: ${showReloaded(answer)}`
    const why = isReloaded(answer) ? showReloaded(answer) : answer
    return yield* new NotDone({ problem: `node ${action.node}${typeof why === "string" ? `: ${why}` : refused}` })
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
