/**
 * `emp top`: the nodes of a network, drawn anew every second, until `q` or Ctrl-C.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Status } from "../../node/status.ts"
import { isCommand } from "../../values/commandId.ts"
import { printable } from "../../values/printable.ts"
import { print, printJson, showBytes, table } from "../terminal/screen.ts"
import { overview, statuses } from "./look.ts"
import { isOfOtherKind } from "./nodes.ts"
import type { Session } from "./session.ts"

/** To the beginning of a terminal; the rest of a line; the rest of the screen. */
const [home, restOfLine, restOfScreen] = ["\u001b[H", "\u001b[K", "\u001b[J"]

/** What all nodes had sent on each of their links at a moment. */
interface Sample {
  readonly at: number
  readonly sent: ReadonlyMap<string, number>
}

interface Rate {
  readonly name: string
  readonly rate: number
  readonly queued: number
}

/** What goes over each link but those to commands, in bytes for each second since the last sample. */
const ratesOf = (all: ReadonlyArray<Status>, at: number, before: Sample | undefined): ReadonlyArray<Rate> =>
  all.flatMap(({ nodeId, peers }) =>
    peers.filter((peer) => !isCommand(peer.nodeId)).map((peer) => {
      const name = `${nodeId} → ${peer.nodeId}`
      const sent = Math.max(0, peer.sent - (before?.sent.get(name) ?? peer.sent))
      return { name, rate: before === undefined ? 0 : sent * 1000 / Math.max(1, at - before.at), queued: peer.queued }
    })
  )

const sampleOf = (all: ReadonlyArray<Status>, at: number): Sample => ({
  at,
  sent: new Map(all.flatMap(({ nodeId, peers }) => peers.map((peer) => [`${nodeId} → ${peer.nodeId}`, peer.sent])))
})

/** The links that have the most to carry. */
const busiest = (rates: ReadonlyArray<Rate>): string =>
  table(
    ["LINK", "SENT/S", "QUEUE"],
    rates.toSorted((a, b) => b.rate - a.rate || b.queued - a.queued).slice(0, 10).map(({ name, queued, rate }) => [
      name,
      showBytes(rate),
      String(queued)
    ])
  )

/** The picture before is drawn over, which flickers less than to clear the screen; lines that have no room are left out. */
const paint = (text: string, { columns, rows }: { readonly columns: number; readonly rows: number }): string => {
  const lines = text.split("\n").map((line) => line.slice(0, columns))
  const shown = lines.length > rows - 3 ? [...lines.slice(0, rows - 4), "…"] : lines
  return `${home}${[...shown, "", "q quits"].map((line) => `${line}${restOfLine}`).join("\n")}${restOfScreen}`
}

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
  const { stdout } = process
  // A node that hangs does not stop the picture.
  const impatient = { ...session, timeoutSeconds: Math.min(session.timeoutSeconds, 1) }
  const draw = Effect.gen(function*() {
    let before: Sample | undefined
    for (let round = 0; round < (rounds ?? Infinity); round++) {
      if (round > 0) yield* Effect.sleep("1 second")
      const answers = yield* statuses(impatient)
      if (session.json) {
        yield* printJson(answers)
        continue
      }
      const at = yield* Clock.currentTimeMillis
      const known = answers.flatMap((answer) => "problem" in answer || isOfOtherKind(answer) ? [] : [answer])
      const rates = ratesOf(known, at, before)
      const total = showBytes(rates.reduce((sum, { rate }) => sum + rate, 0))
      const head = `${answers.length} nodes, ${total}/s between them`
      const text = [head, overview(answers), busiest(rates)].join("\n\n")
      yield* stdout.isTTY ? Console.log(paint(printable(text), stdout)) : print(text)
      before = sampleOf(known, at)
    }
  })
  return Effect.raceFirst(draw, Effect.scoped(quit))
}
