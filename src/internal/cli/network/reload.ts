/**
 * `emp reload`: has a node read its configuration again.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Reloaded, reloadRequest, showReloaded } from "../run/reloaded.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { askFor, demand, failed, type Session } from "./session.ts"

export const isReloaded = Schema.is(Reloaded)

/** Shows what has come of it. Where nothing has changed since something is wrong, the command has failed. */
export const reload = (session: Session, node: string) =>
  Effect.gen(function*() {
    yield* demand(session, node, reloadRequest, "was not started by emp run")
    const otherwise = "has not read its configuration again yet, and may still do so"
    const [reloaded] = yield* askFor(session, node, otherwise, reloadRequest)
    if (!isReloaded(reloaded)) return yield* failed(`node ${node} does not say what has come of it`)
    if (session.json) yield* printOutput("reload", { node, ...reloaded })
    if (reloaded.wrong !== undefined) return yield* failed(`node ${node}: ${showReloaded(reloaded)}`)
    if (!session.json) yield* print(`node ${node}: ${showReloaded(reloaded)}`)
  })
