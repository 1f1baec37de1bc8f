/**
 * `emp top`: the nodes of a network, drawn anew every second, until `q` or Ctrl-C.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { PortStatus } from "../../node/portList.ts"
import type { Status } from "../../node/status.ts"
import { printable } from "../../values/printable.ts"
import type { Outputs } from "../outputs.ts"
import { print, printOutput, showBytes, table } from "../terminal/screen.ts"
import { linksIn, otherNodes, statuses } from "./look.ts"
import { type Answer, isOfOtherKind } from "./nodes.ts"
import { askPorts, showPorts } from "./ports.ts"
import { type LinkRate, linkRates, ratesBetween } from "./rates.ts"
import type { Session } from "./session.ts"
import type { TopSorting } from "./topSorting.ts"
import { drawRows, firstView, help, keysIn, mailboxOf, type NodeRow, type Row, sorted, typed } from "./topTable.ts"

/** To the beginning of a terminal; the rest of a line; the rest of the screen. */
const [home, restOfLine, restOfScreen] = ["\u001b[H", "\u001b[K", "\u001b[J"]

/** So many links, and so many ports with something in their mailboxes, stand below the nodes. */
const shownLinks = 10
const shownPorts = 5

/** What all nodes have told at a moment, and what that makes since the moment before. */
interface Sample {
  readonly at: number
  readonly answers: ReadonlyArray<Answer>
  readonly rows: ReadonlyArray<Row>
  readonly links: ReadonlyArray<LinkRate>
}

/** Those that have told of themselves, by node ID. */
const toldIn = (sample: Sample | undefined): ReadonlyMap<string, Status> =>
  new Map(sample?.rows.flatMap((row) => "status" in row ? [[row.status.nodeId, row.status] as const] : []))

/** Asks all nodes. A sample that a node is missing in is none to measure its rates from. */
const take = (session: Session, before: Sample | undefined) =>
  Effect.gen(function*() {
    const answers = yield* statuses(session)
    const told = toldIn(before)
    const busiest = (nodeId: string) =>
      askPorts(session, nodeId, { sort: "mailbox", limit: shownPorts }).pipe(
        Effect.map((list): ReadonlyArray<PortStatus> | undefined => "problem" in list ? undefined : list.ports),
        Effect.orElseSucceed(() => undefined)
      )
    const own = answers.flatMap((answer) => isOfOtherKind(answer) ? [] : [answer])
    const rows = yield* Effect.forEach(own, (answer) =>
      "problem" in answer
        ? Effect.succeed<Row>(answer)
        : Effect.map(busiest(answer.nodeId), (ports): Row => ({
          status: answer,
          links: linksIn(answer),
          busiest: ports,
          ...ratesBetween(told.get(answer.nodeId), answer)
        })), { concurrency: 64 })
    const links = own.flatMap((answer) => "problem" in answer ? [] : linkRates(told.get(answer.nodeId), answer))
    return { at: yield* Clock.currentTimeMillis, answers, rows, links } satisfies Sample
  })

/** The links that have the most to carry. */
const busiestLinks = (links: ReadonlyArray<LinkRate>): string =>
  table(
    ["LINK", "SENT/S", "QUEUE"],
    links.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond || b.queued - a.queued).slice(0, shownLinks).map(
      ({ bytesPerSecond, from, queued, to }) => [`${from} → ${to}`, showBytes(bytesPerSecond), String(queued)]
    )
  )

/** The ports with the deepest mailboxes; nothing if none has anything to do. */
const busiestPorts = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const ports = rows.flatMap((row) => "status" in row ? row.busiest ?? [] : []).filter(({ mailbox }) => mailbox > 0)
  return ports.length === 0
    ? []
    : [showPorts(ports.toSorted((a, b) => b.mailbox - a.mailbox).slice(0, shownPorts))]
}

const draw = ({ answers, links, rows }: Sample, view: ReturnType<typeof firstView>): string => {
  const total = showBytes(links.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0))
  const others = answers.filter(isOfOtherKind)
  return [
    `${answers.length} nodes, ${total}/s between them`,
    ...view.showsHelp ? [help] : [],
    ...rows.length > 0 ? [drawRows(rows, view)] : [],
    ...others.length > 0 ? [otherNodes(others)] : [],
    ...busiestPorts(rows),
    busiestLinks(links)
  ].join("\n\n")
}

/** The picture before is drawn over, which flickers less than to clear the screen; lines that have no room are left out. */
const paint = (text: string, { columns, rows }: { readonly columns: number; readonly rows: number }): string => {
  const lines = text.split("\n").map((line) => line.slice(0, columns))
  const shown = lines.length > rows - 3 ? [...lines.slice(0, rows - 4), "…"] : lines
  return `${home}${[...shown, "", "q quits, ? helps"].map((line) => `${line}${restOfLine}`).join("\n")}${restOfScreen}`
}

const forPrograms = ({ busiest, status, ...rest }: NodeRow) => ({
  nodeId: status.nodeId,
  uptime: status.uptime,
  draining: status.draining ?? null,
  ...rest,
  ports: status.ports,
  mailbox: mailboxOf({ busiest, status, ...rest }) ?? null,
  busiest: busiest ?? [],
  loopDelay: status.loopDelay ?? null,
  memory: status.memory,
  restarts: status.restarts ?? null
})

const output = ({ answers, at, links, rows }: Sample, sort: TopSorting): Outputs["top"] => ({
  at,
  nodes: [
    ...sorted(rows, { sort, isReversed: false }).map((row) => "problem" in row ? row : forPrograms(row)),
    ...answers.filter(isOfOtherKind)
  ],
  links
})

/** Keys are heard one by one while it lasts, if somebody can type. */
const listen = (heard: (keys: ReadonlyArray<string>) => unknown) => {
  const { stdin } = process
  if (!stdin.isTTY) return Effect.void
  const listener = (keys: Buffer): void => void heard(keysIn(keys.toString()))
  // In a shell that reads lines, keys are heard already, and go on to be.
  const { isRaw } = stdin
  const stop = (): unknown =>
    isRaw ? stdin.off("data", listener) : stdin.off("data", listener).setRawMode(false).pause()
  return Effect.acquireRelease(
    Effect.sync(() => stdin.setRawMode(true).resume().on("data", listener)),
    () => Effect.sync(stop)
  )
}

/** `rounds`: how often the nodes are asked, for those who do not want to watch for ever. */
export const top = (session: Session, rounds: number | undefined, sort: TopSorting) =>
  Effect.gen(function*() {
    const { stdout } = process
    // A node that hangs does not stop the picture.
    const impatient = { ...session, timeoutSeconds: Math.min(session.timeoutSeconds, 1) }
    let view = firstView(sort)
    let sample: Sample | undefined
    const changed = yield* Queue.sliding<void>(1)
    const over = Deferred.makeUnsafe<void>()
    const show = (taken: Sample) => {
      if (session.json) return printOutput("top", output(taken, sort))
      return stdout.isTTY ? Console.log(paint(printable(draw(taken, view)), stdout)) : print(draw(taken, view))
    }
    const ask = Effect.gen(function*() {
      for (let round = 0; round < (rounds ?? Infinity); round++) {
        if (round > 0) yield* Effect.sleep("1 second")
        sample = yield* take(impatient, sample)
        yield* show(sample)
      }
    })
    const redraw = Effect.forever(
      Effect.andThen(Queue.take(changed), Effect.suspend(() => sample === undefined ? Effect.void : show(sample)))
    )
    yield* listen((keys) => {
      for (const key of keys) {
        const next = typed(key, view, sample?.rows.length ?? 0)
        if (next === "quit") return Deferred.doneUnsafe(over, Effect.void)
        view = next
      }
      return Queue.offerUnsafe(changed, undefined)
    })
    yield* Effect.raceAllFirst([ask, redraw, Deferred.await(over)])
  }).pipe(Effect.scoped)
