/**
 * `emp top`: the nodes of a network, drawn anew every second, until `q` or Ctrl-C.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Status } from "../observe.ts"
import type { Session } from "./connect.ts"
import { overview, statuses } from "./look.ts"
import { bytes, table } from "./screen.ts"

/** Clears a terminal, and goes to its beginning. */
const clear = "\u001b[2J\u001b[H"

/** What goes over the links of all nodes, in bytes. */
const traffic = (all: ReadonlyArray<Status>): number =>
  all.reduce((sum, { peers }) => sum + peers.reduce((total, { sent }) => total + sent, 0), 0)

/** The links that had the most to carry since the last look. */
const busiest = (now: ReadonlyArray<Status>, before: ReadonlyMap<string, number>): string => {
  const rates = now.flatMap(({ nodeId, peers }) =>
    peers.map((peer) => {
      const name = `${nodeId} → ${peer.nodeId}`
      return { name, rate: Math.max(0, peer.sent - (before.get(name) ?? peer.sent)), queued: peer.queued }
    })
  )
  const rows = rates.toSorted((a, b) => b.rate - a.rate || b.queued - a.queued).slice(0, 10)
  return table(["LINK", "SENT/S", "QUEUE"], rows.map(({ name, queued, rate }) => [name, bytes(rate), String(queued)]))
}

const sentBy = (all: ReadonlyArray<Status>): ReadonlyMap<string, number> =>
  new Map(all.flatMap(({ nodeId, peers }) => peers.map((peer) => [`${nodeId} → ${peer.nodeId}`, peer.sent])))

/** Ends when `q` is typed. Keys are heard one by one while it lasts, if somebody can type. */
const quit = Effect.gen(function*() {
  const { stdin } = process
  if (!stdin.isTTY) return yield* Effect.never
  const typed = yield* Deferred.make<void>()
  const listener = (key: Buffer): void => {
    // In raw mode Ctrl-C is a key like any other.
    if (key.toString() === "q" || key[0] === 3) Deferred.doneUnsafe(typed, Effect.void)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => stdin.setRawMode(true).resume().on("data", listener)),
    () => Effect.sync(() => stdin.off("data", listener).setRawMode(false).pause())
  )
  yield* Deferred.await(typed)
})

/** `rounds`: how often it is drawn, for those who do not want to watch for ever. */
export const top = (session: Session, rounds: number | undefined) => {
  const isScreen = process.stdout.isTTY === true
  const draw = Effect.gen(function*() {
    let before: ReadonlyMap<string, number> = new Map()
    let total = 0
    for (let round = 0; round < (rounds ?? Infinity); round++) {
      if (round > 0) yield* Effect.sleep("1 second")
      const answers = yield* statuses(session, undefined)
      const known = answers.flatMap((answer) => "problem" in answer ? [] : [answer])
      const sent = traffic(known)
      const head = `${answers.length} nodes, ${bytes(round === 0 ? 0 : Math.max(0, sent - total))}/s between them`
      const text = [head, overview(answers), busiest(known, before)].join("\n\n")
      yield* Console.log(session.json ? JSON.stringify(answers) : isScreen ? `${clear}${text}\n\nq quits` : text)
      before = sentBy(known)
      total = sent
    }
  })
  return Effect.raceFirst(draw, Effect.scoped(quit))
}
