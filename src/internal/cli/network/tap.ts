/**
 * `emp tap`: the messages of one port, for a while.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Port from "../../../Port.ts"
import { tapRequest } from "../../node/tap.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { ask, demand, failed, isOwnKind, type Session } from "./session.ts"
import { show } from "./talk.ts"

/** Follows the messages of a port until its node says that it is over, or is gone. */
export const tap = (session: Session, port: string, millis: number, limit: number) =>
  Effect.gen(function*() {
    const node = Port.isPortId(port) ? Port.nodeOf(port) : port
    if (!(yield* isOwnKind(session, node))) {
      return yield* failed(`node ${node} is of another kind: its messages cannot be looked at`)
    }
    yield* demand(session, node, tapRequest, "is of a version that does not show messages")
    const over = yield* Deferred.make<string>()
    let count = 0
    const listener = yield* Port.make({
      message: (at, from, text) => {
        count++
        return printMessage(session, Number(at), show(from), show(text))
      },
      end: (why, leftOut) =>
        Deferred.succeed(over, Number(leftOut) > 0 ? `${show(why)}; ${show(leftOut)} were left out` : show(why))
    })
    const [begun] = yield* ask(session, node, tapRequest, port, listener, { forMillis: millis, limit })
    if (begun !== true) return yield* failed(show(begun))
    const lost = Effect.flatMap(Port.exit(node), () => failed(`node ${node} is gone`))
    const why = yield* Effect.raceFirst(Deferred.await(over), lost)
    if (!session.json) yield* Console.error(`${count} ${count === 1 ? "message" : "messages"}: ${why}`)
  })

const printMessage = (session: Session, at: number, from: string, text: string) =>
  session.json
    ? printOutput("tap", { at, from, text })
    : print(`${new Date(at).toISOString().slice(11, 23)} ${from}: ${text}`)
